/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every ESP suite that the dataplane has, in one table: one line more adds one,
 * if its cipher and its integrity algorithm are there. Numbers cross the API and
 * never change their meaning. RFC 8221; lengths in octets:
 *   AES-GCM RFC 4106, ChaCha20-Poly1305 RFC 7634, AES-GMAC RFC 4543, NULL RFC 2410,
 *   AES-CBC RFC 3602, AES-CTR RFC 3686; HMAC-SHA2 RFC 4868, HMAC-SHA1-96 RFC 2404.
 * Immutable; any thread.
 */
#ifndef RG_DATAPLANE_API_SUITES_H
#define RG_DATAPLANE_API_SUITES_H

#include <stdint.h>

/* IANA's IKEv2 transform IDs of types 1 and 3, as far as the table names them. */
enum rg_encr {
	RG_ENCR_NULL = 11,
	RG_ENCR_AES_CBC = 12,
	RG_ENCR_AES_CTR = 13,
	RG_ENCR_AES_GCM_8 = 18,
	RG_ENCR_AES_GCM_12 = 19,
	RG_ENCR_AES_GCM_16 = 20,
	RG_ENCR_NULL_AES_GMAC = 21,
	RG_ENCR_CHACHA20_POLY1305 = 28,
};

enum rg_integ {
	RG_INTEG_NONE = 0, /* the cipher authenticates */
	RG_INTEG_HMAC_SHA1_96 = 2,
	RG_INTEG_HMAC_SHA2_256_128 = 12,
	RG_INTEG_HMAC_SHA2_384_192 = 13,
	RG_INTEG_HMAC_SHA2_512_256 = 14,
};

/* X(NAME, number, "name in proposals", cipher, its key, salt, IV on the wire, alignment of the cipher
 * text, integrity algorithm, its key, ICV) */
