/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole matching of traffic selectors, behind the fast case of the header
 * (RFC 4301 4.4.1.1, 5.2 and 7; RFC 7296 3.13.1). Pure, but for building.
 */
#include "dataplane/core/selectors.h"

#include <errno.h>

#define PROTO_HOPOPTS  0
#define PROTO_ICMP     1
#define PROTO_TCP      6
#define PROTO_UDP      17
#define PROTO_ROUTING  43
#define PROTO_FRAGMENT 44
#define PROTO_AH       51
#define PROTO_ICMP6    58
#define PROTO_DSTOPTS  60
#define PROTO_SCTP     132
#define PROTO_MH       135
#define PROTO_UDPLITE  136

#define EXTENSIONS_MAX 8

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void parse_ports(struct flow *flow, const uint8_t *l4, uint32_t len)
{
	switch (flow->protocol) {
	case PROTO_TCP:
	case PROTO_UDP:
	case PROTO_SCTP:
	case PROTO_UDPLITE:
		flow->opaque = len < 4;
		if (flow->opaque)
			return;
		flow->source_port = be16(l4);
		flow->destination_port = be16(l4 + 2);
		return;
	case PROTO_ICMP:
	case PROTO_ICMP6:
		flow->opaque = len < 2;
		if (!flow->opaque)
			flow->source_port = flow->destination_port = be16(l4);
		return;
	case PROTO_MH: /* the type, in the upper half (RFC 4301 4.4.1.1) */
		flow->opaque = len < 3;
		if (!flow->opaque)
			flow->source_port = flow->destination_port = (uint16_t)(l4[2] << 8);
		return;
	default:
		return;
	}
}

static bool parse4(struct flow *flow, const uint8_t *ip, uint32_t len)
{
	uint32_t hdr = (uint32_t)(ip[0] & 15) * 4;

	if (len < 20 || hdr < 20 || hdr > len)
		return false;
	flow->protocol = ip[9];
	flow->source = ip + 12;
	flow->destination = ip + 16;
	if ((be16(ip + 6) & 0x1fff) != 0)
		flow->opaque = true;
	else
		parse_ports(flow, ip + hdr, len - hdr);
	return true;
}

/* RFC 8200 4: the chain ends at the first header that is no extension. */
static bool parse6(struct flow *flow, const uint8_t *ip, uint32_t len)
{
	uint32_t at = 40;
	uint8_t next;

	if (len < 40)
		return false;
	flow->source = ip + 8;
	flow->destination = ip + 24;
	next = ip[6];
	for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
		uint32_t size;
		switch (next) {
		case PROTO_HOPOPTS:
		case PROTO_ROUTING:
		case PROTO_DSTOPTS:
			if (len - at < 8)
				return false;
			size = (ip[at + 1] + 1u) * 8;
			break;
		case PROTO_AH:
			if (len - at < 8)
				return false;
			size = (ip[at + 1] + 2u) * 4;
			break;
		case PROTO_FRAGMENT:
			if (len - at < 8)
				return false;
			size = 8;
			flow->opaque = (be16(ip + at + 2) & 0xfff8) != 0;
			break;
		default:
			flow->protocol = next;
			if (!flow->opaque)
				parse_ports(flow, ip + at, len - at);
			return true;
		}
		next = ip[at];
		if (flow->opaque) { /* what follows is not in this fragment */
			flow->protocol = next;
			return true;
		}
		if (size > len - at)
			return false;
		at += size;
	}
	return false;
}

bool flow_parse(struct flow *flow, const uint8_t *ip, uint32_t len)
{
	*flow = (struct flow){0};
	if (len < 20)
		return false;
	flow->family = ip[0] >> 4;
	if (flow->family == 4)
		return parse4(flow, ip, len);
	return flow->family == 6 && parse6(flow, ip, len);
}

static bool selector_match(const struct rg_api_selector *s, const struct flow *flow, const uint8_t *addr,
                           uint16_t port)
{
	size_t len = s->family == 4 ? 4 : 16;
	bool any_port = s->port_first == 0 && s->port_last == 65535;

	if (s->family != flow->family || (s->protocol != 0 && s->protocol != flow->protocol))
		return false;
	if (memcmp(addr, s->first, len) < 0 || memcmp(addr, s->last, len) > 0)
		return false;
	/* an unknown port matches only "any" (RFC 4301 4.4.1.1) */
	return any_port || (!flow->opaque && port >= s->port_first && port <= s->port_last);
}

