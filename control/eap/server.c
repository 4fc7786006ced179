/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP's server: asks for the identity, proposes methods, takes a Nak for the next one
 * that both have (RFC 3748 2.1, 5.1, 5.3.1). Each method is proposed once, so a peer cannot
 * lead it round in circles. The thread that has the conversation.
 */
#include "control/eap/eap.h"

#include <errno.h>
#include <string.h>

/* Proposes the best method that was not proposed yet and that `wanted` (a Nak's list, NULL:
 * anything) has. 0, -ENOENT: none is left, or another negative errno. */
static int propose(struct eap *eap, const uint8_t *wanted, size_t n)
{
	for (size_t i = 0; i < eap_n_server_methods; i++) {
		const struct eap_method *method = eap_server_methods[i];
		struct eap_out out;
		int error;

		if (eap->tried & 1u << i || (wanted != NULL && memchr(wanted, method->type, n) == NULL))
			continue;
		eap->tried |= 1u << i;
		error = eap_method_take(eap, method);
		if (error < 0)
			return error;
		out = eap_typed(eap);
		error = method->start(eap, eap->method_state, &out);
		if (error < 0)
			return error;
		eap->state = EAP_STATE_METHOD;
		eap_typed_end(eap, EAP_CODE_REQUEST, ++eap->identifier, &out);
		return 0;
	}
	return -ENOENT;
}

int eap_begin(struct eap *eap, const uint8_t *identity, size_t len)
{
	int error = eap->env->random(&eap->identifier, 1);

	if (error < 0)
		return error;
	if (identity != NULL) {
		eap->said_len = len < sizeof(eap->said_name) ? len : sizeof(eap->said_name);
		memcpy(eap->said_name, identity, eap->said_len);
		return propose(eap, NULL, 0);
	}
	eap->state = EAP_STATE_IDENTITY;
	eap_put_typed(eap, EAP_CODE_REQUEST, ++eap->identifier, EAP_TYPE_IDENTITY, NULL, 0);
	return 0;
}

static enum eap_verdict next_method(struct eap *eap, const uint8_t *wanted, size_t n)
{
	switch (propose(eap, wanted, n)) {
	case 0:
		return EAP_GOES_ON;
	case -ENOENT:
		return eap_fail(eap, false, "the peer has no EAP method in common with us");
	default:
		return eap_fail(eap, false, "no memory or no randomness for EAP");
	}
}

static enum eap_verdict identity(struct eap *eap, const uint8_t *data, size_t len)
{
	if (len > sizeof(eap->said_name))
		return eap_fail(eap, true, "the EAP identity is too long");
	memcpy(eap->said_name, data, len);
	eap->said_len = len;
	return next_method(eap, NULL, 0);
}

static enum eap_verdict method(struct eap *eap, const uint8_t *data, size_t len)
{
	struct eap_out out = eap_typed(eap);

	eap->method_spoke = true;
	switch (eap->method->step(eap, eap->method_state, data, len, &out)) {
	case EAP_STEP_REPLY:
		eap_typed_end(eap, EAP_CODE_REQUEST, ++eap->identifier, &out);
		return EAP_GOES_ON;
	case EAP_STEP_PROVEN:
		if (eap->method->finish(eap, eap->method_state) < 0)
			return eap_fail(eap, false, "the keys of EAP could not be computed");
		eap->state = EAP_STATE_OVER;
		eap_put(eap, EAP_CODE_SUCCESS, eap->identifier);
		return EAP_SUCCEEDED;
	case EAP_STEP_FAIL:
		return eap_fail(eap, false, eap->why);
	default:
		return eap_fail(eap, true, eap->why);
	}
}

enum eap_verdict eap_server_input(struct eap *eap, const uint8_t *packet, size_t len)
{
	const uint8_t *data = packet + 5;

	if (packet[0] != EAP_CODE_RESPONSE)
		return eap_fail(eap, true, "the peer sent an EAP packet that only a server may send");
	if (packet[1] != eap->identifier)
		return eap_fail(eap, true, "an EAP response has the identifier of another request");
	if (eap->state == EAP_STATE_IDENTITY && packet[4] == EAP_TYPE_IDENTITY)
		return identity(eap, data, len - 5);
	if (eap->state == EAP_STATE_METHOD && packet[4] == eap->method->type)
		return method(eap, data, len - 5);
	if (eap->state == EAP_STATE_METHOD && packet[4] == EAP_TYPE_NAK && !eap->method_spoke)
		return next_method(eap, data, len - 5);
	return eap_fail(eap, true, "an EAP response of a type that was not asked for");
}
