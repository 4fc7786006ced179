/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 2759 section 8 and RFC 3079 section 3 (mschap.h). Any thread.
 */
#include "control/eap/mschap.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/* Made once, never changed, never freed: every thread uses them without a lock. */
static struct {
	OSSL_LIB_CTX *context;
	EVP_MD *md4, *sha1;
	EVP_CIPHER *des;
	bool ready;
} legacy;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
	legacy.context = OSSL_LIB_CTX_new();
	if (legacy.context != NULL && OSSL_PROVIDER_load(legacy.context, "legacy") != NULL &&
	    OSSL_PROVIDER_load(legacy.context, "default") != NULL) {
		legacy.md4 = EVP_MD_fetch(legacy.context, "MD4", NULL);
		legacy.sha1 = EVP_MD_fetch(legacy.context, "SHA1", NULL);
		legacy.des = EVP_CIPHER_fetch(legacy.context, "DES-ECB", NULL);
	}
	legacy.ready = legacy.md4 != NULL && legacy.sha1 != NULL && legacy.des != NULL;
	ERR_clear_error();
}

int mschap_init(void)
{
	pthread_once(&once, load);
	return legacy.ready ? 0 : -ENOTSUP;
}

struct part {
	const void *data;
	size_t len;
};

static int digest(const EVP_MD *md, const struct part *parts, size_t n, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) == 1;

	for (size_t i = 0; i < n && good; i++)
		good = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
	good = good && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return good ? 0 : -EIO;
}

/* RFC 2759 8.6. The parity bits, the lowest of each octet, are not looked at. */
static int des_encrypt(const uint8_t clear[8], const uint8_t key[7], uint8_t out[8])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t wide[8];
	uint64_t bits = 0;
	int len = 0;
	bool good;

	for (unsigned i = 0; i < 7; i++)
		bits = bits << 8 | key[i];
	for (unsigned i = 0; i < 8; i++)
		wide[i] = (uint8_t)((bits >> (49 - 7 * i) & 0x7f) << 1);
	good = ctx != NULL && EVP_EncryptInit_ex2(ctx, legacy.des, wide, NULL, NULL) == 1 &&
	       EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 && EVP_EncryptUpdate(ctx, out, &len, clear, 8) == 1 &&
	       len == 8;
	EVP_CIPHER_CTX_free(ctx);
	explicit_bzero(wide, sizeof(wide));
	explicit_bzero(&bits, sizeof(bits));
	return good ? 0 : -EIO;
}

/* The next character of UTF-8 text, shortest forms only; -1: it is none. */
static int32_t character(const uint8_t *text, size_t len, size_t *at)
{
	static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
	uint8_t first = text[(*at)++];
	unsigned more = first < 0x80       ? 0
	                : first >> 5 == 6  ? 1
	                : first >> 4 == 14 ? 2
	                : first >> 3 == 30 ? 3
	                                   : 4;
	int32_t c;

	if (more == 4 || len - *at < more)
		return -1;
	c = more == 0 ? first : first & (0x3f >> more);
	for (unsigned i = 0; i < more; i++) {
		uint8_t next = text[(*at)++];

		if (next >> 6 != 2)
			return -1;
		c = c << 6 | (next & 0x3f);
	}
	return c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? -1 : c;
}

static void put16(uint8_t *out, size_t *n, uint32_t unit)
{
	out[(*n)++] = (uint8_t)unit;
	out[(*n)++] = (uint8_t)(unit >> 8);
}

int mschap_nt_hash(const uint8_t *password, size_t len, uint8_t out[MSCHAP_HASH])
{
	uint8_t wide[2 * MSCHAP_PASSWORD + 4]; /* UTF-16, little-endian */
	struct part part = {wide, 0};
	int error = mschap_init();
	size_t n = 0;

	for (size_t at = 0; at < len && error == 0;) {
		int32_t c = character(password, len, &at);

		if (c < 0 || n >= 2 * MSCHAP_PASSWORD) {
			error = -EINVAL;
		} else if (c < 0x10000) {
			put16(wide, &n, (uint32_t)c);
		} else {
			put16(wide, &n, 0xd800 + ((uint32_t)(c - 0x10000) >> 10));
			put16(wide, &n, 0xdc00 + ((uint32_t)(c - 0x10000) & 0x3ff));
		}
	}
	if (n > 2 * MSCHAP_PASSWORD)
		error = -EINVAL;
	part.len = n;
	if (error == 0)
		error = digest(legacy.md4, &part, 1, out);
	explicit_bzero(wide, sizeof(wide));
	return error;
}

