/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The suites of dataplane/api/suites.h on packets in place. AES-GCM is one direct call a
 * packet; all others go in batches over the SAs of a burst, because their
 * implementations only fill the CPU's registers with several packets at once. crypto_lib.h is
 * the only file that knows the library behind it. An expanded key is
 * read-only and may be used by any thread; crypto_init() comes first, in main.
 */
#ifndef RG_DATAPLANE_CRYPTO_H
#define RG_DATAPLANE_CRYPTO_H

#include "dataplane/api/suites.h"
#include "dataplane/core/lines.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <emmintrin.h>

#define CRYPTO_KEY_BYTES 1024u /* of the largest expanded key */
#define CRYPTO_KEY_ALIGN 64u
#define CRYPTO_ICV       16u /* bytes: of AES-GCM in full */
#define CRYPTO_ICV_MAX   32u /* of any suite */
#define CRYPTO_NONCE     12u /* bytes used of the 16 */
#define CRYPTO_BATCH     64u /* packets */

/* What the library picked for this CPU, for status: "AVX512 VAES". */
const char *crypto_name(void);
/* What crypto_init() found out, for the log: one line, also when it failed. */
const char *crypto_report(void);

/* 0; -ENOTSUP if this CPU lacks instructions, -EIO if the library fails its own
 * test on it, -ENOMEM. Main, once. */
int crypto_init(void);
void crypto_fini(void);

/* core_config.key_bytes: of the suite's expanded key; 0: there is no such suite. Any thread. */
size_t crypto_key_bytes(void *ctx, uint32_t suite);
/* core_config.key_has_spare: found out by crypto_init(), by trial. Any thread. */
bool crypto_key_has_spare(void *ctx, uint32_t suite);

/*
 * core_config.key_expand: fills `area` (crypto_key_bytes(), CRYPTO_KEY_ALIGN) from
 * the key octets of a record (the salt is not looked at).
 * -EOPNOTSUPP: a suite other than enum rg_suite. Main.
 */
int crypto_key_expand(void *ctx, uint32_t suite, const uint8_t *key, void *area);

/* --- AES-GCM: one packet --- */

/* The library's own names. */
struct gcm_key_data;
struct gcm_context_data;
typedef void crypto_gcm_call(const struct gcm_key_data *key, struct gcm_context_data *scratch, uint8_t *out,
                             const uint8_t *in, uint64_t len, const uint8_t *nonce, const uint8_t *aad,
                             uint64_t aad_len, uint8_t *icv, uint64_t icv_len);

/* By enum rg_suite; written by crypto_init(). Here, so that a packet costs one call and not two. */
struct crypto_gcm {
	crypto_gcm_call *seal, *open; /* NULL: another kind of suite */
	uint32_t icv;                 /* bytes */
	uint32_t others;              /* up to CRYPTO_ICV */
	uint32_t no_icv;              /* a bit for each of those */
	uint32_t last_round;          /* where the last round key is, in an expanded key */
};
extern struct crypto_gcm crypto_gcm[RG_SUITE_END];

/* What a call writes down for itself; nothing in it outlives the call, or counts before it. */
struct crypto_scratch {
	alignas(64) uint8_t bytes[128];
};

/*
 * Encrypts `len` bytes in place and writes the ICV behind them. `nonce`: salt and
 * IV, 16 readable bytes of which 12 count. `suite` is that of the key.
 */
static inline void crypto_seal(uint8_t suite, const void *key, uint8_t *data, uint32_t len,
                               const uint8_t nonce[16], const uint8_t *aad, uint32_t aad_len)
{
	const struct crypto_gcm *g = &crypto_gcm[suite];
	struct crypto_scratch scratch;

	g->seal((const struct gcm_key_data *)key, (struct gcm_context_data *)(void *)&scratch, data, data,
	        len, nonce, aad, aad_len, data + len, g->icv);
}

