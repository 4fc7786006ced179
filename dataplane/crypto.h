/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-GCM with a 16-octet ICV for ESP (RFC 4106), as calls that encrypt or
 * decrypt one packet in place. crypto.c is the only file that knows the
 * library behind it. An expanded key is read-only and may be used by any
 * thread; crypto_init() comes first, in main.
 */
#ifndef RG_DATAPLANE_CRYPTO_H
#define RG_DATAPLANE_CRYPTO_H

#include "dataplane/core/lines.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYPTO_KEY_BYTES 1024u /* of an expanded key */
#define CRYPTO_KEY_ALIGN 64u
#define CRYPTO_ICV       16u /* bytes */
#define CRYPTO_NONCE     12u /* bytes used of the 16 */

/* What the library picked for this CPU, for status: "AVX512 VAES". */
const char *crypto_name(void);

/* 0, or -ENOTSUP if this CPU has no AES instructions, -ENOMEM. Main, once. */
int crypto_init(void);
void crypto_fini(void);

/*
 * core_config.key_expand: fills `area` (CRYPTO_KEY_BYTES, CRYPTO_KEY_ALIGN) from
 * the key octets of a record (the salt behind them is not looked at).
 * -EOPNOTSUPP: a suite other than enum rg_suite. Main.
 */
int crypto_key_expand(void *ctx, uint32_t suite, const uint8_t *key, void *area);

/*
 * Encrypts `len` bytes in place and writes the ICV behind them. `nonce`: salt and
 * IV, 16 readable bytes of which 12 count. `suite` is that of the key.
 */
void crypto_seal(uint8_t suite, const void *key, uint8_t *data, uint32_t len, const uint8_t nonce[16],
                 const uint8_t *aad, uint32_t aad_len);

/* Decrypts in place; the ICV follows the `len` bytes. False: it does not match,
 * and `data` is garbage. Takes the same time either way. */
bool crypto_open(uint8_t suite, const void *key, uint8_t *data, uint32_t len, const uint8_t nonce[16],
                 const uint8_t *aad, uint32_t aad_len);

/* Brings in the lines of an expanded key that a packet of `len` bytes touches
 * (measured: the round keys, and the end of the hash-key table). */
static inline void crypto_prefetch_key(const void *key, uint32_t len)
{
	const uint8_t *k = (const uint8_t *)key;
	uint32_t blocks = (len + 15) / 16;
	uint32_t tail = blocks > 46 ? 48 : blocks + 2; /* one block for AAD, one for lengths */

	line_prefetch(k);
	line_prefetch(k + 64);
	line_prefetch(k + 128);
	for (uint32_t at = (1008 - tail * 16) & ~63u; at < 1008; at += 64)
		line_prefetch(k + at);
}

#endif
