/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Child SA may be: which of the connection's children it is, and which traffic
 * it may carry in tunnel and in transport mode (RFC 7296 1.3.1, 2.9, 2.23.1; H30). Core thread only.
 */
#ifndef RG_IKE_CHILD_RIGHTS_H
#define RG_IKE_CHILD_RIGHTS_H

#include "control/ike/child_sa.h"
#include "control/ike/wire/selector.h"

/* The connection's children by number, one that is as the connection says where it names none;
 * NULL behind the last. */
const struct rg_cfg_child *child_cfg(const struct ike_sa *sa, size_t index);

/* Are they one and the same, perhaps of two versions of the configuration? */
bool child_cfg_same(const struct rg_cfg_child *a, const struct rg_cfg_child *b);

/* What the configuration says of it, inherited or its own. */
size_t child_proposals(const struct child_sa *child, const struct rg_cfg_proposal **esp);
bool child_wants_transport(const struct child_sa *child);
bool child_wants_pfs(const struct child_sa *child);
uint32_t child_lifetime_s(const struct child_sa *child);

/* The most that its selectors may hold in this mode: ours and the peer's. */
void child_rights(const struct child_sa *child, bool transport, struct child_selectors *local,
                  struct child_selectors *remote);

/*
 * Transport mode through NATs (RFC 7296 2.23.1): selectors of the peer (`ours`: of our side) are made those
 * of the addresses that we see, where a NAT is on that side. False: they are not of exactly one address, so
 * it is none of transport mode.
 */
bool child_see_through_nat(const struct ike_sa *sa, bool ours, struct ike_selectors *ts);

#endif
