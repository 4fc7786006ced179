/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Narrowing of traffic selectors (ts.h). RFC 7296 2.9, 3.13. Pure; any thread.
 */
#include "control/ike/ts.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define PORT_MAX 65535u

static size_t width(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

struct rg_api_selector ts_any(uint8_t family)
{
	struct rg_api_selector s = {.family = family, .port_last = PORT_MAX};

	memset(s.last, 0xff, width(family));
	return s;
}

struct rg_api_selector ts_prefix(const struct rg_cfg_prefix *prefix)
{
	struct rg_api_selector s = {.family = prefix->addr.family, .port_last = PORT_MAX};

	for (size_t i = 0; i < width(s.family); i++) {
		unsigned bits = prefix->len > i * 8 ? prefix->len - (unsigned)i * 8 : 0;
		uint8_t mask = bits >= 8 ? 0xff : (uint8_t)(0xff00u >> bits);

		s.first[i] = prefix->addr.bytes[i] & mask;
		s.last[i] = prefix->addr.bytes[i] | (uint8_t)~mask;
	}
	return s;
}

struct rg_api_selector ts_host(const struct rg_cfg_addr *addr)
{
	struct rg_cfg_prefix prefix = {.addr = *addr, .len = addr->family == 4 ? 32 : 128};

	return ts_prefix(&prefix);
}

bool ts_add(struct child_selectors *list, const struct rg_api_selector *selector)
{
	if (list->n >= RG_API_MAX_SELECTORS)
		return false;
	list->s[list->n++] = *selector;
	return true;
}

static struct rg_api_selector from_wire(const struct ike_selector *in)
{
	struct rg_api_selector s = {.family = in->family,
	                            .protocol = in->protocol,
	                            .port_first = in->port_first,
	                            .port_last = in->port_last};

	memcpy(s.first, in->first, sizeof(s.first));
	memcpy(s.last, in->last, sizeof(s.last));
	return s;
}

/* What both select; false: nothing. OPAQUE ports (first above last) meet nothing. */
static bool intersect(const struct rg_api_selector *a, const struct rg_api_selector *b,
                      struct rg_api_selector *out)
{
	size_t len = width(a->family);

	if (a->family != b->family || (a->protocol != 0 && b->protocol != 0 && a->protocol != b->protocol))
		return false;
	*out = *a;
	out->protocol = a->protocol != 0 ? a->protocol : b->protocol;
	if (b->port_first > out->port_first)
		out->port_first = b->port_first;
	if (b->port_last < out->port_last)
		out->port_last = b->port_last;
	if (memcmp(b->first, out->first, len) > 0)
		memcpy(out->first, b->first, len);
	if (memcmp(b->last, out->last, len) < 0)
		memcpy(out->last, b->last, len);
	return out->port_first <= out->port_last && memcmp(out->first, out->last, len) <= 0;
}

static bool inside(const struct rg_api_selector *a, const struct rg_api_selector *b)
{
	size_t len = width(a->family);

	return a->family == b->family && (b->protocol == 0 || a->protocol == b->protocol) &&
	       a->port_first >= b->port_first && a->port_last <= b->port_last &&
	       memcmp(a->first, b->first, len) >= 0 && memcmp(a->last, b->last, len) <= 0;
}

/* Adds `s` unless it is covered; takes out those that it covers. */
static void merge(struct child_selectors *out, const struct rg_api_selector *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < out->n; i++) {
		if (inside(s, &out->s[i]))
			return;
	}
	for (size_t i = 0; i < out->n; i++) {
		if (!inside(&out->s[i], s))
			out->s[kept++] = out->s[i];
	}
	out->n = kept;
	ts_add(out, s);
}

/* Adds what `one` and the list have in common. */
static void meet_one(const struct rg_api_selector *one, const struct child_selectors *allowed,
                     struct child_selectors *out)
{
	for (size_t j = 0; j < allowed->n; j++) {
		struct rg_api_selector both;

		if (intersect(one, &allowed->s[j], &both))
			merge(out, &both);
	}
}

void ts_narrow(const struct ike_selectors *offered, const struct child_selectors *allowed,
               struct child_selectors *out)
{
	*out = (struct child_selectors){0};
	for (size_t i = 0; i < offered->n; i++) {
		struct rg_api_selector o = from_wire(&offered->ts[i]);

		meet_one(&o, allowed, out);
	}
}

