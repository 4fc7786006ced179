/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Negotiation of a Child SA, shared by IKE_AUTH, a new Child SA and a rekey
 * (RFC 7296 1.3, 2.9, 2.17), for both roles. Core thread only.
 *
 * Order for a responder: child_create(), child_read_request(), [DH], child_derive(),
 * install inbound (batch), child_build_answer(). For an initiator: child_create(),
 * child_build_request(); answer: child_read_answer(), [DH], child_derive(), install both.
 */
#ifndef RG_IKE_CHILD_H
#define RG_IKE_CHILD_H

#include "control/ike/child_rights.h"
#include "control/ike/child_sa.h"
#include "control/ike/crypto/keymat.h"
#include "control/ike/wire/payload.h"

/* Chooses suite and SPI from SAi, and narrows TSi and TSr to what the
 * connection and the session's virtual addresses allow. 0, or the error notify to answer
 * with: NO_PROPOSAL_CHOSEN, TS_UNACCEPTABLE, INVALID_SYNTAX. */
uint16_t child_read_request(struct child_sa *child, enum ike_select what, const struct ike_msg *msg,
                            struct ike_choice *choice);
/* SA, TSi, TSr of the answer. */
void child_build_answer(const struct child_sa *child, const struct ike_choice *choice, struct ike_build *out);

/* SA, TSi, TSr of a request. A rekey (`old` not NULL) offers the selectors of the old one. */
void child_build_request(struct child_sa *child, enum ike_select what, const struct child_sa *old,
                         struct ike_build *out);
/* `old` as in the request. 0; -EPROTO: the answer is not one to our request (suite or
 * selectors that we did not offer, malformed). */
int child_read_answer(struct child_sa *child, enum ike_select what, const struct child_sa *old,
                      const struct ike_msg *msg, struct ike_choice *choice);

/* Keys from the IKE SA's SK_d. Nonces are those of the exchange's initiator
 * and responder, `shared` is empty without DH. 0 or negative errno. */
int child_derive(struct child_sa *child, const struct ike_choice *choice, struct ike_view ni,
                 struct ike_view nr, struct ike_view shared);

/* Limits for the dataplane, from the connection; before the records are built. */
void child_set_limits(struct child_sa *child);
/* Lifetimes from the connection, jittered, from now on; TIMER_CHILD follows. */
void child_start_lifetimes(struct child_sa *child);

/* Recomputes TIMER_CHILD of the session. */
void child_schedule(struct ike_sa *sa);

#endif
