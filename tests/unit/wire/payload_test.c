/* SPDX-License-Identifier: Apache-2.0 */
/* Contents of payloads: H11, H12, H14, H15, H16, H17 as far as they are the codec's, H25's framing. */
#include "tests/unit/wire/wire_test.h"

static uint8_t body[70000];

static struct ike_payload body_hex(uint8_t type, const char *text)
{
	return payload(type, body, hex(body, sizeof(body), text));
}

static void ke(void **state)
{
	struct ike_payload p = body_hex(IKE_PAYLOAD_KE, "001f 0000 0102");
	struct ike_ke out;

	(void)state;
	assert_ok(ike_ke_decode(&out, &p));
	assert_int_equal(out.group, IKE_DH_X25519);
	assert_hex(out.value.data, out.value.len, "0102");
	p.len = 4;
	assert_reject(ike_ke_decode(&out, &p), KE_LENGTH);
	assert_int_equal(ike_reject_notify(IKE_REJECT_KE_LENGTH, false), IKE_NOTIFY_INVALID_SYNTAX);
}

static void h11_nonce(void **state)
{
	struct ike_view out;

	(void)state;
	for (unsigned len = 0; len <= 300; len++) {
		struct ike_payload p = payload(IKE_PAYLOAD_NONCE, body, len);

		if (len >= 16 && len <= 256)
			assert_ok(ike_nonce_decode(&out, &p));
		else
			assert_reject(ike_nonce_decode(&out, &p), NONCE_LENGTH);
	}
	assert_int_equal(ike_reject_notify(IKE_REJECT_NONCE_LENGTH, false), IKE_NOTIFY_INVALID_SYNTAX);
}

static void h12_identity(void **state)
{
	static const struct {
		uint8_t type;
		uint16_t len;
		enum ike_reject want;
	} cases[] = {
	        {IKE_ID_FQDN, 0, IKE_REJECT_ID_LENGTH},
	        {IKE_ID_FQDN, 1, IKE_OK},
	        {IKE_ID_FQDN, 512, IKE_OK},
	        {IKE_ID_FQDN, 520, IKE_REJECT_ID_LENGTH},
	        {IKE_ID_FQDN, 65000, IKE_REJECT_ID_LENGTH},
	        {IKE_ID_IPV4_ADDR, 4, IKE_OK},
	        {IKE_ID_IPV4_ADDR, 5, IKE_REJECT_ID_LENGTH},
	        {IKE_ID_IPV6_ADDR, 16, IKE_OK},
	        {IKE_ID_IPV6_ADDR, 4, IKE_REJECT_ID_LENGTH},
	        {IKE_ID_DER_ASN1_DN, 100, IKE_OK},
	        {IKE_ID_KEY_ID, 0, IKE_REJECT_ID_LENGTH},
	        {IKE_ID_NULL, 0, IKE_OK},
	        {0, 4, IKE_REJECT_ID_TYPE},
	        {4, 4, IKE_REJECT_ID_TYPE},
	        {201, 4, IKE_REJECT_ID_TYPE},
	};
	struct ike_id id;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ike_payload p = payload(IKE_PAYLOAD_IDi, body, 4u + cases[i].len);

		body[0] = cases[i].type;
		assert_string_equal(ike_reject_name(ike_id_decode(&id, &p)), ike_reject_name(cases[i].want));
	}
	/* NUL and terminal escapes are the identity's own business: they come through as they are */
	struct ike_payload p = body_hex(IKE_PAYLOAD_IDi, "02 000000 61 00 1b5b324a 3b7265626f6f74");

	assert_ok(ike_id_decode(&id, &p));
	assert_int_equal(id.value.len, 13);
	assert_int_equal(id.body.len, 17);
}

