/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inbound ESP (RFC 4303 3.4, RFC 4301 5.2): from the SPI to the inner
 * packet. The outer source address is no input to anything but the event that
 * it changed. Worker threads; only the SA's owner gets past the hand-over.
 */
#include "dataplane/checksum.h"
#include "dataplane/esp.h"
#include "dataplane/mss.h"
#include "dataplane/stages.h"
#include "dataplane/transport.h"

#define OUTER_AT 14u /* frames come in with their Ethernet header */

/* The SA by SPI, or where the packet goes instead. Those that stay are moved to the front. */
static unsigned find_sas(struct worker *w, struct vec *v)
{
	struct sa *guess[WORKER_BURST];
	unsigned kept = 0, n = v->n;

	for (unsigned i = 0; i < n; i++) {
		struct pkt *p = pkt_of(v->m[i]);
		/* one that was handed over has its SA */
		guess[i] = p->sa != NULL ? p->sa : sa_in_guess(w->core, p->spi);
		if (guess[i] != NULL)
			sa_prefetch(guess[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = v->m[i];
		struct pkt *p = pkt_of(m);
		unsigned owner;
		p->sa = sa_in_check(guess[i], p->spi);
		if (p->sa == NULL) {
			worker_drop(w, m, DROP_ESP_NO_SA);
		} else if ((owner = sa_owner(p->sa)) != w->index) {
			hand_over(w, m, p->sa, owner, HAND_ESP_IN);
		} else {
			sa_prefetch_more(p->sa);
			sa_prefetch_ring(p->sa,
			                 ntohl(load32(rte_pktmbuf_mtod_offset(m, uint8_t *, p->esp + 4))));
			v->m[kept++] = m;
		}
	}
	return kept;
}

/* Lengths, state, sequence number: all that can be said before the ICV. */
static inline __attribute__((always_inline)) enum drop check_before(struct rte_mbuf *m, struct esp_inputs *in,
                                                                    const struct sa_shape *shape)
{
	struct pkt *p = pkt_of(m);
	uint8_t *esp = rte_pktmbuf_mtod_offset(m, uint8_t *, p->esp);
	uint32_t len = rte_pktmbuf_data_len(m) - p->esp, overhead = esp_overhead(shape);
	uint64_t iv;

	if (len < overhead + ESP_TRAILER)
		return DROP_ESP_SHORT;
	if (sa_is_dead(p->sa))
		return DROP_ESP_SA_DEAD;
	p->cipher = (uint16_t)(len - overhead);
	p->ip = esp + ESP_HEADER + shape->iv; /* what will be the inner packet */
	p->seq = sa_infer(p->sa, ntohl(load32(esp + 4)));
	if (!shape->batched) {
		memcpy(&iv, esp + ESP_HEADER, 8);
		esp_inputs_set(in, p->sa, p->seq, iv);
	} else {
		in->aad_len = 0; /* a batch makes its own */
		if (shape->iv == 16 && (p->cipher & shape->mask) != 0)
			return DROP_ESP_BLOCKS;
	}
	return sa_replay_check(p->sa, p->seq);
}

static __attribute__((noinline)) enum drop check_other(struct rte_mbuf *m, struct esp_inputs *in)
{
	return check_before(m, in, sa_shape(pkt_of(m)->sa));
}

/* A whole IPv4 header with a good checksum, in a packet that has `room` bytes, 20 at least. */
static inline bool header4_is_good(const uint8_t *ip, uint32_t room)
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
static inline bool padding_is_good(const uint8_t *end, uint32_t pad, uint32_t room)
{
	if (__builtin_expect(pad < 16 && room >= 16, 1)) {
		const __m128i numbers = _mm_set_epi8(16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1);
		__m128i last = _mm_loadu_si128((const __m128i *)(const void *)(end - 16));
		__m128i wanted = _mm_sub_epi8(numbers, _mm_set1_epi8((char)(16 - pad)));
		/* the lowest 16 - pad bytes are none of the padding */
		return ((uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(last, wanted)) | (0xffffu >> pad)) ==
		       0xffff;
	}
	if (pad > room)
		return false;
	for (uint32_t i = 0; i < pad; i++)
		if (*(end - pad + i) != i + 1)
			return false;
	return true;
}

/* RFC 4303 2.4 to 2.7: padding, next header, and the inner packet's own idea of its length. */
static inline enum drop check_trailer(const uint8_t *clear, uint32_t cipher, uint32_t *inner_len,
                                      uint8_t *family)
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

/* IPv4 outside and inside, and neither speaks of congestion: most packets. */
static inline bool ecn_is_silent(const uint8_t *outer, const uint8_t *inner)
{
	return ((outer[0] | inner[0]) >> 4) == 4 && ((outer[1] | inner[1]) & 3) == 0;
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

/* The outer source as one number: exact for IPv4, a hash for IPv6, where it only saves a look. */
static inline uint64_t source_of(const struct pkt *p, const uint8_t *outer)
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
static inline void note_sender(struct worker *w, const struct pkt *p, const uint8_t *outer, bool newest)
{
	struct sa *sa = p->sa;
	struct tunnel *tunnel = sa->tunnel;
	uint64_t source = source_of(p, outer);

	tunnel_note_in(tunnel, w->now_ms);
	if (__builtin_expect((sa->told & SA_TOLD_FIRST) == 0, 0))
		event_first_packet(&w->mine->events, sa, p->seq);
	if (__builtin_expect(
	            source != tunnel->seen_source || tunnel_generation(tunnel) != tunnel->seen_generation, 0))
		look_at_source(w, p, outer, newest, source);
}

/* The largest inner packet that the tunnel's path carries back: what a SYN may promise. */
static void clamp_mss(struct worker *w, const struct sa *sa, uint8_t *ip, uint32_t len)
{
	const struct path *path = tunnel_path(sa->tunnel);
	const struct nexthop *nh = nexthop_load(path->nexthop);

	if (nh == NULL)
		return;
	if (mss_clamp(ip, len, esp_inner_mtu(sa, path, nh)))
		count_add(w->counters, COUNTER_MSS_CLAMPED, 1);
}

/* Bytes of the outer IP header and its extensions. */
static uint32_t outer_headers(const struct pkt *p)
{
	return p->esp - OUTER_AT - (p->encap == RG_ENCAP_UDP ? 8u : 0u);
}

/* After the ICV: replay commit first, then the rest (RFC 4303 3.4.3 and 3.4.4). */
static inline enum drop accept_packet(struct worker *w, struct rte_mbuf *m)
{
	struct pkt *p = pkt_of(m);
	struct sa *sa = p->sa;
	uint8_t *outer = rte_pktmbuf_mtod_offset(m, uint8_t *, OUTER_AT), *clear = p->ip, *ip = outer;
	uint32_t inner_len = 0;
	bool newest, transport = (sa->flags & SA_TRANSPORT) != 0;
	enum drop why = sa_replay_accept(sa, p->seq, &newest);

	if (why != DROP_NONE) {
		counters_add(&sa->record->replayed, 1);
		return why;
	}
	note_sender(w, p, outer, newest);
	if (__builtin_expect(transport, 0)) {
		p->family = outer[0] >> 4;
		why = transport_restore(&ip, outer_headers(p), clear, p->cipher, p->encap == RG_ENCAP_UDP,
		                        &inner_len);
		clear = p->ip = ip;
	} else {
		why = check_trailer(clear, p->cipher, &inner_len, &p->family);
	}
	if (sa_account(sa, inner_len, w->now_ms))
		event_due(&w->mine->events, sa);
	if (why != DROP_NONE)
		return why;
	if (!sa_admits(sa, clear, inner_len)) {
		counters_add(&sa_rare(sa)->selector_mismatch, 1);
		return DROP_ESP_SELECTORS;
	}
	why = transport || ecn_is_silent(outer, clear) ? DROP_NONE : merge_ecn(outer, clear);
	if (why != DROP_NONE)
		return why;
	p->len = (uint16_t)inner_len;
	pkt_strip(m);
	p->from = FROM_TUNNEL;
	if (w->dp->mss_clamp && mss_is_tcp(clear))
		clamp_mss(w, sa, clear, inner_len);
	return DROP_NONE;
}

static inline void bring_in(const struct worker *w, struct rte_mbuf *m)
{
	const struct pkt *p = pkt_of(m);

	crypto_prefetch_key(sa_key(p->sa), p->cipher);
	esp_prefetch_payload(p->ip, p->cipher, w->dp->prefetch_payload);
}

/* Opened packets go on to the inner stage, or are dropped for what the cipher said of them. */
static void accept_burst(struct worker *w, struct rte_mbuf *const *m, const uint8_t *opened, unsigned n)
{
	unsigned done = 0;

	for (unsigned i = 0; i < n; i++) {
		enum drop why = (enum drop)opened[i];
		if (__builtin_expect(why == DROP_NONE, 1))
			why = accept_packet(w, m[i]);
		else if (why == DROP_ESP_AUTH)
			counters_add(&pkt_of(m[i])->sa->record->auth_failed, 1);
		if (__builtin_expect(why != DROP_NONE, 0)) {
			worker_drop(w, m[i], why);
			continue;
		}
		inner_push(w, m[i]);
		done++;
	}
	count_add(w->counters, COUNTER_DECRYPTED, done);
}

/* Suites other than AES-GCM, all SAs of the burst at once. */
static void open_batch(struct worker *w, struct rte_mbuf **m, unsigned n)
{
	static const enum drop reason[] = {[CRYPTO_OK] = DROP_NONE,
	                                   [CRYPTO_MISMATCH] = DROP_ESP_AUTH,
	                                   [CRYPTO_FAILED] = DROP_CRYPTO_ERROR};
	struct crypto_batch *b = w->crypto;
	uint8_t opened[WORKER_BURST];

	for (unsigned i = 0; i < n; i++) {
		const struct pkt *p = pkt_of(m[i]);
		uint8_t *esp = rte_pktmbuf_mtod_offset(m[i], uint8_t *, p->esp);
		esp_prefetch_payload(esp, p->cipher, w->dp->prefetch_payload);
		esp_batch(&b->op[i], p->sa, esp, p->seq, p->cipher);
	}
	crypto_open_batch(b, n);
	for (unsigned i = 0; i < n; i++)
		opened[i] = (uint8_t)reason[b->op[i].result];
	accept_burst(w, m, opened, n);
}

static void open_burst(struct worker *w, struct rte_mbuf **m, struct esp_inputs *in, unsigned n)
{
	unsigned ahead = n != 0 ? esp_ahead(pkt_of(m[0])->cipher) : 0;
	uint8_t opened[WORKER_BURST];

	for (unsigned i = 0; i < n && i < ahead; i++)
		bring_in(w, m[i]);
	for (unsigned i = 0; i < n; i++) {
		const struct pkt *p = pkt_of(m[i]);

		if (i + ahead < n)
			bring_in(w, m[i + ahead]);
		opened[i] = crypto_open(p->sa->suite, sa_key(p->sa), p->ip, p->cipher, in[i].nonce, in[i].aad,
		                        in[i].aad_len)
		                    ? DROP_NONE
		                    : DROP_ESP_AUTH;
	}
	accept_burst(w, m, opened, n);
}

void esp_in_run(struct worker *w)
{
	struct esp_inputs in[WORKER_BURST];
	struct rte_mbuf *batch[WORKER_BURST];
	struct vec *v = &w->esp_in;
	unsigned n, ready = 0, batched = 0;

	if (v->n == 0)
		return;
	n = find_sas(w, v);
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = v->m[i];
		bool gcm16 = sa_is_gcm16(pkt_of(m)->sa);
		enum drop why =
		        gcm16 ? check_before(m, &in[ready], &sa_shape_gcm16) : check_other(m, &in[ready]);
		if (why == DROP_NONE) {
			if (!gcm16 && sa_shape(pkt_of(m)->sa)->batched)
				batch[batched++] = m;
			else
				v->m[ready++] = m;
			continue;
		}
		if (why == DROP_ESP_REPLAY_OLD || why == DROP_ESP_REPLAY_SEEN)
			counters_add(&pkt_of(m)->sa->record->replayed, 1);
		worker_drop(w, m, why);
	}
	open_burst(w, v->m, in, ready);
	if (batched != 0)
		open_batch(w, batch, batched);
	v->n = 0;
}