static int challenge_hash(const struct mschap_input *in, uint8_t out[8])
{
	const uint8_t *name = in->name, *domain = NULL;
	size_t len = in->name_len;
	uint8_t sum[20];
	int error;

	if (len > 0)
		domain = memchr(name, '\\', len);
	if (domain != NULL) {
		len -= (size_t)(domain + 1 - name);
		name = domain + 1;
	}
	error = digest(legacy.sha1,
	               (struct part[]){{in->peer, sizeof(in->peer)},
	                               {in->authenticator, sizeof(in->authenticator)},
	                               {name, len}},
	               3, sum);
	memcpy(out, sum, 8);
	return error;
}

int mschap_response(const struct mschap_input *in, const uint8_t nt_hash[MSCHAP_HASH],
                    uint8_t out[MSCHAP_RESPONSE])
{
	uint8_t padded[21] = {0}, challenge[8];
	int error = mschap_init();

	if (error == 0)
		error = challenge_hash(in, challenge);
	memcpy(padded, nt_hash, MSCHAP_HASH);
	for (unsigned i = 0; i < 3 && error == 0; i++)
		error = des_encrypt(challenge, padded + 7 * i, out + 8 * i);
	explicit_bzero(padded, sizeof(padded));
	return error == 0 ? 0 : -EIO;
}

/* RFC 2759 8.4 */
static int hash_hash(const uint8_t nt_hash[MSCHAP_HASH], uint8_t out[MSCHAP_HASH])
{
	int error = mschap_init();

	return error < 0 ? error : digest(legacy.md4, &(struct part){nt_hash, MSCHAP_HASH}, 1, out);
}

/* What both begin with: the password's hash, hashed again, with a response to it. RFC 2759 8.7, RFC 3079 3.4.
 */
static int hash_with_response(const uint8_t nt_hash[MSCHAP_HASH], const uint8_t response[MSCHAP_RESPONSE],
                              const char *magic, uint8_t out[20])
{
	uint8_t hash[MSCHAP_HASH];
	int error = hash_hash(nt_hash, hash);

	if (error == 0)
		error = digest(legacy.sha1,
		               (struct part[]){{hash, sizeof(hash)},
		                               {response, MSCHAP_RESPONSE},
		                               {magic, strlen(magic)}},
		               3, out);
	explicit_bzero(hash, sizeof(hash));
	return error;
}

int mschap_proof(const struct mschap_input *in, const uint8_t nt_hash[MSCHAP_HASH],
                 const uint8_t response[MSCHAP_RESPONSE], uint8_t out[MSCHAP_PROOF])
{
	static const char magic1[] = "Magic server to client signing constant";
	static const char magic2[] = "Pad to make it do more than one iteration";
	uint8_t sum[20], challenge[8];
	int error = hash_with_response(nt_hash, response, magic1, sum);

	if (error == 0)
		error = challenge_hash(in, challenge);
	if (error == 0)
		error = digest(legacy.sha1,
		               (struct part[]){{sum, sizeof(sum)},
		                               {challenge, sizeof(challenge)},
		                               {magic2, sizeof(magic2) - 1}},
		               3, out);
	explicit_bzero(sum, sizeof(sum));
	return error == 0 ? 0 : -EIO;
}

/* RFC 3079 3.4: GetAsymmetricStartKey(). */
static int start_key(const uint8_t master[MSCHAP_KEY], const char *magic, uint8_t out[MSCHAP_KEY])
{
	uint8_t pad1[40] = {0}, pad2[40], sum[20];
	int error;

	memset(pad2, 0xf2, sizeof(pad2));
	error = digest(legacy.sha1,
	               (struct part[]){{master, MSCHAP_KEY},
	                               {pad1, sizeof(pad1)},
	                               {magic, strlen(magic)},
	                               {pad2, sizeof(pad2)}},
	               4, sum);
	memcpy(out, sum, MSCHAP_KEY);
	explicit_bzero(sum, sizeof(sum));
	return error;
}

int mschap_keys(const uint8_t nt_hash[MSCHAP_HASH], const uint8_t response[MSCHAP_RESPONSE],
                uint8_t client_sends[MSCHAP_KEY], uint8_t client_receives[MSCHAP_KEY])
{
	static const char magic1[] = "This is the MPPE Master Key";
	static const char magic2[] = "On the client side, this is the send key; "
	                             "on the server side, it is the receive key.";
	static const char magic3[] = "On the client side, this is the receive key; "
	                             "on the server side, it is the send key.";
	uint8_t master[20];
	int error = hash_with_response(nt_hash, response, magic1, master);

	if (error == 0)
		error = start_key(master, magic2, client_sends);
	if (error == 0)
		error = start_key(master, magic3, client_receives);
	explicit_bzero(master, sizeof(master));
	return error == 0 ? 0 : -EIO;
}
