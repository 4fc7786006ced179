/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two gateways that both begin a session with the other (connections.NAME.initiate): one session stays, the
 * same one at both ends (RFC 7296 2.4 leaves that to us). Core thread only.
 *
 * Before its IKE_AUTH request leaves, a gateway that has a session of the peer's gives up its own. What is
 * left are two sessions whose IKE_AUTH requests were both on the wire: they have crossed, and the one that
 * was begun by the lower identity stays. Its end sees that in the order of events alone: the IKE_SA_INIT
 * request of the other session came before its own session was up, or else the peer begins anew because it
 * has lost the session, and the newer one stays. The lower identity's end deletes; the other one waits for
 * that, and acts alone where the peer knows no such rule (strongSwan), once the session that stays has shown
 * that the peer has it.
 */
#ifndef RG_IKE_CROSSING_H
#define RG_IKE_CROSSING_H

#include "control/ike/ike_sa.h"

#define CROSSING_DECIDES_MS 200u  /* until who has the lower identity deletes the other session */
#define CROSSING_WAITS_MS   5000u /* until the other end does so itself */

/* Sessions between the same two identities, of one connection, that the other end began. NULL begins and
 * ends. */
struct ike_sa *crossing_next(const struct ike_sa *sa, const struct ike_sa *at);
/* Is it such a pair, of one device? */
bool crossing_between(const struct ike_sa *sa, const struct ike_sa *other);

/* Initiator, before IKE_AUTH: is there a session of the peer's already, so that this one is not needed? */
bool crossing_is_needless(struct ike_sa *sa);

/* `sa` has proved its peer: does it yield to `other`, which is of the pair? */
bool crossing_yields(const struct ike_sa *sa, const struct ike_sa *other);
/* Did both begin at the same moment? Then INITIAL_CONTACT says nothing of the other one. */
bool crossing_met(const struct ike_sa *sa, const struct ike_sa *other);

/* Initiator: the responder has proved who it is; one of each pair is superseded now. */
void crossing_admit(struct ike_sa *sa);
/* A superseded one is up, or has become superseded: it ends in a while. */
void crossing_wait(struct ike_sa *sa);
/* To operators, once both are up: which of the two stays. */
void crossing_tell(struct ike_sa *goes);
/* TIMER_EXPIRE of a superseded one. False: it is none of a pair. */
bool crossing_expire(struct ike_sa *sa);
/* The one that was to stay ends, or does not come up at all: the other one carries on in its place. */
void crossing_closed(struct ike_sa *sa);

#endif
