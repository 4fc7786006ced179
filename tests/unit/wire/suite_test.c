/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of a suite: order, what a peer may leave out, and H09. */
#include <time.h>

#include "control/ike/crypto/suite.h"
#include "tests/unit/wire/wire_test.h"

static const struct rg_cfg_proposal gcm = {
        .encr = IKE_ENCR_AES_GCM_16, .encr_bits = 128, .prf = IKE_PRF_HMAC_SHA2_256, .dh = IKE_DH_X25519};
static const struct rg_cfg_proposal cbc = {.encr = IKE_ENCR_AES_CBC,
                                           .encr_bits = 256,
                                           .integ = IKE_INTEG_HMAC_SHA2_256_128,
                                           .prf = IKE_PRF_HMAC_SHA2_256,
                                           .dh = IKE_DH_MODP_2048};
static const struct rg_cfg_proposal esp = {.encr = IKE_ENCR_AES_GCM_16, .encr_bits = 128};
static const struct rg_cfg_proposal esp_esn = {.encr = IKE_ENCR_AES_GCM_16, .encr_bits = 128, .esn = true};
static const struct rg_cfg_proposal esp_dh = {
        .encr = IKE_ENCR_AES_GCM_16, .encr_bits = 128, .dh = IKE_DH_X25519};

static uint8_t buf[70000];
static struct ike_msg msg;
static struct ike_sa_payload sa;
static struct ike_choice choice;

/* One proposal out of "type/id/bits" triples; bits 0: no Key Length. */
struct triple {
	uint8_t type;
	uint16_t id, bits;
};

static void one_proposal(uint8_t protocol, const struct triple *t, size_t n)
{
	struct ike_build_proposal p = {.number = 1, .protocol = protocol, .spi = {1, 2, 3, 4}};
	struct ike_build b;

	p.spi_len = protocol == IKE_PROTOCOL_IKE ? 0 : 4;
	for (size_t i = 0; i < n; i++)
		p.transforms[p.n++] = (struct ike_transform){.type = t[i].type,
		                                             .id = t[i].id,
		                                             .key_bits = t[i].bits,
		                                             .has_key_bits = t[i].bits != 0};
	ike_build_message(&b, buf, sizeof(buf), &test_header);
	ike_build_sa(&b, &p, 1);
	reparse(&msg, &b);
	assert_ok(ike_sa_decode(&sa, &msg.payloads[0]));
}
#define OFFER(protocol, ...)                                                                                 \
	one_proposal(protocol, (const struct triple[]){__VA_ARGS__},                                         \
	             sizeof((const struct triple[]){__VA_ARGS__}) / sizeof(struct triple))

static void offer_of(enum ike_select what, const struct rg_cfg_proposal *ours, size_t n)
{
	static const uint8_t spi[4] = {0xc0, 0, 0, 1};
	struct ike_build b;

	ike_build_message(&b, buf, sizeof(buf), &test_header);
	ike_build_sa_offer(&b, what, ours, n, spi, what == IKE_SELECT_IKE ? 0 : 4);
	reparse(&msg, &b);
	assert_ok(ike_sa_decode(&sa, &msg.payloads[0]));
}

static void our_order_decides(void **state)
{
	const struct rg_cfg_proposal theirs[] = {cbc, gcm}, ours[] = {gcm, cbc};
	char text[80];

	(void)state;
	offer_of(IKE_SELECT_IKE, theirs, 2);
	assert_ok(ike_select(&choice, IKE_SELECT_IKE, ours, 2, &sa));
	assert_int_equal(choice.index, 0);
	assert_int_equal(choice.number, 2);
	ike_suite_print(&choice.suite, text, sizeof(text));
	assert_string_equal(text, "aes128gcm16-prfsha256-x25519");
	assert_ok(ike_select(&choice, IKE_SELECT_IKE, &cbc, 1, &sa));
	assert_int_equal(choice.number, 1);
	ike_suite_print(&choice.suite, text, sizeof(text));
	assert_string_equal(text, "aes256-sha256-prfsha256-modp2048");
}

