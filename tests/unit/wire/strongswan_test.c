/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded exchanges of two strongSwan peers, followed from outside with
 * nothing but g^ir: our codec finds the payload chain that tshark found, our key
 * derivation gives the keys that charon logged, SK opens (and sealing again
 * gives the same octets), fragments come together, AUTH verifies.
 */
#include <openssl/x509.h>

#include "control/ike/crypto/auth.h"
#include "control/ike/crypto/sign.h"
#include "tests/unit/wire/fixture.h"
#include "tests/unit/wire/wire_test.h"

#define MAX_SAS 3

struct sa {
	uint64_t spi_i, spi_r;
	struct ike_keys keys;
};

/* What a follower of the exchange remembers. */
struct follower {
	struct fixture f;
	struct sa sas[MAX_SAS];
	size_t n_sas, n_children, n_child_shared;
	struct ike_view init[2], nonce[2]; /* IKE_SA_INIT: request, response */
	struct ike_reasm reasm[2];
	struct ike_frag_budget budget;
	uint8_t request[8192], plain[8192]; /* of the last request, and of the message in hand */
	bool auth_ok[2];
};

/* The suite that a response names, as if it had been our configuration. */
static void suite_of(struct rg_cfg_proposal *cfg, const struct ike_proposal *p)
{
	struct ike_transform t;
	size_t at = 0;

	memset(cfg, 0, sizeof(*cfg));
	while (ike_transform_next(p, &at, &t)) {
		if (t.type == IKE_TRANSFORM_ENCR) {
			cfg->encr = t.id;
			cfg->encr_bits = t.key_bits;
		} else if (t.type == IKE_TRANSFORM_PRF) {
			cfg->prf = t.id;
		} else if (t.type == IKE_TRANSFORM_INTEG) {
			cfg->integ = t.id;
		} else if (t.type == IKE_TRANSFORM_DH) {
			cfg->dh = t.id;
		} else if (t.type == IKE_TRANSFORM_ESN) {
			cfg->esn = t.id;
		}
	}
}

static void sa_of(const struct ike_msg *msg, struct ike_sa_payload *sa, struct ike_proposal *first)
{
	const struct ike_payload *p = ike_msg_find(msg, IKE_PAYLOAD_SA);
	size_t at = 0;

	assert_non_null(p);
	assert_ok(ike_sa_decode(sa, p));
	assert_true(ike_proposal_next(sa, &at, first));
}

static struct ike_view nonce_of(const struct ike_msg *msg)
{
	const struct ike_payload *p = ike_msg_find(msg, IKE_PAYLOAD_NONCE);
	struct ike_view nonce;

	assert_non_null(p);
	assert_ok(ike_nonce_decode(&nonce, p));
	return nonce;
}

/* Chooses from the request what the response chose; both functions must agree with charon. */
static void agree(struct ike_choice *choice, enum ike_select what, const struct ike_msg *request,
                  const struct ike_msg *response)
{
	struct ike_sa_payload offered, answer;
	struct ike_proposal p, chosen;
	struct rg_cfg_proposal ours;
	struct ike_choice mine;
	char text[64], text2[64];

	sa_of(request, &offered, &p);
	sa_of(response, &answer, &chosen);
	suite_of(&ours, &chosen);
	assert_ok(ike_select(choice, what, &ours, 1, &offered));
	assert_int_equal(choice->number, chosen.number);
	assert_ok(ike_select_answer(&mine, what, &ours, 1, &answer));
	ike_suite_print(&choice->suite, text, sizeof(text));
	ike_suite_print(&mine.suite, text2, sizeof(text2));
	assert_string_equal(text, text2);
}

#define assert_secret(field, size, name)                                                                     \
	do {                                                                                                 \
		struct ike_view want_ = fixture_bytes(&fo->f, name, nth);                                    \
		assert_int_equal(want_.len, (size));                                                         \
		assert_memory_equal((field), want_.data, want_.len);                                         \
	} while (0)

