/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet that is complete but for its cipher text: what esp_out.c's two kinds of preparation
 * (its own for most packets, esp_out_any.c's for all) leave for the pass that encrypts. RFC 4303 3.3,
 * RFC 4106 4 and 5. Worker threads.
 */
#ifndef RG_DATAPLANE_SEAL_H
#define RG_DATAPLANE_SEAL_H

#include "dataplane/checksum.h"
#include "dataplane/esp.h"
#include "dataplane/stages.h"

/* A packet in clear: what struct pkt says of it. Most never need that line of theirs. */
struct out {
	struct rte_mbuf *m;
	uint8_t *ip;
	uint32_t len; /* of the IP packet */
	union {
		struct {
			uint8_t from, port, family, encap;
		};
		uint32_t origin; /* pkt.origin */
	};
};

/* Packets of one SA, one behind the other, and where they go. */
struct train {
	const struct out *first;
	unsigned n;
	uint32_t line; /* outbound.c: of the policies */
	union {
		struct sa *sa;
		const struct host_bucket *bucket; /* on the way there: outbound.c */
	};
	union {
		const struct path *path; /* loaded once */
		uint64_t flow;           /* outbound.c: source and destination, as in the packets */
	};
};

static inline struct out out_of(struct rte_mbuf *m)
{
	const struct pkt *p = pkt_of(m);

	return (struct out){.m = m, .ip = p->ip, .len = p->len, .origin = p->origin};
}

/* For whoever looks into struct pkt. */
static inline void out_note(const struct out *o, struct sa *sa)
{
	struct pkt *p = pkt_of(o->m);

	p->sa = sa;
	p->ip = o->ip;
	p->len = (uint16_t)o->len;
	p->origin = o->origin;
}

/* One line of the stack. Its narrow stores are a pass away from the cipher's wide loads: done by then, so
 * that they need no forwarding. */
struct seal {
	alignas(64) union {
		struct {
			/* the nonce: 12 bytes */
			uint32_t salt;
			uint8_t iv[8];
			uint16_t cipher; /* bytes that are encrypted */
			uint16_t port;   /* to leave by */
			/* additional data: 8 or 12 bytes */
			uint32_t spi;
			uint8_t number[8];
			union {
				struct {
					uint8_t aad_len, suite;
					bool udp6; /* the outer header wants a UDP checksum */
					bool batched;
				};
				uint32_t how; /* all four */
			};
		};
		uint8_t nonce[16];
	};
	struct rte_mbuf *m;
	uint8_t *clear; /* what is encrypted in place; the ICV goes behind it */
	const void *key;
	const struct path *path; /* if udp6 */
};

_Static_assert(sizeof(struct seal) == 64 && offsetof(struct seal, spi) == 16,
               "a line, as the cipher reads it");

static inline const uint8_t *seal_aad(const struct seal *s)
{
	return s->nonce + 16;
}

/* Salt, IV (the sequence number), SPI, and 32 or 64 bits of sequence number (RFC 4106 5). `iv`: the number
 * in network byte order. */
static inline void seal_set_number(struct seal *s, const struct sa *sa, uint64_t iv)
{
	s->salt = sa->salt;
	store64(s->iv, iv);
	s->spi = sa->spi;
	store64(s->number, sa->flags & SA_ESN ? iv : iv >> 32);
}

static inline uint8_t seal_aad_len(const struct sa *sa)
{
	return sa->flags & SA_ESN ? 12 : 8;
}

/* The number again, as it was taken. */
static inline uint64_t seal_number(const struct seal *s)
{
	return __builtin_bswap64(load64(s->iv));
}

/* Of a suite that goes in a batch. */
static inline void seal_batch_op(struct crypto_op *op, const struct seal *s)
{
	const struct sa *sa = pkt_of(s->m)->sa;

	esp_batch(op, sa, s->clear - sa_shape(sa)->iv - ESP_HEADER, seal_number(s), s->cipher);
}

/* The template with class, length and checksum filled in. `class` is the outer TOS octet. */
static inline void seal_write_outer4(uint8_t *outer, const struct path *path, uint32_t len, uint32_t class)
{
	const uint32_t wire_len = __builtin_bswap32(len); /* in the upper half */
	uint32_t sum = path->sum + (class << 8) + (wire_len >> 16);

	sum += sum << 16 | sum >> 16; /* folded, carries and all, in the upper half */
	store64(outer, load64(path->hdr) | class << 8 | wire_len);
	store64(outer + 8, load64(path->hdr + 8) | (~sum & 0xffff0000u));
	store32(outer + 16, load32(path->hdr + 16));
	if (path->encap == RG_ENCAP_UDP) /* checksum zero: RFC 3948 2.1 */
		store64(outer + 20, load64(path->hdr + 20) | (uint64_t)htons((uint16_t)(len - 20)) << 32);
}

/* ESP header, and the IV of AES-GCM behind it (RFC 4106 3.1): the number in network byte order. */
static inline void seal_write_esp(uint8_t *esp, const struct sa *sa, uint64_t iv, bool gcm)
{
	store32(esp, sa->spi);
	store32(esp + 4, (uint32_t)(iv >> 32));
	if (gcm)
		store64(esp + 8, iv);
}

/* Padding and trailer of RFC 4303 2.4; writes up to 16 bytes from the end of the packet on. */
static inline void seal_write_trailer(uint8_t *clear, uint32_t inner_len, uint32_t cipher,
                                      uint8_t next_header)
{
	static const uint8_t padding[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

	memcpy(clear + inner_len, padding, sizeof(padding));
	store16(clear + cipher - ESP_TRAILER,
	        (uint16_t)(next_header << 8 | (cipher - ESP_TRAILER - inner_len)));
}

static inline void seal_now(const struct seal *s)
{
	crypto_seal(s->suite, s->key, s->clear, s->cipher, s->nonce, seal_aad(s), s->aad_len);
}

/* esp_out.c: a pass ahead of esp_out_seal(): what the cipher needs of the first packets. The lines that say
 * their paths' next hops are the caller's. */
void esp_out_prefetch(const struct worker *w, const struct train *t, const struct train *end);
/* Trains of this worker's SAs, WORKER_BURST packets at the most, in order within each SA. `hop`: they have
 * yet to pay theirs (IPv4, with more than one left). It is paid here because there is much to do for a
 * packet: where a pass has little, its stores to packets are 10 cycles dearer than they look. */
void esp_out_seal(struct worker *w, const struct train *t, const struct train *end, bool hop);

/* esp_out_any.c: everything but the cipher text, of any packet, SA and path. DROP_NONE with `s->m` NULL: it
 * went in pieces. */
enum drop esp_out_any(struct worker *w, struct rte_mbuf *m, const struct path *path, struct seal *s);
/* ... and the checksum of UDP over IPv6 behind it, where `s->udp6`. */
void esp_out_udp6(struct worker *w, const struct seal *s);

#endif