static void certificates(void **state)
{
	struct ike_payload p = body_hex(IKE_PAYLOAD_CERT, "04 3082");
	struct ike_cert cert;
	struct ike_certreq req;

	(void)state;
	assert_ok(ike_cert_decode(&cert, &p));
	assert_int_equal(cert.encoding, IKE_CERT_X509_SIGNATURE);
	assert_int_equal(cert.value.len, 2);
	p.len = 1;
	assert_reject(ike_cert_decode(&cert, &p), CERT_LENGTH);
	p.len = IKE_MAX_CERT + 2;
	assert_reject(ike_cert_decode(&cert, &p), CERT_LENGTH);
	for (uint16_t len = 0; len <= 60; len++) {
		p = payload(IKE_PAYLOAD_CERTREQ, body, 1u + len);
		if (len % 20 == 0)
			assert_ok(ike_certreq_decode(&req, &p));
		else
			assert_reject(ike_certreq_decode(&req, &p), CERTREQ_LENGTH);
	}
	assert_int_equal(ike_reject_action(IKE_REJECT_CERTREQ_LENGTH), IKE_ACTION_IGNORE);
}

static void auth(void **state)
{
	struct ike_payload p = body_hex(IKE_PAYLOAD_AUTH, "02 000000 aabb");
	struct ike_auth out;

	(void)state;
	assert_ok(ike_auth_decode(&out, &p));
	assert_int_equal(out.method, IKE_AUTH_PSK);
	assert_int_equal(out.value.len, 2);
	p.len = 4;
	assert_reject(ike_auth_decode(&out, &p), AUTH_LENGTH);
	p.len = IKE_MAX_AUTH + 5;
	assert_reject(ike_auth_decode(&out, &p), AUTH_LENGTH);
}

static enum ike_reject notify_of(const char *text)
{
	struct ike_payload p = body_hex(IKE_PAYLOAD_NOTIFY, text);
	struct ike_notify n;

	return ike_notify_decode(&n, &p);
}

/* A notify of the type with `len` octets of data. */
static enum ike_reject notify_sized(uint16_t type, size_t len)
{
	struct ike_payload p = payload(IKE_PAYLOAD_NOTIFY, body, 4 + len);
	struct ike_notify n;

	memset(body, 0, 4 + len);
	put_be16(body + 2, type);
	return ike_notify_decode(&n, &p);
}

static void h14_notify_spi(void **state)
{
	(void)state;
	assert_reject(notify_of("03 05 0001 0102030405"), NOTIFY_SPI);
	assert_reject(notify_of("03 ff 0001"), NOTIFY_SPI);
	assert_reject(notify_of("03 04 0001 010203"), NOTIFY_SPI);
	assert_ok(notify_of("03 04 000b 01020304"));
	assert_ok(notify_of("01 08 4009 0102030405060708") == IKE_REJECT_REKEY_PROTOCOL ? IKE_OK
	                                                                                : IKE_REJECT_SHORT);
	assert_int_equal(ike_reject_notify(IKE_REJECT_NOTIFY_SPI, true), IKE_NOTIFY_INVALID_SYNTAX);
}

static void h14_notify_sizes(void **state)
{
	static const struct {
		uint16_t type, good, bad;
		enum ike_reject want;
	} cases[] = {
	        {IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, 20, 19, IKE_REJECT_NOTIFY_DATA},
	        {IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, 20, 21, IKE_REJECT_NOTIFY_DATA},
	        {IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, 20, 0, IKE_REJECT_NOTIFY_DATA},
	        {IKE_NOTIFY_COOKIE, 1, 0, IKE_REJECT_NOTIFY_DATA},
	        {IKE_NOTIFY_COOKIE, 64, 65, IKE_REJECT_NOTIFY_DATA},
	        {IKE_NOTIFY_COOKIE2, 8, 7, IKE_REJECT_COOKIE2_LENGTH},
	        {IKE_NOTIFY_COOKIE2, 64, 65, IKE_REJECT_COOKIE2_LENGTH},
	        {IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS, 4, 16, IKE_REJECT_NOTIFY_DATA},
	        {IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS, 16, 4, IKE_REJECT_NOTIFY_DATA},
	        {IKE_NOTIFY_NO_NATS_ALLOWED, 12, 24, IKE_REJECT_NOTIFY_DATA},
	        {IKE_NOTIFY_NO_NATS_ALLOWED, 36, 37, IKE_REJECT_NOTIFY_DATA},
	        {IKE_NOTIFY_INVALID_KE_PAYLOAD, 2, 1, IKE_REJECT_NOTIFY_DATA},
	        {IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, 8, 7, IKE_REJECT_NOTIFY_DATA},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_ok(notify_sized(cases[i].type, cases[i].good));
		assert_string_equal(ike_reject_name(notify_sized(cases[i].type, cases[i].bad)),
		                    ike_reject_name(cases[i].want));
	}
	assert_int_equal(ike_reject_action(IKE_REJECT_NOTIFY_DATA), IKE_ACTION_IGNORE);
	assert_int_equal(ike_reject_notify(IKE_REJECT_COOKIE2_LENGTH, true), IKE_NOTIFY_INVALID_SYNTAX);
	assert_ok(notify_sized(50000, 60000)); /* unknown ones are not ours to judge */
}

