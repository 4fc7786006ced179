/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All suites but AES-GCM, over the packets of a burst whatever their SAs: AES-CBC,
 * AES-CTR and NULL with HMAC (RFC 4303 2.2.1 and 3.3.2.1 for the order and for extended
 * sequence numbers) and ChaCha20-Poly1305 (RFC 7634) as one burst of library jobs,
 * AES-GMAC (RFC 4543 3.3) by direct calls. Each batch has its queues; its worker only.
 */
#include "dataplane/crypto_lib.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define ESP_HEADER 8u

_Static_assert(CRYPTO_BATCH <= IMB_MAX_BURST_SIZE, "a batch is one burst of the library");

/* IVs of AES-CBC are key stream: a block counter, encrypted under a random key of this worker. That is as
 * unpredictable as AES is strong, and needs no system call (RFC 3602 3, NIST SP 800-38A appendix C). A
 * batch's worth is made at once. */
struct iv_source {
	struct gcm_key_data key;
	alignas(16) uint8_t nonce[16]; /* 12 bytes: a counter of refills, then random ones */
	alignas(64) uint8_t iv[CRYPTO_BATCH][16];
	unsigned left;
};

struct crypto_engine {
	struct iv_source ivs;
	IMB_MGR *manager;
};

static int seed_ivs(struct crypto_engine *e)
{
	uint8_t key[16];

	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key) ||
	    getrandom(e->ivs.nonce, sizeof(e->ivs.nonce), 0) != (ssize_t)sizeof(e->ivs.nonce))
		return -1;
	IMB_AES128_GCM_PRE(e->manager, key, &e->ivs.key);
	explicit_bzero(key, sizeof(key));
	return 0;
}

struct crypto_batch *crypto_batch_new(void)
{
	struct crypto_batch *b = (struct crypto_batch *)aligned_alloc(64, (sizeof(*b) + 63) & ~(size_t)63);
	struct crypto_engine *e = (struct crypto_engine *)aligned_alloc(64, (sizeof(*e) + 63) & ~(size_t)63);

	if (b == NULL || e == NULL) {
		free(b);
		free(e);
		return NULL;
	}
	memset(b, 0, sizeof(*b));
	memset(e, 0, sizeof(*e));
	b->engine = e;
	e->manager = alloc_mb_mgr(0);
	if (e->manager != NULL)
		init_mb_mgr_auto(e->manager, NULL);
	if (e->manager == NULL || imb_get_errno(e->manager) != 0 || seed_ivs(e) != 0) {
		crypto_batch_free(b);
		return NULL;
	}
	return b;
}

void crypto_batch_free(struct crypto_batch *b)
{
	if (b == NULL)
		return;
	if (b->engine->manager != NULL)
		free_mb_mgr(b->engine->manager);
	explicit_bzero(b->engine, sizeof(*b->engine));
	free(b->engine);
	explicit_bzero(b, sizeof(*b));
	free(b);
}

/* --- what goes into a packet, or came with it --- */

static void refill_ivs(struct crypto_engine *e)
{
	static const uint8_t zeros[sizeof(e->ivs.iv)];
	struct gcm_context_data ctx;
	uint8_t tag[16]; /* nobody's */
	uint64_t refills;

	memcpy(&refills, e->ivs.nonce, 8);
	refills++;
	memcpy(e->ivs.nonce, &refills, 8);
	IMB_AES128_GCM_ENC(e->manager, &e->ivs.key, &ctx, e->ivs.iv[0], zeros, sizeof(zeros), e->ivs.nonce,
	                   tag, 0, tag, sizeof(tag));
	e->ivs.left = CRYPTO_BATCH;
}

static void make_iv(struct crypto_engine *e, uint8_t *iv)
{
	if (e->ivs.left == 0)
		refill_ivs(e);
	memcpy(iv, e->ivs.iv[--e->ivs.left], 16);
}

/* Counter-like IVs are the sequence number: unique under a key (RFC 3686 3.1, 7634 2, 4543 3.1). */
static void write_iv(struct crypto_engine *e, const struct rg_suite_info *s, struct crypto_op *op)
{
	uint64_t iv = __builtin_bswap64(op->seq);

	if (s->iv == 16)
		make_iv(e, op->esp + ESP_HEADER);
	else if (s->iv == 8)
		memcpy(op->esp + ESP_HEADER, &iv, 8);
}

