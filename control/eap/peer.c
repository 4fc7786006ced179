/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP's peer: says who it is, takes the first method that it has, answers others with a
 * Nak (RFC 3748 2.1, 5.1 to 5.3). Success counts only after the method has shown that the server
 * is good (H24). The thread that has the conversation.
 */
#include "control/eap/eap.h"

#include <string.h>

static enum eap_verdict nak(struct eap *eap, uint8_t identifier)
{
	uint8_t types[16];
	size_t n = 0;

	for (; n < eap_n_peer_methods && n < sizeof(types); n++)
		types[n] = eap_peer_methods[n]->type;
	eap_put_typed(eap, EAP_CODE_RESPONSE, identifier, EAP_TYPE_NAK, types, n);
	return EAP_GOES_ON;
}

/* A request of the method at work, or of the one that is to begin. */
static enum eap_verdict method(struct eap *eap, uint8_t identifier, const uint8_t *data, size_t len)
{
	struct eap_out out = eap_typed(eap);
	enum eap_step step = eap->method->step(eap, eap->method_state, data, len, &out);

	if (step == EAP_STEP_FAIL || step == EAP_STEP_VIOLATION)
		return eap_fail(eap, step == EAP_STEP_VIOLATION, eap->why);
	eap_typed_end(eap, EAP_CODE_RESPONSE, identifier, &out);
	if (step == EAP_STEP_PROVEN) {
		if (eap->method->finish(eap, eap->method_state) < 0)
			return eap_fail(eap, false, "the keys of EAP could not be computed");
		eap->state = EAP_STATE_PROVEN;
	}
	return EAP_GOES_ON;
}

static enum eap_verdict begin(struct eap *eap, const uint8_t *packet, size_t len)
{
	for (size_t i = 0; i < eap_n_peer_methods; i++) {
		if (eap_peer_methods[i]->type != packet[4])
			continue;
		if (eap_method_take(eap, eap_peer_methods[i]) < 0)
			return eap_fail(eap, false, "no memory for EAP");
		eap->state = EAP_STATE_METHOD;
		return method(eap, packet[1], packet + 5, len - 5);
	}
	return nak(eap, packet[1]);
}

static enum eap_verdict request(struct eap *eap, const uint8_t *packet, size_t len)
{
	switch (packet[4]) {
	case EAP_TYPE_IDENTITY:
		if (eap->state != EAP_STATE_START)
			return eap_fail(eap, true, "the server starts EAP anew");
		eap_put_typed(eap, EAP_CODE_RESPONSE, packet[1], EAP_TYPE_IDENTITY, eap->own_name,
		              strlen(eap->own_name));
		return EAP_GOES_ON;
	case EAP_TYPE_NOTIFICATION: /* RFC 3748 5.2: acknowledged, and of no consequence */
		eap_put_typed(eap, EAP_CODE_RESPONSE, packet[1], EAP_TYPE_NOTIFICATION, NULL, 0);
		return EAP_GOES_ON;
	default:
		break;
	}
	if (eap->state == EAP_STATE_START)
		return begin(eap, packet, len);
	if (eap->state == EAP_STATE_METHOD && packet[4] == eap->method->type)
		return method(eap, packet[1], packet + 5, len - 5);
	return eap_fail(eap, true, "the server changes the EAP method in its midst");
}

enum eap_verdict eap_peer_input(struct eap *eap, const uint8_t *packet, size_t len)
{
	switch (packet[0]) {
	case EAP_CODE_REQUEST:
		return request(eap, packet, len);
	case EAP_CODE_SUCCESS:
		if (eap->state != EAP_STATE_PROVEN)
			return eap_fail(eap, true, "the server says Success before it has proven itself");
		eap->state = EAP_STATE_OVER;
		eap->out_len = 0;
		return EAP_SUCCEEDED;
	case EAP_CODE_FAILURE:
		return eap_fail(eap, false, eap->why != NULL ? eap->why : "the server says Failure");
	default:
		return eap_fail(eap, true, "the server sent an EAP packet that only a peer may send");
	}
}