/* clang-format off */
#define RG_SUITES(X) \
	X(AES128_GCM16, 1, "aes128gcm16", AES_GCM_16, 16, 4, 8, 4, NONE, 0, 16) \
	X(AES256_GCM16, 2, "aes256gcm16", AES_GCM_16, 32, 4, 8, 4, NONE, 0, 16) \
	X(AES192_GCM16, 3, "aes192gcm16", AES_GCM_16, 24, 4, 8, 4, NONE, 0, 16) \
	X(AES128_GCM12, 4, "aes128gcm12", AES_GCM_12, 16, 4, 8, 4, NONE, 0, 12) \
	X(AES192_GCM12, 5, "aes192gcm12", AES_GCM_12, 24, 4, 8, 4, NONE, 0, 12) \
	X(AES256_GCM12, 6, "aes256gcm12", AES_GCM_12, 32, 4, 8, 4, NONE, 0, 12) \
	X(AES128_GCM8, 7, "aes128gcm8", AES_GCM_8, 16, 4, 8, 4, NONE, 0, 8) \
	X(AES192_GCM8, 8, "aes192gcm8", AES_GCM_8, 24, 4, 8, 4, NONE, 0, 8) \
	X(AES256_GCM8, 9, "aes256gcm8", AES_GCM_8, 32, 4, 8, 4, NONE, 0, 8) \
	X(CHACHA20_POLY1305, 10, "chacha20poly1305", CHACHA20_POLY1305, 32, 4, 8, 4, NONE, 0, 16) \
	X(AES128_GMAC, 11, "aes128gmac", NULL_AES_GMAC, 16, 4, 8, 4, NONE, 0, 16) \
	X(AES192_GMAC, 12, "aes192gmac", NULL_AES_GMAC, 24, 4, 8, 4, NONE, 0, 16) \
	X(AES256_GMAC, 13, "aes256gmac", NULL_AES_GMAC, 32, 4, 8, 4, NONE, 0, 16) \
	X(NULL_SHA256, 14, "null-sha256", NULL, 0, 0, 0, 4, HMAC_SHA2_256_128, 32, 16) \
	X(NULL_SHA384, 15, "null-sha384", NULL, 0, 0, 0, 4, HMAC_SHA2_384_192, 48, 24) \
	X(NULL_SHA512, 16, "null-sha512", NULL, 0, 0, 0, 4, HMAC_SHA2_512_256, 64, 32) \
	X(NULL_SHA1, 17, "null-sha1", NULL, 0, 0, 0, 4, HMAC_SHA1_96, 20, 12) \
	X(AES128_SHA256, 18, "aes128-sha256", AES_CBC, 16, 0, 16, 16, HMAC_SHA2_256_128, 32, 16) \
	X(AES128_SHA384, 19, "aes128-sha384", AES_CBC, 16, 0, 16, 16, HMAC_SHA2_384_192, 48, 24) \
	X(AES128_SHA512, 20, "aes128-sha512", AES_CBC, 16, 0, 16, 16, HMAC_SHA2_512_256, 64, 32) \
	X(AES128_SHA1, 21, "aes128-sha1", AES_CBC, 16, 0, 16, 16, HMAC_SHA1_96, 20, 12) \
	X(AES192_SHA256, 22, "aes192-sha256", AES_CBC, 24, 0, 16, 16, HMAC_SHA2_256_128, 32, 16) \
	X(AES192_SHA384, 23, "aes192-sha384", AES_CBC, 24, 0, 16, 16, HMAC_SHA2_384_192, 48, 24) \
	X(AES192_SHA512, 24, "aes192-sha512", AES_CBC, 24, 0, 16, 16, HMAC_SHA2_512_256, 64, 32) \
	X(AES192_SHA1, 25, "aes192-sha1", AES_CBC, 24, 0, 16, 16, HMAC_SHA1_96, 20, 12) \
	X(AES256_SHA256, 26, "aes256-sha256", AES_CBC, 32, 0, 16, 16, HMAC_SHA2_256_128, 32, 16) \
	X(AES256_SHA384, 27, "aes256-sha384", AES_CBC, 32, 0, 16, 16, HMAC_SHA2_384_192, 48, 24) \
	X(AES256_SHA512, 28, "aes256-sha512", AES_CBC, 32, 0, 16, 16, HMAC_SHA2_512_256, 64, 32) \
	X(AES256_SHA1, 29, "aes256-sha1", AES_CBC, 32, 0, 16, 16, HMAC_SHA1_96, 20, 12) \
	X(AES128CTR_SHA256, 30, "aes128ctr-sha256", AES_CTR, 16, 4, 8, 4, HMAC_SHA2_256_128, 32, 16) \
	X(AES128CTR_SHA384, 31, "aes128ctr-sha384", AES_CTR, 16, 4, 8, 4, HMAC_SHA2_384_192, 48, 24) \
	X(AES128CTR_SHA512, 32, "aes128ctr-sha512", AES_CTR, 16, 4, 8, 4, HMAC_SHA2_512_256, 64, 32) \
	X(AES128CTR_SHA1, 33, "aes128ctr-sha1", AES_CTR, 16, 4, 8, 4, HMAC_SHA1_96, 20, 12) \
	X(AES192CTR_SHA256, 34, "aes192ctr-sha256", AES_CTR, 24, 4, 8, 4, HMAC_SHA2_256_128, 32, 16) \
	X(AES192CTR_SHA384, 35, "aes192ctr-sha384", AES_CTR, 24, 4, 8, 4, HMAC_SHA2_384_192, 48, 24) \
	X(AES192CTR_SHA512, 36, "aes192ctr-sha512", AES_CTR, 24, 4, 8, 4, HMAC_SHA2_512_256, 64, 32) \
	X(AES192CTR_SHA1, 37, "aes192ctr-sha1", AES_CTR, 24, 4, 8, 4, HMAC_SHA1_96, 20, 12) \
	X(AES256CTR_SHA256, 38, "aes256ctr-sha256", AES_CTR, 32, 4, 8, 4, HMAC_SHA2_256_128, 32, 16) \
	X(AES256CTR_SHA384, 39, "aes256ctr-sha384", AES_CTR, 32, 4, 8, 4, HMAC_SHA2_384_192, 48, 24) \
	X(AES256CTR_SHA512, 40, "aes256ctr-sha512", AES_CTR, 32, 4, 8, 4, HMAC_SHA2_512_256, 64, 32) \
	X(AES256CTR_SHA1, 41, "aes256ctr-sha1", AES_CTR, 32, 4, 8, 4, HMAC_SHA1_96, 20, 12)
/* clang-format on */

enum rg_suite {
#define X(name, number, ...) RG_SUITE_##name = (number),
	RG_SUITES(X)
#undef X
	        RG_SUITE_END, /* one more than the last line's */
};

/* A key, as it crosses the API and comes from KEYMAT (RFC 7296 2.17): the cipher's key, its
 * salt (RFC 4106 8.1, RFC 7634 2, RFC 3686 5.1, RFC 4543 5.1), then the integrity algorithm's key. */
struct rg_suite_info {
	const char *name; /* NULL: no such suite */
	uint8_t encr;     /* enum rg_encr */
	uint8_t integ;    /* enum rg_integ */
	uint8_t key, salt, iv, block, integ_key, icv;
};

/* NULL: there is no such suite. */
const struct rg_suite_info *rg_suite_info(uint32_t suite);

/* Octets of key material in an API record. */
static inline unsigned rg_suite_key_octets(const struct rg_suite_info *s)
{
	return (unsigned)s->key + s->salt + s->integ_key;
}

/* AES-GCM with encryption: the only ones that a dataplane does packet by packet. */
#define RG_ENCR_IS_GCM(encr) ((encr) >= RG_ENCR_AES_GCM_8 && (encr) <= RG_ENCR_AES_GCM_16)

static inline int rg_suite_is_gcm(const struct rg_suite_info *s)
{
	return RG_ENCR_IS_GCM(s->encr);
}

/* The suite of negotiated transforms: `key_bits` is the Key Length attribute, 0 without. 0: none. */
uint32_t rg_suite_find(uint16_t encr, uint16_t key_bits, uint16_t integ);

#endif