/* RFC 4106 5, which RFC 7634 2.1 and RFC 4543 3.3 follow: SPI, then 32 or 64 bits of sequence number. */
static void write_inputs(const struct rg_suite_info *s, struct crypto_op *op)
{
	uint32_t low = htonl((uint32_t)op->seq), high = htonl((uint32_t)(op->seq >> 32));
	uint8_t *at = op->aad + 4;

	memcpy(op->nonce, &op->salt, 4);
	memcpy(op->nonce + 4, op->esp + ESP_HEADER, 8);
	/* RFC 3686 4: the block counter begins with one; others read 12 bytes */
	memcpy(op->nonce + 12, &(uint32_t){htonl(1)}, 4);
	if (s->integ != RG_INTEG_NONE)
		return;
	memcpy(op->aad, op->esp, 4);
	if (op->esn) {
		memcpy(at, &high, 4);
		at += 4;
	}
	memcpy(at, &low, 4);
	op->aad_len = op->esn ? 12 : 8;
}

static uint8_t *icv_of(const struct rg_suite_info *s, const struct crypto_op *op)
{
	return op->esp + ESP_HEADER + s->iv + op->len;
}

/* Takes the same time wherever they differ. */
static bool same(const uint8_t *a, const uint8_t *b, unsigned n)
{
	uint8_t different = 0;

	for (unsigned i = 0; i < n; i++)
		different |= (uint8_t)(a[i] ^ b[i]);
	return different == 0;
}

/* RFC 4303 2.2.1: the high half is hashed behind the text, and not sent. The ICV's place is
 * free then: it is yet to be written, or `received` has it. */
static uint32_t append_high(const struct rg_suite_info *s, const struct crypto_op *op)
{
	uint32_t high = htonl((uint32_t)(op->seq >> 32));

	if (!op->esn)
		return 0;
	memcpy(icv_of(s, op), &high, 4);
	return 4;
}

/* --- AES-GMAC --- */

static void gmac(const struct rg_suite_info *s, struct crypto_op *op)
{
	const struct crypto_gmac *g = &crypto_lib.gmac[op->suite];
	const struct gcm_key_data *key = (const struct gcm_key_data *)op->key;
	struct gcm_context_data ctx;

	g->init(key, &ctx, op->nonce, CRYPTO_NONCE);
	g->update(key, &ctx, op->aad, op->aad_len);
	g->update(key, &ctx, op->esp + ESP_HEADER, s->iv + (uint64_t)op->len);
	g->finalize(key, &ctx, op->tag, s->icv);
	op->result = CRYPTO_OK;
}

/* --- jobs --- */

static IMB_HASH_ALG hash_of(const struct rg_suite_info *s)
{
	switch (s->integ) {
	case RG_INTEG_HMAC_SHA1_96:
		return IMB_AUTH_HMAC_SHA_1;
	case RG_INTEG_HMAC_SHA2_256_128:
		return IMB_AUTH_HMAC_SHA_256;
	case RG_INTEG_HMAC_SHA2_384_192:
		return IMB_AUTH_HMAC_SHA_384;
	default:
		return IMB_AUTH_HMAC_SHA_512;
	}
}

static void fill_chapoly(IMB_JOB *job, const struct crypto_op *op)
{
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->enc_keys = job->dec_keys = op->key;
	job->iv = op->nonce;
	job->iv_len_in_bytes = CRYPTO_NONCE;
	job->hash_start_src_offset_in_bytes = job->cipher_start_src_offset_in_bytes;
	job->msg_len_to_hash_in_bytes = op->len;
	job->u.CHACHA20_POLY1305.aad = op->aad;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = op->aad_len;
	job->u.CHACHA20_POLY1305.ctx = NULL;
}

static void fill_hmac(IMB_JOB *job, const struct rg_suite_info *s, const struct crypto_op *op)
{
	const struct crypto_key *key = (const struct crypto_key *)op->key;

	job->enc_keys = key->encrypt;
	job->dec_keys = key->decrypt;
	job->hash_alg = hash_of(s);
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = ESP_HEADER + s->iv + (uint64_t)op->len + append_high(s, op);
	job->u.HMAC._hashed_auth_key_xor_ipad = key->ipad;
	job->u.HMAC._hashed_auth_key_xor_opad = key->opad;
	job->cipher_mode = IMB_CIPHER_NULL;
	if (s->encr == RG_ENCR_AES_CBC) {
		job->cipher_mode = IMB_CIPHER_CBC;
		job->iv = op->esp + ESP_HEADER;
		job->iv_len_in_bytes = 16;
	} else if (s->encr == RG_ENCR_AES_CTR) {
		job->cipher_mode = IMB_CIPHER_CNTR;
		job->iv = op->nonce;
		job->iv_len_in_bytes = 16;
		job->dec_keys = key->encrypt;
	} else {
		job->msg_len_to_cipher_in_bytes = 0;
	}
}

