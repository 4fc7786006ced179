/* SPDX-License-Identifier: Apache-2.0 */
/* The builder: everything it writes comes back through the decoders, and it never writes beyond its buffer.
 */
#include <errno.h>

#include "tests/unit/wire/wire_test.h"

static const uint8_t blob[300] = {1, 2, 3};
static const struct ike_selector selectors[] = {
        {.family = 4, .port_last = 65535, .first = {10}, .last = {10, 255, 255, 255}},
        {.family = 6, .protocol = 6, .port_first = 80, .port_last = 80, .first = {0x20}, .last = {0x20, 1}},
};
static const struct ike_build_proposal proposal = {
        .number = 1,
        .protocol = IKE_PROTOCOL_IKE,
        .n = 3,
        .transforms = {{.type = IKE_TRANSFORM_ENCR,
                        .id = IKE_ENCR_AES_GCM_16,
                        .has_key_bits = true,
                        .key_bits = 256},
                       {.type = IKE_TRANSFORM_PRF, .id = IKE_PRF_HMAC_SHA2_256},
                       {.type = IKE_TRANSFORM_DH, .id = IKE_DH_X25519}},
};

/* One of each payload. */
static void build_all(struct ike_build *b)
{
	static const uint8_t spi[4] = {0xc0, 0, 0, 1}, eap[] = {3, 1, 0, 4};
	static const uint32_t spis[] = {0xc0000001};

	ike_build_sa(b, &proposal, 1);
	ike_build_ke(b, IKE_DH_X25519, blob, 32);
	ike_build_nonce(b, blob, 32);
	ike_build_id(b, IKE_PAYLOAD_IDi, IKE_ID_FQDN, blob, 9);
	ike_build_id(b, IKE_PAYLOAD_IDr, IKE_ID_IPV4_ADDR, blob, 4);
	ike_build_cert(b, IKE_CERT_X509_SIGNATURE, blob, 300);
	ike_build_certreq(b, IKE_CERT_X509_SIGNATURE, blob, 40);
	ike_build_auth(b, IKE_AUTH_PSK, blob, 32);
	ike_build_status(b, IKE_NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
	ike_build_notify(b, IKE_NOTIFY_REKEY_SA, IKE_PROTOCOL_ESP, spi, 4, NULL, 0);
	ike_build_delete(b, IKE_PROTOCOL_ESP, spis, 1);
	ike_build_vendor(b, blob, 16);
	ike_build_selectors(b, IKE_PAYLOAD_TSi, selectors, 2);
	ike_build_selectors(b, IKE_PAYLOAD_TSr, selectors, 1);
	ike_build_cp_begin(b, IKE_CFG_REPLY);
	ike_build_cp_attr(b, IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS, blob, 4);
	ike_build_cp_attr(b, IKE_CFG_ATTR_INTERNAL_DNS_DOMAIN, blob, 7);
	ike_build_cp_end(b);
	ike_build_eap(b, eap, sizeof(eap));
}

static const struct ike_payload *one(const struct ike_msg *msg, uint8_t type)
{
	const struct ike_payload *p = ike_msg_find(msg, type);

	assert_non_null(p);
	return p;
}

static void check_key_payloads(const struct ike_msg *msg)
{
	struct ike_sa_payload sa;
	struct ike_proposal prop;
	struct ike_ke ke;
	struct ike_id id;
	struct ike_cert cert;
	struct ike_auth auth;
	size_t at = 0;

	assert_ok(ike_sa_decode(&sa, one(msg, IKE_PAYLOAD_SA)));
	assert_true(ike_proposal_next(&sa, &at, &prop));
	assert_int_equal(prop.n_transforms, 3);
	assert_ok(ike_ke_decode(&ke, one(msg, IKE_PAYLOAD_KE)));
	assert_memory_equal(ke.value.data, blob, 32);
	assert_ok(ike_id_decode(&id, one(msg, IKE_PAYLOAD_IDi)));
	assert_int_equal(id.type, IKE_ID_FQDN);
	assert_int_equal(id.value.len, 9);
	assert_ok(ike_cert_decode(&cert, one(msg, IKE_PAYLOAD_CERT)));
	assert_int_equal(cert.value.len, 300);
	assert_ok(ike_auth_decode(&auth, one(msg, IKE_PAYLOAD_AUTH)));
	assert_int_equal(auth.method, IKE_AUTH_PSK);
}

static void round_trip(void **state)
{
	uint8_t buf[2048];
	struct ike_build b;
	struct ike_msg msg;
	struct ike_notify n;
	struct ike_delete del;
	struct ike_selectors ts;
	struct ike_cp cp;
	struct ike_eap eap;

	(void)state;
	ike_build_message(&b, buf, sizeof(buf), &test_header);
	build_all(&b);
	reparse(&msg, &b);
	assert_int_equal(msg.n, 16);
	assert_true(msg.hdr.spi_r == test_header.spi_r);
	assert_int_equal(msg.hdr.version, 0x20);
	check_key_payloads(&msg);
	assert_true(ike_notify_find(&msg, IKE_NOTIFY_MOBIKE_SUPPORTED, &n));
	assert_true(ike_notify_find(&msg, IKE_NOTIFY_REKEY_SA, &n));
	assert_int_equal(ike_child_spi(n.spi), 0xc0000001);
	assert_ok(ike_delete_decode(&del, one(&msg, IKE_PAYLOAD_DELETE)));
	assert_int_equal(del.count, 1);
	assert_ok(ike_selectors_decode(&ts, one(&msg, IKE_PAYLOAD_TSi)));
	assert_int_equal(ts.n, 2);
	assert_memory_equal(&ts.ts[0], &selectors[0], sizeof(selectors[0]));
	assert_memory_equal(&ts.ts[1], &selectors[1], sizeof(selectors[1]));
	assert_ok(ike_cp_decode(&cp, one(&msg, IKE_PAYLOAD_CP)));
	assert_int_equal(cp.count, 2);
	assert_ok(ike_eap_decode(&eap, one(&msg, IKE_PAYLOAD_EAP)));
}

static void inner_chain(void **state)
{
	uint8_t buf[2048];
	struct ike_build b;
	struct ike_msg msg;

	(void)state;
	ike_build_inner(&b, buf, sizeof(buf));
	build_all(&b);
	assert_int_equal(ike_build_finish(&b), 0);
	assert_int_equal(b.first, IKE_PAYLOAD_SA);
	assert_ok(ike_msg_parse_inner(&msg, &test_header, b.first, buf, b.len));
	assert_int_equal(msg.n, 16);
	ike_build_inner(&b, buf, sizeof(buf));
	assert_int_equal(ike_build_finish(&b), 0);
	assert_int_equal(b.first, 0);
	assert_int_equal(b.len, 0);
}

/* The length of the message, in a buffer that is large enough. */
static size_t build_whole(uint8_t whole[2048])
{
	struct ike_build b;

	ike_build_message(&b, whole, 2048, &test_header);
	build_all(&b);
	assert_int_equal(ike_build_finish(&b), 0);
	return b.len;
}

static void every_capacity(void **state)
{
	uint8_t whole[2048];
	const size_t len = build_whole(whole);
	struct ike_build b;

	(void)state;
	for (size_t cap = 0; cap <= len; cap++) {
		uint8_t *exact = malloc(cap + 1);

		memset(exact, 0xa5, cap + 1);
		ike_build_message(&b, exact, cap, &test_header);
		build_all(&b);
		assert_int_equal(ike_build_finish(&b), cap < len ? -EMSGSIZE : 0);
		assert_int_equal(exact[cap], 0xa5);
		free(exact);
	}
}

static unsigned grown, may_grow;

static uint8_t *grow(uint8_t *buf, size_t old, size_t cap)
{
	uint8_t *more = grown < may_grow ? malloc(cap) : NULL;

	if (!more)
		return NULL;
	grown++;
	memcpy(more, buf, old);
	free(buf);
	return more;
}

/* From any size on to what is needed, but to no more than it may; and where there is no memory. */
static void a_buffer_that_grows(void **state)
{
	uint8_t whole[2048];
	const size_t len = build_whole(whole);
	struct ike_build b;

	(void)state;
	for (size_t cap = IKE_HEADER_LEN; cap <= len; cap++) {
		bool fits = cap % 3 != 0, memory = cap % 5 != 0;

		grown = 0;
		may_grow = memory ? UINT32_MAX : 0;
		ike_build_message(&b, calloc(1, cap), cap, &test_header);
		b.grow = grow;
		b.most = fits ? len : len - 1;
		build_all(&b);
		assert_int_equal(ike_build_finish(&b), cap == len || (fits && memory) ? 0 : -EMSGSIZE);
		assert_true(b.len <= b.cap && b.cap <= (cap == len ? cap : b.most));
		if (cap == len || (fits && memory))
			assert_memory_equal(b.buf, whole, len);
		free(b.buf);
	}
}

static void misuse_is_refused(void **state)
{
	static uint8_t buf[80000], large[66000];
	struct ike_build b;

	(void)state;
	ike_build_message(&b, buf, sizeof(buf), &test_header);
	ike_build_begin(&b, IKE_PAYLOAD_VENDOR); /* never ended */
	assert_int_equal(ike_build_finish(&b), -EMSGSIZE);
	ike_build_message(&b, buf, sizeof(buf), &test_header);
	ike_build_vendor(&b, large, sizeof(large)); /* its length does not fit into 16 bits */
	assert_int_equal(ike_build_finish(&b), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(round_trip),        cmocka_unit_test(inner_chain),
	        cmocka_unit_test(every_capacity),    cmocka_unit_test(a_buffer_that_grows),
	        cmocka_unit_test(misuse_is_refused),
	};

	return cmocka_run_group_tests_name("wire/build", tests, NULL, NULL);
}