static void every_suite_meets_itself(void **state)
{
	static const uint16_t encrs[][2] = {{20, 128}, {20, 192}, {20, 256}, {19, 128}, {19, 192}, {19, 256},
	                                    {18, 128}, {18, 192}, {18, 256}, {28, 0},   {12, 128}, {12, 192},
	                                    {12, 256}, {13, 128}, {13, 192}, {13, 256}};
	static const uint16_t prfs[] = {5, 6, 7, 2, 4, 8}, integs[] = {12, 13, 14, 2, 5, 8},
	                      dhs[] = {14, 15, 16, 17, 18, 19, 20, 21, 31, 32, 2};
	unsigned n = 0;

	(void)state;
	for (size_t e = 0; e < sizeof(encrs) / sizeof(encrs[0]); e++)
		for (size_t i = 0; i < 6 * 6 * 11; i++) {
			struct rg_cfg_proposal p = {.encr = encrs[e][0],
			                            .encr_bits = encrs[e][1],
			                            .prf = prfs[i % 6],
			                            .integ = encrs[e][0] > 13 ? 0 : integs[i / 6 % 6],
			                            .dh = dhs[i / 36]};
			struct ike_choice answer;
			struct ike_build b;

			offer_of(IKE_SELECT_IKE, &p, 1);
			assert_ok(ike_select(&choice, IKE_SELECT_IKE, &p, 1, &sa));
			assert_true(ike_suite_supported(&choice.suite));
			ike_build_message(&b, buf, sizeof(buf), &test_header);
			ike_build_sa_choice(&b, &choice, NULL, 0);
			reparse(&msg, &b);
			assert_ok(ike_sa_decode(&sa, &msg.payloads[0]));
			assert_ok(ike_select_answer(&answer, IKE_SELECT_IKE, &p, 1, &sa));
			n++;
		}
	assert_int_equal(n, 16 * 6 * 6 * 11);
}

/* MODP-1024 and the groups that take tens of milliseconds: only where our own proposal has them. */
static void weak_groups_by_name_only(void **state)
{
	struct rg_cfg_proposal named = esp_dh;

	(void)state;
	OFFER(IKE_PROTOCOL_ESP, {1, 20, 128}, {4, 2, 0}, {5, 0, 0});
	assert_reject(ike_select(&choice, IKE_SELECT_CHILD, &esp, 1, &sa), NO_PROPOSAL);
	assert_reject(ike_select(&choice, IKE_SELECT_CHILD, &esp_dh, 1, &sa), NO_PROPOSAL);
	named.dh = IKE_DH_MODP_1024;
	assert_ok(ike_select(&choice, IKE_SELECT_CHILD, &named, 1, &sa));
	assert_int_equal(choice.suite.dh, IKE_DH_MODP_1024);
	OFFER(IKE_PROTOCOL_ESP, {1, 20, 128}, {4, 18, 0}, {4, 2, 0}, {4, 16, 0}, {5, 0, 0});
	assert_ok(ike_select(&choice, IKE_SELECT_CHILD, &esp, 1, &sa));
	assert_int_equal(choice.suite.dh, IKE_DH_MODP_4096);
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 128}, {2, 5, 0}, {4, 2, 0});
	assert_reject(ike_select(&choice, IKE_SELECT_IKE, &gcm, 1, &sa), NO_PROPOSAL);
}

static void h09_no_proposal_chosen(void **state)
{
	const struct rg_cfg_proposal ours[] = {gcm, cbc};

	(void)state;
#define REFUSED()                                                                                            \
	assert_reject(ike_select(&choice, IKE_SELECT_IKE, ours, 2, &sa), NO_PROPOSAL);                       \
	assert_reject(ike_select(&choice, IKE_SELECT_CHILD, &esp, 1, &sa), NO_PROPOSAL)
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 128}, {2, 5, 0}); /* no DH */
	REFUSED();
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 128}, {2, 5, 0}, {4, 0, 0}); /* DH NONE */
	REFUSED();
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 128}, {2, 5, 0}, {4, 1025, 0}); /* a private-use group */
	REFUSED();
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 0}, {2, 5, 0}, {4, 31, 0}); /* no key length */
	REFUSED();
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 127}, {2, 5, 0}, {4, 31, 0});
	REFUSED();
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 128}, {2, 5, 256}, {4, 31, 0}); /* a PRF with a key length */
	REFUSED();
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 128}, {2, 5, 0}, {3, 12, 0}, {4, 31, 0}); /* AEAD with integrity */
	REFUSED();
	OFFER(IKE_PROTOCOL_IKE, {1, 12, 256}, {2, 5, 0}, {4, 14, 0}); /* CBC without */
	REFUSED();
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 128}, {2, 5, 0}, {4, 31, 0},
	      {6, 1, 0}); /* a transform type to come */
	REFUSED();
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 128}, {2, 5, 0}, {4, 31, 0}, {5, 0, 0}); /* ESN for IKE */
	REFUSED();
	OFFER(IKE_PROTOCOL_ESP, {1, 20, 128}, {2, 5, 0}, {4, 31, 0}); /* IKE's transforms under ESP */
	REFUSED();
	/* duplicates are harmless, NONE for integrity is right with AEAD */
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 128}, {1, 20, 128}, {2, 5, 0}, {2, 5, 0}, {3, 0, 0}, {4, 31, 0},
	      {4, 31, 0});
	assert_ok(ike_select(&choice, IKE_SELECT_IKE, ours, 2, &sa));
	assert_int_equal(ike_reject_notify(IKE_REJECT_NO_PROPOSAL, true), IKE_NOTIFY_NO_PROPOSAL_CHOSEN);
}