static void check_keys(const struct follower *fo, const struct ike_keys *k, size_t nth)
{
	const struct ike_encr_info *encr = k->i.encr;
	struct ike_view ei = fixture_bytes(&fo->f, "sk_ei", nth), er = fixture_bytes(&fo->f, "sk_er", nth);

	assert_secret(k->sk_d, k->prf_len, "sk_d");
	assert_secret(k->sk_pi, k->prf_len, "sk_pi");
	assert_secret(k->sk_pr, k->prf_len, "sk_pr");
	assert_int_equal(ei.len, encr->key_len + encr->salt_len);
	assert_memory_equal(k->i.key, ei.data, encr->key_len);
	assert_memory_equal(k->i.salt, ei.data + encr->key_len, encr->salt_len);
	assert_memory_equal(k->r.key, er.data, encr->key_len);
	assert_memory_equal(k->r.salt, er.data + encr->key_len, encr->salt_len);
	if (!k->i.integ)
		return;
	assert_secret(k->i.integ_key, k->i.integ->key_len, "sk_ai");
	assert_secret(k->r.integ_key, k->i.integ->key_len, "sk_ar");
}

static void follow_init(struct follower *fo, const struct fixture_line *request,
                        const struct fixture_line *response)
{
	struct ike_msg req, res;
	struct ike_choice choice;
	struct ike_keymat_input in;
	struct ike_ke ke;
	struct sa *sa = &fo->sas[fo->n_sas++];

	assert_ok(ike_msg_parse(&req, request->data, request->len));
	assert_ok(ike_msg_parse(&res, response->data, response->len));
	agree(&choice, IKE_SELECT_IKE, &req, &res);
	assert_ok(ike_ke_decode(&ke, ike_msg_find(&res, IKE_PAYLOAD_KE)));
	assert_ok(ike_select_check_ke(&choice, &ke));
	fo->init[0] = (struct ike_view){request->data, request->len};
	fo->init[1] = (struct ike_view){response->data, response->len};
	fo->nonce[0] = nonce_of(&req);
	fo->nonce[1] = nonce_of(&res);
	sa->spi_i = res.hdr.spi_i;
	sa->spi_r = res.hdr.spi_r;
	in = (struct ike_keymat_input){.ni = fo->nonce[0],
	                               .nr = fo->nonce[1],
	                               .shared = fixture_bytes(&fo->f, "shared", 0),
	                               .spi_i = sa->spi_i,
	                               .spi_r = sa->spi_r};
	assert_int_equal(ike_keymat_init(&sa->keys, &choice.suite, &in, 1), 0);
	check_keys(fo, &sa->keys, 0);
}

static struct sa *sa_by_spi(struct follower *fo, const struct ike_header *hdr)
{
	for (size_t i = 0; i < fo->n_sas; i++)
		if (fo->sas[i].spi_i == hdr->spi_i && fo->sas[i].spi_r == hdr->spi_r)
			return &fo->sas[i];
	fail_msg("a message of no IKE SA");
	return NULL;
}

static struct ike_sk *key_for(struct follower *fo, const struct ike_msg *msg)
{
	struct sa *sa = sa_by_spi(fo, &msg->hdr);

	return ike_header_from_initiator(&msg->hdr) ? &sa->keys.i : &sa->keys.r;
}

/* With a GCM key and the message's own IV, sealing gives the datagram again. */
static void seal_again(const struct ike_sk *key, const struct ike_msg *msg, const uint8_t *plain, size_t len)
{
	struct ike_sk copy = *key;
	struct ike_frag frag;
	uint8_t out[8192];
	size_t out_len;

	if (key->integ)
		return;
	copy.iv = get_be64(msg->data + ike_sk_ciphertext(key, msg) - 8);
	if (msg->sk_type == IKE_PAYLOAD_SKF) {
		assert_ok(ike_frag_decode(&frag, msg));
		assert_int_equal(
		        ike_sk_seal_fragment(&copy, &msg->hdr, &frag, plain, len, out, sizeof(out), &out_len),
		        0);
	} else {
		assert_int_equal(
		        ike_sk_seal(&copy, &msg->hdr, msg->sk_first, plain, len, out, sizeof(out), &out_len),
		        0);
	}
	assert_int_equal(out_len, msg->len);
	assert_memory_equal(out, msg->data, msg->len);
}

static enum ike_reject open_fragment(void *arg, const struct ike_msg *msg, uint8_t *plain, size_t cap,
                                     size_t *len)
{
	enum ike_reject err = ike_sk_open(key_for(arg, msg), msg, plain, cap, len);

	if (!err)
		seal_again(key_for(arg, msg), msg, plain, *len);
	return err;
}

