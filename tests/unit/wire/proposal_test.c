/* SPDX-License-Identifier: Apache-2.0 */
/* The SA payload's nest: what is malformed, and what the iterators give (H09's framing). */
#include "tests/unit/wire/wire_test.h"

static uint8_t body[66000];
static struct ike_sa_payload sa;

static enum ike_reject decode(const char *text)
{
	struct ike_payload p = payload(IKE_PAYLOAD_SA, body, hex(body, sizeof(body), text));

	return ike_sa_decode(&sa, &p);
}

#define ONE_TRANSFORM "00 00 0008 04 00 001f"

static void well_formed(void **state)
{
	struct ike_proposal prop;
	struct ike_transform t;
	size_t at = 0, tat = 0;

	(void)state;
	assert_ok(decode(
	        "02 00 0020 01 03 04 02 c1c2c3c4  03 00 000c 01 00 0014 800e 0080  00 00 0008 05 00 0001"
	        "00 00 0014 02 03 04 01 c5c6c7c8  00 00 0008 01 00 000b"));
	assert_int_equal(sa.proposals, 2);
	assert_int_equal(sa.transforms, 3);
	assert_true(ike_proposal_next(&sa, &at, &prop));
	assert_int_equal(prop.number, 1);
	assert_int_equal(prop.protocol, IKE_PROTOCOL_ESP);
	assert_int_equal(ike_child_spi(prop.spi), 0xc1c2c3c4);
	assert_true(ike_transform_next(&prop, &tat, &t));
	assert_int_equal(t.id, IKE_ENCR_AES_GCM_16);
	assert_true(t.has_key_bits);
	assert_int_equal(t.key_bits, 128);
	assert_true(ike_transform_next(&prop, &tat, &t));
	assert_int_equal(t.type, IKE_TRANSFORM_ESN);
	assert_int_equal(t.id, 1);
	assert_false(ike_transform_next(&prop, &tat, &t));
	assert_true(ike_proposal_next(&sa, &at, &prop));
	assert_int_equal(prop.number, 2);
	assert_false(ike_proposal_next(&sa, &at, &prop));
}

