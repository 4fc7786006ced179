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

/* Where in a frame the outer class of service is, source and destination, and behind them UDP's ports, or the
 * SPI. */
#define TOS_AT   (ETH_LEN + 1)
#define ENDS_AT  (ETH_LEN + 12)
#define PORTS_AT (ETH_LEN + 20)

/* Of the SA and from the sender of the packet in front of it, and no more or less congested? What was true of
 * that one is of it. */
static inline bool goes_along(const struct in *front, const uint8_t *ip, uint32_t at, uint32_t spi)
{
	const uint8_t *eth = ip - ETH_LEN, *its;

	if (spi != front->spi || at != front->at)
		return false;
	its = front->esp - at;
	return eth[TOS_AT] == its[TOS_AT] && load64(eth + ENDS_AT) == load64(its + ENDS_AT) &&
	       load32(eth + PORTS_AT) == load32(its + PORTS_AT);
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

/* ESP for us, in UDP or not, behind in[-1], which may be of no packet (`at` is 0). False: nothing was
 * done. */
static inline bool look(const struct worker *w, const struct look *l, struct rte_mbuf *m, struct in *in)
{
	uint32_t len, at, spi;
	uint8_t *ip = plain4(&l->plain, m, false, &len);

	if (__builtin_expect(ip == NULL, 0))
		return false;
	at = plain_esp_at(ip, len);
	if (__builtin_expect(at == 0, 0))
		return false;
	spi = load32(ip + at);
	in->train = in[-1].train;
	if (!goes_along(in - 1, ip, ETH_LEN + at, spi)) {
		if (__builtin_expect(!fib_is_local4(w->fib, load32(ip + 16)) || ntohl(spi) < 256, 0))
			return false;
		in->slot = sa_in_slot(w->core, spi);
		in->train++;
	}
	in->m = m;
	in->esp = ip + at;
	in->spi = spi;
	in->rest = (at == 20 ? l->esp : l->udp) | (len - at);
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

/* The SAs, by all that the SPIs say: nobody has looked at them yet. in[-1] has its own, or is of no packet.
 */
static void guess_sas(const struct worker *w, struct in *in, const struct in *end)
{
	for (; in < end; in++) {
		if (in->train == in[-1].train) {
			in->sa = in[-1].sa;
			continue;
		}
		in->sa = sa_in_guess(w->core, in->slot, in->spi);
		/* what is mapped nowhere costs a walk of the page tables */
		if (__builtin_expect(in->sa != NULL, 1))
			sa_prefetch(in->sa);
	}
}

unsigned inbound_burst(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n)
{
	const struct look l = look_of(&w->dp->port[port], port);
	struct in in[WORKER_BURST + 1], *const first = in + 1, *end = first;
	unsigned left = 0, i;

	in[0] = (struct in){.train = 0};
	for (i = 0; i < n; i++) {
		if (__builtin_expect(look(w, &l, pkts[i], end), 1)) {
			end++;
			continue;
		}
		if (may_be_esp(pkts[i]))
			break;
		pkts[left++] = pkts[i];
	}
	while (__builtin_expect(i < n, 0))
		pkts[left++] = pkts[i++];
	guess_sas(w, first, end);
	esp_in_open(w, first, (unsigned)(end - first));
	return left;
}
