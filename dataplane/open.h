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

/* A packet of ESP for us: what struct pkt says of it. Most never need that line of theirs. Packets of one SA
 * and sender that come in a train, one behind the other, are asked for together: they have its number. */
struct in {
	struct rte_mbuf *m;
	union {
		struct sa *sa;                    /* a guess, until it was compared; may be NULL */
		const _Atomic(struct sa *) *slot; /* on the way there: inbound.c */
	};
	uint8_t *esp;
	uint32_t spi;   /* network byte order */
	uint32_t train; /* from 1 */
	union {
		struct {
			uint16_t len; /* from the ESP header to the end */
			uint16_t at;  /* offset of the ESP header, as pkt.esp */
			union {
				struct {
					uint8_t from, port, family, encap;
				};
				uint32_t origin; /* pkt.origin */
			};
		};
		uint64_t rest; /* all of it */
	};
};

/* One that was handed over has its SA. */
static inline struct in in_of(const struct core *core, struct rte_mbuf *m, uint32_t train)
{
	const struct pkt *p = pkt_of(m);

	return (struct in){.m = m,
	                   .sa = p->sa != NULL ? p->sa : sa_in_guess(core, sa_in_slot(core, p->spi), p->spi),
	                   .esp = rte_pktmbuf_mtod_offset(m, uint8_t *, p->esp),
	                   .spi = p->spi,
	                   .train = train,
	                   .len = (uint16_t)(rte_pktmbuf_data_len(m) - p->esp),
	                   .at = p->esp,
	                   .origin = p->origin};
}

/* For whoever looks into struct pkt. */
static inline void in_note(const struct in *in)
{
	struct pkt *p = pkt_of(in->m);

	p->sa = in->sa;
	p->spi = in->spi;
	p->esp = in->at;
	p->origin = in->origin;
}

/* The lower half of its sequence number. */
static inline uint32_t in_low(const struct in *in)
{
	return ntohl(load32(in->esp + 4));
}

/* The outer header. */
static inline uint8_t *in_outer(const struct in *in)
{
	return in->esp - in->at + OUTER_AT;
}

/* One line of the stack; narrow stores as in struct seal. */
struct open {
	alignas(64) union {
		struct {
			/* the nonce: 12 bytes */
			uint32_t salt;
			uint8_t iv[8];
			uint16_t cipher; /* bytes that are decrypted */
			union {
				struct {
					uint8_t why; /* enum drop: what the cipher said */
					bool plain; /* what is inside may be: a whole header, and a trailer */
				};
				uint16_t both;
			};
			/* additional data: 8 or 12 bytes */
			uint32_t spi;
			uint8_t number[8];
			union {
				struct {
					uint8_t aad_len, suite;
					bool batched;
				};
				uint32_t how; /* all three */
			};
		};
		uint8_t nonce[16];
	};
	const struct in *in;
	uint8_t *clear; /* what is decrypted in place; the ICV is behind it */
	const void *key;
	uint64_t seq;
};

_Static_assert(sizeof(struct open) == 64 && offsetof(struct open, spi) == 16,
               "a line, as the cipher reads it");

/* Authentic, and what is inside may be plain. */
static inline bool open_is_plain(const struct open *o)
{
	_Static_assert(DROP_NONE == 0, "the lower byte");
	return o->both == RTE_LE16(1 << 8);
}

/* RFC 4106 5: SPI and 32 or 64 bits of sequence number; the IV as it came. `word` of the SA. */
static inline void open_set(struct open *o, const struct in *in, uint32_t word, uint8_t *clear,
                            uint32_t cipher, uint64_t seq)
{
	const struct sa *sa = in->sa;
	const uint64_t wire = __builtin_bswap64(seq);

	o->in = in;
	o->clear = clear;
	o->key = sa_key(sa);
	o->seq = seq;
	o->salt = sa->salt;
	store64(o->iv, load64(in->esp + ESP_HEADER));
	o->cipher = (uint16_t)cipher;
	o->why = DROP_NONE;
	o->plain = true;
	o->spi = sa->spi;
	store64(o->number, word & SA_ESN ? wire : wire >> 32);
	o->how = (word & 0xff00) | (8 + (word & SA_ESN) * 4); /* suite and length of additional data */
}

/* The outer source as one number, of IPv4; `esp` is the ESP header. */
static inline uint64_t open_source4(uint8_t encap, const uint8_t *outer, const uint8_t *esp)
{
	_Static_assert(RG_ENCAP_NONE == 0, "no bit of it is set");
	uint64_t source = load32(outer + 12);

	if (__builtin_expect(encap == RG_ENCAP_NONE, 1))
		return source;
	if (encap == RG_ENCAP_UDP)
		source |= (uint64_t)load16(esp - 8) << 32;
	return source | (uint64_t)encap << 48;
}

/* The same of any: exact for IPv4, a hash for IPv6, where it only saves a look. */
static inline uint64_t open_source(const struct pkt *p, const uint8_t *outer)
{
	uint64_t rest = (uint64_t)p->encap << 16, a, b;
	const uint8_t *esp = outer + p->esp - OUTER_AT;

	if (__builtin_expect(outer[0] >> 4 == 4, 1))
		return open_source4(p->encap, outer, esp);
	if (p->encap == RG_ENCAP_UDP)
		rest |= load16(esp - 8);
	memcpy(&a, outer + 8, 8);
	memcpy(&b, outer + 16, 8);
	return host_hash(rest, a, b) | 1ull << 63;
}

/* esp_in.c: packets, in order, from what is guessed of their SAs, under way, to the inner stage, or out. */
void esp_in_open(struct worker *w, struct in *in, unsigned n);

/* esp_in_any.c. Lengths, state, sequence number: all that can be said before the ICV. */
enum drop esp_in_check_any(const struct in *in, struct open *o);
/* After the ICV, with pkt.{sa,ip,cipher,seq,esp,family,encap}: replay commit first, then the rest (RFC
 * 4303 3.4.3 and 3.4.4). */
enum drop esp_in_accept_any(struct worker *w, struct rte_mbuf *m);
void esp_in_clamp_mss(struct worker *w, const struct sa *sa, uint8_t *ip, uint32_t len);

#endif
