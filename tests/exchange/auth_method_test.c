/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AUTH payloads that name another method or algorithm than the key's (RFC 7296 3.8, RFC 4754, RFC 7427 3):
 * the signature is a good one, of the right key, and what is said of it is wrong.
 */
#include "tests/exchange/credentials.h"
#include "tests/exchange/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* DER of AlgorithmIdentifier, its length before it (RFC 7427 A). */
static const uint8_t rsa_sha256[] = {0x0f, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48,
                                     0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00};
static const uint8_t ecdsa_sha256[] = {0x0c, 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                       0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t ecdsa_sha512[] = {0x0c, 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                       0x48, 0xce, 0x3d, 0x04, 0x03, 0x04};
static const uint8_t ed25519[] = {0x07, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
static const uint8_t nobodys[] = {0x07, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x7f};

struct wrong {
	enum kind kind;
	uint8_t method;     /* 0: as it is */
	const uint8_t *der; /* in place of what is there; NULL: as it is */
	const char *counter;
};

static void misname(struct mutation *m)
{
	const struct wrong *wrong = m->context;
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_AUTH);
	uint8_t *value;
	size_t old;

	assert_non_null(p);
	if (wrong->method != 0) {
		assert_int_not_equal(p->body[0], wrong->method);
		p->body[0] = wrong->method;
	}
	if (wrong->der == NULL)
		return;
	value = p->body + 4;
	old = 1u + value[0];
	assert_int_equal(p->body[0], IKE_AUTH_SIGNATURE);
	assert_true(old != 1u + wrong->der[0] || memcmp(value, wrong->der, old) != 0);
	memmove(value + 1 + wrong->der[0], value + old, p->len - 4 - old);
	memcpy(value, wrong->der, 1u + wrong->der[0]);
	p->len = p->len - old + 1 + wrong->der[0];
}

static bool hold_client(struct world *w, struct datagram *dg)
{
	(void)dg;
	world_client(w)->hold_jobs = true;
	return true;
}

/* `old`: neither announced hash algorithms, so that the methods of before RFC 7427 are used. */
static void refused(const struct wrong *wrong, bool old)
{
	struct mutation *m = calloc(1, sizeof(*m));
	struct credentials c;
	struct world *w;

	assert_non_null(m);
	credentials_make(&c, wrong->kind, "email:carol@example.net", true);
	w = credentials_world(&c);
	rg_auth_config(w->peers[0].auth)->connections[0].fragmentation = false;
	w->filter = hold_client;
	world_connect(w);
	world_run(w, 200);
	for (unsigned i = 0; old && i < 2; i++)
		TAILQ_FIRST(&w->peers[i].m->sas)->peer_hashes = 0;
	mutate(w, m, IKE_EXCHANGE_IKE_AUTH, misname, (void *)(uintptr_t)wrong);
	world_client(w)->hold_jobs = false;
	world_run(w, 5000);
	assert_int_equal(m->applied, 1);
	assert_int_equal(m->answer, IKE_NOTIFY_AUTHENTICATION_FAILED);
	assert_null(peer_session(world_gateway(w)));
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_int_equal(peer_counter(world_gateway(w), wrong->counter), 1);
	mutate_stop(w);
	world_free(w);
	credentials_clean(&c);
	free(m);
}

static void methods_of_other_keys(void **state)
{
	static const struct wrong cases[] = {
	        {KIND_ECDSA, IKE_AUTH_RSA, NULL, "auth-signature-algorithm"},
	        {KIND_ECDSA, IKE_AUTH_ECDSA_384, NULL, "auth-signature-algorithm"},
	        {KIND_ECDSA, IKE_AUTH_ECDSA_521, NULL, "auth-signature-algorithm"},
	        {KIND_P384, IKE_AUTH_ECDSA_256, NULL, "auth-signature-algorithm"},
	        {KIND_RSA, IKE_AUTH_ECDSA_256, NULL, "auth-signature-algorithm"},
	        {KIND_RSA, 3, NULL, "auth-signature-algorithm"}, /* DSS */
	        {KIND_RSA, 200, NULL, "auth-signature-algorithm"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(&cases[i], true);
}

static void algorithms_of_other_keys(void **state)
{
	static const struct wrong cases[] = {
	        {KIND_ECDSA, 0, rsa_sha256, "auth-signature-algorithm"},
	        {KIND_ECDSA, 0, ed25519, "auth-signature-algorithm"},
	        {KIND_ECDSA, 0, nobodys, "auth-signature-algorithm"},
	        {KIND_RSA, 0, ecdsa_sha256, "auth-signature-algorithm"},
	        {KIND_ED25519, 0, rsa_sha256, "auth-signature-algorithm"},
	        {KIND_ECDSA, 0, ecdsa_sha512, "auth-wrong-signature"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(&cases[i], false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(methods_of_other_keys),
	        cmocka_unit_test(algorithms_of_other_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
