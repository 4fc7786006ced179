/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session takes over from the one before it (succession.h): the dataplane's policies, which carry
 * what the device sends and receives, change hands with its first Child SA, and change back where the new
 * session ends before it is complete. Until then the old one is as it was. RFC 7296 2.8, 2.8.3. Core thread
 * only.
 */
#ifndef RG_IKE_TAKEOVER_H
#define RG_IKE_TAKEOVER_H

#include "control/ike/ike_sa.h"

/* A Child SA of the session is about to be installed: from now on it follows the one before it, if there is
 * one; a responder's, which the peer has to delete, is superseded. Idempotent. */
void takeover_begin(struct ike_sa *sa);
/* Has the peer of a responder's session not shown yet that it has it, while the one before it still serves?
 * Our answer may have been lost: nothing is sent on it. */
bool takeover_is_unproven(const struct ike_sa *sa);
/* TIMER_EXPIRE of a session that another one follows. True: it has time yet, since that one does not have all
 * that it carries; or it goes for that one's sake. */
bool takeover_expire(struct ike_sa *sa);
/* Initiator: the session serves, and does not have all Child SAs yet. The one before it stays for what it
 * alone carries, for so long; without anything of that kind it goes now. */
void takeover_lacks(struct ike_sa *sa);
/* The policies of a session that is not to carry anything are those of the one before it again. */
void takeover_return(struct ike_sa *sa);
/* The session ends, or gets no Child SA: the one before it goes on in its place, with the policies that
 * it had. Nothing happens where there is none, or where it is on its way out by our own will. */
void takeover_undo(struct ike_sa *sa, const char *why);

/* Deletes it by the will of this end, with the one that it follows and the one that is to follow it: neither
 * goes on in its place. */
void takeover_delete(struct ike_sa *sa, const char *reason);

/* Is there a session before this one that is still to yield? Then a responder's new Child SA
 * waits with its outbound half until the peer can receive on it (design.md). */
bool takeover_waits(const struct ike_sa *sa);
/* The same for a further Child SA of it: do the flow's policies still send what the session before has? */
bool takeover_awaits(const struct flow *flow);
/* The policy of the session before for this prefix changes hands. False: there is none. */
bool takeover_policy(struct flow *flow, const struct ike_policy *like, struct ike_policy *out);
/* A superseded session sends until the one that follows does: the policies that changed hands already point
 * at this SA of it, its rekeys included. */
void takeover_steps(const struct flow *flow, uint32_t sa_out, struct ike_batch *batch);
/* A superseded session is about to lose what it sends through: the one that follows sends by itself from now
 * on. */
void takeover_yield(struct ike_sa *sa);

#endif
