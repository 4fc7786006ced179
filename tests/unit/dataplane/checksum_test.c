/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checksum.c against a byte-by-byte sum (RFC 1071), and the completion of partial checksums.
 */
#include "dataplane/checksum.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* RFC 1071 4.1, word by word in network order. */
static uint16_t naive(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void sums_of_any_length(void **state)
{
	uint8_t data[1500];

	(void)state;
	srand(1);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)rand();
	for (size_t len = 0; len < sizeof(data); len++)
		assert_int_equal(ntohs(checksum_fold(checksum_bytes(data, len))), naive(data, len, 0));
}

static void replaced_word(void **state)
{
	uint8_t data[20];

	(void)state;
	srand(2);
	for (int round = 0; round < 10000; round++) {
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)rand();
		memset(data + 10, 0, 2);
		uint16_t check = (uint16_t)~checksum_fold(checksum_header4(data)), old, new;
		memcpy(&old, data + 8, 2);
		data[8]--;
		memcpy(&new, data + 8, 2);
		check = checksum_replace(check, old, new);
		memcpy(data + 10, &check, 2);
		assert_int_equal(checksum_fold(checksum_header4(data)), 0xffff);
	}
}

static size_t make_packet(uint8_t *ip, bool v6, uint8_t protocol, size_t payload)
{
	size_t header = v6 ? 40 : 20, l4 = protocol == IPPROTO_TCP ? 20 : 8, len = header + l4 + payload;

	for (size_t i = 0; i < len; i++)
		ip[i] = (uint8_t)rand();
	ip[0] = v6 ? 0x60 : 0x45;
	return len;
}

/* The field as a peer without hardware leaves it, then what it ought to be. */
static void partial_checksums(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	uint8_t ip[400];

	(void)state;
	srand(3);
	for (int round = 0; round < 4000; round++) {
		bool v6 = round & 1;
		uint8_t protocol = protocols[round >> 1 & 1];
		uint32_t l4 = v6 ? 40 : 20, at = l4 + (protocol == IPPROTO_TCP ? 16 : 6);
		uint32_t len = (uint32_t)make_packet(ip, v6, protocol, (size_t)(round % 200));
		uint16_t pseudo = checksum_fold(checksum_pseudo(ip, protocol, len - l4)), good;

		memset(ip + at, 0, 2);
		good = (uint16_t)~checksum_fold(checksum_pseudo(ip, protocol, len - l4) +
		                                checksum_bytes(ip + l4, len - l4));
		if (good == 0 && protocol == IPPROTO_UDP)
			good = 0xffff;
		memcpy(ip + at, &pseudo, 2);
		assert_true(checksum_complete(ip, len, l4, protocol));
		assert_memory_equal(ip + at, &good, 2);
		/* a complete one stays */
		if (good != pseudo) {
			assert_false(checksum_complete(ip, len, l4, protocol));
			assert_memory_equal(ip + at, &good, 2);
		}
	}
}

static void what_has_no_checksum_is_left_alone(void **state)
{
	uint8_t ip[64], before[64];

	(void)state;
	memset(ip, 0, sizeof(ip));
	ip[0] = 0x45;
	memcpy(before, ip, sizeof(ip));
	assert_false(checksum_complete(ip, 64, 20, IPPROTO_UDP)); /* zero: none was sent */
	assert_false(checksum_complete(ip, 64, 20, IPPROTO_ICMP));
	assert_false(checksum_complete(ip, 39, 20, IPPROTO_TCP)); /* too short */
	assert_false(checksum_complete(ip, 27, 20, IPPROTO_UDP));
	assert_memory_equal(ip, before, sizeof(ip));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(sums_of_any_length),
	        cmocka_unit_test(replaced_word),
	        cmocka_unit_test(partial_checksums),
	        cmocka_unit_test(what_has_no_checksum_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