static void h14_malformed_notify_is_passed_over(void **state)
{
	static const uint8_t short_natd[19] = {1}, natd[20] = {2};
	struct ike_notify n;
	struct ike_build b;
	struct ike_msg msg;

	(void)state;
	ike_build_message(&b, body, sizeof(body), &test_header);
	ike_build_status(&b, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, short_natd, sizeof(short_natd));
	reparse(&msg, &b);
	assert_false(ike_notify_find(&msg, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, &n));
	ike_build_status(&b, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, natd, sizeof(natd));
	reparse(&msg, &b);
	assert_true(ike_notify_find(&msg, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, &n));
	assert_int_equal(n.data.data[0], 2);
}

static void h15_rekey_sa(void **state)
{
	(void)state;
	assert_ok(notify_of("03 04 4009 01020304"));
	assert_reject(notify_of("00 04 4009 01020304"), REKEY_PROTOCOL);
	assert_reject(notify_of("01 04 4009 01020304"), REKEY_PROTOCOL);
	assert_reject(notify_of("03 00 4009"), NOTIFY_SPI);
	assert_int_equal(ike_reject_notify(IKE_REJECT_REKEY_PROTOCOL, true), IKE_NOTIFY_CHILD_SA_NOT_FOUND);
}

static void h16_delete(void **state)
{
	static const struct {
		const char *body;
		enum ike_reject want;
	} cases[] = {
	        {"01 00 0000", IKE_OK},
	        {"01 08 0001 0102030405060708", IKE_REJECT_DELETE_SPI},
	        {"01 00 0001", IKE_REJECT_DELETE_SPI},
	        {"01 00 0000 00", IKE_REJECT_DELETE_SPI},
	        {"03 04 0001 01020304", IKE_OK},
	        {"03 04 0002 01020304 01020304",
	         IKE_OK}, /* duplicates are the session's business: idempotent */
	        {"03 04 0002 01020304", IKE_REJECT_DELETE_SPI},
	        {"03 04 ffff 01020304", IKE_REJECT_DELETE_SPI},
	        {"03 04 0000", IKE_REJECT_DELETE_SPI},
	        {"03 08 0001 0102030405060708", IKE_REJECT_DELETE_SPI},
	        {"03 00 0001 01020304", IKE_REJECT_DELETE_SPI},
	        {"00 04 0001 01020304", IKE_REJECT_DELETE_SPI},
	        {"07 04 0001 01020304", IKE_REJECT_DELETE_SPI},
	};
	struct ike_delete del;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ike_payload p = body_hex(IKE_PAYLOAD_DELETE, cases[i].body);

		assert_string_equal(ike_reject_name(ike_delete_decode(&del, &p)),
		                    ike_reject_name(cases[i].want));
	}
	assert_int_equal(ike_reject_notify(IKE_REJECT_DELETE_SPI, true), IKE_NOTIFY_INVALID_SYNTAX);
}

static void h16_delete_followed_by_more(void **state)
{
	static const uint32_t spis[] = {0xc0000001, 0xc0000002};
	struct ike_delete del;
	struct ike_build b;
	struct ike_msg msg;

	(void)state;
	ike_build_message(&b, body, sizeof(body), &test_header);
	ike_build_delete(&b, IKE_PROTOCOL_IKE, NULL, 0);
	ike_build_delete(&b, IKE_PROTOCOL_ESP, spis, 2);
	reparse(&msg, &b);
	assert_int_equal(msg.n, 2);
	assert_ok(ike_delete_decode(&del, &msg.payloads[0]));
	assert_int_equal(del.count, 0);
	assert_ok(ike_delete_decode(&del, &msg.payloads[1]));
	assert_int_equal(get_be32(del.spis + 4), 0xc0000002);
}