static void malformed(void **state)
{
	static const struct {
		const char *body;
		enum ike_reject want;
	} cases[] = {
	        {"", IKE_REJECT_SA_EMPTY},
	        {"00 00 0008 01 01", IKE_REJECT_SA_PROPOSAL},
	        {"00 00 0007 01 01 00 01", IKE_REJECT_SA_PROPOSAL},
	        {"00 00 0011 01 01 00 01" ONE_TRANSFORM, IKE_REJECT_SA_PROPOSAL},
	        {"02 00 0010 01 01 00 01" ONE_TRANSFORM, IKE_REJECT_SA_PROPOSAL}, /* says that more follow */
	        {"01 00 0010 01 01 00 01" ONE_TRANSFORM, IKE_REJECT_SA_PROPOSAL},
	        {"00 00 0010 01 01 00 01" ONE_TRANSFORM "00", IKE_REJECT_SA_PROPOSAL},
	        {"00 00 0010 00 01 00 01" ONE_TRANSFORM, IKE_REJECT_SA_PROPOSAL}, /* number 0 */
	        {"02 00 0010 01 01 00 01" ONE_TRANSFORM "00 00 0010 03 01 00 01" ONE_TRANSFORM,
	         IKE_REJECT_SA_PROPOSAL},
	        {"02 00 0010 01 01 00 01" ONE_TRANSFORM "00 00 0010 01 01 00 01" ONE_TRANSFORM,
	         IKE_REJECT_SA_PROPOSAL},
	        {"00 00 0010 01 00 00 01" ONE_TRANSFORM, IKE_REJECT_SA_SPI},
	        {"00 00 0010 01 04 00 01" ONE_TRANSFORM, IKE_REJECT_SA_SPI},
	        {"00 00 0010 01 03 00 01" ONE_TRANSFORM, IKE_REJECT_SA_SPI},
	        {"00 00 0014 01 01 04 01 01020304" ONE_TRANSFORM, IKE_REJECT_SA_SPI},
	        {"00 00 0010 01 01 08 00 01020304 05060708", IKE_OK},
	        {"00 00 000f 01 01 08 00 01020304 050607", IKE_REJECT_SA_SPI},
	        {"00 00 0010 01 01 00 02" ONE_TRANSFORM, IKE_REJECT_SA_TRANSFORM}, /* fewer than claimed */
	        {"00 00 0010 01 01 00 00" ONE_TRANSFORM, IKE_REJECT_SA_TRANSFORM},
	        {"00 00 0010 01 01 00 01 03 00 0008 04 00 001f", IKE_REJECT_SA_TRANSFORM},
	        {"00 00 0010 01 01 00 01 00 00 0007 04 00 001f", IKE_REJECT_SA_TRANSFORM},
	        {"00 00 0010 01 01 00 01 00 00 0009 04 00 001f", IKE_REJECT_SA_TRANSFORM},
	        {"00 00 0012 01 01 00 01 00 00 000a 01 00 0014 800e", IKE_REJECT_SA_ATTRIBUTE},
	        {"00 00 0014 01 01 00 01 00 00 000c 01 00 0014 000f 0001",
	         IKE_REJECT_SA_ATTRIBUTE}, /* TLV beyond */
	        {"00 00 0016 01 01 00 01 00 00 000e 01 00 0014 000e 0002 0080", IKE_REJECT_SA_ATTRIBUTE},
	        {"00 00 0010 01 01 00 01" ONE_TRANSFORM, IKE_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(ike_reject_name(decode(cases[i].body)), ike_reject_name(cases[i].want));
	assert_int_equal(ike_reject_notify(IKE_REJECT_SA_TRANSFORM, true), IKE_NOTIFY_INVALID_SYNTAX);
	assert_int_equal(ike_reject_notify(IKE_REJECT_SA_TRANSFORM, false), 0);
}

static void attributes(void **state)
{
	struct ike_proposal prop;
	struct ike_transform t;
	size_t at = 0, tat = 0;

	(void)state;
	assert_ok(decode("00 00 0036 01 01 00 03"
	                 "03 00 000e 01 00 0014 4001 0002 aabb"      /* unknown, TLV */
	                 "03 00 0010 01 00 0014 800e 0080 800e 0100" /* twice */
	                 "00 00 0010 01 00 0014 800e 0100 8001 0001"));
	assert_true(ike_proposal_next(&sa, &at, &prop));
	for (int i = 0; i < 3; i++) {
		assert_true(ike_transform_next(&prop, &tat, &t));
		assert_true(t.unknown_attribute);
		assert_int_equal(t.has_key_bits, i > 0);
	}
}

static void h09_most_proposals(void **state)
{
	size_t len = 0;
	struct ike_payload p;

	(void)state;
	for (unsigned i = 1; i <= 256; i++) {
		uint8_t *at = body + len;

		len += hex(at, 16, "02 00 0010 00 01 00 01" ONE_TRANSFORM);
		at[4] = (uint8_t)i;
		if (i == 255)
			at[0] = 0;
	}
	p = payload(IKE_PAYLOAD_SA, body, 16 * 255);
	assert_ok(ike_sa_decode(&sa, &p));
	assert_int_equal(sa.proposals, 255);
	body[16 * 254] = 2; /* a 256th cannot have a number */
	body[16 * 255] = 0;
	p = payload(IKE_PAYLOAD_SA, body, 16 * 256);
	assert_reject(ike_sa_decode(&sa, &p), SA_PROPOSAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(well_formed),
	        cmocka_unit_test(malformed),
	        cmocka_unit_test(attributes),
	        cmocka_unit_test(h09_most_proposals),
	};

	return cmocka_run_group_tests_name("wire/proposal", tests, NULL, NULL);
}
