/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outer_bits.c: DF and DSCP of outer headers (RFC 4301 5.1.2.1, 8.1), all settings
 * against all inner packets; ECN (RFC 6040 4.1) and everything else stay.
 */
#include "dataplane/outer_bits.h"
#include "dataplane/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void make4(uint8_t *ip, uint8_t class, bool df)
{
	uint16_t check;

	memset(ip, 0, 20);
	memcpy(ip, (const uint8_t[]){0x45, class, 0, 100}, 4);
	ip[6] = df ? 0x40 : 0;
	ip[8] = 64;
	ip[9] = 50;
	memcpy(ip + 12, (const uint8_t[]){192, 0, 2, 1, 192, 0, 2, 2}, 8);
	check = (uint16_t)~checksum_fold(checksum_header4(ip));
	memcpy(ip + 10, &check, 2);
}

static void make6(uint8_t *ip, uint8_t class)
{
	memset(ip, 0, 40);
	ip[0] = (uint8_t)(0x60 | class >> 4);
	ip[1] = (uint8_t)(class << 4 | 0x5);
	ip[2] = 0x12;
	ip[3] = 0x34;
	memset(ip + 8, 0x20, 32);
}

/* An SA of which nobody looks at more than this. */
struct without_key {
	struct sa sa;
	struct sa_live live;
	struct sa_rare rare;
};

static const struct sa *sa_with(struct without_key *s, struct sa_rare rare)
{
	*s = (struct without_key){.sa = {.spi = 0x12345678, .live = &s->live}, .rare = rare};
	return &s->sa;
}

static void df_of_the_outer_header(void **state)
{
	static const bool want[3][3] = {
	        /* inner IPv4 without DF, with DF, IPv6 */
	        [RG_DF_SET] = {true, true, true},
	        [RG_DF_COPY] = {false, true, true},
	        [RG_DF_CLEAR] = {false, false, false},
	};
	uint8_t outer[20], inner[40];
	struct without_key s;
	uint16_t id;

	(void)state;
	for (unsigned df = RG_DF_SET; df <= RG_DF_CLEAR; df++)
		for (int kind = 0; kind < 3; kind++) {
			if (kind == 2)
				make6(inner, 0);
			else
				make4(inner, 0, kind == 1);
			make4(outer, 0, true);
			outer_bits_apply(sa_with(&s, (struct sa_rare){.df = df & 3}), outer, inner, 7);
			assert_int_equal((outer[6] & 0x40) != 0, want[df][kind]);
			assert_int_equal(checksum_fold(checksum_header4(outer)), 0xffff);
			memcpy(&id, outer + 4, 2);
			assert_int_equal(id, want[df][kind] ? 0 : 0x5678 + 7);
		}
}

static void dscp_of_the_outer_header(void **state)
{
	uint8_t outer[40], inner[20], before[40];
	struct without_key s;

	(void)state;
	make4(inner, 0, true);
	for (unsigned class = 0; class < 256; class ++)
		for (uint8_t dscp = 0; dscp < 64; dscp++) {
			const struct sa *sa =
			        sa_with(&s, (struct sa_rare){.dscp = (uint8_t)(RG_DSCP_SET | dscp)});
			make4(outer, (uint8_t) class, true);
			outer_bits_apply(sa, outer, inner, 7);
			assert_int_equal(outer[1], dscp << 2 | (class & 3));
			assert_int_equal(checksum_fold(checksum_header4(outer)), 0xffff);
			make6(outer, (uint8_t) class);
			memcpy(before, outer, 40);
			outer_bits_apply(sa, outer, inner, 7);
			assert_int_equal((outer[0] << 4 | outer[1] >> 4) & 0xff, dscp << 2 | (class & 3));
			assert_int_equal(outer[0] >> 4, 6);
			assert_int_equal(outer[1] & 0xf, 5);
			assert_memory_equal(outer + 2, before + 2, 38);
		}
}

static void copied_dscp_stays(void **state)
{
	uint8_t outer[40], inner[40], before[40];
	struct without_key s;
	const struct sa *sa = sa_with(&s, (struct sa_rare){.df = RG_DF_CLEAR, .dscp = RG_DSCP_COPY});

	(void)state;
	make4(inner, 0, true);
	make4(outer, 0xba, true);
	outer_bits_apply(sa, outer, inner, 7);
	assert_int_equal(outer[1], 0xba);
	make6(outer, 0xba);
	memcpy(before, outer, 40);
	outer_bits_apply(sa, outer, inner, 7);
	assert_memory_equal(outer, before, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(df_of_the_outer_header),
	        cmocka_unit_test(dscp_of_the_outer_header),
	        cmocka_unit_test(copied_dscp_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