/* The plaintext of a message, or of the fragments that it completes. */
static bool open_message(struct follower *fo, const struct ike_msg *msg, size_t *len, uint8_t *first)
{
	struct ike_reasm *r = &fo->reasm[ike_header_is_response(&msg->hdr)];
	bool complete;

	*first = msg->sk_first;
	if (msg->sk_type == IKE_PAYLOAD_SK) {
		assert_ok(ike_sk_open(key_for(fo, msg), msg, fo->plain, sizeof(fo->plain), len));
		seal_again(key_for(fo, msg), msg, fo->plain, *len);
		return true;
	}
	assert_ok(ike_reasm_add(r, msg, open_fragment, fo, &complete));
	if (!complete)
		return false;
	assert_int_equal(ike_reasm_take(r, fo->plain, sizeof(fo->plain), len), 0);
	*first = r->first;
	ike_reasm_reset(r);
	return true;
}

static void check_child(struct follower *fo, const struct ike_choice *choice,
                        const struct ike_keymat_input *in)
{
	struct ike_child_keys keys;
	size_t nth = fo->n_children++;

	assert_int_equal(ike_keymat_child(&keys, &fo->sas[fo->n_sas - 1].keys, &choice->suite, in), 0);
	assert_secret(keys.initiator, keys.key_len, "child_i");
	assert_secret(keys.responder, keys.key_len, "child_r");
}

static void follow_auth(struct follower *fo, const struct ike_msg *inner)
{
	bool response = ike_header_is_response(&inner->hdr);
	const struct ike_keys *keys = &fo->sas[0].keys;
	struct ike_view public_key = fixture_bytes(&fo->f, response ? "key_r" : "key_i", 0);
	struct ike_auth_input in = {
	        .initiator = !response, .message = fo->init[response], .nonce = fo->nonce[!response]};
	uint8_t octets[4096], mac[IKE_MAX_PRF];
	struct ike_auth auth;
	struct ike_id id;
	size_t len;

	assert_ok(ike_id_decode(&id, ike_msg_find(inner, response ? IKE_PAYLOAD_IDr : IKE_PAYLOAD_IDi)));
	assert_ok(ike_auth_decode(&auth, ike_msg_find(inner, IKE_PAYLOAD_AUTH)));
	in.id_body = id.body;
	assert_int_equal(ike_auth_octets(keys, &in, octets, sizeof(octets), &len), 0);
	if (public_key.data) {
		const unsigned char *at = public_key.data;
		EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)public_key.len);

		assert_non_null(key);
		assert_int_equal(auth.method, IKE_AUTH_SIGNATURE);
		assert_int_equal(ike_verify(key, IKE_HASHES_DEFAULT, &auth, (struct ike_view){octets, len}),
		                 0);
		octets[0] ^= 1;
		assert_int_not_equal(
		        ike_verify(key, IKE_HASHES_DEFAULT, &auth, (struct ike_view){octets, len}), 0);
		EVP_PKEY_free(key);
	} else {
		assert_int_equal(auth.method, IKE_AUTH_PSK);
		assert_int_equal(ike_auth_psk(keys, fixture_bytes(&fo->f, "psk", 0),
		                              (struct ike_view){octets, len}, mac),
		                 0);
		assert_true(ike_auth_psk_equal(keys, mac, auth.value));
	}
	fo->auth_ok[response] = true;
}

static void follow_new_sa(struct follower *fo, const struct ike_msg *request, const struct ike_msg *response)
{
	struct ike_keymat_input in = {.ni = fo->nonce[0], .nr = fo->nonce[1]};
	bool is_auth = response->hdr.exchange == IKE_EXCHANGE_IKE_AUTH;
	struct ike_sa_payload sa;
	struct ike_proposal p;
	struct ike_choice choice;

	sa_of(response, &sa, &p);
	if (p.protocol == IKE_PROTOCOL_ESP) {
		agree(&choice, is_auth ? IKE_SELECT_CHILD_AUTH : IKE_SELECT_CHILD, request, response);
		if (!is_auth) {
			in.ni = nonce_of(request);
			in.nr = nonce_of(response);
		}
		if (choice.suite.dh)
			in.shared = fixture_bytes(&fo->f, "child_shared", fo->n_child_shared++);
		check_child(fo, &choice, &in);
		return;
	}
	agree(&choice, IKE_SELECT_IKE, request, response);
	in.ni = nonce_of(request);
	in.nr = nonce_of(response);
	in.shared = fixture_bytes(&fo->f, "shared", fo->n_sas);
	in.spi_i = get_be64(choice.spi.data);
	in.spi_r = get_be64(p.spi.data);
	assert_int_equal(ike_keymat_rekey(&fo->sas[fo->n_sas].keys, &fo->sas[fo->n_sas - 1].keys,
	                                  &choice.suite, &in, 1),
	                 0);
	fo->sas[fo->n_sas].spi_i = in.spi_i;
	fo->sas[fo->n_sas].spi_r = in.spi_r;
	check_keys(fo, &fo->sas[fo->n_sas].keys, fo->n_sas);
	fo->n_sas++;
}

