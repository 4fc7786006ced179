/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X25519 and X448 by the functions of OpenSSL's default provider, called as
 * provider-keymgmt(7) and provider-keyexch(7) say. The EVP layer above them looks
 * through all names of algorithms for each key that it makes; with it an IKE setup costs
 * a fifth of the two multiplications more. Any thread.
 */
#include "control/ike/crypto/dh_raw.h"

#include <pthread.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "control/ike/wire/constants.h"

#define MAX_LEN    56u
#define X25519_LEN 32u
#define KEYS_AHEAD 8u /* as many jobs as a thread takes at a time */

/* Of one group. */
struct functions {
	OSSL_FUNC_keymgmt_new_fn *new_key;
	OSSL_FUNC_keymgmt_free_fn *free_key;
	OSSL_FUNC_keymgmt_import_fn *import;
	OSSL_FUNC_keymgmt_get_params_fn *get_params;
	OSSL_FUNC_keymgmt_gen_init_fn *gen_init;
	OSSL_FUNC_keymgmt_gen_fn *gen;
	OSSL_FUNC_keymgmt_gen_cleanup_fn *gen_cleanup;
	OSSL_FUNC_keyexch_newctx_fn *new_exchange;
	OSSL_FUNC_keyexch_init_fn *init;
	OSSL_FUNC_keyexch_set_peer_fn *set_peer;
	OSSL_FUNC_keyexch_derive_fn *derive;
	OSSL_FUNC_keyexch_freectx_fn *free_exchange;
	bool complete;
};

/* Written by find() under pthread_once, which publishes them; read only after that. */
static struct functions x25519, x448;
static OSSL_PROVIDER *provider;
static void *provider_ctx;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Random octets for private keys that this thread makes, handed out from the end and wiped as they go. */
static _Thread_local uint8_t ahead[KEYS_AHEAD * X25519_LEN];
static _Thread_local size_t n_ahead;

static const OSSL_DISPATCH *dispatch(int operation, const char *name)
{
	int no_cache = 0;
	const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(provider, operation, &no_cache);
	size_t len = strlen(name);

	/* A list with colons, the usual name first. */
	for (; all && all->algorithm_names; all++)
		if (strncmp(all->algorithm_names, name, len) == 0 &&
		    (all->algorithm_names[len] == ':' || all->algorithm_names[len] == '\0'))
			return all->implementation;
	return NULL;
}

static void find_key_functions(struct functions *f, const OSSL_DISPATCH *d)
{
	for (; d && d->function_id != 0; d++) {
		switch (d->function_id) {
		case OSSL_FUNC_KEYMGMT_NEW:
			f->new_key = OSSL_FUNC_keymgmt_new(d);
			break;
		case OSSL_FUNC_KEYMGMT_FREE:
			f->free_key = OSSL_FUNC_keymgmt_free(d);
			break;
		case OSSL_FUNC_KEYMGMT_IMPORT:
			f->import = OSSL_FUNC_keymgmt_import(d);
			break;
		case OSSL_FUNC_KEYMGMT_GET_PARAMS:
			f->get_params = OSSL_FUNC_keymgmt_get_params(d);
			break;
		case OSSL_FUNC_KEYMGMT_GEN_INIT:
			f->gen_init = OSSL_FUNC_keymgmt_gen_init(d);
			break;
		case OSSL_FUNC_KEYMGMT_GEN:
			f->gen = OSSL_FUNC_keymgmt_gen(d);
			break;
		case OSSL_FUNC_KEYMGMT_GEN_CLEANUP:
			f->gen_cleanup = OSSL_FUNC_keymgmt_gen_cleanup(d);
			break;
		default:
			break;
		}
	}
}

static void find_exchange_functions(struct functions *f, const OSSL_DISPATCH *d)
{
	for (; d && d->function_id != 0; d++) {
		switch (d->function_id) {
		case OSSL_FUNC_KEYEXCH_NEWCTX:
			f->new_exchange = OSSL_FUNC_keyexch_newctx(d);
			break;
		case OSSL_FUNC_KEYEXCH_INIT:
			f->init = OSSL_FUNC_keyexch_init(d);
			break;
		case OSSL_FUNC_KEYEXCH_SET_PEER:
			f->set_peer = OSSL_FUNC_keyexch_set_peer(d);
			break;
		case OSSL_FUNC_KEYEXCH_DERIVE:
			f->derive = OSSL_FUNC_keyexch_derive(d);
			break;
		case OSSL_FUNC_KEYEXCH_FREECTX:
			f->free_exchange = OSSL_FUNC_keyexch_freectx(d);
			break;
		default:
			break;
		}
	}
}

static void find_functions(struct functions *f, const char *name)
{
	find_key_functions(f, dispatch(OSSL_OP_KEYMGMT, name));
	find_exchange_functions(f, dispatch(OSSL_OP_KEYEXCH, name));
	f->complete = f->new_key && f->free_key && f->import && f->get_params && f->gen_init && f->gen &&
	              f->gen_cleanup && f->new_exchange && f->init && f->set_peer && f->derive &&
	              f->free_exchange;
}

/* A child process must not have its parent's keys. */
static void forget_ahead(void)
{
	explicit_bzero(ahead, sizeof(ahead));
	n_ahead = 0;
}