static void h17_configuration(void **state)
{
	struct ike_payload p = body_hex(
	        IKE_PAYLOAD_CP, "01 000000  0001 0000  8008 0000  0003 0004 0a000001  0019 0003 616263");
	struct ike_cp_attr attr;
	struct ike_cp cp;
	size_t at = 0, attrs;

	(void)state;
	assert_ok(ike_cp_decode(&cp, &p));
	assert_int_equal(cp.count, 4);
	assert_true(ike_cp_next(&cp, &at, &attr));
	assert_int_equal(attr.type, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS);
	assert_int_equal(attr.value.len, 0);
	assert_true(ike_cp_next(&cp, &at, &attr));
	assert_int_equal(attr.type, IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS); /* the reserved bit is ignored */
	assert_true(ike_cp_next(&cp, &at, &attr));
	assert_true(ike_cp_next(&cp, &at, &attr));
	assert_hex(attr.value.data, attr.value.len, "616263");
	assert_false(ike_cp_next(&cp, &at, &attr));

	for (attrs = 60; attrs <= 1000; attrs += 470) {
		memset(body, 0, sizeof(body));
		body[0] = IKE_CFG_REQUEST;
		p = payload(IKE_PAYLOAD_CP, body, 4 + 4 * attrs);
		if (attrs <= IKE_MAX_CP_ATTRS)
			assert_ok(ike_cp_decode(&cp, &p));
		else
			assert_reject(ike_cp_decode(&cp, &p), CP_MANY);
	}
	assert_int_equal(ike_reject_notify(IKE_REJECT_CP_MANY, true), IKE_NOTIFY_INTERNAL_ADDRESS_FAILURE);
}

static void configuration_lengths(void **state)
{
	static const char *const bad[] = {
	        "00 000000",
	        "05 000000",
	        "01 000000 0001",
	        "01 000000 0001 0004 0a0000",
	        "01 000000 0001 0005 0a00000101",
	        "01 000000 0008 0004 0a000001",
	        "01 000000 000a 0011 0000000000000000000000000000000000",
	        "01 000000 000d 0004 0a000000",
	        "01 000000 000e 0001 00",
	};
	struct ike_cp cp;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ike_payload p = body_hex(IKE_PAYLOAD_CP, bad[i]);

		assert_reject(ike_cp_decode(&cp, &p), CP_ATTRIBUTE);
	}
}

static void h25_eap_framing(void **state)
{
	static const struct {
		const char *body;
		enum ike_reject want;
	} cases[] = {
	        {"01 07 0005 01", IKE_OK},
	        {"03 07 0004", IKE_OK},
	        {"01 07 0000 01", IKE_REJECT_EAP_LENGTH},
	        {"01 07 0006 01", IKE_REJECT_EAP_LENGTH},
	        {"01 07 0004", IKE_REJECT_EAP_LENGTH},
	        {"03 07 0005 00", IKE_REJECT_EAP_LENGTH},
	        {"05 07 0004", IKE_REJECT_EAP_LENGTH},
	};
	struct ike_eap eap;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ike_payload p = body_hex(IKE_PAYLOAD_EAP, cases[i].body);

		assert_string_equal(ike_reject_name(ike_eap_decode(&eap, &p)),
		                    ike_reject_name(cases[i].want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ke),
	        cmocka_unit_test(h11_nonce),
	        cmocka_unit_test(h12_identity),
	        cmocka_unit_test(certificates),
	        cmocka_unit_test(auth),
	        cmocka_unit_test(h14_notify_spi),
	        cmocka_unit_test(h14_notify_sizes),
	        cmocka_unit_test(h14_malformed_notify_is_passed_over),
	        cmocka_unit_test(h15_rekey_sa),
	        cmocka_unit_test(h16_delete),
	        cmocka_unit_test(h16_delete_followed_by_more),
	        cmocka_unit_test(h17_configuration),
	        cmocka_unit_test(configuration_lengths),
	        cmocka_unit_test(h25_eap_framing),
	};

	return cmocka_run_group_tests_name("wire/payload", tests, NULL, NULL);
}
