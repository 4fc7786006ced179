/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens when a timer of an IKE SA fires (IKE_TIMERS in ike_sa.h), and
 * the intervals. Core thread only.
 */
#ifndef RG_IKE_TIMERS_H
#define RG_IKE_TIMERS_H

#include "control/ike/ike_sa.h"

#define TIMER_HALF_OPEN_MS 30000u                   /* IKE_SA_INIT to ESTABLISHED */
#define TIMER_INITIATOR_MS (4 * TIMER_HALF_OPEN_MS) /* the same of ours: the peer may ask for another try */
#define TIMER_EAP_MS       60000u /* from there on, where EAP lies between: someone may type */
#define TIMER_PROOF_MS     30000u /* a responder's: has the peer our last answer of IKE_AUTH? */
#define TIMER_LINGER_MS    10000u /* a closed SA answers the last request again */
#define TIMER_FRAGMENTS_MS 15000u /* from the first fragment to the last */
#define TIMER_ASK_AGAIN_MS 200u   /* is there an answer by now? */
#define TIMER_OUTBOUND_MS  2000u  /* responder of a rekey: the new outbound becomes current */
#define TIMER_HINT_MS      10000u /* heard from within that time: an unprotected notify is passed over */
#define TIMER_ID_CHECK_MS                                                                                    \
	1000u /* between two that are beyond the window, to see whether they are authentic */
#define TIMER_ID_TOLD_MS 60000u /* between two INVALID_MESSAGE_ID to one peer */
#define TIMER_LATE_MS    1000u  /* a rekeyed Child SA still receives after its Delete */
#define TIMER_REDUNDANT_MS                                                                                   \
	30000u /* an IKE SA without the session: its Delete comes soon, or its maker forgot it */
#define TIMER_OLD_CHILD_MS                                                                                   \
	180000u /* a rekeyed SA whose Delete never comes: longer than a peer asks again                      \
	         */

#define TIMER_DELETING_MS 180000u /* our Delete goes unanswered, and nobody gave its retransmissions up */

/* The timer that bounds the state which the SA has come to (IKE_BOUNDS in table.h). Only
 * ike_set_state(), and who makes an SA that begins in NEW on its own, call it. */
void timers_enter(struct ike_sa *sa, enum ike_state from);

/* Calls the handler of each timer that is due. */
void timers_fire(struct ike_sa *sa, uint64_t now);

/* `ms` less up to a tenth, at random: so that sessions which came together do not rekey together. */
uint64_t timer_jitter(const struct ike_sa *sa, uint64_t ms);

void timer_half_open(struct ike_sa *sa);
void timer_dpd(struct ike_sa *sa);
void timer_rekey(struct ike_sa *sa);
/* An unprotected message for an SA that is up: the peer may have lost it, or anybody may have sent
 * that. Asks the peer, where nothing is known of it for a while (H41; RFC 7296 2.4). */
void timer_hint(struct ike_sa *sa);
void timer_expire(struct ike_sa *sa);
void timer_child(struct ike_sa *sa);
void timer_fragments(struct ike_sa *sa);
/* For what is incomplete now; called where a reassembly begins and where one ends. */
void timer_fragments_set(struct ike_sa *sa);
void timer_homing(struct ike_sa *sa);
void timer_linger(struct ike_sa *sa);

/* Sets the DPD, REKEY and EXPIRE timers of an SA that was just established. */
void timers_established(struct ike_sa *sa);

#endif
