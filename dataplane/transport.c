/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transport mode's headers both ways (RFC 4303 3.1.1, 3.3, 3.4; RFC 3948 3.1.2),
 * and what the kernel's own packets have to do with it. Worker threads.
 */
#include "dataplane/transport.h"
#include "dataplane/checksum.h"
#include "dataplane/esp.h"
#include "dataplane/stages.h"

#include <netinet/in.h>

#define HEADERS_MAX    4u /* IPv6 extension headers */
#define FRAGMENT_MASK4 RTE_BE16(0x3fff)

/* Extension headers in front of ESP: hop-by-hop options, routing, and destination
 * options only if routing follows (RFC 8200 4.1, RFC 4303 3.1.1). */
static enum drop find6(const uint8_t *ip, uint32_t len, struct transport_cut *cut)
{
	uint32_t at = 40, seen = 6;

	if (len < 40)
		return DROP_INNER_BAD;
	*cut = (struct transport_cut){.at = 40, .next_at = 6, .next = ip[6]};
	for (unsigned i = 0; i < HEADERS_MAX; i++) {
		uint8_t next = ip[seen];
		if (next == IPPROTO_FRAGMENT)
			return DROP_TRANSPORT_FRAGMENT;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			return DROP_NONE;
		if (len < at + 8)
			return DROP_INNER_BAD;
		seen = at;
		at += (ip[at + 1] + 1u) * 8;
		if (at > len)
			return DROP_INNER_BAD;
		if (next != IPPROTO_DSTOPTS || ip[seen] == IPPROTO_ROUTING)
			*cut = (struct transport_cut){
			        .at = (uint16_t)at, .next_at = (uint16_t)seen, .next = ip[seen]};
	}
	return DROP_INNER_BAD;
}

enum drop transport_find(const uint8_t *ip, uint32_t len, struct transport_cut *cut)
{
	uint32_t header = (ip[0] & 0xfu) * 4;

	if (ip[0] >> 4 == 6)
		return find6(ip, len, cut);
	if (len < 20 || header < 20 || len < header)
		return DROP_INNER_BAD;
	if ((load16(ip + 6) & FRAGMENT_MASK4) != 0)
		return DROP_TRANSPORT_FRAGMENT;
	*cut = (struct transport_cut){.at = (uint16_t)header, .next_at = 9, .next = ip[9]};
	return DROP_NONE;
}

bool transport_fits_path(const uint8_t *ip, const struct path *path)
{
	if (ip[0] >> 4 != path->family)
		return false;
	return path->family == 4 ? memcmp(ip + 12, path->hdr + 12, 8) == 0
	                         : memcmp(ip + 8, path->hdr + 8, 32) == 0;
}

uint32_t transport_mtu(const struct transport_cut *cut, const struct sa *sa, const struct path *path,
                       const struct nexthop *nh)
{
	const struct sa_shape *shape = sa_shape(sa);
	uint32_t outer = path_outer_mtu(path, nh);
	uint32_t headers = cut->at + (path->encap == RG_ENCAP_UDP ? 8u : 0u) + esp_overhead(shape);

	return outer <= headers + shape->mask
	               ? 0
	               : cut->at + ((outer - headers) & ~(uint32_t)shape->mask) - ESP_TRAILER;
}

/* Length, protocol and what depends on them, of the headers that end at `at`. */
static void set_header(uint8_t *ip, uint32_t at, uint32_t next_at, uint8_t next, uint16_t len)
{
	ip[next_at] = next;
	if (ip[0] >> 4 == 6) {
		store16(ip + 4, htons((uint16_t)(len - 40)));
		return;
	}
	store16(ip + 2, htons(len));
	store16(ip + 10, 0);
	store16(ip + 10, (uint16_t)~checksum_fold(checksum_bytes(ip, at)));
}

void transport_write_outer(uint8_t *outer, const uint8_t *ip, const struct transport_cut *cut,
                           const struct path *path, uint16_t len)
{
	bool udp = path->encap == RG_ENCAP_UDP;

	memmove(outer, ip, cut->at);
	set_header(outer, cut->at, cut->next_at, udp ? IPPROTO_UDP : IPPROTO_ESP, len);
	if (!udp)
		return;
	memcpy(outer + cut->at, path->hdr + path->hdr_len - 8, 8);
	store16(outer + cut->at + 4, htons((uint16_t)(len - cut->at)));
}

