/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing and checking of ICMP errors that quote ESP, plain or in UDP.
 */
#include "dataplane/pmtu.h"

#include <arpa/inet.h>

#define ETH_LEN 14u

/* RFC 8201 4: a node must discard less. RFC 1191 3 allows 68 for IPv4: but what says so is not authenticated,
 * and a tunnel of which nothing is left is what a forger wants. Such a path needs `df: clear`. */
#define LEAST_MTU4 576u
#define LEAST_MTU6 1280u

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* What follows the quoted IP header: ESP, or UDP from port 4500 with ESP. */
static bool parse_esp(const uint8_t *p, uint32_t len, uint8_t protocol, struct pmtu_hint *hint)
{
	uint32_t sequence;

	if (protocol == IPPROTO_UDP) {
		if (len < 8 + 8 || get16(p) != 4500)
			return false;
		p += 8;
		len -= 8;
	} else if (protocol != IPPROTO_ESP) {
		return false;
	}
	if (len < 8)
		return false;
	memcpy(&hint->spi, p, 4);
	memcpy(&sequence, p + 4, 4);
	hint->sequence = ntohl(sequence);
	return hint->spi != 0;
}

/* RFC 1191 4: destination unreachable, fragmentation needed. */
static bool parse4(const uint8_t *ip, uint32_t len, struct pmtu_hint *hint)
{
	uint32_t header = (ip[0] & 0xfu) * 4, inner;
	const uint8_t *icmp = ip + header, *quoted = icmp + 8;

	if (header < 20 || len < header + 8 + 20 || ip[9] != IPPROTO_ICMP || icmp[0] != 3 || icmp[1] != 4)
		return false;
	inner = (quoted[0] & 0xfu) * 4;
	if (quoted[0] >> 4 != 4 || inner < 20 || len < header + 8 + inner)
		return false;
	hint->family = 4;
	hint->mtu = get16(icmp + 6);
	hint->length = get16(quoted + 2);
	hint->header = (uint16_t)inner;
	memcpy(hint->local, quoted + 12, 4);
	memcpy(hint->remote, quoted + 16, 4);
	return parse_esp(quoted + inner, len - header - 8 - inner, quoted[9], hint);
}

/* RFC 4443 3.2: packet too big. */
static bool parse6(const uint8_t *ip, uint32_t len, struct pmtu_hint *hint)
{
	const uint8_t *icmp = ip + 40, *quoted = icmp + 8;
	uint32_t mtu;

	if (len < 40 + 8 + 40 || ip[6] != IPPROTO_ICMPV6 || icmp[0] != 2 || quoted[0] >> 4 != 6)
		return false;
	memcpy(&mtu, icmp + 4, 4);
	hint->family = 6;
	hint->mtu = ntohl(mtu);
	memcpy(hint->local, quoted + 8, 16);
	memcpy(hint->remote, quoted + 24, 16);
	return parse_esp(quoted + 40, len - 40 - 8 - 40, quoted[6], hint);
}

bool pmtu_parse(const uint8_t *frame, uint32_t len, struct pmtu_hint *hint)
{
	memset(hint, 0, sizeof(*hint));
	if (len < ETH_LEN + 20)
		return false;
	frame += ETH_LEN;
	len -= ETH_LEN;
	return frame[0] >> 4 == 4 ? parse4(frame, len, hint) : frame[0] >> 4 == 6 && parse6(frame, len, hint);
}

void pmtu_put(struct pmtu_ring *ring, const struct pmtu_hint *hint, struct counters *counters)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	if (head - atomic_load_explicit(&ring->tail, memory_order_acquire) == PMTU_RING) {
		count_add(counters, COUNTER_PMTU_FULL, 1);
		return;
	}
	ring->slot[head % PMTU_RING] = *hint;
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

bool pmtu_take(struct pmtu_ring *ring, struct pmtu_hint *hint)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))
		return false;
	*hint = ring->slot[tail % PMTU_RING];
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return true;
}

/*
 * RFC 1191 5 and 7.1, for routers that do not say their MTU: the plateau below the length of what they quote.
 * Those of 4.2BSD add the header's once more. The RFC assumes so of all that is not below the present MTU;
 * here of what is too long for the port, as packets that were under way when the MTU was lowered would lower
 * it again. Nothing below the least: 0.
 */
static uint32_t plateau_below(const struct pmtu_hint *hint, uint16_t port_mtu)
{
	static const uint16_t plateau[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, LEAST_MTU4};
	uint32_t length = hint->length;

	if (length > port_mtu)
		length -= hint->header;
	for (unsigned i = 0; i < sizeof(plateau) / sizeof(plateau[0]); i++)
		if (plateau[i] < length)
			return plateau[i];
	return 0;
}

/* Does it name one of the SA's last packets, and less (`mtu`) than its path is known to take? */
static bool is_news(const struct sa *sa, const struct pmtu_hint *hint, uint32_t *mtu)
{
	const struct path *path = tunnel_path(sa->tunnel);
	const struct nexthop *nh = nexthop_load(path->nexthop);
	uint32_t sent = (uint32_t)counters_read(&sa->live->sequence);
	size_t len = hint->family == 4 ? 4 : 16;
	const uint8_t *local = path->hdr + (hint->family == 4 ? 12 : 8), *remote = local + len;

	if (nh == NULL || path->family != hint->family || memcmp(local, hint->local, len) != 0 ||
	    memcmp(remote, hint->remote, len) != 0 || sent - hint->sequence >= PMTU_SEQUENCE)
		return false;
	*mtu = hint->mtu == 0 && hint->family == 4 ? plateau_below(hint, nh->mtu) : hint->mtu;
	return *mtu < path_outer_mtu(path, nh);
}

/* All that there are, for one way through the table. */
static void begin(struct pmtu_search *s, struct pmtu_ring *ring)
{
	s->at = 0;
	while (s->n < PMTU_RING && pmtu_take(ring, &s->hint[s->n]))
		s->n++;
}

static void tell(struct core *core, const struct sa *sa, uint8_t family, uint32_t mtu,
                 struct counters *counters)
{
	if (mtu < (family == 4 ? LEAST_MTU4 : LEAST_MTU6)) {
		count_add(counters, COUNTER_PMTU_TOO_SMALL, 1);
		return;
	}
	count_add(counters, COUNTER_PMTU_TOLD, 1);
	event_pmtu(core_main_events(core), sa, mtu);
}

/* Peers choose their SPIs, so several SAs may have one. */
static void look(struct pmtu_search *s, struct core *core, const struct sa *sa, struct counters *counters)
{
	uint32_t mtu;

	for (unsigned i = 0; i < s->n;) {
		if (s->hint[i].spi != sa->spi || !is_news(sa, &s->hint[i], &mtu)) {
			i++;
			continue;
		}
		tell(core, sa, s->hint[i].family, mtu, counters);
		s->hint[i] = s->hint[--s->n];
	}
}

void pmtu_tick(struct pmtu_search *s, struct pmtu_ring *ring, struct core *core, struct counters *counters)
{
	uint32_t part = core->capacity / 100 + 1;

	if (s->n == 0)
		begin(s, ring);
	for (part = part < PMTU_LEAST ? PMTU_LEAST : part; part > 0 && s->n > 0 && s->at < core->capacity;
	     part--, s->at++) {
		const struct sa *sa = atomic_load_explicit(&core->sas[RG_OUT][s->at], memory_order_relaxed);

		if (sa != NULL)
			look(s, core, sa, counters);
	}
	if (s->at < core->capacity)
		return;
	count_add(counters, COUNTER_PMTU_REFUSED, s->n); /* nobody's */
	s->n = 0;
}
