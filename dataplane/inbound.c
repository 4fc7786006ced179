/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an uplink out of a tunnel in one go, for most packets: plain IPv4 frames with ESP for a local
 * address, in UDP or not (RFC 4303 2, RFC 3948 2). Packets of an SA that come in a train, one behind the
 * other, are asked for together. What a frame is, is asked before anything is done; what is answered
 * otherwise goes on to classify.c as if this file were not there. Worker threads.
 */
#include "dataplane/open.h"
#include "dataplane/plain.h"

#include <netinet/in.h>

#define PORT_NAT_T RTE_BE16(4500)

/* Where in a packet for us its ESP header is (RFC 3948 2.2); 0: nowhere, or it takes a closer look. */
static inline uint32_t plain_esp_at(const uint8_t *ip, uint32_t len)
{
	if (__builtin_expect(len < 20 + 8, 0))
		return 0;
	if (__builtin_expect(ip[9] == IPPROTO_ESP, 1))
		return 20;
	if (ip[9] != IPPROTO_UDP || load16(ip + 22) != PORT_NAT_T || ntohs(load16(ip + 24)) != len - 20)
		return 0;
	return len >= 28 + 8 ? 28 : 0; /* SPIs that say IKE are reserved too */
}

/* The same but for what differs from packet to packet: length, identification and checksum of the outer
 * header? Up to the SPI, or UDP's ports. */
static inline bool heads_are_alike(const uint8_t *eth, const uint8_t *its)
{
	const __m128i differ = _mm_set_epi8(0, 0, 0, 0, 0, 0, -1, -1, 0, 0, 0, 0, -1, -1, -1, -1);
	const __m128i *a = (const __m128i *)(const void *)eth, *b = (const __m128i *)(const void *)its;
	const __m128i first = _mm_cmpeq_epi8(_mm_loadu_si128(a), _mm_loadu_si128(b));
	const __m128i next =
	        _mm_or_si128(_mm_cmpeq_epi8(_mm_loadu_si128(a + 1), _mm_loadu_si128(b + 1)), differ);

	return _mm_movemask_epi8(_mm_and_si128(first, next)) == 0xffff &&
	       load64(eth + 30) == load64(its + 30);
}

/* What is the same for all frames of a burst. */
struct look {
	struct plain plain;
	uint64_t esp, udp; /* in.rest of ESP, and of ESP in UDP, but for the length */
};

static inline struct look look_of(const struct port *p, unsigned port)
{
	const struct plain plain = plain_of(p->mac, p->mtu, (uint8_t)port, FROM_UPLINK);
	struct in esp = {.at = ETH_LEN + 20, .origin = plain.origin},
	          udp = {.at = ETH_LEN + 28, .origin = plain.origin};

	esp.encap = RG_ENCAP_NONE;
	udp.encap = RG_ENCAP_UDP;
	return (struct look){.plain = plain, .esp = esp.rest, .udp = udp.rest};
}

/* ESP for us, in UDP or not. False: nothing was done. */
static inline bool look(const struct worker *w, const struct look *l, struct rte_mbuf *m, uint32_t train,
                        struct in *in)
{
	uint32_t len, at, spi;
	uint8_t *ip = plain4(&l->plain, m, false, &len);

	if (__builtin_expect(ip == NULL, 0))
		return false;
	at = plain_esp_at(ip, len);
	if (__builtin_expect(at == 0 || !fib_is_local4(w->fib, load32(ip + 16)), 0))
		return false;
	spi = load32(ip + at);
	if (__builtin_expect(ntohl(spi) < 256, 0))
		return false;
	in->slot = sa_in_slot(w->core, spi);
	in->m = m;
	in->esp = ip + at;
	in->spi = spi;
	in->train = train;
	in->rest = (at == 20 ? l->esp : l->udp) | (len - at);
	return true;
}

/* Does it come behind `head`, of its SA and from its sender, and no more or less congested? What was true of
 * that one is of it: few questions are left. False says nothing, and nothing was done: look() is next. */
static inline bool follow(const struct look *l, const struct in *head, struct rte_mbuf *m, struct in *in)
{
	uint8_t *eth = rte_pktmbuf_mtod(m, uint8_t *);
	const uint32_t at = head->at, len = rte_pktmbuf_data_len(m), total = len - ETH_LEN;

	if (len < at + 8 || load32(eth + at) != head->spi || !heads_are_alike(eth, head->esp - at))
		return false;
	if (__builtin_expect(!pkt_is_writable(m) || total > l->plain.mtu ||
	                             ntohs(load16(eth + ETH_LEN + 2)) != total ||
	                             !checksum_is_good4(eth + ETH_LEN),
	                     0))
		return false;
	if (at != ETH_LEN + 20 && __builtin_expect(ntohs(load16(eth + at - 4)) != total - 20, 0))
		return false;
	in->m = m;
	in->esp = eth + at;
	in->spi = head->spi;
	in->train = head->train;
	in->rest = (head->rest & ~0xffffull) | (len - at);
	return true;
}

/* May packets behind it in the burst be of its SA? Then they must not overtake it. IKE is none. */
static __attribute__((noinline)) bool may_be_esp(struct rte_mbuf *m)
{
	const uint32_t len = rte_pktmbuf_data_len(m);
	const uint8_t *eth = rte_pktmbuf_mtod(m, const uint8_t *), *ip = eth + ETH_LEN;
	uint32_t l4;

	if (len < ETH_LEN + 20 || load16(eth + 12) != RTE_BE16(RTE_ETHER_TYPE_IPV4))
		return false;
	if (ip[9] == IPPROTO_ESP || (load16(ip + 6) & FRAGMENT_MASK) != 0)
		return true;
	l4 = ETH_LEN + (ip[0] & 0xfu) * 4;
	return ip[9] == IPPROTO_UDP && len >= l4 + 8 + 8 && load16(eth + l4 + 2) == PORT_NAT_T &&
	       load32(eth + l4 + 8) != 0;
}

/* The SAs of the trains' first packets, by all that the SPIs say: nobody has looked at them yet. */
static void guess_sas(const struct worker *w, struct in *const *head, struct in *const *end)
{
	for (; head < end; head++) {
		struct in *in = *head;

		in->sa = sa_in_guess(w->core, in->slot, in->spi);
		/* what is mapped nowhere costs a walk of the page tables */
		if (__builtin_expect(in->sa != NULL, 1))
			sa_prefetch(in->sa);
	}
}

unsigned inbound_burst(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n)
{
	const struct look l = look_of(&w->dp->port[port], port);
	struct in in[WORKER_BURST], *end = in, *head[WORKER_BURST];
	unsigned left = 0, trains = 0, i = 0;

	while (i < n) {
		if (__builtin_expect(!look(w, &l, pkts[i], trains + 1, end), 0)) {
			if (may_be_esp(pkts[i]))
				break;
			pkts[left++] = pkts[i++];
			continue;
		}
		head[trains] = end++;
		while (++i < n && follow(&l, head[trains], pkts[i], end))
			end++;
		trains++;
	}
	while (__builtin_expect(i < n, 0))
		pkts[left++] = pkts[i++];
	guess_sas(w, head, head + trains);
	esp_in_open(w, in, (unsigned)(end - in));
	return left;
}
