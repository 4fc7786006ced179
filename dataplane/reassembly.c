/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reassembly of ESP from outer fragments. Overlaps end a packet (RFC 5722 4), so
 * nothing is ever chosen between two contents; the ICV judges the rest. The worker's thread.
 */
#include "dataplane/reassembly.h"
#include "dataplane/checksum.h"
#include "dataplane/stages.h"
#include "dataplane/transport.h"

#include <netinet/in.h>

#define PORT_NAT_T RTE_BE16(4500)

/* Where a fragment says that it belongs. */
struct place {
	uint32_t id, at, len;
	bool more;
};

static bool find_place(const struct fragment *f, struct place *p)
{
	uint16_t field;

	p->len = f->len - f->l4;
	if (f->family == 4) {
		field = ntohs(load16(f->ip + 6));
		p->id = load16(f->ip + 4);
		p->at = (field & 0x1fffu) * 8;
		p->more = (field & 0x2000u) != 0;
	} else {
		field = ntohs(load16(f->ip + f->l4 - 6));
		p->id = load32(f->ip + f->l4 - 4);
		p->at = field & 0xfff8u;
		p->more = (field & 1) != 0;
	}
	return p->len != 0 && (!p->more || p->len % 8 == 0) && p->at + p->len <= UINT16_MAX;
}

static void forget(struct worker *w, struct reassembly_slot *s)
{
	for (unsigned i = 0; i < s->n && !s->kernel; i++)
		worker_drop(w, s->part[i].m, DROP_RX_FRAGMENT);
	s->n = 0;
}

void reassembly_expire(struct worker *w, bool all)
{
	for (unsigned i = 0; i < REASSEMBLY_SLOTS; i++) {
		struct reassembly_slot *s = &w->reassembly.slot[i];
		if (s->n != 0 && (all || w->now_ms - s->born_ms >= REASSEMBLY_MS))
			forget(w, s);
	}
}

static bool is_of(const struct reassembly_slot *s, const struct fragment *f, uint32_t id)
{
	uint32_t size = f->family == 4 ? 4 : 16, at = f->family == 4 ? 12 : 8;

	return s->n != 0 && s->id == id && s->family == f->family && s->protocol == f->protocol &&
	       memcmp(s->source, f->ip + at, size) == 0 &&
	       memcmp(s->destination, f->ip + at + size, size) == 0;
}

/* The packet's slot, or the oldest one if none is free. */
static struct reassembly_slot *find_slot(struct worker *w, const struct fragment *f, uint32_t id)
{
	uint32_t size = f->family == 4 ? 4 : 16, at = f->family == 4 ? 12 : 8;
	struct reassembly_slot *s = w->reassembly.slot, *best = s;

	reassembly_expire(w, false);
	for (unsigned i = 0; i < REASSEMBLY_SLOTS; i++) {
		if (is_of(&s[i], f, id))
			return &s[i];
		if (best->n != 0 && (s[i].n == 0 || s[i].born_ms < best->born_ms))
			best = &s[i];
	}
	forget(w, best);
	memset(best, 0, sizeof(*best));
	best->family = f->family;
	best->protocol = f->protocol;
	best->id = id;
	best->born_ms = w->now_ms;
	memcpy(best->source, f->ip + at, size);
	memcpy(best->destination, f->ip + at + size, size);
	return best;
}

/* ESP, plain or in UDP for port 4500 (RFC 3948 2.2), by its first fragment. */
static bool begins_esp(const struct fragment *f)
{
	const uint8_t *l4 = f->ip + f->l4;

	if (f->protocol == IPPROTO_ESP)
		return true;
	return f->len - f->l4 >= 8 + 4 && load16(l4 + 2) == PORT_NAT_T && load32(l4 + 8) != 0;
}

/* A transport mode policy may want it encrypted, as of any packet in clear (RFC 4301 5.2). */
static void punt_part(struct worker *w, uint8_t family, struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN);

	if (transport_wants_esp(w, family, ip, rte_pktmbuf_data_len(m) - RTE_ETHER_HDR_LEN))
		worker_drop(w, m, DROP_TRANSPORT_CLEAR);
	else
		punt_frame(w, m, PUNT_CLASS_OTHER);
}

static enum reassembly_verdict to_kernel(struct worker *w, struct reassembly_slot *s)
{
	for (unsigned i = 0; i < s->n && !s->kernel; i++)
		punt_part(w, s->family, s->part[i].m);
	s->kernel = true;
	s->n = 1; /* in use */
	return REASSEMBLY_KERNEL;
}

