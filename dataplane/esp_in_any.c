/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inbound ESP of any kind (RFC 4303 3.4, RFC 4301 5.2): every suite, mode and family, replays and
 * gaps, new senders, limits. esp_in.c does what most packets need without this file, and to the same
 * effect. The outer source address is no input to anything but the event that it changed. Worker
 * threads; the SA's owner.
 */
#include "dataplane/checksum.h"
#include "dataplane/mss.h"
#include "dataplane/open.h"
#include "dataplane/transport.h"

enum drop esp_in_check_any(const struct in *in, struct open *o)
{
	struct sa *sa = in->sa;
	const struct sa_shape *shape = sa_shape(sa);
	const uint32_t overhead = esp_overhead(shape);
	uint32_t cipher;
	uint64_t seq;

	if (in->len < overhead + ESP_TRAILER)
		return DROP_ESP_SHORT;
	if (sa_is_dead(sa))
		return DROP_ESP_SA_DEAD;
	cipher = in->len - overhead;
	seq = sa_infer(sa, in_low(in));
	if (shape->batched && shape->iv == 16 && (cipher & shape->mask) != 0)
		return DROP_ESP_BLOCKS;
	open_set(o, in, sa_word(sa), in->esp + ESP_HEADER + shape->iv, cipher, seq);
	o->batched = shape->batched;
	/* what is inside may be, whatever the suite */
	o->plain = (sa->flags & SA_TRANSPORT) == 0 && cipher >= 20 + ESP_TRAILER;
	return sa_replay_check(sa, seq);
}

/* A whole IPv4 header with a good checksum, in a packet that has `room` bytes, 20 at least. */
static bool header4_is_good(const uint8_t *ip, uint32_t room)
{
	uint32_t header = (ip[0] & 0xfu) * 4;
	uint64_t sum;

	if (__builtin_expect(ip[0] == 0x45, 1))
		return ntohs(load16(ip + 2)) >= 20 && checksum_is_good4(ip);
	if (ip[0] >> 4 != 4 || header < 20 || room < header || ntohs(load16(ip + 2)) < header)
		return false;
	sum = checksum_header4(ip);
	if (header > 20)
		sum += checksum_bytes(ip + 20, header - 20);
	return checksum_fold(sum) == 0xffff;
}

/* 1, 2, 3 ... up to `end` (RFC 4303 2.4), of the `room` bytes in front of it. */
static bool padding_is_good(const uint8_t *end, uint32_t pad, uint32_t room)
{
	if (pad > room)
		return false;
	for (uint32_t i = 0; i < pad; i++)
		if (*(end - pad + i) != i + 1)
			return false;
	return true;
}

/* RFC 4303 2.4 to 2.7: padding, next header, and the inner packet's own idea of its length. */
static enum drop check_trailer(const uint8_t *clear, uint32_t cipher, uint32_t *inner_len, uint8_t *family)
{
	uint32_t pad = clear[cipher - 2], room = cipher - ESP_TRAILER, total;

	if (!padding_is_good(clear + room, pad, room))
		return DROP_ESP_PADDING;
	room -= pad;
	switch (clear[cipher - 1]) {
	case ESP_NEXT_IPV4:
		if (room < 20 || !header4_is_good(clear, room))
			return DROP_ESP_INNER_BAD;
		total = ntohs(load16(clear + 2));
		*family = 4;
		break;
	case ESP_NEXT_IPV6:
		if (room < 40 || clear[0] >> 4 != 6)
			return DROP_ESP_INNER_BAD;
		total = 40u + ntohs(load16(clear + 4));
		*family = 6;
		break;
	case ESP_NEXT_DUMMY:
		return DROP_ESP_DUMMY;
	default:
		return DROP_ESP_NEXT_HEADER;
	}
	if (total > room) /* shorter is traffic flow confidentiality padding: RFC 4303 2.7 */
		return DROP_ESP_INNER_BAD;
	*inner_len = total;
	return DROP_NONE;
}

/* RFC 6040 4.2, figure 4. */
static enum drop merge_ecn(const uint8_t *outer, uint8_t *inner)
{
	bool inner4 = inner[0] >> 4 == 4;
	uint8_t out = outer[0] >> 4 == 4 ? outer[1] & 3 : outer[1] >> 4 & 3;
	uint8_t in = inner4 ? inner[1] & 3 : inner[1] >> 4 & 3;
	uint8_t now = in;

	if (in == 0)
		return out == 3 ? DROP_ESP_ECN : DROP_NONE;
	if (out == 3)
		now = 3;
	else if (out == 1 && in == 2)
		now = 1;
	if (now == in)
		return DROP_NONE;
	if (inner4) {
		uint16_t before = load16(inner);
		inner[1] = (uint8_t)((inner[1] & ~3u) | now);
		store16(inner + 10, checksum_replace(load16(inner + 10), before, load16(inner)));
	} else {
		inner[1] = (uint8_t)((inner[1] & ~0x30u) | now << 4);
	}
	return DROP_NONE;
}

static void tell_new_address(struct worker *w, const struct pkt *p, const uint8_t *outer)
{
	struct rg_api_path seen = {.encap = p->encap};
	const uint8_t *udp = outer + p->esp - OUTER_AT - 8;

	seen.family = outer[0] >> 4;
	memcpy(seen.remote, outer + (seen.family == 4 ? 12 : 8), seen.family == 4 ? 4 : 16);
	memcpy(seen.local, outer + (seen.family == 4 ? 16 : 24), seen.family == 4 ? 4 : 16);
	if (p->encap == RG_ENCAP_UDP) {
		seen.remote_port = load16(udp);
		seen.local_port = load16(udp + 2);
	}
	event_new_address(&w->mine->events, p->sa, p->seq, w->now_ms, &seen);
	count_add(w->counters, COUNTER_EVENTS_RAISED, 1);
}