static bool side_match(const struct rg_api_selector *s, unsigned n, const struct flow *flow,
                       const uint8_t *addr, uint16_t port)
{
	for (unsigned i = 0; i < n; i++) {
		if (selector_match(&s[i], flow, addr, port))
			return true;
	}
	return false;
}

bool selectors_match(const struct selectors *s, const struct flow *flow, bool local_is_source)
{
	const struct rg_api_selector *local = s->list, *remote = s->list + s->n_local;

	if (local_is_source)
		return side_match(local, s->n_local, flow, flow->source, flow->source_port) &&
		       side_match(remote, s->n_remote, flow, flow->destination, flow->destination_port);
	return side_match(remote, s->n_remote, flow, flow->source, flow->source_port) &&
	       side_match(local, s->n_local, flow, flow->destination, flow->destination_port);
}

static int check_side(const struct rg_api_selector *list, uint8_t *n)
{
	for (*n = 0; *n < RG_API_MAX_SELECTORS && list[*n].family != 0; (*n)++) {
		const struct rg_api_selector *s = &list[*n];
		if (s->family != 4 && s->family != 6)
			return -EINVAL;
		if (s->port_first > s->port_last || memcmp(s->first, s->last, s->family == 4 ? 4 : 16) > 0)
			return -EINVAL;
	}
	return *n == 0 ? -EINVAL : 0;
}

/* The one IPv4 selector of a side, NULL if there are more or it is not simple. */
static const struct rg_api_selector *only4(const struct rg_api_selector *s, unsigned n)
{
	const struct rg_api_selector *found = NULL;

	for (unsigned i = 0; i < n; i++) {
		if (s[i].family != 4)
			continue;
		if (found != NULL || s[i].protocol != 0 || s[i].port_first != 0 || s[i].port_last != 65535)
			return NULL;
		found = &s[i];
	}
	return found;
}

static uint32_t host4(const uint8_t *addr)
{
	uint32_t a;
	memcpy(&a, addr, 4);
	return ntohl(a);
}

int selectors_check(struct selectors_shape *shape, const struct rg_api_selector *local,
                    const struct rg_api_selector *remote)
{
	const struct rg_api_selector *l, *r;
	int rc;

	*shape = (struct selectors_shape){0};
	rc = check_side(local, &shape->n_local);
	if (rc == 0)
		rc = check_side(remote, &shape->n_remote);
	if (rc != 0)
		return rc;
	l = only4(local, shape->n_local);
	r = only4(remote, shape->n_remote);
	if (l == NULL || r == NULL)
		return 0;
	shape->simple4 = true;
	shape->whole = shape->n_local == 1 && shape->n_remote == 1;
	shape->fast.local_first = host4(l->first);
	shape->fast.local_span = host4(l->last) - shape->fast.local_first;
	shape->fast.remote_first = host4(r->first);
	shape->fast.remote_span = host4(r->last) - shape->fast.remote_first;
	return 0;
}

size_t selectors_size(const struct selectors_shape *shape)
{
	unsigned n = shape->n_local + shape->n_remote;

	return shape->whole ? 0 : sizeof(struct selectors) + n * sizeof(struct rg_api_selector);
}

void selectors_fill(struct selectors *out, const struct selectors_shape *shape,
                    const struct rg_api_selector *local, const struct rg_api_selector *remote)
{
	out->n_local = shape->n_local;
	out->n_remote = shape->n_remote;
	memcpy(out->list, local, shape->n_local * sizeof(*local));
	memcpy(out->list + shape->n_local, remote, shape->n_remote * sizeof(*remote));
}

static struct rg_api_selector range4(uint32_t first, uint32_t span)
{
	struct rg_api_selector s = {.family = 4, .port_last = 65535};
	uint32_t ends[2] = {htonl(first), htonl(first + span)};

	memcpy(s.first, &ends[0], 4);
	memcpy(s.last, &ends[1], 4);
	return s;
}

void selectors_list(const struct selectors *all, const struct selectors4 *fast, struct rg_api_selector *local,
                    struct rg_api_selector *remote)
{
	memset(local, 0, RG_API_MAX_SELECTORS * sizeof(*local));
	memset(remote, 0, RG_API_MAX_SELECTORS * sizeof(*remote));
	if (all == NULL) {
		local[0] = range4(fast->local_first, fast->local_span);
		remote[0] = range4(fast->remote_first, fast->remote_span);
		return;
	}
	memcpy(local, all->list, all->n_local * sizeof(*local));
	memcpy(remote, all->list + all->n_local, all->n_remote * sizeof(*remote));
}
