/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outbound ESP in tunnel mode (RFC 4303 3.3, RFC 4106, RFC 4301 5.1.2): from the
 * SA that the inner stage chose to a frame for the next hop. The path is loaded
 * once, in prepare(), where the length is computed, and travels with the packet.
 * Worker threads; only the SA's owner gets past the hand-over.
 */
#include "dataplane/checksum.h"
#include "dataplane/esp.h"
#include "dataplane/mss.h"
#include "dataplane/outer_bits.h"
#include "dataplane/stages.h"

#define IPV4_DF  RTE_BE16(0x4000)
#define IPV6_MIN 1280u

enum fate { READY, GONE };

static void seal_burst(struct worker *w, struct rte_mbuf **m, unsigned n);

static unsigned keep_own(struct worker *w, struct vec *v)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < v->n; i++) {
		struct rte_mbuf *m = v->m[i];
		struct sa *sa = pkt_of(m)->sa;
		unsigned owner = sa_owner(sa);
		if (owner != w->index) {
			hand_over(w, m, sa, owner, HAND_ESP_OUT);
			continue;
		}
		sa_load_more(sa);
		v->m[kept++] = m;
	}
	return kept;
}

/* What prepare() will find, most likely: path, route and next hop, one dependent line a pass (lines.h). */
static void load_paths(struct rte_mbuf *const *m, unsigned n)
{
	const struct path *path[WORKER_BURST];

	for (unsigned i = 0; i < n; i++) {
		path[i] = tunnel_path(pkt_of(m[i])->sa->tunnel);
		line_load(path[i]);
	}
	for (unsigned i = 0; i < n; i++)
		if (path[i]->route != NULL)
			line_load(path[i]->route);
	for (unsigned i = 0; i < n; i++) {
		const struct nexthop *nh = path[i]->route != NULL ? route_nexthop(path[i]->route) : NULL;
		if (nh != NULL)
			line_load(nh);
	}
}

/* Room for headers in front and trailer behind; the data then begins with the outer header. */
static enum drop make_room(struct rte_mbuf *m)
{
	struct pkt *p = pkt_of(m);
	uint32_t len = pkt_ip_len(m), pad = -(len + ESP_TRAILER) & 3;
	uint16_t front = (uint16_t)(p->path->hdr_len + ESP_HEADER + ESP_IV);

	if (!pkt_is_writable(m))
		return DROP_RX_SHARED;
	p->cipher = (uint16_t)(len + pad + ESP_TRAILER);
	p->esp = (uint16_t)len;
	if (p->l3 != 0)
		rte_pktmbuf_adj(m, p->l3);
	p->l3 = 0;
	if (rte_pktmbuf_headroom(m) < front + RTE_ETHER_HDR_LEN ||
	    rte_pktmbuf_append(m, (uint16_t)(pad + ESP_TRAILER + CRYPTO_ICV)) == NULL)
		return DROP_OUT_NO_ROOM;
	rte_pktmbuf_prepend(m, front);
	return DROP_NONE;
}

/* RFC 4301 8.2.1: the sender learns the tunnel's MTU, unless the packet may be cut before encryption. */
static enum drop too_big(struct worker *w, struct rte_mbuf *m, uint32_t fits)
{
	struct rte_mbuf *piece[WORKER_FRAG_ROOM];
	struct pkt *p = pkt_of(m);
	unsigned n, kept = 0;
	enum drop why;

	if (p->family == 6 || (load16(pkt_ip(m) + 6) & IPV4_DF) != 0) {
		icmp_too_big(w, m, p->family == 6 && fits < IPV6_MIN ? IPV6_MIN : fits);
		return DROP_OUT_TOO_BIG;
	}
	why = fragment_make4(w, m, fits, piece, &n);
	if (why != DROP_NONE)
		return why;
	for (unsigned i = 0; i < n; i++) {
		why = make_room(piece[i]);
		if (why == DROP_NONE)
			piece[kept++] = piece[i];
		else
			worker_drop(w, piece[i], why);
	}
	rte_pktmbuf_free(m);
	count_add(w->counters, COUNTER_FRAGMENTED, 1);
	seal_burst(w, piece, kept);
	return DROP_NONE;
}

