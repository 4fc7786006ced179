/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several sessions of one peer: which ends which, and how a new one takes over
 * from the one before (RFC 7296 2.4, 2.8.3; RFC 4478). Of the sessions with one cookie
 * (one device of one identity) the newest owns addresses and policies; one before it is
 * `superseded`: it still receives until its Delete, and ends by itself after a while.
 * Core thread only.
 */
#ifndef RG_IKE_SUCCESSION_H
#define RG_IKE_SUCCESSION_H

#include "control/ike/ike_sa.h"

#define SUCCESSION_DEVICES     16u     /* sessions of one identity that are kept at a time */
#define SUCCESSION_GRACE_MS    30000u  /* in which the peer deletes the session before */
#define SUCCESSION_LATEST_MS   300000u /* and where the one that follows lacks some of its Child SAs */
#define SUCCESSION_PATIENCE_MS 240000u /* the same at the end that asks for them, which is to delete it */
#define SUCCESSION_AGAIN_MS    10000u  /* after a reauthentication that failed */
#define SUCCESSION_LEAST_S     5u      /* AUTH_LIFETIME below it is taken as that */

/* The next session between the same two identities: those in the same role, then those of a connection
 * that both ends begin in the other one; NULL begins and ends. */
struct ike_sa *succession_next(const struct ike_sa *sa, const struct ike_sa *at);

/* Responder: the peer has proved who it is. Chooses the device (sa->cookie), closes what
 * INITIAL_CONTACT says is gone, and supersedes the device's session before. `key`: which one the
 * peer signs with (struct rg_auth_found), 0 without one. */
void succession_admit(struct ike_sa *sa, const struct ike_msg *request, uint64_t key);
/* Initiator: the responder has proved who it is. */
void succession_answered(struct ike_sa *sa, const struct ike_msg *answer);
/* Initiator: what a peer's sessions are found by. Our own identity is part of it, since one
 * process may be many clients of one gateway. */
uint64_t succession_cookie(const struct ike_sa *sa, uint64_t peer_cookie);
uint64_t succession_cookie_of(const struct rg_id *own, uint64_t peer_cookie);
/* INITIAL_CONTACT where it is true, and AUTH_LIFETIME (responder). */
void succession_write(struct ike_sa *sa, struct ike_build *out);

/* The session of the same device before this one, if it is still up: of several, that which has the
 * device's policies. An initiator whose sessions stand side by side knows which one it repeats. */
struct ike_sa *succession_before(const struct ike_sa *sa);
/* Was the other one begun by the other end (crossing.h)? */
bool succession_crosses(const struct ike_sa *sa, const struct ike_sa *other);
/* The session came up beside one that it is to follow, and carries nothing: that one stays as it is. */
bool succession_is_vain(const struct ike_sa *sa);
/* A Child SA of it is there: it has the name of the session before it from now on, and that one goes once
 * all are there. Idempotent. */
void succession_carries(struct ike_sa *sa);

/* Does the session have the name of `old`, which it follows? */
bool succession_has_name(const struct ike_sa *sa, const struct ike_sa *old);
void succession_swap_names(struct ike_sa *sa, struct ike_sa *old);

/* How long the authentication is good for, from when the session came up: sets TIMER_REAUTH. */
void succession_limit(struct ike_sa *sa);
/* The session is up. Operators hear of it, unless it is not to serve: then it has no name of its own. */
void succession_established(struct ike_sa *sa);
/* Initiator: all Child SAs of the connection are there, or none is to be had any more: the session before
 * goes. */
void succession_complete(struct ike_sa *sa);
/* A rekey of the IKE SA between two sessions that know each other by SPI: both go on with its heir. */
void succession_inherit(struct ike_sa *heir, struct ike_sa *old);
/* It ends: a session that waited for it goes on alone. */
void succession_closed(struct ike_sa *sa);

/* AUTH_LIFETIME in a later request of the responder (RFC 4478 2). */
void succession_lifetime(struct ike_sa *sa, const struct ike_msg *msg);
/* TIMER_REAUTH: authenticate anew (who began the session), or end it. */
void timer_reauth(struct ike_sa *sa);
/* The same, asked for by an operator. 0, -EBUSY, -EPERM (the peer began the session), -ENOMEM. */
int succession_start(struct ike_sa *sa);

/* The peer renews nothing within this IKE SA (NO_ADDITIONAL_SAS): who began the session soon makes a new one
 * in its place, from which on this one goes (RFC 7296 4). */
void succession_instead(struct ike_sa *sa);

#endif
