/* SPDX-License-Identifier: Apache-2.0 */
/* Header and chain of payloads: H01 to H06 as far as they are the codec's, H08, H23. */
#include "tests/unit/wire/wire_test.h"

static uint8_t buf[70000];
static struct ike_msg msg;

/* A header in front of `len` octets of payloads, with the right length. */
static size_t with_header(uint8_t first, const uint8_t *payloads, size_t len)
{
	struct ike_build b;

	ike_build_message(&b, buf, sizeof(buf), &test_header);
	buf[16] = first;
	if (len > 0)
		memcpy(buf + IKE_HEADER_LEN, payloads, len);
	put_be32(buf + 24, (uint32_t)(IKE_HEADER_LEN + len));
	return IKE_HEADER_LEN + len;
}

static enum ike_reject parse_hex(uint8_t first, const char *payloads)
{
	uint8_t data[4096];
	size_t len = hex(data, sizeof(data), payloads);

	return ike_msg_parse(&msg, buf, with_header(first, data, len));
}

static void h01_short_datagrams(void **state)
{
	(void)state;
	with_header(0, NULL, 0);
	for (size_t len = 0; len < IKE_HEADER_LEN; len++) {
		uint8_t *exact = malloc(len + 1); /* so that a sanitizer sees a read beyond */

		memcpy(exact, buf, len);
		assert_reject(ike_msg_parse(&msg, exact, len), SHORT);
		free(exact);
	}
	assert_ok(ike_msg_parse(&msg, buf, IKE_HEADER_LEN));
}

static void h01_length_differs(void **state)
{
	size_t len = with_header(0, NULL, 0);
	static const uint32_t lengths[] = {0, 27, 29, 0xffff, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		put_be32(buf + 24, lengths[i]);
		assert_reject(ike_msg_parse(&msg, buf, len), LENGTH);
	}
	put_be32(buf + 24, 66000);
	assert_reject(ike_msg_parse(&msg, buf, 66000), LENGTH);
	assert_int_equal(ike_reject_notify(IKE_REJECT_LENGTH, true), 0);
}

static void h02_major_version(void **state)
{
	size_t len = with_header(0, NULL, 0);

	(void)state;
	buf[17] = 0x30;
	assert_reject(ike_msg_parse(&msg, buf, len), MAJOR_VERSION);
	assert_int_equal(ike_reject_notify(IKE_REJECT_MAJOR_VERSION, false),
	                 IKE_NOTIFY_INVALID_MAJOR_VERSION);
	assert_true(msg.hdr.spi_i == test_header.spi_i); /* the answer needs it */
	assert_int_equal(msg.hdr.message_id, 7);
	buf[17] = 0x10;
	assert_reject(ike_msg_parse(&msg, buf, len), VERSION_ONE);
	buf[17] = 0x2f; /* RFC 7296 2.5: the minor version is ignored */
	assert_ok(ike_msg_parse(&msg, buf, len));
}

static void h03_payload_lengths(void **state)
{
	(void)state;
	for (unsigned len = 0; len < 4; len++) {
		uint8_t data[8] = {0, 0, 0, (uint8_t)len};

		assert_reject(ike_msg_parse(&msg, buf, with_header(IKE_PAYLOAD_VENDOR, data, 8)),
		              PAYLOAD_SHORT);
	}
	assert_reject(parse_hex(IKE_PAYLOAD_VENDOR, "00 00 0009 01020304"), PAYLOAD_LONG);
	assert_reject(parse_hex(IKE_PAYLOAD_VENDOR, "00 00 ffff"), PAYLOAD_LONG);
	assert_reject(parse_hex(IKE_PAYLOAD_VENDOR, "00 00 0006 0102 ff"),
	              PAYLOAD_CHAIN); /* octets behind the end */
	assert_reject(parse_hex(IKE_PAYLOAD_VENDOR, "2b 00 0004 00 00 00"),
	              PAYLOAD_CHAIN); /* half a header */
	assert_reject(parse_hex(IKE_PAYLOAD_VENDOR, "2b 00 0004"), PAYLOAD_CHAIN);
	assert_reject(parse_hex(IKE_PAYLOAD_VENDOR, ""), PAYLOAD_CHAIN);
	assert_reject(parse_hex(0, "00"), PAYLOAD_CHAIN);
	assert_int_equal(ike_reject_notify(IKE_REJECT_PAYLOAD_LONG, false), 0);
	assert_int_equal(ike_reject_notify(IKE_REJECT_PAYLOAD_LONG, true), IKE_NOTIFY_INVALID_SYNTAX);
}