/* Loads the path and the next hop; says whether the packet fits. */
static enum fate prepare(struct worker *w, struct rte_mbuf *m)
{
	struct pkt *p = pkt_of(m);
	struct tunnel *tunnel = p->sa->tunnel;
	enum drop why = DROP_NONE;
	uint32_t fits;

	p->path = tunnel_path(tunnel);
	if (p->path->flags & PATH_SUSPENDED) {
		counters_add(&tunnel->dropped, 1);
		why = DROP_OUT_SUSPENDED;
		goto drop;
	}
	p->nh = route_nexthop(p->path->route);
	why = p->nh == NULL ? DROP_OUT_NO_ROUTE : sa_is_dead(p->sa) ? DROP_OUT_SA_DEAD : DROP_NONE;
	if (why != DROP_NONE)
		goto drop;
	fits = esp_inner_mtu(p->path, p->nh);
	if (pkt_ip_len(m) > fits) {
		why = too_big(w, m, fits);
		if (why == DROP_NONE)
			return GONE;
		goto drop;
	}
	if (w->dp->mss_clamp && mss_is_tcp(pkt_ip(m)) && mss_clamp(pkt_ip(m), pkt_ip_len(m), fits))
		count_add(w->counters, COUNTER_MSS_CLAMPED, 1);
	why = make_room(m);
	if (why == DROP_NONE)
		return READY;
drop:
	worker_drop(w, m, why);
	return GONE;
}

/* RFC 6040 4.1, normal mode, and DSCP copied (RFC 4301 5.1.2.1). */
static uint8_t inner_class(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[1] : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
}

static void write_outer4(uint8_t *outer, const struct path *path, uint16_t len, uint8_t class)
{
	memcpy(outer, path->hdr, 20);
	outer[1] = class;
	store16(outer + 2, htons(len));
	store16(outer + 10, (uint16_t)~checksum_fold((uint64_t)path->sum + htons(class) + htons(len)));
	if (path->encap == RG_ENCAP_UDP) {
		memcpy(outer + 20, path->hdr + 20, 8);
		store16(outer + 24, htons((uint16_t)(len - 20))); /* checksum zero: RFC 3948 2.1 */
	}
}

static void write_outer6(uint8_t *outer, const struct path *path, uint16_t len, uint8_t class)
{
	memcpy(outer, path->hdr, 40);
	outer[0] = (uint8_t)(0x60 | class >> 4);
	outer[1] = (uint8_t)(class << 4 | (outer[1] & 0xf));
	store16(outer + 4, htons((uint16_t)(len - 40)));
	if (path->encap == RG_ENCAP_UDP) {
		memcpy(outer + 40, path->hdr + 40, 8);
		store16(outer + 44, htons((uint16_t)(len - 40)));
	}
}

/* Everything but the cipher text: outer header, ESP header, IV, padding, trailer. */
static enum drop write_headers(struct worker *w, struct rte_mbuf *m, struct esp_inputs *in)
{
	struct pkt *p = pkt_of(m);
	struct sa *sa = p->sa;
	uint8_t *outer = rte_pktmbuf_mtod(m, uint8_t *), *esp = outer + p->path->hdr_len;
	uint8_t *clear = esp + ESP_HEADER + ESP_IV, *end = clear + p->cipher;
	uint32_t inner_len = p->esp;
	uint16_t len = (uint16_t)rte_pktmbuf_data_len(m);
	uint64_t seq = sa_next_sequence(sa), iv = __builtin_bswap64(seq);

