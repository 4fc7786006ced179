/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One ESP packet of one SA in every suite of dataplane/api/suites.h: composed, with canaries around all that
 * the library's assembly may write to, and sealed or opened by OpenSSL. One thread.
 */
#ifndef RG_TESTS_UNIT_DATAPLANE_ESP_SAMPLE_H
#define RG_TESTS_UNIT_DATAPLANE_ESP_SAMPLE_H

#include "dataplane/api/api.h"
#include "dataplane/core/sa.h"
#include "dataplane/crypto_lib.h"

#define SAMPLE_CANARY 64u
#define SAMPLE_ROOM   2048u
#define SAMPLE_SEQ    0x1122334455667788ull

/* Octets that must not change on both sides of a buffer. */
struct guarded {
	alignas(64) uint8_t before[SAMPLE_CANARY];
	uint8_t data[SAMPLE_ROOM];
};

void sample_guard(struct guarded *g, size_t len);
void sample_check_guard(const struct guarded *g, size_t len, const char *what, uint32_t size);

/* One direction of an SA, and one packet of it. */
struct sample {
	const struct rg_suite_info *s;
	uint32_t suite;
	bool esn;
	uint8_t octets[RG_API_KEY_MAX];
	struct guarded key, packet;
	uint32_t size, text; /* payload; with padding and trailer */
};

/* With a random key. */
void sample_begin(struct sample *x, uint32_t suite, bool esn);

/* A packet before encryption: RFC 4303 2.4. */
void sample_compose(struct sample *x, uint32_t size);
uint32_t sample_len(const struct sample *x);
uint8_t *sample_text(struct sample *x);

/* What a cipher takes beside the key and the text. */
void sample_inputs(const struct sample *x, uint8_t nonce[16], uint8_t aad[16]);
void sample_fill_op(struct sample *x, struct crypto_op *op);

/* False: the ICV differs. */
bool sample_openssl_open(struct sample *x);
void sample_openssl_seal(struct sample *x);

#endif
