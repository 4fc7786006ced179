/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library context of OpenSSL's for what peers send: their certificates and the keys in
 * them. OpenSSL 3.0 looks through every decoder and every kind of key of its provider for
 * each public key that it reads, which takes longer than to verify a signature; this
 * context's provider is the default one with the few that we take. Made once; any thread.
 */
#include <pthread.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include "control/ike/crypto/quick_ec.h"
#include "control/ike/crypto/sign.h"

#define MAX_ALGORITHMS 16u

/* Written under pthread_once, which publishes them; read only after that. */
static OSSL_PROVIDER *whole; /* the default provider, whose implementations these are */
static OSSL_LIB_CTX *context;
static OSSL_ALGORITHM key_types[MAX_ALGORITHMS + 1], decoders[MAX_ALGORITHMS + 1];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* `names` is a list with colons, the usual one first. */
static bool is_named(const char *names, const char *name)
{
	size_t len = strcspn(names, ":");

	return strlen(name) == len && strncmp(names, name, len) == 0;
}

static bool is_ours(const char *names)
{
	static const char *const ours[] = {"EC", "RSA", "RSA-PSS", "ED25519", "ED448"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (is_named(names, ours[i]))
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

static void filter(OSSL_ALGORITHM *out, int operation, const char *property)
{
	int no_cache = 0;
	const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, operation, &no_cache);
	size_t n = 0;

	for (; all && all->algorithm_names && n < MAX_ALGORITHMS; all++)
		if (is_ours(all->algorithm_names) && strstr(all->property_definition, property))
			out[n++] = *all;
}

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return key_types;
	case OSSL_OP_DECODER:
		return decoders;
	case OSSL_OP_ENCODER:
	case OSSL_OP_STORE:
		return NULL;
	default:
		return OSSL_PROVIDER_query_operation(whole, operation, no_cache);
	}
}

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                         void **provider)
{
	static const OSSL_DISPATCH functions[] = {
	        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
	        {0, NULL},
	};

	(void)handle;
	*out = functions;
	*provider = OSSL_PROVIDER_get0_provider_ctx(whole);
	/* Without it, all is as right and slower. */
	if (find(key_types, "EC") && find(decoders, "EC"))
		quick_ec_install(in, *provider, find(key_types, "EC"), find(decoders, "EC"));
	return 1;
}

static void make(void)
{
	OSSL_LIB_CTX *made = OSSL_LIB_CTX_new();

	whole = OSSL_PROVIDER_load(NULL, "default");
	if (made && whole) {
		filter(key_types, OSSL_OP_KEYMGMT, "");
		filter(decoders, OSSL_OP_DECODER, "structure=SubjectPublicKeyInfo");
	}
	if (made && whole && key_types[0].algorithm_names && decoders[0].algorithm_names &&
	    OSSL_PROVIDER_add_builtin(made, "roamgate", provider_init) == 1 &&
	    OSSL_PROVIDER_load(made, "roamgate"))
		context = made;
	else
		OSSL_LIB_CTX_free(made);
}

OSSL_LIB_CTX *ike_peer_libctx(void)
{
	pthread_once(&once, make);
	return context;
}