void ts_meet(const struct child_selectors *offered, const struct child_selectors *allowed,
             struct child_selectors *out)
{
	*out = (struct child_selectors){0};
	for (size_t i = 0; i < offered->n; i++)
		meet_one(&offered->s[i], allowed, out);
}

static bool takes(const struct child_selectors *list, const struct rg_api_selector *s)
{
	for (size_t i = 0; i < list->n; i++) {
		if (inside(s, &list->s[i]))
			return true;
	}
	return false;
}

static bool covered(const struct ike_selector *wire, const struct child_selectors *list)
{
	struct rg_api_selector s = from_wire(wire);

	return takes(list, &s);
}

/* An answer to ICMP has another type, so that a type is no selector for both ways. */
static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_UDPLITE;
}

static struct rg_api_selector packet_side(const struct rg_api_event *event, const uint8_t address[16],
                                          uint16_t port)
{
	struct rg_cfg_addr addr = {.family = event->seen.family};
	struct rg_api_selector s;

	memcpy(addr.bytes, address, width(addr.family));
	s = ts_host(&addr);
	s.protocol = (uint8_t)event->value;
	if (has_ports(s.protocol) && port != 0)
		s.port_first = s.port_last = ntohs(port);
	return s;
}

bool ts_packet(const struct rg_api_event *event, struct child_packet *out)
{
	if (event->seen.family != 4 && event->seen.family != 6)
		return false;
	out->source = packet_side(event, event->seen.local, event->seen.local_port);
	out->destination = packet_side(event, event->seen.remote, event->seen.remote_port);
	return true;
}

bool ts_take_packet(const struct child_selectors *local, const struct child_selectors *remote,
                    const struct child_packet *packet)
{
	return takes(local, &packet->source) && takes(remote, &packet->destination);
}

bool ts_contained(const struct ike_selectors *a, const struct child_selectors *b)
{
	for (size_t i = 0; i < a->n; i++) {
		if (!covered(&a->ts[i], b))
			return false;
	}
	return a->n > 0;
}

bool ts_has_first(const struct ike_selectors *offered, const struct child_selectors *narrowed)
{
	return offered->n > 0 && covered(&offered->ts[0], narrowed);
}

static struct ike_selector to_wire(const struct rg_api_selector *s)
{
	struct ike_selector wire = {.family = s->family,
	                            .protocol = s->protocol,
	                            .port_first = s->port_first,
	                            .port_last = s->port_last};

	memcpy(wire.first, s->first, sizeof(s->first));
	memcpy(wire.last, s->last, sizeof(s->last));
	return wire;
}

void ts_to_wire(const struct child_selectors *in, struct ike_selectors *out)
{
	*out = (struct ike_selectors){.n = (uint8_t)in->n};
	for (size_t i = 0; i < in->n; i++)
		out->ts[i] = to_wire(&in->s[i]);
}

void ts_first_on_wire(const struct rg_api_selector *first, struct ike_selectors *out)
{
	_Static_assert(IKE_MAX_TS > RG_API_MAX_SELECTORS, "there is room for one more");
	memmove(&out->ts[1], &out->ts[0], out->n * sizeof(out->ts[0]));
	out->ts[0] = to_wire(first);
	out->n++;
}

void ts_from_wire(const struct ike_selectors *in, struct child_selectors *out)
{
	*out = (struct child_selectors){0};
	for (size_t i = 0; i < in->n; i++) {
		struct rg_api_selector s = from_wire(&in->ts[i]);

		merge(out, &s);
	}
}

uint8_t ts_cover(const struct rg_api_selector *selector, uint8_t prefix[16])
{
	unsigned bits = (unsigned)width(selector->family) * 8;
	uint8_t len = 0;

	memset(prefix, 0, 16);
	while (len < bits) {
		uint8_t mask = (uint8_t)(0x80u >> len % 8);

		if ((selector->first[len / 8] ^ selector->last[len / 8]) & mask)
			break;
		prefix[len / 8] |= selector->first[len / 8] & mask;
		len++;
	}
	return len;
}