static void find(void)
{
	pthread_atfork(NULL, NULL, forget_ahead);
	provider = OSSL_PROVIDER_load(NULL, "default");
	if (!provider)
		return;
	provider_ctx = OSSL_PROVIDER_get0_provider_ctx(provider);
	find_functions(&x25519, "X25519");
	find_functions(&x448, "X448");
}

/* NULL: OpenSSL has not got it. */
static const struct functions *functions_of(uint16_t group)
{
	const struct functions *f = group == IKE_DH_X448 ? &x448 : &x25519;

	pthread_once(&once, find);
	return f->complete ? f : NULL;
}

static bool get_public(const struct functions *f, void *key, uint8_t *out, size_t len)
{
	OSSL_PARAM params[] = {
	        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, out, len),
	        OSSL_PARAM_END,
	};

	return f->get_params(key, params) == 1 && params[0].return_size == len;
}

static bool exchange(const struct functions *f, void *key, void *peer, uint8_t *shared, size_t len)
{
	void *ctx = f->new_exchange(provider_ctx);
	size_t got = 0;
	bool ok = ctx && f->init(ctx, key, NULL) == 1 && f->set_peer(ctx, peer) == 1 &&
	          f->derive(ctx, shared, &got, len) == 1 && got == len;

	if (ctx)
		f->free_exchange(ctx);
	return ok;
}

/* OpenSSL's generator takes 2 us and a system call each time, whatever is asked of it. */
static bool take_random(uint8_t out[X25519_LEN])
{
	if (n_ahead == 0 && RAND_priv_bytes(ahead, sizeof(ahead)) == 1)
		n_ahead = sizeof(ahead);
	if (n_ahead == 0)
		return false;
	n_ahead -= X25519_LEN;
	memcpy(out, ahead + n_ahead, X25519_LEN);
	explicit_bzero(ahead + n_ahead, X25519_LEN);
	return true;
}

/* RFC 7748 6.1: the public value is X25519(private key, 9). What OpenSSL has for that case alone goes through
 * a table of 24 KiB, and takes a quarter longer than its ladder where others use the caches too. So the key
 * has the base point in its public part, which nobody reads, and is its own peer once. */
static void *generate_x25519(const struct functions *f, uint8_t *public_value)
{
	uint8_t private_key[X25519_LEN], base[X25519_LEN] = {9};
	OSSL_PARAM params[] = {
	        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, private_key, X25519_LEN),
	        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, base, X25519_LEN),
	        OSSL_PARAM_END,
	};
	void *key = f->new_key(provider_ctx);
	bool ok = key && take_random(private_key) &&
	          f->import(key, OSSL_KEYMGMT_SELECT_KEYPAIR, params) == 1 &&
	          exchange(f, key, key, public_value, X25519_LEN);

	explicit_bzero(private_key, sizeof(private_key));
	if (ok)
		return key;
	if (key)
		f->free_key(key);
	return NULL;
}

static void *generate_x448(const struct functions *f, uint8_t *public_value, size_t len)
{
	void *made = f->gen_init(provider_ctx, OSSL_KEYMGMT_SELECT_KEYPAIR, NULL);
	void *key = made ? f->gen(made, NULL, NULL) : NULL;

	if (made)
		f->gen_cleanup(made);
	if (!key || get_public(f, key, public_value, len))
		return key;
	f->free_key(key);
	return NULL;
}

struct dh_raw_key *dh_raw_generate(uint16_t group, uint8_t *public_value, size_t len)
{
	const struct functions *f = functions_of(group);

	if (!f)
		return NULL;
	return group == IKE_DH_X448 ? generate_x448(f, public_value, len) : generate_x25519(f, public_value);
}

/* NULL: no memory, or not the group's length. */
static void *import(const struct functions *f, int selection, const char *name, const uint8_t *data,
                    size_t len)
{
	uint8_t copy[MAX_LEN];
	OSSL_PARAM params[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
	void *key = len <= sizeof(copy) ? f->new_key(provider_ctx) : NULL;
	bool ok;

	if (!key)
		return NULL;
	memcpy(copy, data, len);
	params[0] = OSSL_PARAM_construct_octet_string(name, copy, len);
	ok = f->import(key, selection, params) == 1;
	explicit_bzero(copy, sizeof(copy));
	if (ok)
		return key;
	f->free_key(key);
	return NULL;
}

struct dh_raw_key *dh_raw_import(uint16_t group, const uint8_t *private_key, size_t len)
{
	const struct functions *f = functions_of(group);

	return f ? import(f, OSSL_KEYMGMT_SELECT_KEYPAIR, OSSL_PKEY_PARAM_PRIV_KEY, private_key, len) : NULL;
}

bool dh_raw_derive(uint16_t group, struct dh_raw_key *key, const uint8_t *peer, uint8_t *shared, size_t len)
{
	const struct functions *f = functions_of(group);
	void *peer_key;
	bool ok;

	if (!f)
		return false;
	peer_key = import(f, OSSL_KEYMGMT_SELECT_PUBLIC_KEY, OSSL_PKEY_PARAM_PUB_KEY, peer, len);
	ok = peer_key && exchange(f, key, peer_key, shared, len);
	if (peer_key)
		f->free_key(peer_key);
	return ok;
}

void dh_raw_free(uint16_t group, struct dh_raw_key *key)
{
	const struct functions *f = functions_of(group);

	if (f && key)
		f->free_key(key);
}
