/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an authenticated peer may have, asked before anything is installed (the
 * PAD, RFC 4301 4.4.3; H30, AM-6, IM-17). The rule that applies takes the place
 * of the session's connection, so its suites, pools, selectors and limits hold
 * wherever the connection's would. Core thread only.
 */
#ifndef RG_IKE_PAD_H
#define RG_IKE_PAD_H

#include "control/ike/ike_sa.h"

/* The peer proved to be sa->peer_id: its rule holds from here on. NULL, or what an operator is told of why
 * it may not be here at all; the peer hears AUTHENTICATION_FAILED. */
const char *pad_admit(struct ike_sa *sa);

/* The session's connection in the configuration in force; NULL: it is gone. */
const struct rg_cfg_connection *pad_connection_now(const struct ike_sa *sa);

/* What the configuration in force has against the session, which may have begun under an older one; NULL:
 * nothing. */
const char *pad_objection(const struct ike_sa *sa);

/* May the identity have one session more (max-sessions)? Asked when those that this one replaces are gone. */
bool pad_has_room(const struct ike_sa *sa);

/* Which rule that was, for operators: "connection roam, rule branches (line 41)". Returns `buf`. */
char *pad_describe(const struct ike_sa *sa, char *buf, size_t size);

/* As responder: the most that a Child SA's selectors may hold, ours and the peer's. The peer's are its
 * virtual addresses, what its rule lets it speak for, and without a pool the address that it came from. */
void pad_local(const struct ike_sa *sa, struct child_selectors *out);
void pad_remote(const struct ike_sa *sa, struct child_selectors *out);

/*
 * May the session speak for these? Not for what a session of another identity speaks for: a network, or the
 * one address that several clients have behind a NAT. The first that has it keeps it. Where the session may,
 * they stay its own as long as one of its Child SAs or policies is for them: pad_settle() gives back what
 * none needs any more, pad_release() everything. A session that we began speaks for what we asked for.
 */
bool pad_claim(struct ike_sa *sa, const struct child_selectors *remote);
void pad_settle(struct ike_sa *sa);
void pad_release(struct ike_sa *sa);

/* The same for all that a session carries (a record was read). */
bool pad_claim_carried(struct ike_sa *sa);

#endif
