/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet that may be worth decrypting: what esp_in.c's two kinds of check (its own for most
 * packets, esp_in_any.c's for all) leave for the pass that decrypts and the one that accepts. RFC 4303 3.4,
 * RFC 4106 4 and 5. Worker threads.
 */
#ifndef RG_DATAPLANE_OPEN_H
#define RG_DATAPLANE_OPEN_H

#include "dataplane/esp.h"
#include "dataplane/stages.h"

#define OUTER_AT 14u /* frames come in with their Ethernet header */

/* One line of the stack; narrow stores as in struct seal. */
struct open {
	alignas(64) union {
		struct {
			/* the nonce: 12 bytes */
			uint32_t salt;
			uint8_t iv[8];
			uint16_t cipher; /* bytes that are decrypted */
			uint8_t why;     /* enum drop: what the cipher said */
			bool plain;      /* what is inside may be: struct pkt is filled when it is not */
			/* additional data: 8 or 12 bytes */
			uint32_t spi;
			uint8_t number[8];
			uint8_t aad_len, suite;
			bool batched;
		};
		uint8_t nonce[16];
	};
	struct rte_mbuf *m;
	uint8_t *clear; /* what is decrypted in place; the ICV is behind it */
	const void *key;
	uint64_t seq;
};

_Static_assert(sizeof(struct open) == 64 && offsetof(struct open, spi) == 16,
               "a line, as the cipher reads it");

/* RFC 4106 5: SPI and 32 or 64 bits of sequence number; the IV as it came. */
static inline void open_set(struct open *o, struct rte_mbuf *m, const struct sa *sa, const uint8_t *esp,
                            uint8_t *clear, uint32_t cipher, uint64_t seq)
{
	const bool esn = (sa->flags & SA_ESN) != 0;
	const uint64_t wire = __builtin_bswap64(seq);

	o->m = m;
	o->clear = clear;
	o->key = sa_key(sa);
	o->seq = seq;
	o->salt = sa->salt;
	store64(o->iv, load64(esp + ESP_HEADER));
	o->cipher = (uint16_t)cipher;
	o->why = DROP_NONE;
	o->plain = false;
	o->spi = sa->spi;
	store64(o->number, esn ? wire : wire >> 32);
	o->aad_len = esn ? 12 : 8;
	o->suite = sa->suite;
	o->batched = false;
}

/* The outer source as one number: exact for IPv4, a hash for IPv6, where it only saves a look. */
static inline uint64_t open_source(const struct pkt *p, const uint8_t *outer)
{
	uint64_t rest = (uint64_t)p->encap << 16, a, b;

	if (p->encap == RG_ENCAP_UDP)
		rest |= load16(outer + p->esp - OUTER_AT - 8);
	if (__builtin_expect(outer[0] >> 4 == 4, 1))
		return rest << 32 | load32(outer + 12);
	memcpy(&a, outer + 8, 8);
	memcpy(&b, outer + 16, 8);
	return host_hash(rest, a, b) | 1ull << 63;
}

/* esp_in_any.c. Lengths, state, sequence number: all that can be said before the ICV. */
enum drop esp_in_check_any(struct rte_mbuf *m, struct open *o);
/* After the ICV, with pkt.{ip,cipher,seq}: replay commit first, then the rest (RFC 4303 3.4.3 and 3.4.4). */
enum drop esp_in_accept_any(struct worker *w, struct rte_mbuf *m);
void esp_in_clamp_mss(struct worker *w, const struct sa *sa, uint8_t *ip, uint32_t len);

#endif