/* Our chain in tshark's words: outer payloads, SK or SKF, inner payloads. */
static void print_chain(char *text, size_t size, const struct ike_msg *outer, const struct ike_msg *inner)
{
	size_t at = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < outer->n; i++)
		at += (size_t)snprintf(text + at, size - at, "%s%u", at ? "," : "", outer->payloads[i].type);
	if (outer->sk_type)
		at += (size_t)snprintf(text + at, size - at, "%s%u", at ? "," : "", outer->sk_type);
	for (unsigned i = 0; inner && i < inner->n; i++)
		at += (size_t)snprintf(text + at, size - at, ",%u", inner->payloads[i].type);
}

static void follow(const char *name, size_t sas, size_t children)
{
	static struct follower fo;
	static struct ike_msg outer, inner, request;
	const struct fixture_line *line, *chain;

	memset(&fo, 0, sizeof(fo));
	fo.budget.limit = 100000;
	ike_reasm_init(&fo.reasm[0], &fo.budget);
	ike_reasm_init(&fo.reasm[1], &fo.budget);
	fixture_read(&fo.f, name);
	follow_init(&fo, fixture_find(&fo.f, "message", 0), fixture_find(&fo.f, "message", 1));
	for (size_t i = 0; (line = fixture_find(&fo.f, "message", i)); i++) {
		const struct ike_msg *inside = NULL;
		char text[128];
		uint8_t first;
		size_t len;

		assert_ok(ike_msg_parse(&outer, line->data, line->len));
		chain = fixture_find(&fo.f, "chain", i);
		if (outer.sk_type && open_message(&fo, &outer, &len, &first)) {
			assert_ok(ike_msg_parse_inner(&inner, &outer.hdr, first, fo.plain, len));
			inside = &inner;
		}
		print_chain(text, sizeof(text), &outer, inside);
		assert_string_equal(text, chain->text);
		if (!inside)
			continue;
		if (inner.hdr.exchange == IKE_EXCHANGE_IKE_AUTH)
			follow_auth(&fo, &inner);
		if (!ike_header_is_response(&inner.hdr)) {
			memcpy(fo.request, fo.plain, len);
			assert_ok(ike_msg_parse_inner(&request, &outer.hdr, first, fo.request, len));
		} else if (ike_msg_find(&inner, IKE_PAYLOAD_SA)) {
			follow_new_sa(&fo, &request, &inner);
		}
	}
	assert_true(fo.auth_ok[0] && fo.auth_ok[1]);
	assert_int_equal(fo.n_sas, sas);
	assert_int_equal(fo.n_children, children);
	assert_int_equal(fo.budget.used, 0);
	fixture_free(&fo.f);
}

static void psk_with_rekeys(void **state)
{
	(void)state;
	follow("psk", 2, 2);
}

static void ecdsa(void **state)
{
	(void)state;
	follow("ecdsa", 1, 1);
}

static void rsa(void **state)
{
	(void)state;
	follow("rsa", 1, 1);
}

static void fragmented_with_rekey(void **state)
{
	(void)state;
	follow("fragmented", 2, 1);
}

static void modp3072(void **state)
{
	(void)state;
	follow("modp3072", 1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(psk_with_rekeys),       cmocka_unit_test(ecdsa),    cmocka_unit_test(rsa),
	        cmocka_unit_test(fragmented_with_rekey), cmocka_unit_test(modp3072),
	};

	return cmocka_run_group_tests_name("wire/strongswan", tests, NULL, NULL);
}