/* In order of their place. False: it overlaps another one, or goes beyond the end. */
static bool insert(struct reassembly_slot *s, const struct fragment *f, const struct place *p)
{
	uint32_t end = p->at + p->len;
	unsigned k = 0;

	while (k < s->n && s->part[k].at < p->at)
		k++;
	if ((k > 0 && s->part[k - 1].at + s->part[k - 1].len > p->at) || (k < s->n && s->part[k].at < end) ||
	    (s->total != 0 && end > s->total))
		return false;
	if (!p->more) {
		if (s->total != 0 || (s->n != 0 && k < s->n))
			return false;
		s->total = end;
	}
	memmove(&s->part[k + 1], &s->part[k], (s->n - k) * sizeof(s->part[0]));
	s->part[k] = (struct reassembly_part){
	        .m = f->m, .at = (uint16_t)p->at, .len = (uint16_t)p->len, .l4 = (uint16_t)f->l4};
	s->n++;
	return true;
}

static bool is_complete(const struct reassembly_slot *s)
{
	uint32_t got = 0;

	for (unsigned i = 0; i < s->n; i++)
		got += s->part[i].len;
	return s->total != 0 && got == s->total;
}

/* The fragment header goes, and the one before it names the payload. */
static void close_gap6(struct rte_mbuf *m, uint8_t *ip, uint32_t l4, uint8_t protocol)
{
	uint32_t at = 40, next_at = 6;

	while (at < l4 - 8) {
		/* an atomic fragment's header is among them, and has no length (RFC 8200 4.5) */
		bool fragment = ip[next_at] == IPPROTO_FRAGMENT;
		next_at = at;
		at += fragment ? 8 : (ip[at + 1] + 1u) * 8;
	}
	ip[next_at] = protocol;
	memmove(ip - RTE_ETHER_HDR_LEN + 8, ip - RTE_ETHER_HDR_LEN, RTE_ETHER_HDR_LEN + l4 - 8);
	rte_pktmbuf_adj(m, 8);
}

/* The first fragment's headers, all payloads behind them. False: they don't fit into its buffer. */
static bool join(struct worker *w, struct reassembly_slot *s, struct fragment *f)
{
	struct rte_mbuf *m = s->part[0].m;
	uint32_t l4 = s->part[0].l4;

	if (s->total - s->part[0].len > rte_pktmbuf_tailroom(m))
		return false;
	count_add(w->counters, COUNTER_REASSEMBLED, s->n - 1u);
	for (unsigned i = 1; i < s->n; i++) {
		const struct reassembly_part *part = &s->part[i];
		memcpy(rte_pktmbuf_append(m, part->len),
		       rte_pktmbuf_mtod_offset(part->m, uint8_t *, RTE_ETHER_HDR_LEN + part->l4), part->len);
		rte_pktmbuf_free(part->m);
	}
	s->n = 0;
	f->m = m;
	f->ip = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
	f->l4 = l4;
	if (f->family == 6) {
		close_gap6(m, f->ip, l4, f->protocol);
		f->ip += 8;
		f->l4 -= 8;
		f->len = f->l4 + s->total;
		store16(f->ip + 4, htons((uint16_t)(f->len - 40)));
		return true;
	}
	f->len = l4 + s->total;
	store16(f->ip + 2, htons((uint16_t)f->len));
	store16(f->ip + 6, 0);
	store16(f->ip + 10, 0);
	store16(f->ip + 10, (uint16_t)~checksum_fold(checksum_bytes(f->ip, l4)));
	return true;
}

enum reassembly_verdict reassembly_take(struct worker *w, struct fragment *f)
{
	struct reassembly_slot *s;
	struct place p;

	if (!find_place(f, &p))
		return REASSEMBLY_BAD;
	s = find_slot(w, f, p.id);
	if (s->kernel || (p.at == 0 && !begins_esp(f)))
		return to_kernel(w, s);
	if (s->n == REASSEMBLY_PARTS || !insert(s, f, &p)) {
		forget(w, s);
		return REASSEMBLY_BAD;
	}
	if (!is_complete(s))
		return REASSEMBLY_KEPT;
	if (!join(w, s, f)) {
		forget(w, s);
		return REASSEMBLY_KEPT;
	}
	return REASSEMBLY_WHOLE;
}