/* Decrypts in place; the ICV follows the `len` bytes, and at least 16 bytes before its end
 * are readable (in ESP they always are). False: it does not match, and `data` is
 * garbage. Takes the same time either way. */
static inline bool crypto_open(uint8_t suite, const void *key, uint8_t *data, uint32_t len,
                               const uint8_t nonce[16], const uint8_t *aad, uint32_t aad_len)
{
	const struct crypto_gcm *g = &crypto_gcm[suite];
	struct crypto_scratch scratch;
	alignas(16) uint8_t icv[CRYPTO_ICV];
	g->open((const struct gcm_key_data *)key, (struct gcm_context_data *)(void *)&scratch, data, data,
	        len, nonce, aad, aad_len, icv + g->others, g->icv);
	/* one compare of all bytes, so time tells nothing about how many match */
	__m128i same =
	        _mm_cmpeq_epi8(_mm_load_si128((const __m128i *)(const void *)icv),
	                       _mm_loadu_si128((const __m128i *)(const void *)(data + len - g->others)));
	return ((uint32_t)_mm_movemask_epi8(same) | g->no_icv) == 0xffff;
}

/* Calls `touch` with a byte of each line of an expanded key that a packet of `len` bytes needs (measured: the
 * round keys, and the end of the hash-key table: a block for each of the packet's up to 46, one for AAD, one
 * for lengths). */
static inline __attribute__((always_inline)) void
crypto_key_lines(uint8_t suite, const void *key, uint32_t len, void (*touch)(const void *line))
{
	const uint8_t *k = (const uint8_t *)key;

	touch(k);
	touch(k + 64);
	touch(k + 128);
	touch(k + crypto_gcm[suite].last_round); /* of longer keys a fourth line */
	touch(k + 960);
	touch(k + 896);
	if (len <= 80)
		return;
	for (uint32_t at = len < 46 * 16 ? (976 - ((len + 15) & ~15u)) & ~63u : 192; at < 896; at += 64)
		touch(k + at);
}

static inline void crypto_prefetch_key(uint8_t suite, const void *key, uint32_t len)
{
	crypto_key_lines(suite, key, len, line_prefetch);
}

/* --- all others: the packets of a burst --- */

enum crypto_result {
	CRYPTO_OK = 0,
	CRYPTO_MISMATCH = 1, /* the ICV; the text is garbage */
	CRYPTO_FAILED = 2,   /* the library refused the packet, or lost it: drop it too */
};

struct crypto_op {
	/* in */
	const void *key; /* of sa_key() */
	uint8_t *esp;    /* SPI, sequence number, IV, text, ICV: as on the wire */
	uint64_t seq;    /* all 64 bits */
	uint32_t salt;   /* as it stands */
	uint16_t len;    /* bytes of the text: payload, padding, trailer */
	uint8_t suite;   /* enum rg_suite, not AES-GCM */
	bool esn;
	/* out */
	uint8_t result; /* enum crypto_result */
	/* the batch's own */
	uint8_t aad_len;
	const struct rg_suite_info *info;
	alignas(16) uint8_t nonce[16];
	uint8_t aad[16];
	uint8_t tag[CRYPTO_ICV_MAX], received[CRYPTO_ICV_MAX];
};

struct rg_suite_info;
struct crypto_engine; /* the library's queues, and the secret behind IVs */

struct crypto_batch {
	struct crypto_engine *engine;
	struct crypto_op op[CRYPTO_BATCH];
};

/* Main, once for each worker, after crypto_init(). NULL: no memory, or no randomness. */
struct crypto_batch *crypto_batch_new(void);
void crypto_batch_free(struct crypto_batch *b);

/* Owner. Writes IV, cipher text and ICV of op[0] to op[n - 1]; SPI, sequence number and text are there. */
void crypto_seal_batch(struct crypto_batch *b, unsigned n);
/* Owner. Checks the ICVs and decrypts; what is behind the text is lost. */
void crypto_open_batch(struct crypto_batch *b, unsigned n);

#endif
