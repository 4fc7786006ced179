/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP errors of our own: too big (RFC 1191 4, RFC 4443 3.2, RFC 4301 8.2.1) and time
 * exceeded (RFC 792, RFC 4443 3.3). Rate-limited for each worker; never about
 * an ICMP error, a later fragment or a multicast packet (RFC 1812 4.3.2.7). Worker threads.
 */
#include "dataplane/checksum.h"
#include "dataplane/stages.h"

#include <netinet/in.h>

#define QUOTE4 (576u - 28u)
#define QUOTE6 (1280u - 48u)

struct message {
	uint8_t type4, code4, type6;
	uint32_t value; /* the MTU, or 0 */
};

static bool may_answer4(const uint8_t *ip, uint32_t len)
{
	uint32_t header = (ip[0] & 0xfu) * 4;

	if ((load16(ip + 6) & RTE_BE16(0x1fff)) != 0 || ip[16] >= 224 || ip[12] >= 224 || ip[12] == 127 ||
	    load32(ip + 12) == 0)
		return false;
	if (ip[9] != IPPROTO_ICMP)
		return true;
	/* queries: echo, timestamp, information, mask */
	return len > header && (ip[header] == 0 || ip[header] == 8 || (ip[header] >= 13 && ip[header] <= 18));
}

static bool may_answer6(const uint8_t *ip, uint32_t len)
{
	static const uint8_t none[16];

	if (ip[24] == 0xff || ip[8] == 0xff || memcmp(ip + 8, none, 16) == 0)
		return false;
	if (ip[6] == IPPROTO_FRAGMENT)
		return len >= 48 && (load16(ip + 42) & RTE_BE16(0xfff8)) == 0;
	return ip[6] != IPPROTO_ICMPV6 || (len > 40 && (ip[40] & 0x80) != 0);
}

static bool is_zero(const uint8_t *p, size_t len)
{
	uint8_t any = 0;
	while (len-- > 0)
		any |= *p++;
	return any == 0;
}

static void write4(uint8_t *to, const uint8_t *ip, uint32_t quote, const uint8_t *source,
                   const struct message *msg)
{
	memset(to, 0, 28);
	to[0] = 0x45;
	to[1] = 0xc0; /* RFC 1812 4.3.2.5 */
	store16(to + 2, htons((uint16_t)(28 + quote)));
	to[8] = 64;
	to[9] = IPPROTO_ICMP;
	memcpy(to + 12, source, 4);
	memcpy(to + 16, ip + 12, 4);
	store16(to + 10, (uint16_t)~checksum_fold(checksum_header4(to)));
	to[20] = msg->type4;
	to[21] = msg->code4;
	store16(to + 26, htons((uint16_t)msg->value));
	memcpy(to + 28, ip, quote);
	store16(to + 22, (uint16_t)~checksum_fold(checksum_bytes(to + 20, 8 + quote)));
}

static void write6(uint8_t *to, const uint8_t *ip, uint32_t quote, const uint8_t *source,
                   const struct message *msg)
{
	memset(to, 0, 48);
	to[0] = 0x60;
	store16(to + 4, htons((uint16_t)(8 + quote)));
	to[6] = IPPROTO_ICMPV6;
	to[7] = 64;
	memcpy(to + 8, source, 16);
	memcpy(to + 24, ip + 8, 16);
	to[40] = msg->type6;
	store32(to + 44, htonl(msg->value));
	memcpy(to + 48, ip, quote);
	store16(to + 42, (uint16_t)~checksum_fold(checksum_pseudo(to, IPPROTO_ICMPV6, 8 + quote) +
	                                          checksum_bytes(to + 40, 8 + quote)));
}

/* Back by the way that the packet came. */
static void send_back(struct worker *w, const struct pkt *p, const uint8_t *frame, struct rte_mbuf *e)
{
	struct pkt *q = pkt_of(e);

	memset(q, 0, sizeof(*q));
	q->family = p->family;
	q->ip = rte_pktmbuf_mtod(e, uint8_t *);
	q->len = rte_pktmbuf_data_len(e);
	q->from = FROM_SELF;
	q->port = WORKER_PORT_TUN;
	if (p->from == FROM_NETWORK) {
		uint8_t *eth = (uint8_t *)(void *)rte_pktmbuf_prepend(e, RTE_ETHER_HDR_LEN);
		if (eth == NULL) {
			worker_drop(w, e, DROP_OUT_NO_ROOM);
			return;
		}
		memcpy(eth, frame + 6, 6);
		memcpy(eth + 6, w->dp->port[p->port].mac, 6);
		memcpy(eth + 12, frame + 12, 2);
		tx_frame(w, p->port, e);
	} else if (p->from == FROM_KERNEL) {
		punt_inner(w, e);
	} else if (w->self.n < WORKER_BURST) {
		w->self.m[w->self.n++] = e;
	} else {
		worker_drop(w, e, DROP_NO_BUFFER);
	}
}

static bool answer(struct worker *w, struct rte_mbuf *m, const struct message *msg)
{
	const struct pkt *p = pkt_of(m);
	const uint8_t *ip = pkt_ip(m), *source = p->family == 4 ? w->dp->source4 : w->dp->source6;
	uint32_t len = pkt_ip_len(m), size = p->family == 4 ? 4 : 16;
	uint32_t most = p->family == 4 ? QUOTE4 : QUOTE6, quote = len < most ? len : most;
	uint8_t *to;

	if (p->from == FROM_SELF || !(p->family == 4 ? may_answer4(ip, len) : may_answer6(ip, len)))
		return false;
	/* a client's address on a network: the answer would leave in clear for a client (H68) */
	if (p->from == FROM_NETWORK && inner_is_protected(w, p->family, ip + (p->family == 4 ? 12 : 8)))
		return false;
	/* the kernel takes no packet from an address of its own: it hears it from the destination */
	if (p->from == FROM_KERNEL)
		source = p->family == 4 ? ip + 16 : ip + 24;
	if (is_zero(source, size) || !policer_admit(&w->icmp, w->now_ms))
		return false;
	struct rte_mbuf *e = rte_pktmbuf_alloc(w->dp->pool);
	if (e == NULL)
		return false;
	to = (uint8_t *)(void *)rte_pktmbuf_append(e, (uint16_t)((p->family == 4 ? 28 : 48) + quote));
	if (to == NULL) {
		rte_pktmbuf_free(e);
		return false;
	}
	if (p->family == 4)
		write4(to, ip, quote, source, msg);
	else
		write6(to, ip, quote, source, msg);
	send_back(w, p, rte_pktmbuf_mtod(m, const uint8_t *), e);
	return true;
}

void icmp_too_big(struct worker *w, struct rte_mbuf *m, uint32_t mtu)
{
	const struct message msg = {.type4 = 3, .code4 = 4, .type6 = 2, .value = mtu};

	if (answer(w, m, &msg))
		count_add(w->counters, COUNTER_TOO_BIG_SENT, 1);
}

void icmp_time_exceeded(struct worker *w, struct rte_mbuf *m)
{
	const struct message msg = {.type4 = 11, .code4 = 0, .type6 = 3};

	if (answer(w, m, &msg))
		count_add(w->counters, COUNTER_TIME_EXCEEDED_SENT, 1);
}
