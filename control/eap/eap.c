/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation's memory, limits and packets (eap.h; RFC 3748 4). The thread that
 * has the conversation.
 */
#include "control/eap/eap.h"

#include "control/eap/mschapv2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 4u /* code, identifier, length */

const struct eap_method *const eap_server_methods[] = {&eap_mschapv2_server};
const size_t eap_n_server_methods = sizeof(eap_server_methods) / sizeof(eap_server_methods[0]);
const struct eap_method *const eap_peer_methods[] = {&eap_mschapv2_peer};
const size_t eap_n_peer_methods = sizeof(eap_peer_methods) / sizeof(eap_peer_methods[0]);

struct eap *eap_new(bool is_server, const struct eap_env *env, const void *context, const char *own_name)
{
	struct eap *eap = calloc(1, sizeof(*eap));

	if (eap == NULL)
		return NULL;
	eap->is_server = is_server;
	eap->env = env;
	eap->context = context;
	snprintf(eap->own_name, sizeof(eap->own_name), "%s", own_name);
	return eap;
}

static void drop_method(struct eap *eap)
{
	if (eap->method == NULL)
		return;
	if (eap->method->wipe != NULL)
		eap->method->wipe(eap->method_state);
	explicit_bzero(eap->method_state, eap->method->state_size);
	free(eap->method_state);
	eap->method = NULL;
	eap->method_state = NULL;
	eap->method_spoke = false;
}

void eap_free(struct eap *eap)
{
	if (eap == NULL)
		return;
	drop_method(eap);
	explicit_bzero(eap, sizeof(*eap));
	free(eap);
}

int eap_method_take(struct eap *eap, const struct eap_method *method)
{
	void *state = calloc(1, method->state_size);

	if (state == NULL)
		return -ENOMEM;
	drop_method(eap);
	eap->method = method;
	eap->method_state = state;
	return 0;
}

static void put_header(struct eap *eap, uint8_t code, uint8_t identifier, size_t len)
{
	eap->out[0] = code;
	eap->out[1] = identifier;
	eap->out[2] = (uint8_t)(len >> 8);
	eap->out[3] = (uint8_t)len;
	eap->out_len = len;
}

void eap_put(struct eap *eap, uint8_t code, uint8_t identifier)
{
	put_header(eap, code, identifier, HEADER);
}

void eap_put_typed(struct eap *eap, uint8_t code, uint8_t identifier, uint8_t type, const void *data,
                   size_t len)
{
	put_header(eap, code, identifier, HEADER + 1 + len);
	eap->out[HEADER] = type;
	if (len > 0)
		memcpy(eap->out + HEADER + 1, data, len);
}

struct eap_out eap_typed(struct eap *eap)
{
	return (struct eap_out){eap->out + HEADER + 1, sizeof(eap->out) - HEADER - 1, 0};
}

void eap_typed_end(struct eap *eap, uint8_t code, uint8_t identifier, const struct eap_out *out)
{
	eap->out[HEADER] = eap->method->type;
	put_header(eap, code, identifier, HEADER + 1 + out->len);
}

enum eap_verdict eap_fail(struct eap *eap, bool violation, const char *why)
{
	eap->state = EAP_STATE_OVER;
	eap->violation = violation;
	eap->why = why;
	eap->out_len = 0;
	if (eap->is_server) /* RFC 3748 4.2: the identifier of the response that it follows */
		eap_put(eap, EAP_CODE_FAILURE, eap->identifier);
	return EAP_FAILED;
}

enum eap_verdict eap_input(struct eap *eap, const uint8_t *packet, size_t len)
{
	size_t stated = len >= HEADER ? (size_t)packet[2] << 8 | packet[3] : 0;

	if (eap->state == EAP_STATE_OVER)
		return eap_fail(eap, true, "EAP goes on after its end");
	if (++eap->rounds > EAP_MAX_ROUNDS)
		return eap_fail(eap, true, "EAP takes too many rounds");
	if (len > EAP_MAX_PACKET || len < HEADER || stated != len)
		return eap_fail(eap, true, "the length of an EAP packet is wrong");
	if ((packet[0] == EAP_CODE_REQUEST || packet[0] == EAP_CODE_RESPONSE) && len == HEADER)
		return eap_fail(eap, true, "an EAP packet has no type");
	return eap->is_server ? eap_server_input(eap, packet, len) : eap_peer_input(eap, packet, len);
}
