/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients' side of ESP, in every suite: makes what the gateway decrypts, and opens what it encrypted
 * with another implementation, OpenSSL. One thread.
 */
#ifndef RG_BENCH_ESP_PEER_H
#define RG_BENCH_ESP_PEER_H

#include "bench/esp/bench.h"

#include "dataplane/api/suites.h"
#include "dataplane/crypto.h"

struct peer {
	uint32_t suite;
	const struct rg_suite_info *info;
	uint8_t *keys; /* PATTERN_KEYS of them, expanded */
	struct crypto_batch *batch;
	unsigned waiting; /* in `batch` */
};

/* 0 or -ENOMEM, -EOPNOTSUPP. */
int peer_open(struct peer *p, uint32_t suite);
void peer_close(struct peer *p);

/* Bytes of ESP header and IV; of the cipher text of an inner packet of `size` bytes. */
uint32_t peer_head(const struct peer *p);
uint32_t peer_text(const struct peer *p, uint32_t size);

/* The inner IPv4 packet is behind the head; it is sealed by peer_finish() at the latest. */
void peer_seal(struct peer *p, uint8_t *esp, uint32_t size, uint32_t sa, uint32_t spi, uint64_t seq);
void peer_finish(struct peer *p);
/* The inner packet, of `size` bytes, into `inner` (2,048 bytes). False: no key of that SA opens it. */
bool peer_opens(const struct peer *p, const uint8_t *esp, uint32_t size, uint32_t sa, uint8_t *inner);

#endif