/* Not the source of last time, or the path was swapped: is it the path's remote? */
static void look_at_source(struct worker *w, const struct pkt *p, const uint8_t *outer, bool newest,
                           uint64_t source)
{
	struct sa *sa = p->sa;
	uint32_t generation = tunnel_generation(sa->tunnel);
	const struct path *path = tunnel_path(sa->tunnel);
	uint16_t port = p->encap == RG_ENCAP_UDP ? load16(outer + p->esp - OUTER_AT - 8) : 0;
	bool same = outer[0] >> 4 == 4 ? path_is_remote4(path, load32(outer + 12), port)
	                               : path_is_remote6(path, outer + 8, port);

	if (same) {
		sa->tunnel->seen_source = source;
		sa->tunnel->seen_generation = generation;
		return;
	}
	count_add(w->counters, COUNTER_UNEXPECTED_SOURCE, 1);
	if (event_wants_new_address(sa, newest, w->now_ms))
		tell_new_address(w, p, outer);
}

/* What an authenticated packet tells about its sender; nothing here can drop it. */
static void note_sender(struct worker *w, const struct pkt *p, const uint8_t *outer, bool newest)
{
	struct sa *sa = p->sa;
	struct tunnel *tunnel = sa->tunnel;
	uint64_t source = open_source(p, outer);

	tunnel_note_in(tunnel, w->now_ms);
	if ((sa->told & SA_TOLD_FIRST) == 0)
		event_first_packet(&w->mine->events, sa, p->seq);
	if (source != tunnel->seen_source || tunnel_generation(tunnel) != tunnel->seen_generation)
		look_at_source(w, p, outer, newest, source);
}

/* The largest packet like this one that the tunnel's path carries back. */
static uint32_t mtu_back(const struct sa *sa, const struct path *path, const struct nexthop *nh,
                         const uint8_t *ip, uint32_t len)
{
	struct transport_cut cut;

	if ((sa->flags & SA_TRANSPORT) == 0 || transport_find(ip, len, &cut) != DROP_NONE)
		return esp_inner_mtu(sa, path, nh);
	return transport_mtu(&cut, sa, path, nh);
}

/* A SYN may promise no more than that. */
void esp_in_clamp_mss(struct worker *w, const struct sa *sa, uint8_t *ip, uint32_t len)
{
	const struct path *path = tunnel_path(sa->tunnel);
	const struct nexthop *nh = nexthop_load(path->nexthop);

	if (nh == NULL)
		return;
	if (mss_clamp(ip, len, mtu_back(sa, path, nh, ip, len)))
		count_add(w->counters, COUNTER_MSS_CLAMPED, 1);
}

/* Bytes of the outer IP header and its extensions. */
static uint32_t outer_headers(const struct pkt *p)
{
	return p->esp - OUTER_AT - (p->encap == RG_ENCAP_UDP ? 8u : 0u);
}

/* After the ICV: replay commit first, then the rest (RFC 4303 3.4.3 and 3.4.4). */
enum drop esp_in_accept_any(struct worker *w, struct rte_mbuf *m)
{
	struct pkt *p = pkt_of(m);
	struct sa *sa = p->sa;
	uint8_t *outer = rte_pktmbuf_mtod_offset(m, uint8_t *, OUTER_AT), *clear = p->ip, *ip = outer;
	uint32_t inner_len = 0;
	bool newest, transport = (sa->flags & SA_TRANSPORT) != 0;
	enum drop why;

	if (sa_is_dead(sa)) /* since it was asked for: an earlier packet of the burst reached the limit */
		return DROP_ESP_SA_DEAD;
	why = sa_replay_accept(sa, p->seq, &newest);
	if (why != DROP_NONE) {
		counters_add(&sa_record(w->core, sa)->replayed, 1);
		return why;
	}
	note_sender(w, p, outer, newest);
	if (transport) {
		p->family = outer[0] >> 4;
		why = transport_restore(&ip, outer_headers(p), clear, p->cipher, p->encap == RG_ENCAP_UDP,
		                        &inner_len);
		clear = p->ip = ip;
	} else {
		why = check_trailer(clear, p->cipher, &inner_len, &p->family);
	}
	if (sa_account(sa, inner_len))
		event_due(&w->mine->events, sa, sa_record(w->core, sa), w->now_ms);
	if (why != DROP_NONE)
		return why;
	if (!sa_admits(sa, clear, inner_len)) {
		struct rg_counters_sa *record = sa_record(w->core, sa);
		__atomic_store_n(&record->selector_mismatch, record->selector_mismatch + 1, __ATOMIC_RELAXED);
		return DROP_ESP_SELECTORS;
	}
	why = transport ? DROP_NONE : merge_ecn(outer, clear);
	if (why != DROP_NONE)
		return why;
	p->len = (uint16_t)inner_len;
	pkt_strip(m);
	p->from = FROM_TUNNEL;
	if (w->dp->mss_clamp && mss_is_tcp(clear))
		esp_in_clamp_mss(w, sa, clear, inner_len);
	return DROP_NONE;
}
