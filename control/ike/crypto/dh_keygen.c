/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fresh Diffie-Hellman keys of the groups that EVP serves. A generator holds a group's parameters worked out,
 * which for P-256 costs more than a key does; each thread keeps those that it has
 * used, since one serves one thread at a time. Any thread.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "control/ike/crypto/dh_keygen.h"

static const struct {
	uint16_t group;
	enum dh_kind kind;
	const char *name; /* of MODP-1024, OpenSSL has none */
} groups[] = {
        {IKE_DH_X25519, DH_RAW, NULL},
        {IKE_DH_X448, DH_RAW, NULL},
        {IKE_DH_ECP_256, DH_POINT, "P-256"},
        {IKE_DH_ECP_384, DH_POINT, "P-384"},
        {IKE_DH_ECP_521, DH_POINT, "P-521"},
        {IKE_DH_MODP_1024, DH_MODP, NULL},
        {IKE_DH_MODP_2048, DH_MODP, "modp_2048"},
        {IKE_DH_MODP_3072, DH_MODP, "modp_3072"},
        {IKE_DH_MODP_4096, DH_MODP, "modp_4096"},
        {IKE_DH_MODP_6144, DH_MODP, "modp_6144"},
        {IKE_DH_MODP_8192, DH_MODP, "modp_8192"},
};
#define N_GROUPS (sizeof(groups) / sizeof(groups[0]))

struct generators {
	EVP_PKEY_CTX *ctx[N_GROUPS];
};

static pthread_key_t own;
static bool own_ok;
static pthread_once_t own_once = PTHREAD_ONCE_INIT;

static size_t find(uint16_t group)
{
	size_t i = 0;

	while (i < N_GROUPS && groups[i].group != group)
		i++;
	return i;
}

enum dh_kind dh_kind(uint16_t group)
{
	size_t i = find(group);

	return i < N_GROUPS ? groups[i].kind : DH_NONE;
}

/* RFC 7296 B.2 (from RFC 2409), which OpenSSL has as a number only. */
static EVP_PKEY *modp1024(void)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	BIGNUM *p = BN_get_rfc2409_prime_1024(NULL), *g = BN_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (bld && ctx && p && g && BN_set_word(g, 2) == 1 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_FFC_P, p) == 1 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_FFC_G, g) == 1 &&
	    OSSL_PARAM_BLD_push_int(bld, OSSL_PKEY_PARAM_DH_PRIV_LEN, 256) == 1 &&
	    (params = OSSL_PARAM_BLD_to_param(bld)) && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEY_PARAMETERS, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(p);
	BN_free(g);
	return key;
}

static EVP_PKEY_CTX *make_generator(size_t i)
{
	OSSL_PARAM params[] = {OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
	EVP_PKEY *template = NULL;
	EVP_PKEY_CTX *ctx;
	bool ok;

	if (!groups[i].name) {
		template = modp1024();
		ctx = template ? EVP_PKEY_CTX_new_from_pkey(NULL, template, NULL) : NULL;
	} else {
		ctx = EVP_PKEY_CTX_new_from_name(NULL, groups[i].kind == DH_MODP ? "DH" : "EC", NULL);
		params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
		                                             (char *)groups[i].name, 0);
	}
	ok = ctx && EVP_PKEY_keygen_init(ctx) == 1 &&
	     (!params[0].key || EVP_PKEY_CTX_set_params(ctx, params) == 1);
	EVP_PKEY_free(template); /* the context holds it */
	if (ok)
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

static void free_generators(void *value)
{
	struct generators *g = value;

	for (size_t i = 0; i < N_GROUPS; i++)
		EVP_PKEY_CTX_free(g->ctx[i]);
	free(g);
}

static void make_key(void)
{
	own_ok = pthread_key_create(&own, free_generators) == 0;
}

/* This thread's; NULL: no memory. */
static struct generators *generators(void)
{
	struct generators *g;

	pthread_once(&own_once, make_key);
	if (!own_ok)
		return NULL;
	g = pthread_getspecific(own);
	if (g)
		return g;
	g = calloc(1, sizeof(*g));
	if (g && pthread_setspecific(own, g) != 0) {
		free(g);
		g = NULL;
	}
	return g;
}

EVP_PKEY *dh_keygen(uint16_t group)
{
	struct generators *g = generators();
	size_t i = find(group);
	EVP_PKEY *key = NULL;

	if (!g || i == N_GROUPS || groups[i].kind == DH_RAW)
		return NULL;
	if (!g->ctx[i])
		g->ctx[i] = make_generator(i);
	if (g->ctx[i])
		(void)EVP_PKEY_generate(g->ctx[i], &key);
	return key;
}
