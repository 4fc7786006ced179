/* SPDX-License-Identifier: Apache-2.0 */
/* See eap_rig.h. */
#include "tests/unit/eap/eap_rig.h"

#include "control/eap/mschapv2.h"

#include <string.h>

const char *right_password = "clientPass"; /* carol's, as the server has it */
uint8_t rig_counter;                       /* of what is random here */

static int counting(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = rig_counter++;
	return 0;
}

static bool server_user(const void *context, const uint8_t *name, size_t len, struct eap_user *user)
{
	bool known = len == 5 && memcmp(name, "carol", 5) == 0;

	(void)context;
	*user = (struct eap_user){.name = "carol"};
	assert_int_equal(mschap_nt_hash((const uint8_t *)(known ? right_password : "nobody's"),
	                                known ? strlen(right_password) : 8, user->nt_hash),
	                 0);
	return known;
}

/* The context is the peer's password. */
static bool peer_user(const void *context, const uint8_t *name, size_t len, struct eap_user *user)
{
	(void)name;
	(void)len;
	*user = (struct eap_user){0};
	if (context == NULL)
		return false;
	return mschap_nt_hash(context, strlen(context), user->nt_hash) == 0;
}

const struct eap_env rig_server_env = {server_user, counting};
static const struct eap_env peer_env = {peer_user, counting};

struct eap *rig_server(void)
{
	struct eap *s = eap_new(true, &rig_server_env, NULL, "gw.example.net");

	assert_non_null(s);
	rig_counter = 7;
	assert_int_equal(eap_begin(s, NULL, 0), 0);
	return s;
}

struct eap *rig_challenging(void)
{
	struct eap *s = eap_new(true, &rig_server_env, NULL, "gw.example.net");

	assert_non_null(s);
	rig_counter = 7;
	assert_int_equal(eap_begin(s, (const uint8_t *)"carol", 5), 0);
	assert_int_equal(s->out[4], EAP_TYPE_MSCHAPV2);
	return s;
}

struct eap *rig_peer(const char *name, const char *password)
{
	struct eap *p = eap_new(false, &peer_env, password, name);

	assert_non_null(p);
	return p;
}

enum eap_verdict rig_give(struct eap *to, struct eap *from)
{
	return eap_input(to, from->out, from->out_len);
}

enum eap_verdict rig_talk(struct eap *s, struct eap *p)
{
	enum eap_verdict at_server = EAP_GOES_ON;

	for (unsigned i = 0; i < 2 * EAP_MAX_ROUNDS; i++) {
		if (rig_give(p, s) != EAP_GOES_ON)
			return at_server;
		at_server = rig_give(s, p);
		if (at_server != EAP_GOES_ON) {
			rig_give(p, s);
			return at_server;
		}
	}
	fail();
	return EAP_FAILED;
}

void rig_end(struct eap *s, struct eap *p)
{
	eap_free(s);
	eap_free(p);
}

const char *rig_message(const struct eap *s)
{
	static char text[256];

	memcpy(text, s->out + 9, s->out_len - 9);
	text[s->out_len - 9] = '\0';
	return text;
}

void rig_respond(struct eap *s, const char *password, uint8_t add_id)
{
	struct eap *p = rig_peer("carol", password);
	uint8_t packet[64] = {EAP_CODE_REQUEST,
	                      s->identifier,
	                      0,
	                      26,
	                      EAP_TYPE_MSCHAPV2,
	                      MSCHAPV2_CHALLENGE,
	                      (uint8_t)(s->out[6] + add_id),
	                      0,
	                      21,
	                      16};

	if (s->out[5] == MSCHAPV2_CHALLENGE) {
		memcpy(packet + 10, s->out + 10, 16);
	} else {
		const char *hex = strstr(rig_message(s), "C=") + 2;

		for (unsigned i = 0; i < 16; i++) {
			unsigned high = (unsigned char)hex[2 * i], low = (unsigned char)hex[2 * i + 1];

			packet[10 + i] = (uint8_t)((high > '9' ? high - 'A' + 10 : high - '0') << 4 |
			                           (low > '9' ? low - 'A' + 10 : low - '0'));
		}
	}
	assert_int_equal(eap_input(p, packet, 26), EAP_GOES_ON);
	rig_give(s, p);
	eap_free(p);
}

enum eap_verdict rig_send_typed(struct eap *to, uint8_t code, uint8_t type, const void *data, size_t len)
{
	uint8_t packet[1500] = {code, to->is_server ? to->identifier : 1, (uint8_t)((len + 5) >> 8),
	                        (uint8_t)(len + 5), type};

	memcpy(packet + 5, data, len);
	return eap_input(to, packet, len + 5);
}
