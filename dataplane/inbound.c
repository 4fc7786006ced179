/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an uplink out of a tunnel in one go, for most packets: plain IPv4 frames with ESP for a local
 * address, in UDP or not (RFC 4303 2, RFC 3948 2). What a frame is, is asked before anything is
 * done; what is answered otherwise goes on to classify.c as if this file were not there. Worker threads.
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

/* ESP for us, in UDP or not. False: nothing was done. */
static inline bool look(const struct worker *w, const struct plain *plain, struct rte_mbuf *m, struct in *in)
{
	uint32_t len, at, spi;
	uint8_t *ip = plain4(plain, m, &len);

	if (__builtin_expect(ip == NULL || !fib_is_local4(w->fib, load32(ip + 16)), 0))
		return false;
	if (__builtin_expect(len != rte_pktmbuf_data_len(m) - ETH_LEN, 0))
		return false;
	at = plain_esp_at(ip, len);
	spi = load32(ip + at);
	if (__builtin_expect(at == 0 || ntohl(spi) < 256, 0))
		return false;
	in->m = m;
	in->slot = sa_in_slot(w->core, spi);
	in->esp = ip + at;
	in->spi = spi;
	in->low = ntohl(load32(ip + at + 4));
	in->len = (uint16_t)(len - at);
	in->at = (uint16_t)(ETH_LEN + at);
	in->origin = plain->origin;
	in->encap = at == 20 ? RG_ENCAP_NONE : RG_ENCAP_UDP;
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

/* The SAs, by all that the SPIs say: nobody has looked at them yet. */
static void guess_sas(const struct worker *w, struct in *in, const struct in *end)
{
	for (; in < end; in++) {
		in->sa = sa_in_guess(w->core, in->slot, in->spi);
		/* what is mapped nowhere costs a walk of the page tables */
		if (__builtin_expect(in->sa != NULL, 1))
			sa_prefetch(in->sa);
	}
}

unsigned inbound_burst(struct worker *w, unsigned port, struct rte_mbuf **pkts, unsigned n)
{
	const struct port *p = &w->dp->port[port];
	const struct plain plain = plain_of(p->mac, p->mtu, (uint8_t)port, FROM_UPLINK);
	struct in in[WORKER_BURST], *end = in;
	unsigned left = 0, i;

	for (i = 0; i < n; i++) {
		if (__builtin_expect(look(w, &plain, pkts[i], end), 1)) {
			end++;
			continue;
		}
		if (may_be_esp(pkts[i]))
			break;
		pkts[left++] = pkts[i];
	}
	while (__builtin_expect(i < n, 0))
		pkts[left++] = pkts[i++];
	guess_sas(w, in, end);
	esp_in_open(w, in, (unsigned)(end - in));
	return left;
}
