/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session has in the dataplane: one tunnel for all its Child SAs
 * (design.md, "The objects"); its policies are in flow.h. Core thread only.
 */
#ifndef RG_IKE_SESSION_H
#define RG_IKE_SESSION_H

#include "control/ike/ike_sa.h"

/* Takes the handle of the tunnel. 0, -ENOSPC. Idempotent. */
int session_prepare(struct ike_sa *sa);

/* Appends the tunnel where it is not there yet, with the SA's current path. */
void session_steps_tunnel(struct ike_sa *sa, struct ike_batch *batch);

/* Removes everything of the session from the dataplane: policies, Child SAs, tunnel. */
void session_remove(struct ike_sa *sa);

/* The batch that was to install the Child SA failed: it goes, and as nobody knows how much of it is there, so
 * does the tunnel where it was to be the first. The pointer is invalid afterwards. */
void session_not_installed(struct child_sa *child);

/* The tunnel belongs to this SA now (an heir): events find it. */
void session_tunnel_owner(struct ike_sa *sa);

#endif
