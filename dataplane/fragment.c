/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragments of an inner IPv4 packet before encryption (RFC 791 3.2, RFC 4301
 * 8.2.1), so that the far end reassembles behind the tunnel; and of an outer packet after
 * it (RFC 4303 3.3.4), where nobody can make the inner one smaller. Worker threads.
 */
#include "dataplane/checksum.h"
#include "dataplane/stages.h"

#include <netinet/in.h>

#define MORE_FRAGMENTS 0x2000u
#define OFFSET_MASK    0x1fffu
#define OPTION_COPIED  0x80

#define FRAGMENT_HEADER 8u
#define IPV6_LEAST      1280u

/* Options that belong into the first fragment only become padding (RFC 791 3.1). */
static void blank_options(uint8_t *ip, uint32_t header)
{
	for (uint32_t at = 20; at < header && ip[at] != 0;) {
		uint32_t size = ip[at] == 1 ? 1 : at + 1 < header ? ip[at + 1] : 0;
		if (size == 0 || at + size > header)
			return;
		if ((ip[at] & OPTION_COPIED) == 0)
			memset(ip + at, 1, size);
		at += size;
	}
}

static void write_header(uint8_t *ip, uint32_t header, uint32_t len, uint32_t offset, bool more)
{
	if ((offset & OFFSET_MASK) != 0)
		blank_options(ip, header);
	store16(ip + 2, htons((uint16_t)len));
	store16(ip + 6, htons((uint16_t)((offset & OFFSET_MASK) | (more ? MORE_FRAGMENTS : 0))));
	store16(ip + 10, 0);
	store16(ip + 10, (uint16_t)~checksum_fold(checksum_bytes(ip, header)));
}

enum drop fragment_make4(struct worker *w, struct rte_mbuf *m, uint32_t mtu, struct rte_mbuf **out,
                         unsigned *made)
{
	const uint8_t *ip = pkt_ip(m);
	uint32_t header = (ip[0] & 0xfu) * 4, len = pkt_ip_len(m);
	uint32_t chunk = mtu > header ? (mtu - header) & ~7u : 0;
	uint32_t field = ntohs(load16(ip + 6)), done = header;
	unsigned n = 0;

	if (chunk == 0 || (len - header + chunk - 1) / chunk > WORKER_FRAG_ROOM)
		return DROP_OUT_TOO_BIG;
	/* beyond what any packet may hold: a piece's offset would wrap, and look like a first fragment */
	if ((field & OFFSET_MASK) * 8 + len > UINT16_MAX)
		return DROP_OUT_FRAGMENT_OFFSET;
	while (done < len) {
		uint32_t part = len - done < chunk ? len - done : chunk;
		struct rte_mbuf *f = rte_pktmbuf_alloc(w->dp->pool);
		uint8_t *to = f != NULL ? (uint8_t *)(void *)rte_pktmbuf_append(f, (uint16_t)(header + part))
		                        : NULL;
		if (to == NULL) {
			rte_pktmbuf_free(f);
			rte_pktmbuf_free_bulk(out, n);
			return DROP_NO_BUFFER;
		}
		*pkt_of(f) = *pkt_of(m);
		pkt_of(f)->ip = to;
		pkt_of(f)->len = (uint16_t)(header + part);
		memcpy(to, ip, header);
		memcpy(to + header, ip + done, part);
		write_header(to, header, header + part, (field & OFFSET_MASK) + (done - header) / 8,
		             done + part < len || (field & MORE_FRAGMENTS) != 0);
		out[n++] = f;
		done += part;
	}
	*made = n;
	return DROP_NONE;
}

/* What each fragment begins with (RFC 8200 4.5): the headers in front of ESP or its UDP, as transport_find()
 * has put that behind those which routers read. `*next_at`: the byte that names what follows them. */
static uint32_t per_fragment_headers(const uint8_t *ip, uint32_t *next_at)
{
	uint32_t at = 40;

	for (*next_at = 6; ip[*next_at] != IPPROTO_ESP && ip[*next_at] != IPPROTO_UDP;
	     at += (ip[at + 1] + 1u) * 8)
		*next_at = at;
	return at;
}

static enum drop make6(struct worker *w, struct rte_mbuf *m, uint32_t mtu, uint32_t id, struct rte_mbuf **out,
                       unsigned *made)
{
	const uint8_t *ip = pkt_ip(m);
	uint32_t next_at, header = per_fragment_headers(ip, &next_at), len = pkt_ip_len(m) - header, done = 0;
	uint32_t chunk = mtu > header + FRAGMENT_HEADER ? (mtu - header - FRAGMENT_HEADER) & ~7u : 0;
	unsigned n = 0;

	if (chunk == 0 || (len + chunk - 1) / chunk > WORKER_FRAG_ROOM)
		return DROP_OUT_TOO_BIG;
	while (done < len) {
		uint32_t part = len - done < chunk ? len - done : chunk;
		uint16_t field = htons((uint16_t)(done | (done + part < len)));
		struct rte_mbuf *f = rte_pktmbuf_alloc(w->dp->pool);
		uint8_t *to = NULL;
		if (f != NULL)
			to = (uint8_t *)(void *)rte_pktmbuf_append(
			        f, (uint16_t)(header + FRAGMENT_HEADER + part));
		if (to == NULL) {
			rte_pktmbuf_free(f);
			rte_pktmbuf_free_bulk(out, n);
			return DROP_NO_BUFFER;
		}
		memcpy(to, ip, header);
		store16(to + 4, htons((uint16_t)(header - 40 + FRAGMENT_HEADER + part)));
		to[next_at] = IPPROTO_FRAGMENT;
		to[header] = ip[next_at];
		to[header + 1] = 0;
		store16(to + header + 2, field);
		store32(to + header + 4, id);
		memcpy(to + header + FRAGMENT_HEADER, ip + header + done, part);
		out[n++] = f;
		done += part;
	}
	*made = n;
	return DROP_NONE;
}

enum drop fragment_outer(struct worker *w, struct rte_mbuf *m, uint32_t mtu, uint32_t id,
                         struct rte_mbuf **out, unsigned *made)
{
	uint8_t *ip = pkt_ip(m);

	if (ip[0] >> 4 == 6)
		return mtu < IPV6_LEAST ? DROP_OUT_TOO_BIG : make6(w, m, mtu, id, out, made);
	if ((ip[6] & 0x40) != 0) /* with DF it has none of its own (RFC 6864 4.1) */
		store16(ip + 4, (uint16_t)(id >> 16));
	return fragment_make4(w, m, mtu, out, made);
}
