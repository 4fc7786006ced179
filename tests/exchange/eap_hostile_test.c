/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients with the right password that break the rules of IKE_AUTH with EAP: AUTH too early,
 * EAP that starts again (H24), lengths that do not fit (H25), other exchanges in the midst (H07).
 */
#include "tests/exchange/eap_config.h"
#include "tests/exchange/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void breaks(unsigned skip, void (*change)(struct mutation *m), void *context, const char *counter)
{
	struct mutation *m = malloc(sizeof(*m));
	struct eap_config c;
	struct world *w = eap_world_new(&c, NULL);

	assert_non_null(m);
	mutate(w, m, IKE_EXCHANGE_IKE_AUTH, change, context);
	m->skip = skip;
	world_connect(w);
	world_run(w, 500);
	assert_int_equal(m->applied, 1);
	assert_true(m->answered);
	assert_int_equal(m->answer, IKE_NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(peer_counter(world_gateway(w), counter), 1);
	assert_int_equal(peer_counter(world_gateway(w), "ike-authentication-failed"), 1);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
	mutate_stop(w);
	eap_world_free(w, &c);
	free(m);
}

static void auth_instead(struct mutation *m)
{
	static const uint8_t body[36] = {IKE_AUTH_PSK};

	m->n = 0;
	mutable_add(m, IKE_PAYLOAD_AUTH, body, sizeof(body));
}

static void auth_beside(struct mutation *m)
{
	static const uint8_t body[36] = {IKE_AUTH_PSK};

	mutable_add(m, IKE_PAYLOAD_AUTH, body, sizeof(body));
}

static void h24_auth_before_eap_completes(void **state)
{
	(void)state;
	for (unsigned round = 1; round <= 3; round++) {
		breaks(round, auth_instead, NULL, "ike-eap-broken");
		breaks(round, auth_beside, NULL, "ike-eap-broken");
	}
}

static void set_eap(struct mutation *m, const void *packet, size_t len)
{
	m->n = 0;
	mutable_add(m, IKE_PAYLOAD_EAP, packet, len);
}

static void success(struct mutation *m)
{
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_EAP);

	set_eap(m, (const uint8_t[]){3, p != NULL ? p->body[1] : 1, 0, 4}, 4);
}

static void h24_early_eap_success(void **state)
{
	(void)state;
	for (unsigned round = 1; round <= 3; round++)
		breaks(round, success, NULL, "ike-eap-broken");
}

static void identity_again(struct mutation *m)
{
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_EAP);

	set_eap(m, (const uint8_t[]){2, p != NULL ? p->body[1] : 1, 0, 6, 1, 'x'}, 6);
}

static void first_again(struct mutation *m)
{
	static const uint8_t id[] = {IKE_ID_RFC822_ADDR, 0, 0, 0, 'a', '@', 'b'};
	static const uint8_t ts[24] = {1, 0, 0, 0, 7, 0, 0, 16, 0, 0, 0xff, 0xff};
	static const uint8_t sa[40] = {0};

	m->n = 0;
	mutable_add(m, IKE_PAYLOAD_IDi, id, sizeof(id));
	mutable_add(m, IKE_PAYLOAD_SA, sa, sizeof(sa));
	mutable_add(m, IKE_PAYLOAD_TSi, ts, 20);
	mutable_add(m, IKE_PAYLOAD_TSr, ts, 20);
}

static void h24_eap_restart(void **state)
{
	(void)state;
	for (unsigned round = 2; round <= 4; round++)
		breaks(round, identity_again, NULL, "ike-eap-broken");
	for (unsigned round = 1; round <= 4; round++)
		breaks(round, first_again, NULL, "ike-eap-broken");
}

struct poke {
	unsigned at;
	int add;   /* to what is there */
	int value; /* instead; -1: add */
	int cut;   /* octets less, or more */
};

static void poke(struct mutation *m)
{
	const struct poke *how = m->context;
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_EAP);

	assert_non_null(p);
	if (how->cut == 0)
		p->body[how->at] = (uint8_t)(how->value < 0 ? p->body[how->at] + how->add : how->value);
	p->len = (size_t)((int)p->len - how->cut);
}

