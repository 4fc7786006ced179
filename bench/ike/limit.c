/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-ike-limit: what OpenSSL alone takes for an IKE setup, which no gateway over it
 * gets below by much: a fresh key of X25519 and one derivation; and for mutual ECDSA P-256 one
 * signature and two verifications, the peer's of AUTH and its issuer's of the certificate. By EVP, with
 * contexts that are made once. CPU time of one thread, kinds in turn, since the host changes the
 * core's clock.
 */
#include "bench/proc.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUND  20u /* of one kind, then the next one's turn */
#define DIGEST 32u
#define SECRET 32u

struct agreement {
	EVP_PKEY *own, *peer;
	EVP_PKEY_CTX *generate, *derive;
};

struct signing {
	EVP_PKEY *key;
	EVP_PKEY_CTX *sign, *verify;
	unsigned char digest[DIGEST], signature[80];
	size_t len;
};

static void fail(const char *what)
{
	fprintf(stderr, "bench-ike-limit: %s\n", what);
	exit(EXIT_FAILURE);
}

static double cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void begin_signing(struct signing *s)
{
	memset(s->digest, 0x5a, sizeof(s->digest));
	s->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	s->sign = s->key ? EVP_PKEY_CTX_new_from_pkey(NULL, s->key, NULL) : NULL;
	s->verify = s->key ? EVP_PKEY_CTX_new_from_pkey(NULL, s->key, NULL) : NULL;
	if (!s->sign || !s->verify || EVP_PKEY_sign_init(s->sign) != 1 ||
	    EVP_PKEY_verify_init(s->verify) != 1)
		fail("no ECDSA with P-256");
}

static void end_signing(struct signing *s)
{
	EVP_PKEY_CTX_free(s->sign);
	EVP_PKEY_CTX_free(s->verify);
	EVP_PKEY_free(s->key);
}

static void begin_agreement(struct agreement *a)
{
	a->generate = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
	if (!a->generate || EVP_PKEY_keygen_init(a->generate) != 1 ||
	    EVP_PKEY_generate(a->generate, &a->own) != 1 || EVP_PKEY_generate(a->generate, &a->peer) != 1)
		fail("no X25519");
	a->derive = EVP_PKEY_CTX_new_from_pkey(NULL, a->own, NULL);
	if (!a->derive || EVP_PKEY_derive_init(a->derive) != 1 ||
	    EVP_PKEY_derive_set_peer(a->derive, a->peer) != 1)
		fail("no X25519");
}

static void end_agreement(struct agreement *a)
{
	EVP_PKEY_CTX_free(a->generate);
	EVP_PKEY_CTX_free(a->derive);
	EVP_PKEY_free(a->own);
	EVP_PKEY_free(a->peer);
}

static void agree(struct agreement *a)
{
	unsigned char secret[SECRET];
	size_t len = sizeof(secret);
	EVP_PKEY *fresh = NULL;

	if (EVP_PKEY_generate(a->generate, &fresh) != 1 || EVP_PKEY_derive(a->derive, secret, &len) != 1)
		fail("X25519 fails");
	EVP_PKEY_free(fresh);
}

static void sign(struct signing *s)
{
	s->len = sizeof(s->signature);
	s->digest[0]++;
	if (EVP_PKEY_sign(s->sign, s->signature, &s->len, s->digest, DIGEST) != 1)
		fail("cannot sign");
}

static void verify(struct signing *s)
{
	if (EVP_PKEY_verify(s->verify, s->signature, s->len, s->digest, DIGEST) != 1)
		fail("cannot verify");
}

/* Adds to `us` what ROUND of each took. */
static void measure(struct agreement *agreement, struct signing *s, double us[3])
{
	double at[4];

	at[0] = cpu_us();
	for (unsigned i = 0; i < ROUND; i++)
		agree(agreement);
	at[1] = cpu_us();
	for (unsigned i = 0; i < ROUND; i++)
		sign(s);
	at[2] = cpu_us();
	for (unsigned i = 0; i < ROUND; i++)
		verify(s);
	at[3] = cpu_us();
	for (unsigned i = 0; i < 3; i++)
		us[i] += at[i + 1] - at[i];
}

int main(int argc, char **argv)
{
	struct agreement agreement = {0};
	struct signing signing = {0};
	double us[3] = {0}, until;
	unsigned long ms;
	unsigned n = 0;

	if (argc != 2 || !proc_number(argv[1], 1, 60000, &ms))
		fail("usage: bench-ike-limit MILLISECONDS");
	begin_agreement(&agreement);
	begin_signing(&signing);
	measure(&agreement, &signing, us); /* warm */
	memset(us, 0, sizeof(us));
	for (until = cpu_us() + (double)ms * 1e3; cpu_us() < until; n += ROUND)
		measure(&agreement, &signing, us);
	printf("{\"n\": %u, \"x25519_us\": %.2f, \"sign_us\": %.2f, \"verify_us\": %.2f}\n", n, us[0] / n,
	       us[1] / n, us[2] / n);
	end_signing(&signing);
	end_agreement(&agreement);
	return EXIT_SUCCESS;
}
