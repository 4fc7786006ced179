/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session has in the dataplane: one tunnel for all its Child SAs, and
 * one policy for each prefix of the peer's side (design.md, "The objects"). Core thread only.
 */
#ifndef RG_IKE_SESSION_H
#define RG_IKE_SESSION_H

#include "control/ike/ike_sa.h"

/* Takes handles for the tunnel and for the policies of these selectors (the
 * peer's side). 0, -ENOSPC. Idempotent. */
int session_prepare(struct ike_sa *sa, const struct child_selectors *remote);

/* Appends the tunnel where it is not there yet, with the SA's current path. */
void session_steps_tunnel(struct ike_sa *sa, struct ike_batch *batch);

/* Appends what makes `handle_out` the SA of all policies: added the first time, swapped later. */
void session_steps_policies(struct ike_sa *sa, uint32_t handle_out, struct ike_batch *batch);

/* Removes everything of the session from the dataplane: policies, Child SAs, tunnel. */
void session_remove(struct ike_sa *sa);

/* The tunnel belongs to this SA now (an heir): events find it. */
void session_tunnel_owner(struct ike_sa *sa);

#endif
