/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and answers (traffic.h). A request carries its number, its client and its time, then octets that
 * follow from the number, so that an answer is checked without a copy. One thread.
 */
#include "bench/swarm/swarm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC   0x73776172u
#define ECHO    8u /* octets of the ICMP header */
#define ICMP_V4 1u
#define ICMP_V6 58u

/* What stands behind the ICMP header. */
struct mark {
	uint32_t magic, client;
	uint64_t number, sent_us;
};

int traffic_open(struct swarm *s)
{
	s->traffic.slots = calloc(TRAFFIC_OUTSTANDING, sizeof(*s->traffic.slots));
	return s->traffic.slots != NULL ? 0 : -ENOMEM;
}

void traffic_close(struct swarm *s)
{
	free(s->traffic.slots);
}

static uint64_t add_up(const uint8_t *data, size_t len)
{
	uint64_t sum = 0;
	uint16_t word;

	for (; len > 1; data += 2, len -= 2) {
		memcpy(&word, data, 2);
		sum += ntohs(word);
	}
	return len > 0 ? sum + ((uint64_t)*data << 8) : sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *out, uint16_t v)
{
	out[0] = (uint8_t)(v >> 8);
	out[1] = (uint8_t)v;
}

static size_t head_of(uint8_t family)
{
	return family == 4 ? 20 : 40;
}

static void write_ip(uint8_t *p, size_t size, const struct rg_cfg_addr *from, const struct rg_cfg_addr *to)
{
	memset(p, 0, head_of(from->family));
	if (from->family == 4) {
		p[0] = 0x45;
		put16(p + 2, (uint16_t)size);
		p[8] = 64;
		p[9] = ICMP_V4;
		memcpy(p + 12, from->bytes, 4);
		memcpy(p + 16, to->bytes, 4);
		put16(p + 10, fold(add_up(p, 20)));
		return;
	}
	p[0] = 0x60;
	put16(p + 4, (uint16_t)(size - 40));
	p[6] = ICMP_V6;
	p[7] = 64;
	memcpy(p + 8, from->bytes, 16);
	memcpy(p + 24, to->bytes, 16);
}

static uint8_t filling(uint64_t number, size_t at)
{
	return (uint8_t)(number * 7 + at);
}

static void write_echo(uint8_t *p, size_t size, const struct mark *mark, bool v4)
{
	size_t head = v4 ? 20 : 40, rest = head + ECHO + sizeof(*mark);
	uint64_t sum = 0;

	memset(p + head, 0, ECHO);
	p[head] = v4 ? 8 : 128;
	put16(p + head + 4, (uint16_t)(mark->client + 1));
	put16(p + head + 6, (uint16_t)mark->number);
	memcpy(p + head + ECHO, mark, sizeof(*mark));
	for (size_t i = rest; i < size; i++)
		p[i] = filling(mark->number, i - rest);
	if (!v4)
		sum = add_up(p + 8, 32) + (size - head) + ICMP_V6;
	put16(p + head + 2, fold(sum + add_up(p + head, size - head)));
}

/* The client's address inside the tunnel, of the family of the echo address; NULL: it has none. */
static const struct rg_cfg_addr *inner_address(const struct swarm *s, const struct ike_sa *sa)
{
	for (unsigned i = 0; i < sa->n_vips; i++)
		if (sa->vips[i].addr.family == s->scenario->echo.family)
			return &sa->vips[i].addr;
	return sa->n_vips == 0 && sa->local.addr.family == s->scenario->echo.family ? &sa->local.addr : NULL;
}

bool traffic_send(struct swarm *s, struct phase_run *run, struct client *c, unsigned size)
{
	struct ike_sa *sa = c->sa;
	const struct rg_cfg_addr *from = inner_address(s, sa);
	const struct flow *flow = TAILQ_FIRST(&sa->flows);
	struct esp_sa *out =
	        flow != NULL && flow->n_policies > 0 ? sad_outbound(&s->sad, flow->policies[0].handle) : NULL;
	struct sad_tunnel *tunnel = out != NULL ? sad_tunnel(&s->sad, out->tunnel) : NULL;
	struct mark mark = {MAGIC, (uint32_t)(c - s->clients), s->traffic.next, swarm_clock_us()};
	uint8_t *packet = tunnel != NULL && from != NULL ? net_esp_buffer(&s->net, &tunnel->path) : NULL;
	int len;

	if (packet == NULL) {
		s->traffic.no_tunnel++;
		return false;
	}
	write_ip(packet + esp_head(out), size, from, &s->scenario->echo);
	write_echo(packet + esp_head(out), size, &mark, from->family == 4);
	len = esp_seal(out, packet, size);
	if (len < 0) {
		s->traffic.no_tunnel++;
		return false;
	}
	out->last_ms = s->now_us / 1000;
	net_send_esp(&s->net, &tunnel->path, (size_t)len);
	s->traffic.slots[s->traffic.next++ % TRAFFIC_OUTSTANDING] =
	        (struct traffic_slot){mark.client, (uint8_t)(run - s->phases.runs), 1};
	run->echo.sent++;
	return true;
}

