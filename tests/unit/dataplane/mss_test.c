/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mss.c: SYNs with their option anywhere, and options that lie about their length.
 */
#include "dataplane/checksum.h"
#include "dataplane/mss.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define TCP_PROTOCOL 6

static uint32_t make_syn(uint8_t *ip, bool v6, const uint8_t *options, uint8_t options_len)
{
	uint32_t l4 = v6 ? 40 : 20, len = l4 + 20 + options_len;
	uint16_t check;

	for (uint32_t i = 0; i < len; i++)
		ip[i] = (uint8_t)rand();
	ip[0] = v6 ? 0x60 : 0x45;
	ip[6] = v6 ? TCP_PROTOCOL : 0;
	if (!v6) {
		ip[7] = 0;
		ip[9] = TCP_PROTOCOL;
	}
	ip[l4 + 12] = (uint8_t)((20 + options_len) / 4 << 4);
	ip[l4 + 13] = 0x02;
	memcpy(ip + l4 + 20, options, options_len);
	memset(ip + l4 + 16, 0, 2);
	check = (uint16_t)~checksum_fold(checksum_pseudo(ip, TCP_PROTOCOL, len - l4) +
	                                 checksum_bytes(ip + l4, len - l4));
	memcpy(ip + l4 + 16, &check, 2);
	return len;
}

static bool checksum_is_good(const uint8_t *ip, uint32_t len)
{
	uint32_t l4 = ip[0] >> 4 == 6 ? 40 : 20;
	return checksum_fold(checksum_pseudo(ip, TCP_PROTOCOL, len - l4) +
	                     checksum_bytes(ip + l4, len - l4)) == 0xffff;
}

static void option_anywhere(void **state)
{
	uint8_t ip[128];

	(void)state;
	srand(7);
	for (unsigned before = 0; before <= 8; before++)
		for (int v6 = 0; v6 <= 1; v6++) {
			uint8_t options[12];
			uint8_t at = (uint8_t)before;
			memset(options, 1, sizeof(options));
			options[at] = 2;
			options[at + 1] = 4;
			options[at + 2] = 0x05;
			options[at + 3] = 0xb4; /* 1460 */
			uint32_t len = make_syn(ip, v6, options, sizeof(options));
			uint32_t room = v6 ? 60 : 40;
			assert_false(mss_clamp(ip, len, 1460 + room));
			assert_true(mss_clamp(ip, len, 1400 + room));
			assert_int_equal(ip[(v6 ? 60 : 40) + at + 2] << 8 | ip[(v6 ? 60 : 40) + at + 3],
			                 1400);
			assert_true(checksum_is_good(ip, len));
			/* never below what everybody must take */
			assert_true(mss_clamp(ip, len, 100));
			assert_int_equal(ip[(v6 ? 60 : 40) + at + 2] << 8 | ip[(v6 ? 60 : 40) + at + 3], 536);
			assert_true(checksum_is_good(ip, len));
		}
}

static void not_a_syn(void **state)
{
	static const uint8_t options[] = {2, 4, 0x05, 0xb4};
	uint8_t ip[128], before[128];
	uint32_t len;

	(void)state;
	len = make_syn(ip, false, options, 4);
	ip[33] = 0x10;
	assert_false(mss_clamp(ip, len, 1000));
	len = make_syn(ip, false, options, 4);
	ip[9] = 17;
	assert_false(mss_clamp(ip, len, 1000));
	len = make_syn(ip, false, options, 4);
	ip[7] = 1; /* a later fragment */
	memcpy(before, ip, len);
	assert_false(mss_clamp(ip, len, 1000));
	assert_memory_equal(before, ip, len);
}

/* Each cut and each option length: nothing is read or written beyond `len` (run under ASan). */
static void lengths_that_lie(void **state)
{
	static const uint8_t options[] = {2, 4, 0x05, 0xb4};

	(void)state;
	for (uint32_t cut = 20; cut <= 44; cut++)
		for (unsigned size = 0; size < 256; size++)
			for (unsigned words = 0; words < 16; words++) {
				uint8_t whole[64], *ip;
				make_syn(whole, false, options, 4);
				whole[32] = (uint8_t)(words << 4);
				whole[41] = (uint8_t)size;
				ip = (uint8_t *)malloc(cut);
				memcpy(ip, whole, cut);
				bool changed = mss_clamp(ip, cut, 1000);
				assert_true(!changed || (cut == 44 && size == 4 && words == 6));
				free(ip);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(option_anywhere),
	        cmocka_unit_test(not_a_syn),
	        cmocka_unit_test(lengths_that_lie),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
