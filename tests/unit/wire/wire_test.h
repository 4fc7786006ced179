/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of this folder share: cmocka, hex, and short ways to make messages. */
#ifndef RG_TESTS_UNIT_WIRE_WIRE_TEST_H
#define RG_TESTS_UNIT_WIRE_WIRE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/ike/wire/build.h"
#include "control/ike/wire/bytes.h"

static inline int hex_digit(char c)
{
	return c >= 'a' ? c - 'a' + 10 : c >= 'A' ? c - 'A' + 10 : c - '0';
}

/* Spaces are skipped. Returns the number of octets. */
static inline size_t hex(uint8_t *out, size_t cap, const char *text)
{
	size_t n = 0;

	for (; *text; text++) {
		if (*text == ' ' || *text == '\n')
			continue;
		assert_true(n < cap && text[1]);
		out[n++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
		text++;
	}
	return n;
}

#define assert_hex(data, len, text)                                                                          \
	do {                                                                                                 \
		uint8_t want_[4096];                                                                         \
		size_t want_len_ = hex(want_, sizeof(want_), (text));                                        \
		assert_int_equal((len), want_len_);                                                          \
		assert_memory_equal((data), want_, want_len_);                                               \
	} while (0)

#define assert_reject(got, want) assert_string_equal(ike_reject_name(got), ike_reject_name(IKE_REJECT_##want))
#define assert_ok(got)           assert_string_equal(ike_reject_name(got), ike_reject_name(IKE_OK))

static const struct ike_header test_header = {
        .spi_i = 0x1122334455667788,
        .spi_r = 0x99aabbccddeeff00,
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .flags = IKE_FLAG_INITIATOR,
        .message_id = 7,
};

/* A payload of the type with the body, as ike_msg_parse() would give it. */
static inline struct ike_payload payload(uint8_t type, const uint8_t *body, size_t len)
{
	return (struct ike_payload){.type = type, .body = body, .len = (uint16_t)len};
}

/* Parses what a builder made: it must fit and be accepted. */
static inline void reparse(struct ike_msg *msg, struct ike_build *b)
{
	assert_int_equal(ike_build_finish(b), 0);
	assert_ok(ike_msg_parse(msg, b->buf, b->len));
}

#endif