static void h03_truncated_everywhere(void **state)
{
	static const uint8_t nonce[32] = {1}, natd[20] = {2};
	struct ike_build b;
	size_t whole;

	(void)state;
	ike_build_message(&b, buf, sizeof(buf), &test_header);
	ike_build_nonce(&b, nonce, sizeof(nonce));
	ike_build_status(&b, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, natd, sizeof(natd));
	ike_build_ke(&b, IKE_DH_X25519, nonce, 32);
	reparse(&msg, &b);
	whole = b.len;
	for (size_t len = IKE_HEADER_LEN; len < whole; len++) {
		uint8_t *exact = malloc(len);

		memcpy(exact, buf, len);
		put_be32(exact + 24, (uint32_t)len);
		assert_int_not_equal(ike_msg_parse(&msg, exact, len), IKE_OK);
		free(exact);
	}
}

/* `n` payloads of the type without content. */
static size_t many(uint8_t type, unsigned n)
{
	static uint8_t data[40000];

	for (unsigned i = 0; i < n; i++) {
		uint8_t *at = data + 4 * (size_t)i;

		at[0] = i + 1 == n ? 0 : type;
		at[1] = 0;
		put_be16(at + 2, 4);
	}
	return with_header(type, data, 4 * (size_t)n);
}

static void h04_many_payloads(void **state)
{
	(void)state;
	assert_ok(ike_msg_parse(&msg, buf, many(IKE_PAYLOAD_VENDOR, IKE_MAX_PAYLOADS)));
	assert_int_equal(msg.n, IKE_MAX_PAYLOADS);
	assert_reject(ike_msg_parse(&msg, buf, many(IKE_PAYLOAD_VENDOR, IKE_MAX_PAYLOADS + 1)), PAYLOAD_MANY);
	assert_reject(ike_msg_parse(&msg, buf, many(IKE_PAYLOAD_VENDOR, 10000)), PAYLOAD_MANY);
	assert_reject(ike_msg_parse(&msg, buf, many(200, 10000)), PAYLOAD_MANY); /* unknown ones count too */
	assert_ok(ike_msg_parse(&msg, buf, many(200, IKE_MAX_PAYLOADS)));
	assert_int_equal(msg.n, 0);
	assert_int_equal(msg.skipped, IKE_MAX_PAYLOADS);
}

static void h05_critical(void **state)
{
	(void)state;
	assert_ok(parse_hex(200, "2b 00 0005 01  00 00 0005 61"));
	assert_int_equal(msg.n, 1);
	assert_int_equal(msg.skipped, 1);
	assert_reject(parse_hex(200, "2b 80 0005 01  00 00 0005 61"), CRITICAL);
	assert_int_equal(msg.critical, 200);
	assert_int_equal(ike_reject_notify(IKE_REJECT_CRITICAL, false),
	                 IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD);
	/* RFC 7296 2.5: ignored on payloads that are known */
	assert_ok(parse_hex(IKE_PAYLOAD_VENDOR, "00 80 0005 01"));
	/* a broken chain outweighs it */
	assert_reject(parse_hex(200, "2b 80 0005 01  00 00 0003 61"), PAYLOAD_SHORT);
	/* the first is named */
	assert_reject(parse_hex(200, "c9 80 0004  00 80 0004"), CRITICAL);
	assert_int_equal(msg.critical, 200);
}

static void h06_emptied_and_doubled(void **state)
{
	static const uint8_t needs_body[] = {IKE_PAYLOAD_KE,     IKE_PAYLOAD_IDi,     IKE_PAYLOAD_IDr,
	                                     IKE_PAYLOAD_CERT,   IKE_PAYLOAD_AUTH,    IKE_PAYLOAD_NOTIFY,
	                                     IKE_PAYLOAD_DELETE, IKE_PAYLOAD_CERTREQ, IKE_PAYLOAD_TSi,
	                                     IKE_PAYLOAD_TSr,    IKE_PAYLOAD_CP,      IKE_PAYLOAD_EAP};
	struct ike_payload nonce, sa;
	struct ike_view view;
	struct ike_sa_payload decoded;

	(void)state;
	for (size_t i = 0; i < sizeof(needs_body); i++)
		assert_reject(parse_hex(needs_body[i], "00 00 0004"), PAYLOAD_BODY);
	assert_ok(parse_hex(IKE_PAYLOAD_NONCE, "21 00 0004 00 00 0004"));
	nonce = *ike_msg_find(&msg, IKE_PAYLOAD_NONCE);
	assert_reject(ike_nonce_decode(&view, &nonce), NONCE_LENGTH);
	sa = *ike_msg_find(&msg, IKE_PAYLOAD_SA);
	assert_reject(ike_sa_decode(&decoded, &sa), SA_EMPTY);

	assert_ok(parse_hex(IKE_PAYLOAD_NONCE, "28 00 0005 01  2b 00 0005 02  00 00 0005 03"));
	assert_true(msg.present ==
	            (IKE_PAYLOAD_BIT(IKE_PAYLOAD_NONCE) | IKE_PAYLOAD_BIT(IKE_PAYLOAD_VENDOR)));
	assert_true(msg.repeated == IKE_PAYLOAD_BIT(IKE_PAYLOAD_NONCE));
	assert_int_equal(ike_msg_next(&msg, ike_msg_find(&msg, IKE_PAYLOAD_NONCE))->body[0], 2);
	assert_null(ike_msg_next(&msg, ike_msg_find(&msg, IKE_PAYLOAD_VENDOR)));
	assert_null(ike_msg_find(&msg, IKE_PAYLOAD_SA));
}

