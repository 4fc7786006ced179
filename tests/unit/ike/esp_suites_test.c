/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every line of the dataplane's table of ESP suites (dataplane/api/suites.h) can be written in a
 * configuration, offered, chosen, answered and accepted, and ends as that very suite with keys of
 * its length.
 */
#include "config/load.h"
#include "control/ike/crypto/keymat.h"
#include "dataplane/api/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint8_t buf[4096];
static struct ike_msg msg;

/* The one SA payload that `b` built, as a peer reads it. */
static void read_sa(struct ike_build *b, struct ike_sa_payload *sa)
{
	assert_int_equal(ike_build_finish(b), 0);
	assert_int_equal(ike_msg_parse(&msg, b->buf, b->len), IKE_OK);
	assert_int_equal(ike_sa_decode(sa, ike_msg_find(&msg, IKE_PAYLOAD_SA)), IKE_OK);
}

/* Offer and answer between two that have only this proposal. */
static void negotiate(const struct rg_cfg_proposal *p, struct ike_choice *choice)
{
	static const struct ike_header header = {
	        .spi_i = 1, .spi_r = 2, .exchange = IKE_EXCHANGE_INFORMATIONAL};
	static const uint8_t spi[4] = {0xc0, 0, 0, 1};
	struct ike_sa_payload sa;
	struct ike_choice answer;
	struct ike_build b;

	ike_build_message(&b, buf, sizeof(buf), &header);
	ike_build_sa_offer(&b, IKE_SELECT_CHILD, p, 1, spi, sizeof(spi));
	read_sa(&b, &sa);
	assert_int_equal(ike_select(choice, IKE_SELECT_CHILD, p, 1, &sa), IKE_OK);
	ike_build_message(&b, buf, sizeof(buf), &header);
	ike_build_sa_choice(&b, choice, spi, sizeof(spi));
	read_sa(&b, &sa);
	assert_int_equal(ike_select_answer(&answer, IKE_SELECT_CHILD, p, 1, &sa), IKE_OK);
	assert_int_equal(answer.suite.encr, choice->suite.encr);
	assert_int_equal(answer.suite.encr_bits, choice->suite.encr_bits);
	assert_int_equal(answer.suite.integ, choice->suite.integ);
}

static void from_configuration_to_keys(void **state)
{
	static const uint8_t nonce[32];
	const struct ike_keymat_input input = {.ni = {nonce, 32}, .nr = {nonce, 32}};
	const struct ike_keys ike = {.suite = {.prf = IKE_PRF_HMAC_SHA2_256}, .prf_len = 32};
	unsigned n = 0;

	(void)state;
	for (uint32_t suite = 0; suite < RG_SUITE_END; suite++) {
		const struct rg_suite_info *s = rg_suite_info(suite);
		struct ike_child_keys keys;
		struct rg_cfg_proposal p;
		struct ike_choice choice;
		char why[512], text[80];

		if (s == NULL)
			continue;
		if (cfg_proposal_parse(s->name, true, &p, why, sizeof(why)) != 0)
			fail_msg("%s: %s", s->name, why);
		negotiate(&p, &choice);
		ike_suite_print(&choice.suite, text, sizeof(text));
		assert_string_equal(text, s->name);
		assert_int_equal(rg_suite_find(choice.suite.encr, choice.suite.encr_bits, choice.suite.integ),
		                 suite);
		assert_int_equal(ike_keymat_child(&keys, &ike, &choice.suite, &input), 0);
		assert_int_equal(keys.key_len, rg_suite_key_octets(s));
		n++;
	}
	assert_int_equal(n, 41);
}

/* What only ESP has never protects an IKE SA. */
static void ike_keeps_its_own(void **state)
{
	unsigned n = 0;

	(void)state;
	for (uint32_t suite = 0; suite < RG_SUITE_END; suite++) {
		const struct rg_suite_info *s = rg_suite_info(suite);
		struct rg_cfg_proposal p;
		struct ike_suite ike;
		char why[512];

		if (s == NULL)
			continue;
		assert_int_equal(cfg_proposal_parse(s->name, true, &p, why, sizeof(why)), 0);
		p.prf = IKE_PRF_HMAC_SHA2_256;
		p.dh = IKE_DH_X25519;
		ike_suite_from_config(&ike, IKE_PROTOCOL_IKE, &p);
		n += ike_suite_supported(&ike);
	}
	assert_int_equal(n, 41 - 3 - 4); /* all but AES-GMAC and those without encryption */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(from_configuration_to_keys),
	        cmocka_unit_test(ike_keeps_its_own),
	};

	_Static_assert(IKE_CHILD_KEY_MAX == RG_API_KEY_MAX, "what is derived fits into a record");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
