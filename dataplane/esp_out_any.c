/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outbound ESP of any kind (RFC 4303 3.3, RFC 4301 5.1.2): every suite, mode and outer family,
 * packets that do not fit, SAs that have ended. esp_out.c does what most packets need without
 * this file, and to the same effect. Worker threads; the SA's owner.
 */
#include "dataplane/checksum.h"
#include "dataplane/mss.h"
#include "dataplane/outer_bits.h"
#include "dataplane/seal.h"
#include "dataplane/transport.h"

#include <netinet/in.h>

#define IPV4_DF  RTE_BE16(0x4000)
#define IPV6_MIN 1280u

/* Why a packet cannot go now that its path leads nowhere, or its SA has ended. */
static enum drop why_not(const struct sa *sa, const struct path *path)
{
	if (path->flags & PATH_SUSPENDED) {
		counters_add(&sa->tunnel->dropped, 1);
		return DROP_OUT_SUSPENDED;
	}
	return sa_is_dead(sa) ? DROP_OUT_SA_DEAD : DROP_OUT_NO_ROUTE;
}

/* RFC 6040 4.1, normal mode, and DSCP copied (RFC 4301 5.1.2.1). */
static uint8_t inner_class(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[1] : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
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

/* Outer header, ESP header, the IV of AES-GCM, padding and trailer (RFC 4303 2). The sequence number is
 * used up. */
static void write_esp(uint8_t *outer, const struct seal *s, const struct sa *sa, uint64_t seq,
                      uint32_t inner_len, uint8_t next_header)
{
	const struct sa_shape *shape = sa_shape(sa);
	const uint8_t class = inner_class(s->clear);
	const uint16_t len = (uint16_t)(s->clear - outer + s->cipher + shape->icv);

	if (s->path->family == 4)
		seal_write_outer4(outer, s->path, len, class);
	else
		write_outer6(outer, s->path, len, class);
	seal_write_esp(s->clear - shape->iv - ESP_HEADER, sa, __builtin_bswap64(seq), shape->iv != 0);
	seal_write_trailer(s->clear, inner_len, s->cipher,
	                   next_header); /* make_room() has seen that it fits */
}

/* The frame grows at both ends; its data then begins with the Ethernet header. `spare`: behind it. */
static enum drop make_room(struct rte_mbuf *m, uint32_t front, uint32_t frame_len, uint32_t spare)
{
	uint32_t at = (uint32_t)(pkt_of(m)->ip - (uint8_t *)m->buf_addr);

	if (__builtin_expect(!pkt_is_writable(m), 0))
		return DROP_RX_SHARED;
	if (__builtin_expect(at < front || at - front + frame_len + spare > m->buf_len, 0))
		return DROP_OUT_NO_ROOM;
	m->data_off = (uint16_t)(at - front);
	m->data_len = (uint16_t)frame_len;
	m->pkt_len = frame_len;
	return DROP_NONE;
}

/* RFC 8200 8.1: UDP over IPv6 has a checksum. */
static void finish_udp6(const struct seal *s)
{
	const struct sa_shape *shape = &sa_shapes[s->suite];
	uint8_t *udp = s->clear - shape->iv - ESP_HEADER - 8;
	uint16_t udp_len = (uint16_t)(8 + esp_overhead(shape) + s->cipher), check;
	uint64_t sum = (uint64_t)s->path->sum + 2ull * htons(udp_len) + checksum_bytes(udp + 8, udp_len - 8u);

	check = (uint16_t)~checksum_fold(sum);
	store16(udp + 6, check == 0 ? 0xffff : check);
}

/* The same, by the port: it wants the sum of the pseudo-header in the field. */
static void offload_udp6(const struct seal *s)
{
	const struct sa_shape *shape = &sa_shapes[s->suite];
	uint8_t *udp = s->clear - shape->iv - ESP_HEADER - 8;
	uint8_t *ip = rte_pktmbuf_mtod_offset(s->m, uint8_t *, RTE_ETHER_HDR_LEN);

	store16(udp + 6,
	        checksum_fold(checksum_pseudo(ip, IPPROTO_UDP, 8 + esp_overhead(shape) + s->cipher)));
	s->m->l2_len = RTE_ETHER_HDR_LEN;
	s->m->l3_len = (uint64_t)(udp - ip) & 0x1ff;
	s->m->ol_flags |= RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM;
}

void esp_out_udp6(struct worker *w, const struct seal *s)
{
	if (w->dp->port[s->port].udp_checksum)
		offload_udp6(s);
	else
		finish_udp6(s);
}

/* One packet by itself, beside the burst. */
static enum drop seal_alone(struct worker *w, const struct seal *s)
{
	struct crypto_batch *b = w->crypto;

	if (s->batched) {
		seal_batch_op(&b->op[0], s);
		crypto_seal_batch(b, 1);
		if (b->op[0].result != CRYPTO_OK)
			return DROP_CRYPTO_ERROR;
	} else {
		seal_now(s);
	}
	if (s->udp6)
		finish_udp6(s);
	return DROP_NONE;
}

/* Encrypted whole and cut then (RFC 4303 3.3.4): what no sender can make smaller. Nothing of `s` is left. */
static void send_in_pieces(struct worker *w, struct seal *s, const struct nexthop *nh)
{
	struct rte_mbuf *piece[WORKER_FRAG_ROOM], *m = s->m;
	uint32_t id = load32(s->clear - sa_shapes[s->suite].iv - 4); /* the sequence number */
	enum drop why = seal_alone(w, s);
	unsigned n = 0;

	s->m = NULL;
	pkt_of(m)->ip = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
	pkt_of(m)->len = (uint16_t)(rte_pktmbuf_data_len(m) - RTE_ETHER_HDR_LEN);
	if (why == DROP_NONE)
		why = fragment_outer(w, m, path_outer_mtu(s->path, nh), id, piece, &n);
	for (unsigned i = 0; i < n; i++)
		tx_ip(w, nh, piece[i]);
	if (why != DROP_NONE) {
		worker_drop(w, m, why);
		return;
	}
	count_add(w->counters, COUNTER_ENCRYPTED, 1);
	count_add(w->counters, COUNTER_OUTER_FRAGMENTED, 1);
	rte_pktmbuf_free(m);
}

/* A sequence number, and what the cipher needs with it: the last step that can fail. */
static enum drop take_number(struct worker *w, struct sa *sa, uint32_t len, struct seal *s, uint64_t *seq)
{
	*seq = sa_next_sequence(sa);
	if (*seq == 0) {
		event_due(&w->mine->events, sa, sa_record(w->core, sa), w->now_ms);
		return DROP_OUT_SEQUENCE;
	}
	seal_set_number(s, sa, __builtin_bswap64(*seq));
	if (sa_account(sa, len))
		event_due(&w->mine->events, sa, sa_record(w->core, sa), w->now_ms);
	if (tunnel_note_out(sa->tunnel, w->now_ms))
		event_no_answer(&w->mine->events, sa, w->now_ms);
	return DROP_NONE;
}

/* Whose it is, and where it goes. */
static void fill(struct seal *s, struct rte_mbuf *m, const struct path *path, const struct nexthop *nh)
{
	const struct sa *sa = pkt_of(m)->sa;

	s->m = m;
	s->key = sa_key(sa);
	s->path = path;
	s->port = nh->port;
	s->aad_len = seal_aad_len(sa);
	s->suite = sa->suite;
	s->batched = sa_shape(sa)->batched;
	s->udp6 = path->hdr_len == 48;
}

/* Everything but the cipher text, in tunnel mode, whether it fits or not. */
static enum drop build(struct worker *w, struct rte_mbuf *m, const struct path *path,
                       const struct nexthop *nh, struct seal *s)
{
	struct pkt *p = pkt_of(m);
	struct sa *sa = p->sa;
	const struct sa_shape *shape = sa_shape(sa);
	const uint32_t inner_len = pkt_ip_len(m), cipher = esp_cipher_len(shape, inner_len);
	const uint32_t front = RTE_ETHER_HDR_LEN + path->hdr_len + ESP_HEADER + shape->iv;
	enum drop why;
	uint64_t seq;
	uint8_t *frame;

	why = make_room(m, front, front + cipher + shape->icv, (uint32_t)shape->room - shape->icv);
	if (why != DROP_NONE)
		return why;
	why = take_number(w, sa, inner_len, s, &seq);
	if (why != DROP_NONE)
		return why;
	fill(s, m, path, nh);
	s->clear = pkt_ip(m);
	s->cipher = (uint16_t)cipher;
	frame = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(frame, nh, 16); /* the outer header overwrites the two bytes behind the Ethernet header */
	write_esp(frame + RTE_ETHER_HDR_LEN, s, sa, seq, inner_len,
	          p->family == 4 ? ESP_NEXT_IPV4 : ESP_NEXT_IPV6);
	if (sa->flags & SA_BITS)
		outer_bits_apply(sa, frame + RTE_ETHER_HDR_LEN, s->clear, (uint32_t)seq);
	return DROP_NONE;
}

/*
 * RFC 4301 8.2.1: the sender learns the tunnel's MTU, unless the packet may be cut before encryption. An IPv6
 * packet of the least MTU has to pass whatever the path's is (RFC 8200 5, RFC 2473 7.1).
 */
static enum drop too_big(struct worker *w, struct rte_mbuf *m, const struct path *path,
                         const struct nexthop *nh, struct seal *s)
{
	struct rte_mbuf *piece[WORKER_FRAG_ROOM];
	struct out out[WORKER_FRAG_ROOM];
	struct pkt *p = pkt_of(m);
	struct train train = {.first = out, .sa = p->sa, .path = path};
	uint32_t fits = esp_inner_mtu(p->sa, path, nh);
	enum drop why;
	unsigned n;

	if (p->family == 6 && pkt_ip_len(m) <= IPV6_MIN) {
		why = build(w, m, path, nh, s);
		if (why == DROP_NONE)
			send_in_pieces(w, s, nh);
		return why;
	}
	if (p->family == 6 || (load16(pkt_ip(m) + 6) & IPV4_DF) != 0) {
		icmp_too_big(w, m, p->family == 6 && fits < IPV6_MIN ? IPV6_MIN : fits);
		return DROP_OUT_TOO_BIG;
	}
	why = fragment_make4(w, m, fits, piece, &n);
	if (why != DROP_NONE)
		return why;
	for (unsigned i = 0; i < n; i++)
		out[i] = out_of(piece[i]);
	train.n = n;
	rte_pktmbuf_free(m);
	count_add(w->counters, COUNTER_FRAGMENTED, 1);
	esp_out_seal(w, &train, &train + 1, false);
	return DROP_NONE;
}

/* The same in transport mode: the packet's own headers outside. */
static enum drop build_transport(struct worker *w, struct rte_mbuf *m, const struct transport_cut *cut,
                                 const struct path *path, const struct nexthop *nh, struct seal *s)
{
	struct sa *sa = pkt_of(m)->sa;
	const struct sa_shape *shape = sa_shape(sa);
	const uint32_t len = pkt_ip_len(m), cipher = esp_cipher_len(shape, len - cut->at);
	const uint32_t room = (path->encap == RG_ENCAP_UDP ? 8u : 0u) + ESP_HEADER + shape->iv;
	const uint32_t outer_len = room + cut->at + cipher + shape->icv;
	uint8_t *ip = pkt_ip(m), *frame;
	uint64_t seq;
	enum drop why = make_room(m, RTE_ETHER_HDR_LEN + room, RTE_ETHER_HDR_LEN + outer_len,
	                          (uint32_t)shape->room - shape->icv);

	if (why == DROP_NONE)
		why = take_number(w, sa, len, s, &seq);
	if (why != DROP_NONE)
		return why;
	fill(s, m, path, nh);
	s->clear = ip + cut->at;
	s->cipher = (uint16_t)cipher;
	frame = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(frame, nh->l2, sizeof(nh->l2));
	transport_write_outer(frame + RTE_ETHER_HDR_LEN, ip, cut, path, (uint16_t)outer_len);
	transport_write_esp(s->clear, len - cut->at, cipher, sa, seq, cut->next);
	return DROP_NONE;
}

/* RFC 4303 3.3.4. Of IPv6 those that have to pass whatever the path's MTU is (RFC 8200 5). */
static bool may_go_in_pieces(const uint8_t *ip, uint32_t len)
{
	return ip[0] >> 4 == 6 ? len <= IPV6_MIN : (load16(ip + 6) & IPV4_DF) == 0;
}

/* A packet of the kernel's that may be cut is cut when it is encrypted. */
static enum drop prepare_transport(struct worker *w, struct rte_mbuf *m, const struct path *path,
                                   const struct nexthop *nh, struct seal *s)
{
	uint8_t *ip = pkt_ip(m);
	uint32_t len = pkt_ip_len(m), fits;
	struct transport_cut cut;
	enum drop why = transport_find(ip, len, &cut);

	if (why != DROP_NONE)
		return why;
	/* it speaks for the gateway alone: what others send with its address is none of its */
	if (!transport_fits_path(ip, path) ||
	    (pkt_of(m)->from != FROM_KERNEL && pkt_of(m)->from != FROM_SELF))
		return DROP_TRANSPORT_PATH;
	fits = transport_mtu(&cut, pkt_of(m)->sa, path, nh);
	if (len > fits && !may_go_in_pieces(ip, len)) {
		icmp_too_big(w, m, ip[0] >> 4 == 6 && fits < IPV6_MIN ? IPV6_MIN : fits);
		return DROP_OUT_TOO_BIG;
	}
	if (w->dp->mss_clamp && mss_is_tcp(ip) && mss_clamp(ip, len, fits))
		count_add(w->counters, COUNTER_MSS_CLAMPED, 1);
	why = build_transport(w, m, &cut, path, nh, s);
	if (why == DROP_NONE && len > fits)
		send_in_pieces(w, s, nh);
	return why;
}

enum drop esp_out_any(struct worker *w, struct rte_mbuf *m, const struct path *path, struct seal *s)
{
	struct sa *sa = pkt_of(m)->sa;
	const struct sa_shape *shape = sa_shape(sa);
	const struct nexthop *nh = nexthop_load(path->nexthop);
	const uint32_t inner_len = pkt_ip_len(m), cipher = esp_cipher_len(shape, inner_len);
	uint8_t *ip = pkt_ip(m);

	s->m = NULL;
	if (nh == NULL || sa_is_dead(sa))
		return why_not(sa, path);
	if (sa->flags & SA_TRANSPORT)
		return prepare_transport(w, m, path, nh, s);
	if (path->hdr_len + esp_overhead(shape) + cipher > path_outer_mtu(path, nh))
		return too_big(w, m, path, nh, s);
	if (w->dp->mss_clamp && mss_is_tcp(ip) && mss_clamp(ip, inner_len, esp_inner_mtu(sa, path, nh)))
		count_add(w->counters, COUNTER_MSS_CLAMPED, 1);
	return build(w, m, path, nh, s);
}