static void h08_initiator_spi_zero(void **state)
{
	size_t len = with_header(0, NULL, 0);

	(void)state;
	memset(buf, 0, 8);
	assert_reject(ike_msg_parse(&msg, buf, len), SPI_ZERO);
}

static void sk_ends_the_chain(void **state)
{
	(void)state;
	assert_ok(parse_hex(IKE_PAYLOAD_SK, "23 00 0008 01020304"));
	assert_int_equal(msg.sk, IKE_HEADER_LEN);
	assert_int_equal(msg.sk_type, IKE_PAYLOAD_SK);
	assert_int_equal(msg.sk_first, IKE_PAYLOAD_IDi);
	assert_int_equal(msg.n, 0);
	assert_reject(parse_hex(IKE_PAYLOAD_SK, "2b 00 0008 01020304  00 00 0004"), SK_NOT_LAST);
	assert_ok(parse_hex(IKE_PAYLOAD_VENDOR, "2e 00 0004  23 00 0008 01020304"));
	assert_int_equal(msg.sk, IKE_HEADER_LEN + 4);
}

static void h23_fragment_not_alone(void **state)
{
	struct ike_msg inner;
	uint8_t plain[] = {0, 0, 0, 8, 0, 1, 0, 1};

	(void)state;
	assert_ok(parse_hex(IKE_PAYLOAD_SKF, "23 00 000c 0001 0002 01020304"));
	assert_int_equal(msg.sk_type, IKE_PAYLOAD_SKF);
	assert_reject(parse_hex(IKE_PAYLOAD_VENDOR, "35 00 0004  23 00 000c 0001 0002 01020304"),
	              SKF_NOT_ALONE);
	assert_reject(parse_hex(IKE_PAYLOAD_SKF, "23 00 000c 0001 0002 01020304  00 00 0004"), SK_NOT_LAST);
	assert_reject(parse_hex(IKE_PAYLOAD_SKF, "23 00 0006 0001"), PAYLOAD_BODY);
	assert_int_equal(ike_reject_notify(IKE_REJECT_SKF_NOT_ALONE, true), 0);
	/* nested, in a decrypted message */
	assert_reject(ike_msg_parse_inner(&inner, &test_header, IKE_PAYLOAD_SKF, plain, sizeof(plain)),
	              PAYLOAD_TYPE);
	assert_reject(ike_msg_parse_inner(&inner, &test_header, IKE_PAYLOAD_SK, plain, sizeof(plain)),
	              PAYLOAD_TYPE);
}

static void inner_chain(void **state)
{
	static const uint8_t plain[] = {0, 0, 0, 5, 'x'};
	struct ike_msg inner;

	(void)state;
	assert_ok(ike_msg_parse_inner(&inner, &test_header, IKE_PAYLOAD_VENDOR, plain, sizeof(plain)));
	assert_int_equal(inner.n, 1);
	assert_int_equal(inner.hdr.message_id, 7);
	assert_ok(ike_msg_parse_inner(&inner, &test_header, 0, plain, 0)); /* an empty INFORMATIONAL */
	assert_int_equal(inner.n, 0);
	assert_reject(ike_msg_parse_inner(&inner, &test_header, IKE_PAYLOAD_VENDOR, plain, 4), PAYLOAD_LONG);
}

static void every_rejection_has_a_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < IKE_REJECT_COUNT; i++) {
		const char *name = ike_reject_name((enum ike_reject)i);

		assert_non_null(name);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(name, ike_reject_name((enum ike_reject)j));
		if (ike_reject_action((enum ike_reject)i) == IKE_ACTION_ANSWER)
			assert_string_not_equal(
			        ike_notify_type_name(ike_reject_notify((enum ike_reject)i, false)),
			        "unknown");
	}
	assert_string_equal(ike_notify_type_name(16400), "UPDATE_SA_ADDRESSES");
	assert_string_equal(ike_payload_type_name(77), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h01_short_datagrams),
	        cmocka_unit_test(h01_length_differs),
	        cmocka_unit_test(h02_major_version),
	        cmocka_unit_test(h03_payload_lengths),
	        cmocka_unit_test(h03_truncated_everywhere),
	        cmocka_unit_test(h04_many_payloads),
	        cmocka_unit_test(h05_critical),
	        cmocka_unit_test(h06_emptied_and_doubled),
	        cmocka_unit_test(h08_initiator_spi_zero),
	        cmocka_unit_test(sk_ends_the_chain),
	        cmocka_unit_test(h23_fragment_not_alone),
	        cmocka_unit_test(inner_chain),
	        cmocka_unit_test(every_rejection_has_a_name),
	};

	return cmocka_run_group_tests_name("wire/msg", tests, NULL, NULL);
}