void transport_write_esp(uint8_t *clear, uint32_t len, uint32_t cipher, const struct sa *sa, uint64_t seq,
                         uint8_t next_header)
{
	const struct sa_shape *shape = sa_shape(sa);
	uint8_t *esp = clear - shape->iv - ESP_HEADER;
	uint32_t pad = cipher - ESP_TRAILER - len;

	store32(esp, sa->spi);
	store32(esp + 4, htonl((uint32_t)seq));
	if (!shape->batched) {
		const uint64_t iv = __builtin_bswap64(seq);
		memcpy(esp + ESP_HEADER, &iv, sizeof(iv));
	}
	for (uint32_t i = 0; i < pad; i++)
		clear[len + i] = (uint8_t)(i + 1);
	clear[cipher - 2] = (uint8_t)pad;
	clear[cipher - 1] = next_header;
}

/* RFC 3948 3.1.2: the sender's checksum covers addresses from before the NAT; the ICV vouches for the rest.
 */
static void renew_checksum(uint8_t *ip, uint32_t at, uint8_t protocol, uint32_t len)
{
	uint32_t need = protocol == IPPROTO_TCP ? 20 : 8, field = protocol == IPPROTO_TCP ? 16 : 6;
	uint16_t check;

	if (protocol == IPPROTO_ICMPV6 && ip[0] >> 4 == 6) {
		need = 4;
		field = 2;
	} else if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) {
		return;
	}
	if (len < need || (protocol == IPPROTO_UDP && load16(ip + at + field) == 0))
		return;
	store16(ip + at + field, 0);
	check = (uint16_t)~checksum_fold(checksum_pseudo(ip, protocol, len) + checksum_bytes(ip + at, len));
	store16(ip + at + field, protocol == IPPROTO_UDP && check == 0 ? 0xffff : check);
}

/* The byte that names what is at `end`, where the outer headers end and UDP or ESP begins. False:
 * they don't lead there, whatever a fragment's headers were joined to. */
static bool find_outer(const uint8_t *ip, bool udp, uint32_t end, uint32_t *next_at)
{
	uint8_t until = udp ? IPPROTO_UDP : IPPROTO_ESP;
	uint32_t at = ip[0] >> 4 == 4 ? (ip[0] & 0xfu) * 4 : 40;

	*next_at = ip[0] >> 4 == 4 ? 9 : 6;
	while (ip[0] >> 4 == 6 && ip[*next_at] != until && at + 8 <= end) {
		bool fragment = ip[*next_at] == IPPROTO_FRAGMENT;
		*next_at = at;
		at += fragment ? 8 : (ip[at + 1] + 1u) * 8;
	}
	return at == end && ip[*next_at] == until;
}

enum drop transport_restore(uint8_t **ip, uint32_t at, uint8_t *clear, uint32_t cipher, bool udp,
                            uint32_t *len)
{
	uint32_t pad = clear[cipher - 2], room = cipher - ESP_TRAILER, next_at;
	uint8_t next = clear[cipher - 1], *to;

	if (pad > room)
		return DROP_ESP_PADDING;
	room -= pad;
	for (uint32_t i = 0; i < pad; i++)
		if (clear[room + i] != i + 1)
			return DROP_ESP_PADDING;
	if (next == ESP_NEXT_DUMMY)
		return DROP_ESP_DUMMY;
	if (!find_outer(*ip, udp, at, &next_at) || at + room > UINT16_MAX)
		return DROP_ESP_INNER_BAD;
	to = clear - at;
	memmove(to, *ip, at);
	set_header(to, at, next_at, next, (uint16_t)(at + room));
	if (udp)
		renew_checksum(to, at, next, room);
	*ip = to;
	*len = at + room;
	return DROP_NONE;
}

/* --- the kernel's own packets --- */

static const struct policy_set *set_of(struct worker *w, uint8_t family, const uint8_t *addr)
{
	return family == 4 ? policy_find4(&w->core->policies, load32(addr))
	                   : policy_find6(&w->core->policies, addr);
}

/* RFC 4861 7.1: a hop limit of 255 says that no router was between. */
static bool is_nd(uint8_t family, const uint8_t *ip, uint32_t len)
{
	return family == 6 && len > 40 && ip[6] == IPPROTO_ICMPV6 && ip[7] == 255 && ip[40] >= 133 &&
	       ip[40] <= 137;
}

