/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 4555 on the wire, as homing asks for it (control/ike/mobike*.c). Core thread only.
 */
#ifndef RG_IKE_MOBIKE_H
#define RG_IKE_MOBIKE_H

#include "control/homing/session.h"

/* Queues the request that proves hs->tx.rr.pair: an INFORMATIONAL with COOKIE2, sent
 * on that pair only (RFC 4555 3.7); for an own update it is the update itself. */
void mobike_prove(struct homing_session *hs);
/* The proof request follows the session's pair from now on: its move was cancelled
 * or took too long, and the window must not stay shut. True where that changed anything. */
bool mobike_unpin(struct homing_session *hs);
/* The session leaves `sa`: it ends, or goes on with hs->sa, an heir. Requests of ours on `sa`
 * no longer concern it; with an heir they are made anew there. */
void mobike_leave(struct homing_session *hs, struct ike_sa *sa);
/* Our address list, in full (RFC 4555 3.6). Once more if one is under way already. */
void mobike_send_list(struct homing_session *hs);
/* Initiator: moves the session to another pair (RFC 4555 3.5). */
void mobike_move(struct homing_session *hs, const struct pair *pair);
/* Initiator: an UPDATE_SA_ADDRESSES request for where the session is now. */
void mobike_send_update(struct homing_session *hs);
/* NO_NATS_ALLOWED for a message over the SA's pair, where its uplink forbids NATs (RFC 4555 3.9). */
void mobike_write_no_nats(struct ike_sa *sa, struct ike_build *out);
/* The local addresses of the list without the one in use; returns their number. */
size_t mobike_additional(struct ike_sa *sa, struct rg_cfg_addr *out, size_t max);

#endif