static void h09_unknown_attribute_is_never_chosen(void **state)
{
	struct ike_payload p;

	(void)state;
	p = payload(IKE_PAYLOAD_SA, buf,
	            hex(buf, sizeof(buf),
	                "00 00 0028 01 01 00 03  03 00 0010 01 00 0014 800e 0080 800f 0001"
	                "03 00 0008 02 00 0005  00 00 0008 04 00 001f"));
	assert_ok(ike_sa_decode(&sa, &p));
	assert_reject(ike_select(&choice, IKE_SELECT_IKE, &gcm, 1, &sa), NO_PROPOSAL);
}

static void h09_bounded_time(void **state)
{
	struct rg_cfg_proposal ours[16];
	struct ike_payload p;
	struct timespec a, b;
	size_t len = 0;

	(void)state;
	for (unsigned i = 1; i <= 255; i++) { /* 255 proposals of 28 transforms: 59 kB */
		uint8_t *at = buf + len;

		put_be32(at, i == 255 ? 8 + 28 * 8 : 0x02000000 + 8 + 28 * 8);
		put_be32(at + 4, i << 24 | 0x0001001c);
		for (unsigned t = 0; t < 28; t++) {
			put_be32(at + 8 + 8 * t, t == 27 ? 8 : 0x03000008);
			put_be32(at + 12 + 8 * t, 0x04000000 | (1024 + t));
		}
		len += 8 + 28 * 8;
	}
	p = payload(IKE_PAYLOAD_SA, buf, len);
	for (size_t i = 0; i < 16; i++)
		ours[i] = gcm;
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_ok(ike_sa_decode(&sa, &p));
	assert_int_equal(sa.proposals, 255);
	assert_reject(ike_select(&choice, IKE_SELECT_IKE, ours, 16, &sa), NO_PROPOSAL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	/* it takes about 1 ms; the bound leaves room for sanitizers on a loaded machine */
	assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 500);
}

static void child_dh_is_optional(void **state)
{
	(void)state;
	OFFER(IKE_PROTOCOL_ESP, {1, 20, 128}, {5, 0, 0});
	assert_ok(ike_select(&choice, IKE_SELECT_CHILD, &esp_dh, 1, &sa));
	assert_int_equal(choice.suite.dh, 0);
	assert_int_equal(ike_child_spi(choice.spi), 0x01020304);
	OFFER(IKE_PROTOCOL_ESP, {1, 20, 128}, {4, 14, 0}, {4, 31, 0}, {5, 0, 0});
	assert_ok(ike_select(&choice, IKE_SELECT_CHILD, &esp_dh, 1, &sa));
	assert_int_equal(choice.suite.dh, IKE_DH_X25519);
	assert_ok(ike_select(&choice, IKE_SELECT_CHILD_AUTH, &esp_dh, 1, &sa));
	assert_int_equal(choice.suite.dh, 0);
	assert_ok(ike_select(&choice, IKE_SELECT_CHILD, &esp, 1, &sa)); /* the peer insists: its first */
	assert_int_equal(choice.suite.dh, IKE_DH_MODP_2048);
	OFFER(IKE_PROTOCOL_ESP, {1, 20, 128}, {4, 14, 0}, {4, 0, 0}, {5, 0, 0});
	assert_ok(ike_select(&choice, IKE_SELECT_CHILD, &esp, 1, &sa));
	assert_int_equal(choice.suite.dh, 0);
	OFFER(IKE_PROTOCOL_ESP, {1, 20, 128}, {4, 2, 0}, {5, 0, 0}); /* MODP-1024 only */
	assert_reject(ike_select(&choice, IKE_SELECT_CHILD, &esp, 1, &sa), NO_PROPOSAL);
}

static void child_esn(void **state)
{
	const struct rg_cfg_proposal both[] = {esp_esn, esp};

	(void)state;
	OFFER(IKE_PROTOCOL_ESP, {1, 20, 128}, {5, 0, 0}, {5, 1, 0});
	assert_ok(ike_select(&choice, IKE_SELECT_CHILD, both, 2, &sa));
	assert_true(choice.suite.esn);
	OFFER(IKE_PROTOCOL_ESP, {1, 20, 128}, {5, 0, 0});
	assert_ok(ike_select(&choice, IKE_SELECT_CHILD, both, 2, &sa));
	assert_false(choice.suite.esn);
	assert_reject(ike_select(&choice, IKE_SELECT_CHILD, &esp_esn, 1, &sa), NO_PROPOSAL);
	OFFER(IKE_PROTOCOL_ESP, {1, 20, 128});
	assert_reject(ike_select(&choice, IKE_SELECT_CHILD, both, 2, &sa), NO_PROPOSAL); /* RFC 7296 3.3.3 */
}