/* No policy of the set is, or may become, another mode's. */
static bool is_transport(const struct policy_set *set)
{
	for (unsigned i = 0; i < set->n; i++) {
		/* pairs with the release of policy_publish() */
		const struct sa *sa = atomic_load_explicit(&set->entry[i].sa, memory_order_acquire);
		if (sa == NULL || (sa->flags & SA_TRANSPORT) == 0)
			return false;
	}
	return true;
}

/* No selector matched. Was that sure? A header that cannot be followed, or ports that are in another
 * fragment, may hide what one of them wants (RFC 4301 7): that is not for the wire. */
static enum drop why_unsure(const struct policy_set *set, const uint8_t *ip, uint32_t len)
{
	struct flow flow;

	if (!flow_parse(&flow, ip, len))
		return DROP_INNER_BAD;
	for (unsigned i = 0; flow.opaque && i < set->n; i++) {
		/* pairs with the release of policy_publish() */
		const struct sa *sa = atomic_load_explicit(&set->entry[i].sa, memory_order_acquire);
		const struct selectors *all = sa != NULL ? sa_rare(sa)->selectors : NULL;
		unsigned n = all != NULL ? (unsigned)all->n_local + all->n_remote : 0;
		for (unsigned k = 0; k < n; k++)
			if (all->list[k].protocol == 0 || all->list[k].protocol == flow.protocol)
				return DROP_TRANSPORT_FRAGMENT;
	}
	return DROP_NONE;
}

enum drop transport_from_kernel(struct worker *w, unsigned port, struct rte_mbuf *m, uint8_t family,
                                uint32_t total)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN);
	uint32_t len = rte_pktmbuf_data_len(m) - RTE_ETHER_HDR_LEN;
	const struct policy_set *set = set_of(w, family, family == 4 ? ip + 16 : ip + 24);
	struct pkt *p = pkt_of(m);
	struct policy_choice c;
	unsigned owner;
	enum drop why;

	if (set == NULL)
		return DROP_FORWARD_CLEAR;
	c = policy_choose(set, ip, len);
	/* what the selectors of transport mode leave out is in clear, as without a policy; so is what stays
	 * on the link and finds the neighbour in the first place */
	if ((c.drop == DROP_OUT_NO_POLICY || is_nd(family, ip, len)) && is_transport(set)) {
		why = is_nd(family, ip, len) ? DROP_NONE : why_unsure(set, ip, total);
		if (why == DROP_NONE)
			tx_frame(w, port, m);
		return why;
	}
	/* an SA that was lost is made again when traffic asks for it */
	if (c.drop == DROP_OUT_NO_SA && !is_nd(family, ip, len))
		return inner_no_sa(w, c.policy, ip, len);
	if (c.sa == NULL || (c.sa->flags & SA_TRANSPORT) == 0)
		return DROP_FORWARD_CLEAR;
	rte_pktmbuf_trim(m, (uint16_t)(len - total)); /* Ethernet's padding */
	memset(p, 0, sizeof(*p));
	p->from = FROM_KERNEL;
	p->port = WORKER_PORT_TUN;
	p->family = family;
	p->ip = rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN);
	p->len = (uint16_t)total;
	p->sa = c.sa;
	owner = sa_owner(c.sa);
	if (owner != w->index)
		hand_over(w, m, c.sa, owner, HAND_ESP_OUT);
	else
		w->esp_out.m[w->esp_out.n++] = m;
	return DROP_NONE;
}

bool transport_wants_esp(struct worker *w, uint8_t family, const uint8_t *ip, uint32_t len)
{
	const struct policy_set *set = set_of(w, family, family == 4 ? ip + 12 : ip + 8);

	if (is_nd(family, ip, len))
		return false;
	for (unsigned i = 0; set != NULL && i < set->n; i++) {
		/* pairs with the release of policy_publish() */
		const struct sa *sa = atomic_load_explicit(&set->entry[i].sa, memory_order_acquire);
		if (sa != NULL && (sa->flags & SA_TRANSPORT) != 0 &&
		    selectors_admit(sa_rare(sa)->selectors, &sa->sel4, sa->flags & SA_SIMPLE4, ip, len,
		                    false))
			return true;
	}
	return false;
}
