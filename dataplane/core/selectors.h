/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic selectors of an SA against an inner packet (RFC 4301 4.4.1.1 and 5.2
 * step 4, RFC 7296 2.9). Built by main when the SA is added, immutable after;
 * any worker reads. "local" is the gateway's side in both directions.
 */
#ifndef RG_DATAPLANE_CORE_SELECTORS_H
#define RG_DATAPLANE_CORE_SELECTORS_H

#include "dataplane/api/api.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The IPv4 selectors in the SA's own line, where one pair of ranges with any
 * protocol and port says it all. Host byte order; address - first <= span. */
struct selectors4 {
	uint32_t remote_first, remote_span;
	uint32_t local_first, local_span;
};

/* All selectors of an SA, as many as there are. An SA whose selectors4 says it all has none. */
struct selectors {
	uint8_t n_local, n_remote;
	struct rg_api_selector list[]; /* those of the local side first */
};

/* What two lists of a record come to. */
struct selectors_shape {
	struct selectors4 fast;
	uint8_t n_local, n_remote;
	bool simple4; /* `fast` is all there is for IPv4 */
	bool whole;   /* ... and there is nothing for IPv6 */
};

/* What selectors look at. */
struct flow {
	uint8_t family;   /* 4 or 6 */
	uint8_t protocol; /* the upper layer's, behind IPv6 extension headers */
	bool opaque;      /* ports unknown: a later fragment, or too short (RFC 4301 7.2) */
	uint16_t source_port, destination_port; /* host byte order; ICMP: type << 8 | code in both */
	const uint8_t *source, *destination;    /* in the packet */
};

/*
 * Takes the flow from an inner packet of `len` bytes in one piece. False if it
 * is no IPv4 or IPv6 packet or its headers do not fit in `len`. Pure.
 */
bool flow_parse(struct flow *flow, const uint8_t *ip, uint32_t len);

/* Does a pair of selectors admit the flow? `local_is_source`: outbound. */
bool selectors_match(const struct selectors *selectors, const struct flow *flow, bool local_is_source);

/* -EINVAL: count 0 on a side, bad family, first above last, ports reversed. */
int selectors_check(struct selectors_shape *shape, const struct rg_api_selector *local,
                    const struct rg_api_selector *remote);
/* Bytes that selectors_fill() needs; 0: `fast` says it all. */
size_t selectors_size(const struct selectors_shape *shape);
void selectors_fill(struct selectors *selectors, const struct selectors_shape *shape,
                    const struct rg_api_selector *local, const struct rg_api_selector *remote);
/* The lists again, RG_API_MAX_SELECTORS each, for dumps. `all` may be NULL: then `fast` is all. */
void selectors_list(const struct selectors *all, const struct selectors4 *fast, struct rg_api_selector *local,
                    struct rg_api_selector *remote);

/* Of the addresses of an inner IPv4 packet, both as they lie in it: the source first. */
static inline bool selectors4_match_flow(const struct selectors4 *fast, uint64_t flow, bool local_is_source)
{
	const uint64_t both = __builtin_bswap64(flow);
	const uint32_t source = (uint32_t)(both >> 32), destination = (uint32_t)both;

	if (local_is_source)
		return destination - fast->remote_first <= fast->remote_span &&
		       source - fast->local_first <= fast->local_span;
	return source - fast->remote_first <= fast->remote_span &&
	       destination - fast->local_first <= fast->local_span;
}

/* Of an inner IPv4 packet with a whole header. */
static inline bool selectors4_match(const struct selectors4 *fast, const uint8_t *ip, bool local_is_source)
{
	uint64_t flow; /* one load */

	memcpy(&flow, ip + 12, 8);
	return selectors4_match_flow(fast, flow, local_is_source);
}

/*
 * The whole question: `ip` is an inner packet of `len` bytes, at least a whole
 * header of its version (20 or 40 bytes) long. `all` may be NULL: `fast` is all there is.
 */
static inline bool selectors_admit(const struct selectors *all, const struct selectors4 *fast, bool simple4,
                                   const uint8_t *ip, uint32_t len, bool local_is_source)
{
	struct flow flow;

	if (simple4 && ip[0] >> 4 == 4)
		return selectors4_match(fast, ip, local_is_source);
	return all != NULL && flow_parse(&flow, ip, len) && selectors_match(all, &flow, local_is_source);
}

#endif