	if (__builtin_expect(seq == 0 || seq >= sa->next_sequence, 0))
		event_sequence(&w->mine->events, sa);
	if (seq == 0)
		return DROP_OUT_SEQUENCE;
	if (p->path->family == 4)
		write_outer4(outer, p->path, len, inner_class(clear));
	else
		write_outer6(outer, p->path, len, inner_class(clear));
	if (__builtin_expect(sa->flags & SA_BITS, 0))
		outer_bits_apply(sa, outer, clear, (uint32_t)seq);
	store32(esp, sa->spi);
	store32(esp + 4, htonl((uint32_t)seq));
	memcpy(esp + ESP_HEADER, &iv, 8);
	for (uint32_t i = inner_len, pad = 1; clear + i < end - ESP_TRAILER; i++)
		clear[i] = (uint8_t)pad++;
	end[-2] = (uint8_t)(p->cipher - ESP_TRAILER - inner_len);
	end[-1] = p->family == 4 ? ESP_NEXT_IPV4 : ESP_NEXT_IPV6;
	esp_inputs_set(in, sa, seq, iv);
	if (sa_account(sa, inner_len, w->now_ms))
		event_limit(&w->mine->events, sa);
	if (tunnel_note_out(sa->tunnel, w->now_ms))
		event_no_answer(&w->mine->events, sa, w->now_ms);
	return DROP_NONE;
}

/* RFC 8200 8.1: UDP over IPv6 has a checksum. */
static void finish_udp6(uint8_t *outer, const struct path *path, uint16_t len)
{
	uint16_t udp_len = (uint16_t)(len - 40), check;
	uint64_t sum = (uint64_t)path->sum + 2ull * htons(udp_len) + checksum_bytes(outer + 48, udp_len - 8u);

	check = (uint16_t)~checksum_fold(sum);
	store16(outer + 46, check == 0 ? 0xffff : check);
}

static void prefetch_payload(struct worker *w, struct rte_mbuf *m)
{
	esp_prefetch_payload(rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_data_len(m),
	                     w->dp->prefetch_payload);
}

/* Prepared packets of this worker's SAs, in order. */
static void seal_burst(struct worker *w, struct rte_mbuf **m, unsigned n)
{
	struct esp_inputs in[WORKER_BURST];
	unsigned ready = 0, ahead;

	for (unsigned i = 0; i < n; i++) {
		enum drop why = write_headers(w, m[i], &in[ready]);
		if (why == DROP_NONE)
			m[ready++] = m[i];
		else
			worker_drop(w, m[i], why);
	}
	for (unsigned i = 0; i < ready; i++)
		crypto_load_key(sa_key(pkt_of(m[i])->sa), pkt_of(m[i])->cipher);
	ahead = ready != 0 ? esp_ahead(pkt_of(m[0])->cipher) : 0;
	for (unsigned i = 0; i < ready && i < ahead; i++)
		prefetch_payload(w, m[i]);
	for (unsigned i = 0; i < ready; i++) {
		struct pkt *p = pkt_of(m[i]);
		uint8_t *outer = rte_pktmbuf_mtod(m[i], uint8_t *);
		if (i + ahead < ready)
			prefetch_payload(w, m[i + ahead]);
		crypto_seal(p->sa->suite, sa_key(p->sa), outer + p->path->hdr_len + ESP_HEADER + ESP_IV,
		            p->cipher, in[i].nonce, in[i].aad, in[i].aad_len);
		if (p->path->hdr_len == 48)
			finish_udp6(outer, p->path, rte_pktmbuf_data_len(m[i]));
		tx_ip(w, p->nh, m[i]);
	}
	count_add(w->counters, COUNTER_ENCRYPTED, ready);
}

void esp_out_run(struct worker *w)
{
	struct vec *v = &w->esp_out;
	unsigned n, ready = 0;

	if (v->n == 0)
		return;
	n = keep_own(w, v);
	load_paths(v->m, n);
	for (unsigned i = 0; i < n; i++)
		if (prepare(w, v->m[i]) == READY)
			v->m[ready++] = v->m[i];
	v->n = 0;
	seal_burst(w, v->m, ready);
}
