/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys of P-256 as they stand in nearly all certificates: named curve, point not
 * compressed (RFC 5480 2). OpenSSL 3.0 makes the group anew for each, which takes longer
 * than all else that it does to read one; here it is copied from a template. Whatever is
 * written in another way goes to OpenSSL's decoder. The point is OpenSSL's to check in
 * both cases. Installed once, before others see the context; the rest by any thread.
 */
#include <stdbool.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "control/ike/crypto/quick_ec.h"

#define MAX_FUNCTIONS 48u
#define POINT_LEN     65u   /* 4, x, y */
#define KEY_MAX       1024u /* octets of a SubjectPublicKeyInfo; P-521 has 158 */

/* Written by quick_ec_install() under libctx.c's pthread_once; read only after that. */
static OSSL_DISPATCH key_functions[MAX_FUNCTIONS], decoder_functions[MAX_FUNCTIONS];
static void *group_only; /* a key of P-256 without point */
static OSSL_FUNC_keymgmt_load_fn *load_slow;
static OSSL_FUNC_keymgmt_dup_fn *dup_key;
static OSSL_FUNC_keymgmt_set_params_fn *set_params;
static OSSL_FUNC_keymgmt_free_fn *free_key;
static OSSL_FUNC_decoder_decode_fn *decode_slow;
static OSSL_FUNC_BIO_new_membuf_fn *bio_new;
static OSSL_FUNC_BIO_read_ex_fn *bio_read;
static OSSL_FUNC_BIO_free_fn *bio_free;

/* SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING }, up to the point. */
static const uint8_t p256_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

static const uint8_t *p256_point(const uint8_t *der, size_t len)
{
	const uint8_t *point = der + sizeof(p256_head);

	if (len != sizeof(p256_head) + POINT_LEN || memcmp(der, p256_head, sizeof(p256_head)) != 0 ||
	    *point != 4)
		return NULL;
	return point;
}

/* OpenSSL checks that the point is on the curve. */
static void *load(const void *reference, size_t len)
{
	OSSL_PARAM params[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
	uint8_t point[POINT_LEN];
	void *key;

	if (len != POINT_LEN)
		return load_slow(reference, len);
	memcpy(point, reference, len);
	params[0] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, len);
	key = dup_key(group_only, OSSL_KEYMGMT_SELECT_ALL_PARAMETERS);
	if (key != NULL && set_params(key, params) != 1) {
		free_key(key);
		key = NULL;
	}
	return key;
}

/* What decoders hand up: the key's type, and what load() makes the key of. */
static int give(const uint8_t *point, OSSL_CALLBACK *got, void *arg)
{
	int type = OSSL_OBJECT_PKEY;
	char name[] = "EC";
	OSSL_PARAM params[4] = {
	        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
	        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, name, 0),
	        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, (void *)point, POINT_LEN),
	        OSSL_PARAM_END,
	};

	return got(params, arg);
}

static size_t read_all(OSSL_CORE_BIO *in, uint8_t *out, size_t cap)
{
	size_t len = 0, n = 0;

	while (len < cap && bio_read(in, out + len, cap - len, &n) == 1 && n > 0)
		len += n;
	return len;
}

static int decode(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *got, void *arg,
                  OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
	uint8_t der[KEY_MAX];
	size_t len = read_all(in, der, sizeof(der));
	const uint8_t *point = p256_point(der, len);
	OSSL_CORE_BIO *rest;
	int rc;

	if (point != NULL && (selection == 0 || (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0))
		return give(point, got, arg);
	rest = len > 0 ? bio_new(der, (int)len) : NULL;
	if (rest == NULL)
		return 1; /* no key */
	rc = decode_slow(ctx, rest, selection, got, arg, ask, ask_arg);
	bio_free(rest);
	return rc;
}

/* A copy of `from` with one function another; the former one, NULL where it does not have it. */
static void (*replace(OSSL_DISPATCH *to, const OSSL_DISPATCH *from, int id, void (*function)(void)))(void)
{
	void (*former)(void) = NULL;

	for (size_t i = 0; i + 1 < MAX_FUNCTIONS; i++) {
		to[i] = from[i];
		if (from[i].function_id == 0)
			return former;
		if (from[i].function_id == id) {
			former = from[i].function;
			to[i].function = function;
		}
	}
	return NULL; /* more than there is room for */
}

static void find_core(const OSSL_DISPATCH *core)
{
	for (; core->function_id != 0; core++) {
		if (core->function_id == OSSL_FUNC_BIO_NEW_MEMBUF)
			bio_new = OSSL_FUNC_BIO_new_membuf(core);
		else if (core->function_id == OSSL_FUNC_BIO_READ_EX)
			bio_read = OSSL_FUNC_BIO_read_ex(core);
		else if (core->function_id == OSSL_FUNC_BIO_FREE)
			bio_free = OSSL_FUNC_BIO_free(core);
	}
}

static bool make_template(const OSSL_DISPATCH *functions, void *provider)
{
	OSSL_FUNC_keymgmt_new_fn *new_key = NULL;
	OSSL_FUNC_keymgmt_import_fn *import = NULL;
	char group[] = "P-256";
	OSSL_PARAM params[] = {
	        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
	        OSSL_PARAM_END,
	};

	for (; functions->function_id != 0; functions++) {
		if (functions->function_id == OSSL_FUNC_KEYMGMT_NEW)
			new_key = OSSL_FUNC_keymgmt_new(functions);
		else if (functions->function_id == OSSL_FUNC_KEYMGMT_IMPORT)
			import = OSSL_FUNC_keymgmt_import(functions);
		else if (functions->function_id == OSSL_FUNC_KEYMGMT_DUP)
			dup_key = OSSL_FUNC_keymgmt_dup(functions);
		else if (functions->function_id == OSSL_FUNC_KEYMGMT_SET_PARAMS)
			set_params = OSSL_FUNC_keymgmt_set_params(functions);
		else if (functions->function_id == OSSL_FUNC_KEYMGMT_FREE)
			free_key = OSSL_FUNC_keymgmt_free(functions);
	}
	if (!new_key || !import || !dup_key || !set_params || !free_key)
		return false;
	group_only = new_key(provider);
	return group_only != NULL && import(group_only, OSSL_KEYMGMT_SELECT_ALL_PARAMETERS, params) == 1;
}

bool quick_ec_install(const OSSL_DISPATCH *core, void *provider, OSSL_ALGORITHM *key_type,
                      OSSL_ALGORITHM *decoder)
{
	find_core(core);
	load_slow = (OSSL_FUNC_keymgmt_load_fn *)replace(key_functions, key_type->implementation,
	                                                 OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load);
	decode_slow = (OSSL_FUNC_decoder_decode_fn *)replace(
	        decoder_functions, decoder->implementation, OSSL_FUNC_DECODER_DECODE, (void (*)(void))decode);
	if (!bio_new || !bio_read || !bio_free || !load_slow || !decode_slow ||
	    !make_template(key_type->implementation, provider))
		return false;
	key_type->implementation = key_functions;
	decoder->implementation = decoder_functions;
	return true;
}