static void h25_lengths(void **state)
{
	/* The response of MS-CHAPv2: EAP's length, its own, and that of the value. */
	static const unsigned fields[] = {2, 3, 7, 8, 9};

	(void)state;
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		for (int add = -1; add <= 1; add += 2) {
			struct poke how = {.at = fields[i], .add = add, .value = -1};

			breaks(2, poke, &how, "ike-eap-broken");
		}
		if (fields[i] != 2 && fields[i] != 7) { /* those are 0 as they are */
			struct poke how = {.at = fields[i], .value = 0};

			breaks(2, poke, &how, "ike-eap-broken");
		}
	}
	for (int cut = -8; cut < 60; cut += 7) {
		struct poke how = {.cut = cut == 0 ? 1 : cut};

		breaks(2, poke, &how, "ike-eap-broken");
	}
}

/* What strongSwan says where a password was wrong. */
static void give_up(struct mutation *m)
{
	m->hdr.exchange = IKE_EXCHANGE_INFORMATIONAL;
	m->n = 0;
	if (m->context != NULL)
		mutable_add(m, IKE_PAYLOAD_NOTIFY, m->context, 4);
}

static void the_peer_gives_up(void **state)
{
	static uint8_t failed[4] = {0, 0, 0, IKE_NOTIFY_AUTHENTICATION_FAILED};

	(void)state;
	for (unsigned round = 1; round <= 4; round++) {
		struct mutation *m = malloc(sizeof(*m));
		struct eap_config c;
		struct world *w = eap_world_new(&c, NULL);

		assert_non_null(m);
		mutate(w, m, IKE_EXCHANGE_IKE_AUTH, give_up, failed);
		m->skip = round;
		world_connect(w);
		world_run(w, 500);
		assert_true(m->answered);
		assert_int_equal(m->answer, 0);
		assert_int_equal(peer_sas(world_gateway(w)), 0);
		assert_int_equal(peer_counter(world_gateway(w), "ike-eap-failed"), 1);
		mutate_stop(w);
		eap_world_free(w, &c);
		free(m);
	}
}

static void h07_informational_in_the_midst_of_eap(void **state)
{
	struct mutation *m = malloc(sizeof(*m));
	struct eap_config c;
	struct world *w = eap_world_new(&c, NULL);

	(void)state;
	assert_non_null(m);
	mutate(w, m, IKE_EXCHANGE_IKE_AUTH, give_up, NULL);
	m->skip = 2;
	world_connect(w);
	world_run(w, 300);
	assert_int_equal(m->applied, 1);
	assert_false(m->answered);
	assert_int_equal(peer_counter(world_gateway(w), "ike-drop-unexpected"), 1);
	mutate_stop(w);
	assert_true(world_run_until(w, world_is_up, 5000)); /* the request comes again as it was */
	assert_true(world_traffic(w));
	eap_world_free(w, &c);
	free(m);
}

static void large(struct mutation *m)
{
	static uint8_t packet[4090] = {2, 0, sizeof(packet) >> 8, sizeof(packet) & 255, 26};
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_EAP);

	packet[1] = p->body[1];
	set_eap(m, packet, sizeof(packet));
}

static void h25_a_large_packet(void **state)
{
	(void)state;
	breaks(2, large, NULL, "ike-eap-broken");
}

static void long_request(struct mutation *m)
{
	static uint8_t hashes[4001] = {4};

	for (unsigned i = 0; i < 3; i++)
		mutable_add(m, IKE_PAYLOAD_CERTREQ, hashes, sizeof(hashes));
}

static void a_first_request_that_is_too_long_to_keep(void **state)
{
	(void)state;
	breaks(0, long_request, NULL, "ike-authentication-failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h24_auth_before_eap_completes),
	        cmocka_unit_test(h24_early_eap_success),
	        cmocka_unit_test(h24_eap_restart),
	        cmocka_unit_test(h25_lengths),
	        cmocka_unit_test(the_peer_gives_up),
	        cmocka_unit_test(h07_informational_in_the_midst_of_eap),
	        cmocka_unit_test(h25_a_large_packet),
	        cmocka_unit_test(a_first_request_that_is_too_long_to_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