static void an_answer_is_checked(void **state)
{
	const struct rg_cfg_proposal ours[] = {gcm, cbc};

	(void)state;
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 128}, {2, 5, 0}, {4, 31, 0});
	assert_ok(ike_select_answer(&choice, IKE_SELECT_IKE, ours, 2, &sa));
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 128}, {1, 12, 256}, {2, 5, 0}, {4, 31, 0}); /* two of a type */
	assert_reject(ike_select_answer(&choice, IKE_SELECT_IKE, ours, 2, &sa), NO_PROPOSAL);
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 128}, {2, 5, 0}, {4, 14, 0}); /* mixed out of two of ours */
	assert_reject(ike_select_answer(&choice, IKE_SELECT_IKE, ours, 2, &sa), NO_PROPOSAL);
	OFFER(IKE_PROTOCOL_IKE, {1, 12, 256}, {2, 5, 0}, {3, 12, 0},
	      {4, 14, 0}); /* ours, under the other's number */
	assert_reject(ike_select_answer(&choice, IKE_SELECT_IKE, ours, 2, &sa), NO_PROPOSAL);
	offer_of(IKE_SELECT_IKE, ours, 2); /* more than one proposal */
	assert_reject(ike_select_answer(&choice, IKE_SELECT_IKE, ours, 2, &sa), NO_PROPOSAL);
	OFFER(IKE_PROTOCOL_ESP, {1, 20, 128}, {5, 0, 0}); /* drops the exchange that we asked for */
	assert_reject(ike_select_answer(&choice, IKE_SELECT_CHILD, &esp_dh, 1, &sa), NO_PROPOSAL);
	OFFER(IKE_PROTOCOL_ESP, {1, 20, 128}, {4, 31, 0}, {5, 0, 0}); /* adds one */
	assert_reject(ike_select_answer(&choice, IKE_SELECT_CHILD, &esp, 1, &sa), NO_PROPOSAL);
}

static void invalid_ke(void **state)
{
	static const uint8_t data[][2] = {{0, 14}, {0, 31}, {0, 2}, {4, 1}};
	const struct rg_cfg_proposal ours[] = {gcm, cbc};
	struct ike_notify n = {.type = IKE_NOTIFY_INVALID_KE_PAYLOAD, .data = {data[0], 2}};
	struct ike_ke ke = {.group = IKE_DH_MODP_2048};

	(void)state;
	OFFER(IKE_PROTOCOL_IKE, {1, 20, 128}, {2, 5, 0}, {4, 31, 0}, {4, 14, 0});
	assert_ok(ike_select(&choice, IKE_SELECT_IKE, ours, 2, &sa));
	assert_reject(ike_select_check_ke(&choice, &ke), KE_GROUP);
	assert_int_equal(ike_reject_notify(IKE_REJECT_KE_GROUP, false), IKE_NOTIFY_INVALID_KE_PAYLOAD);
	assert_int_equal(ike_select_retry_group(ours, 2, IKE_DH_X25519, &n), IKE_DH_MODP_2048);
	assert_int_equal(ike_select_retry_group(ours, 2, IKE_DH_MODP_2048, &n), 0); /* no loop */
	n.data.data = data[2];
	assert_int_equal(ike_select_retry_group(ours, 2, IKE_DH_X25519, &n), 0); /* never offered */
	n.data.data = data[3];
	assert_int_equal(ike_select_retry_group(ours, 2, IKE_DH_X25519, &n), 0);
	n.data = (struct ike_view){data[0], 1};
	assert_int_equal(ike_select_retry_group(ours, 2, IKE_DH_X25519, &n), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(our_order_decides),
	        cmocka_unit_test(every_suite_meets_itself),
	        cmocka_unit_test(weak_groups_by_name_only),
	        cmocka_unit_test(h09_no_proposal_chosen),
	        cmocka_unit_test(h09_unknown_attribute_is_never_chosen),
	        cmocka_unit_test(h09_bounded_time),
	        cmocka_unit_test(child_dh_is_optional),
	        cmocka_unit_test(child_esn),
	        cmocka_unit_test(an_answer_is_checked),
	        cmocka_unit_test(invalid_ke),
	};

	return cmocka_run_group_tests_name("crypto/suite", tests, NULL, NULL);
}