static void fill_job(IMB_JOB *job, const struct rg_suite_info *s, struct crypto_op *op, bool seal)
{
	job->cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	job->chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->key_len_in_bytes = s->key;
	job->src = op->esp;
	job->dst = op->esp + ESP_HEADER + s->iv;
	job->cipher_start_src_offset_in_bytes = ESP_HEADER + s->iv;
	job->msg_len_to_cipher_in_bytes = op->len;
	job->auth_tag_output = op->tag;
	job->auth_tag_output_len_in_bytes = s->icv;
	job->user_data = op;
	if (s->integ == RG_INTEG_NONE)
		fill_chapoly(job, op);
	else
		fill_hmac(job, s, op);
}

static void take_done(IMB_JOB *const *jobs, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct crypto_op *op = (struct crypto_op *)jobs[i]->user_data;
		if (jobs[i]->status == IMB_STATUS_COMPLETED)
			op->result = CRYPTO_OK;
	}
}

/* False: the library refuses one of them, `*bad`, and has begun none. */
static bool submit(IMB_MGR *m, struct crypto_op *const *op, uint32_t n, bool seal, struct crypto_op **bad)
{
	IMB_JOB *jobs[IMB_MAX_BURST_SIZE];
	uint32_t done = 0, got;

	got = IMB_GET_NEXT_BURST(m, n, jobs);
	if (got != n) {
		*bad = op[n - 1];
		return false;
	}
	for (uint32_t i = 0; i < n; i++)
		fill_job(jobs[i], op[i]->info, op[i], seal);
	done = IMB_SUBMIT_BURST(m, n, jobs);
	/* the field, not imb_get_errno(): that looks at what other threads met, too */
	if (done == 0 && m->imb_errno != 0) {
		*bad = (struct crypto_op *)jobs[0]->user_data;
		return false;
	}
	take_done(jobs, done);
	while (done < n) {
		got = IMB_FLUSH_BURST(m, n - done, jobs);
		if (got == 0)
			break;
		take_done(jobs, got);
		done += got;
	}
	return true;
}

/* H64: one that is refused costs only itself. */
static void run_jobs(struct crypto_engine *e, struct crypto_op **op, uint32_t n, bool seal)
{
	while (n != 0) {
		struct crypto_op *bad = NULL;
		uint32_t kept = 0;

		if (submit(e->manager, op, n, seal, &bad))
			return;
		for (uint32_t i = 0; i < n; i++)
			if (op[i] != bad)
				op[kept++] = op[i];
		n = kept == n ? 0 : kept;
	}
}

static void run(struct crypto_batch *b, unsigned n, bool seal)
{
	struct crypto_op *jobs[CRYPTO_BATCH];
	uint32_t n_jobs = 0;

	for (unsigned i = 0; i < n; i++) {
		struct crypto_op *op = &b->op[i];
		const struct rg_suite_info *s = rg_suite_info(op->suite);

		op->info = s;
		op->result = CRYPTO_FAILED;
		if (seal)
			write_iv(b->engine, s, op);
		else
			memcpy(op->received, icv_of(s, op), s->icv);
		write_inputs(s, op);
		if (s->encr == RG_ENCR_NULL_AES_GMAC)
			gmac(s, op);
		else
			jobs[n_jobs++] = op;
	}
	run_jobs(b->engine, jobs, n_jobs, seal);
}

void crypto_seal_batch(struct crypto_batch *b, unsigned n)
{
	run(b, n, true);
	for (unsigned i = 0; i < n; i++) {
		struct crypto_op *op = &b->op[i];
		if (op->result == CRYPTO_OK)
			memcpy(icv_of(op->info, op), op->tag, op->info->icv);
	}
}

void crypto_open_batch(struct crypto_batch *b, unsigned n)
{
	run(b, n, false);
	for (unsigned i = 0; i < n; i++) {
		struct crypto_op *op = &b->op[i];

		if (op->result == CRYPTO_OK && !same(op->tag, op->received, op->info->icv))
			op->result = CRYPTO_MISMATCH;
	}
}