/* ---- answers */

/* The ICMP message of an answer from the echo address; NULL: something else. */
static const uint8_t *echo_reply(const struct swarm *s, const uint8_t *p, size_t len)
{
	const struct rg_cfg_addr *echo = &s->scenario->echo;
	bool v4 = p[0] >> 4 == 4;
	size_t head = v4 ? 20 : 40;

	if (len < head + ECHO + sizeof(struct mark) || echo->family != (v4 ? 4 : 6) || (v4 && p[0] != 0x45) ||
	    p[v4 ? 9 : 6] != (v4 ? ICMP_V4 : ICMP_V6) ||
	    memcmp(p + (v4 ? 12 : 8), echo->bytes, v4 ? 4 : 16) != 0)
		return NULL;
	return p[head] == (v4 ? 0 : 129) ? p + head : NULL;
}

static bool intact(const uint8_t *icmp, size_t len, const struct mark *mark)
{
	for (size_t i = ECHO + sizeof(*mark); i < len; i++)
		if (icmp[i] != filling(mark->number, i - ECHO - sizeof(*mark)))
			return false;
	return true;
}

static void count_answer(struct swarm *s, const struct esp_sa *in, const struct mark *mark, bool whole)
{
	struct traffic_slot *slot = &s->traffic.slots[mark->number % TRAFFIC_OUTSTANDING];
	struct sad_tunnel *tunnel = sad_tunnel(&s->sad, in->tunnel);
	const struct client *c = mark->client < s->scenario->clients ? &s->clients[mark->client] : NULL;
	struct phase_run *run;

	/* What is too old to be remembered was counted as lost. */
	if (mark->number >= s->traffic.next || s->traffic.next - mark->number > TRAFFIC_OUTSTANDING ||
	    slot->state == 0) {
		s->traffic.not_an_answer++;
		return;
	}
	run = &s->phases.runs[slot->run];
	if (!whole || c == NULL || slot->client != mark->client || tunnel == NULL ||
	    (c->sa != NULL && c->sa->tunnel != in->tunnel)) {
		run->echo.wrong++;
		return;
	}
	if (slot->state == 2) {
		run->echo.duplicate++;
		return;
	}
	slot->state = 2;
	if (run->state == PHASE_DONE) {
		run->echo.late++;
		return;
	}
	run->echo.answered++;
	histogram_add(&run->times, swarm_clock_us() - mark->sent_us);
}

/* A rekeyed SA's outbound becomes current with this (design.md). */
static void first_packet(struct swarm *s, const struct esp_sa *sa)
{
	struct rg_api_event event = {.type = RG_EVENT_FIRST_PACKET,
	                             .handle = sa->handle,
	                             .tunnel = sa->tunnel,
	                             .direction = RG_IN,
	                             .cookie = sa->cookie};

	ike_dp_event(s->ike, &event);
}

static void count_refused(struct traffic *t, int error)
{
	switch (error) {
	case -EALREADY:
		t->replayed++;
		break;
	case -EBADMSG:
		t->auth_failed++;
		break;
	default:
		t->malformed++;
		break;
	}
}

void traffic_receive(struct swarm *s, uint8_t *data, size_t len)
{
	const uint8_t *icmp;
	struct esp_sa *sa;
	struct mark mark;
	uint8_t *inner;
	uint32_t spi = 0;
	int n;

	s->traffic.received++;
	if (len >= sizeof(spi))
		memcpy(&spi, data, sizeof(spi));
	sa = sad_by_spi(&s->sad, spi);
	if (sa == NULL) {
		s->traffic.unknown_spi++;
		return;
	}
	n = esp_open(sa, data, len, &inner);
	if (n < 0) {
		count_refused(&s->traffic, n);
		return;
	}
	sa->last_ms = s->now_us / 1000;
	icmp = echo_reply(s, inner, (size_t)n);
	if (icmp != NULL) {
		size_t icmp_len = (size_t)n - (size_t)(icmp - inner);

		memcpy(&mark, icmp + ECHO, sizeof(mark));
		if (mark.magic == MAGIC)
			count_answer(s, sa, &mark, intact(icmp, icmp_len, &mark));
	} else {
		s->traffic.not_an_answer++;
	}
	if (!sa->seen_packet) {
		sa->seen_packet = true;
		first_packet(s, sa);
	}
}
