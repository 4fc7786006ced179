/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Library contexts of OpenSSL's for what peers send: their certificates and the keys in
 * them. OpenSSL 3.0 looks through every decoder and every other algorithm that it knows for
 * each public key that it reads, which takes longer than to verify a signature. So these contexts'
 * provider is the default one with fewer: one has the kinds of keys that we take, the other
 * no more than ECDSA needs, which is what most clients have. Made once; any thread.
 */
#include <pthread.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "control/ike/crypto/quick_ec.h"
#include "control/ike/crypto/sigalg.h"

#define MAX_ALGORITHMS 16u
#define EC_NAME        "roamgate-ec"

/* What a context has of an operation. */
typedef OSSL_ALGORITHM algorithms[MAX_ALGORITHMS + 1];

/* Written under pthread_once, which publishes them; read only after that. */
static OSSL_PROVIDER *whole; /* the default provider, whose implementations these are */
static OSSL_LIB_CTX *all, *ec;
static algorithms all_keys, all_decoders;
static algorithms ec_keys, ec_decoders, ec_digests, ec_signatures;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *const kinds[] = {"EC", "RSA", "RSA-PSS", "ED25519", "ED448", NULL};
static const char *const ec_kinds[] = {"EC", NULL};
static const char *const digests[] = {"SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512", NULL};
static const char *const signatures[] = {"ECDSA", NULL};

/* `names` is a list with colons, the usual one first. */
static bool is_named(const char *names, const char *name)
{
	size_t len = strcspn(names, ":");

	return strlen(name) == len && strncmp(names, name, len) == 0;
}

static bool is_among(const char *names, const char *const wanted[])
{
	for (; *wanted; wanted++)
		if (is_named(names, *wanted))
			return true;
	return false;
}

static OSSL_ALGORITHM *find(OSSL_ALGORITHM *list, const char *name)
{
	for (; list->algorithm_names; list++)
		if (is_named(list->algorithm_names, name))
			return list;
	return NULL;
}

static void copy(algorithms out, const OSSL_ALGORITHM *from, const char *const wanted[], const char *property)
{
	size_t n = 0;

	for (; from && from->algorithm_names && n < MAX_ALGORITHMS; from++)
		if (is_among(from->algorithm_names, wanted) && strstr(from->property_definition, property))
			out[n++] = *from;
}

static const OSSL_ALGORITHM *of_whole(int operation)
{
	int no_cache = 0;

	return OSSL_PROVIDER_query_operation(whole, operation, &no_cache);
}

/* The provider's own context is that of the default provider, which does not tell the two apart. */
static const OSSL_ALGORITHM *query_all(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return all_keys;
	case OSSL_OP_DECODER:
		return all_decoders;
	case OSSL_OP_ENCODER:
	case OSSL_OP_STORE:
		return NULL;
	default:
		return OSSL_PROVIDER_query_operation(whole, operation, no_cache);
	}
}

static const OSSL_ALGORITHM *query_ec(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return ec_keys;
	case OSSL_OP_DECODER:
		return ec_decoders;
	case OSSL_OP_DIGEST:
		return ec_digests;
	case OSSL_OP_SIGNATURE:
		return ec_signatures;
	default:
		return NULL;
	}
}

static int init_all(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                    void **provider)
{
	static const OSSL_DISPATCH functions[] = {
	        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_all},
	        {0, NULL},
	};

	(void)handle;
	*out = functions;
	*provider = OSSL_PROVIDER_get0_provider_ctx(whole);
	/* Without it, all is as right and slower. */
	if (find(all_keys, "EC") && find(all_decoders, "EC"))
		quick_ec_install(in, *provider, find(all_keys, "EC"), find(all_decoders, "EC"));
	return 1;
}

static int init_ec(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                   void **provider)
{
	static const OSSL_DISPATCH functions[] = {
	        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_ec},
	        {0, NULL},
	};

	(void)handle, (void)in;
	*out = functions;
	*provider = OSSL_PROVIDER_get0_provider_ctx(whole);
	return 1;
}

/* NULL: there is none. */
static OSSL_LIB_CTX *make(const char *name, OSSL_provider_init_fn *init)
{
	OSSL_LIB_CTX *made = OSSL_LIB_CTX_new();

	if (made && OSSL_PROVIDER_add_builtin(made, name, init) == 1 && OSSL_PROVIDER_load(made, name))
		return made;
	OSSL_LIB_CTX_free(made);
	return NULL;
}

static void make_both(void)
{
	whole = OSSL_PROVIDER_load(NULL, "default");
	if (!whole)
		return;
	copy(all_keys, of_whole(OSSL_OP_KEYMGMT), kinds, "");
	copy(all_decoders, of_whole(OSSL_OP_DECODER), kinds, "structure=SubjectPublicKeyInfo");
	if (all_keys[0].algorithm_names && all_decoders[0].algorithm_names)
		all = make("roamgate", init_all);
	if (!all)
		return;
	/* From those of the other, with the quick way to P-256 that its start put there. */
	copy(ec_keys, all_keys, ec_kinds, "");
	copy(ec_decoders, all_decoders, ec_kinds, "");
	copy(ec_digests, of_whole(OSSL_OP_DIGEST), digests, "");
	copy(ec_signatures, of_whole(OSSL_OP_SIGNATURE), signatures, "");
	if (ec_keys[0].algorithm_names && ec_decoders[0].algorithm_names && ec_digests[0].algorithm_names &&
	    ec_signatures[0].algorithm_names)
		ec = make(EC_NAME, init_ec);
}

OSSL_LIB_CTX *ike_peer_libctx(void)
{
	pthread_once(&once, make_both);
	return all;
}

OSSL_LIB_CTX *ike_ec_libctx(void)
{
	pthread_once(&once, make_both);
	return ec;
}

static bool is_of_ec(const EVP_PKEY *key)
{
	const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(key);

	return provider && strcmp(OSSL_PROVIDER_get0_name(provider), EC_NAME) == 0;
}

OSSL_LIB_CTX *ike_libctx_of(const EVP_PKEY *key)
{
	return is_of_ec(key) ? ike_ec_libctx() : ike_peer_libctx();
}

OSSL_LIB_CTX *ike_libctx_of_own(const EVP_PKEY *key)
{
	return is_of_ec(key) ? ike_ec_libctx() : NULL;
}

EVP_PKEY *ike_own_key(EVP_PKEY *key)
{
	OSSL_LIB_CTX *to = key && EVP_PKEY_is_a(key, "EC") ? ike_ec_libctx() : NULL;
	EVP_PKEY_CTX *ctx = to ? EVP_PKEY_CTX_new_from_name(to, "EC", NULL) : NULL;
	OSSL_PARAM *params = NULL;
	EVP_PKEY *made = NULL;

	if (ctx && EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params) == 1 && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_KEYPAIR, params);
	OSSL_PARAM_free(params); /* wipes it */
	EVP_PKEY_CTX_free(ctx);
	if (!made) /* it signs as well where it is */
		return key;
	EVP_PKEY_free(key);
	return made;
}
