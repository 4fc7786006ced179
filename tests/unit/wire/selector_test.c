/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic selectors: H13. */
#include "tests/unit/wire/wire_test.h"

static uint8_t body[4096];
static struct ike_selectors ts;

static enum ike_reject decode(const char *text)
{
	struct ike_payload p = payload(IKE_PAYLOAD_TSi, body, hex(body, sizeof(body), text));

	return ike_selectors_decode(&ts, &p);
}

#define V4 "07 00 0010 0000 ffff 0a000000 0affffff"
#define V6 "08 11 0028 0035 0035 20010db8000000000000000000000000 20010db8ffffffffffffffffffffffff"

static void well_formed(void **state)
{
	(void)state;
	assert_ok(decode("02 000000" V4 V6));
	assert_int_equal(ts.n, 2);
	assert_int_equal(ts.ts[0].family, 4);
	assert_int_equal(ts.ts[0].port_last, 65535);
	assert_hex(ts.ts[0].last, 4, "0affffff");
	assert_int_equal(ts.ts[1].family, 6);
	assert_int_equal(ts.ts[1].protocol, 17);
	assert_int_equal(ts.ts[1].port_first, 53);
	/* RFC 7296 3.13.1: OPAQUE */
	assert_ok(decode("01 000000 07 06 0010 ffff 0000 0a000000 0affffff"));
	/* a type that we don't know is passed over */
	assert_ok(decode("02 000000 0a 00 0006 0102" V4));
	assert_int_equal(ts.n, 1);
	assert_int_equal(ts.unknown, 1);
}

static void h13_malformed(void **state)
{
	static const struct {
		const char *body;
		enum ike_reject want;
	} cases[] = {
	        {"00 000000", IKE_REJECT_TS_COUNT},
	        {"ff 000000" V4, IKE_REJECT_TS_COUNT},
	        {"00 000000" V4, IKE_REJECT_TS_COUNT},
	        {"01 000000" V4 V4, IKE_REJECT_TS_COUNT},
	        {"02 000000" V4, IKE_REJECT_TS_LENGTH},
	        {"01 000000 07 00", IKE_REJECT_TS_LENGTH},
	        {"01 000000 07 00 0003 0000 ffff 0a000000 0affffff", IKE_REJECT_TS_LENGTH},
	        {"01 000000 07 00 000f 0000 ffff 0a000000 0affff", IKE_REJECT_TS_LENGTH},
	        {"01 000000 07 00 0028 0000 ffff 0a000000 0affffff", IKE_REJECT_TS_LENGTH},
	        {"01 000000 08 00 0010 0000 ffff 0a000000 0affffff",
	         IKE_REJECT_TS_LENGTH}, /* IPv4 under IPv6's type */
	        {"01 000000 0a 00 0003", IKE_REJECT_TS_LENGTH},
	        {"01 000000 07 00 0010 0000 ffff 0a000001 0a000000", IKE_REJECT_TS_RANGE},
	        {"01 000000 07 06 0010 0002 0001 0a000000 0affffff", IKE_REJECT_TS_RANGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum ike_reject got = decode(cases[i].body);

		assert_string_equal(ike_reject_name(got), ike_reject_name(cases[i].want));
		assert_int_equal(ike_reject_notify(got, true), IKE_NOTIFY_TS_UNACCEPTABLE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(well_formed),
	        cmocka_unit_test(h13_malformed),
	};

	return cmocka_run_group_tests_name("wire/selector", tests, NULL, NULL);
}
