/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic selectors: narrowing (RFC 7296 2.9), subset, and the prefixes that policies
 * are made of. Pure; any thread.
 */
#ifndef RG_IKE_TS_H
#define RG_IKE_TS_H

#include "config/config.h"
#include "control/ike/child_sa.h"
#include "control/ike/wire/selector.h"

/* Everything of a family; a prefix; one address. Any protocol and port. */
struct rg_api_selector ts_any(uint8_t family);
struct rg_api_selector ts_prefix(const struct rg_cfg_prefix *prefix);
struct rg_api_selector ts_host(const struct rg_cfg_addr *addr);

/* Adds one; false where the list is full. */
bool ts_add(struct child_selectors *list, const struct rg_api_selector *selector);

/* The part of `offered` that `allowed` permits, in the order of the offer, without what
 * lies wholly in another of the result. Selectors beyond RG_API_MAX_SELECTORS are left out. */
void ts_narrow(const struct ike_selectors *offered, const struct child_selectors *allowed,
               struct child_selectors *out);

/* The same of two lists of ours. */
void ts_meet(const struct child_selectors *offered, const struct child_selectors *allowed,
             struct child_selectors *out);

/* Does every packet that `a` selects lie in one selector of `b`. */
bool ts_contained(const struct ike_selectors *a, const struct child_selectors *b);

/* Is the first selector of an offer, which is that of the packet that its sender has (RFC 7296 2.9), in what
 * became of the offer. */
bool ts_has_first(const struct ike_selectors *offered, const struct child_selectors *narrowed);

/* The packet that RG_EVENT_NO_SA tells of: its addresses, its protocol, and its ports where they are the same
 * both ways. False: it does not say. */
bool ts_packet(const struct rg_api_event *event, struct child_packet *out);
/* Do the selectors of both sides take it, as one that we send? */
bool ts_take_packet(const struct child_selectors *local, const struct child_selectors *remote,
                    const struct child_packet *packet);

void ts_to_wire(const struct child_selectors *in, struct ike_selectors *out);
/* Before all others. */
void ts_first_on_wire(const struct rg_api_selector *first, struct ike_selectors *out);
void ts_from_wire(const struct ike_selectors *in, struct child_selectors *out);

/* The shortest prefix that covers the selector's addresses. */
uint8_t ts_cover(const struct rg_api_selector *selector, uint8_t prefix[16]);

#endif
