/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of IKEv2 as one table: which message is legal for whom in which
 * state, with which payloads, and who handles it; which moves there are; what bounds each
 * state. A message is checked by it before any handler runs (table.c), and a move sets the
 * timer of the state that is entered (timers_enter()). RFC 7296 1.2 to 1.4, appendix C.
 */
#ifndef RG_IKE_TABLE_H
#define RG_IKE_TABLE_H

#include "control/ike/ike_sa.h"
#include "control/ike/timers.h"

#define P(name) IKE_PAYLOAD_BIT(IKE_PAYLOAD_##name)
#define S(name) (1u << IKE_STATE_##name)

/* Payloads that any message may carry, and those that may be there twice. */
#define TABLE_ANYWHERE (P(NOTIFY) | P(VENDOR))
#define TABLE_REPEATED (P(NOTIFY) | P(VENDOR) | P(CERT) | P(CERTREQ) | P(DELETE))

/*
 * X(row, exchange, direction, role, states, required, optional, handler)
 *
 * `role` is ours in the IKE SA: its initiator sends IKE_SA_INIT and IKE_AUTH and gets the
 * answers, its responder the other way round; from then on either end may ask (RFC 7296 1.2, 1.3).
 *
 * A request that lacks a required payload, has one that is neither required nor
 * optional (of those that we know), or one twice that may not be, is
 * INVALID_SYNTAX if it was protected, else dropped. Of several rows for one exchange the
 * first that fits is taken. A response that carries an error notify need not fit: it
 * goes to the last row of its exchange. The order of payloads does not matter
 * (RFC 7296 2.5). AUTH is optional in a request because its absence means EAP
 * (RFC 7296 2.16), which has an answer of its own.
 */
#define IKE_TABLE(X)                                                                                         \
	X(INIT_REQUEST, IKE_SA_INIT, REQUEST, RESPONDER, S(NEW), P(SA) | P(KE) | P(NONCE), P(CERTREQ),       \
	  init_request)                                                                                      \
	X(INIT_RESPONSE, IKE_SA_INIT, RESPONSE, INITIATOR, S(INIT_SENT), P(SA) | P(KE) | P(NONCE),           \
	  P(CERTREQ), init_response)                                                                         \
	X(INIT_RETRY, IKE_SA_INIT, RESPONSE, INITIATOR, S(INIT_SENT), P(NOTIFY), 0, init_retry)              \
	X(AUTH_REQUEST, IKE_AUTH, REQUEST, RESPONDER, S(INIT_ANSWERED), P(IDi) | P(SA) | P(TSi) | P(TSr),    \
	  P(AUTH) | P(CERT) | P(CERTREQ) | P(IDr) | P(CP), auth_request)                                     \
	X(AUTH_CHILDLESS, IKE_AUTH, REQUEST, RESPONDER, S(INIT_ANSWERED), P(IDi),                            \
	  P(AUTH) | P(CERT) | P(CERTREQ) | P(IDr) | P(CP), auth_request) /* RFC 6023 5 */                    \
	X(EAP_REQUEST, IKE_AUTH, REQUEST, RESPONDER, S(EAP), P(EAP), 0, eap_request)                         \
	X(EAP_AUTH_REQUEST, IKE_AUTH, REQUEST, RESPONDER, S(EAP_DONE), P(AUTH), 0, eap_auth_request)         \
	X(EAP_DISORDER, IKE_AUTH, REQUEST, RESPONDER, S(EAP) | S(EAP_DONE), 0,                               \
	  P(EAP) | P(AUTH) | P(IDi) | P(IDr) | P(SA) | P(TSi) | P(TSr) | P(CERT) | P(CERTREQ) | P(CP),       \
	  eap_disorder)                                                                                      \
	X(EAP_GIVEN_UP, INFORMATIONAL, REQUEST, RESPONDER, S(EAP) | S(EAP_DONE), 0, P(DELETE), eap_given_up) \
	X(EAP_FIRST_RESPONSE, IKE_AUTH, RESPONSE, INITIATOR, S(AUTH_SENT), P(IDr) | P(EAP),                  \
	  P(AUTH) | P(CERT) | P(CERTREQ), eap_first_response)                                                \
	X(EAP_RESPONSE, IKE_AUTH, RESPONSE, INITIATOR, S(EAP_SENT), P(EAP), 0, task_response)                \
	X(EAP_AUTH_RESPONSE, IKE_AUTH, RESPONSE, INITIATOR, S(EAP_AUTH_SENT), P(AUTH),                       \
	  P(CP) | P(SA) | P(TSi) | P(TSr), task_response)                                                    \
	X(AUTH_RESPONSE, IKE_AUTH, RESPONSE, INITIATOR, S(AUTH_SENT), P(IDr) | P(AUTH),                      \
	  P(CERT) | P(CP) | P(SA) | P(TSi) | P(TSr) | P(CERTREQ), auth_response)                             \
	X(REKEY_IKE_REQUEST, CREATE_CHILD_SA, REQUEST, EITHER, S(ESTABLISHED) | S(REKEYED) | S(DELETING),    \
	  P(SA) | P(NONCE) | P(KE), 0, rekey_ike_request)                                                    \
	X(CHILD_REQUEST, CREATE_CHILD_SA, REQUEST, EITHER, S(ESTABLISHED) | S(REKEYED) | S(DELETING),        \
	  P(SA) | P(NONCE) | P(TSi) | P(TSr), P(KE) | P(CP), child_request)                                  \
	X(CHILD_RESPONSE, CREATE_CHILD_SA, RESPONSE, EITHER, S(ESTABLISHED) | S(REKEYED) | S(DELETING),      \
	  P(SA) | P(NONCE), P(KE) | P(TSi) | P(TSr) | P(CP), task_response)                                  \
	X(INFORMATIONAL_REQUEST, INFORMATIONAL, REQUEST, EITHER, S(ESTABLISHED) | S(REKEYED) | S(DELETING),  \
	  0, P(DELETE) | P(CP), informational_request)                                                       \
	X(INFORMATIONAL_RESPONSE, INFORMATIONAL, RESPONSE, EITHER,                                           \
	  S(ESTABLISHED) | S(REKEYED) | S(DELETING), 0, P(DELETE) | P(CP), task_response)

/*
 * What ends a state that nothing else ends: X(state, timer, ms). A move clears the timer of the
 * state that is left and sets that of the new one; EXPIRE, which may be the end of a lifetime, is
 * not put off by it. GOES_ON: the state before had it too, and its time is not over.
 * BY_CALLER: the configuration, or what the SA has seen, says how long.
 */
#define IKE_BOUNDS(X)                                                                                        \
	X(NEW, HALF_OPEN, TIMER_HALF_OPEN_MS) /* an heir's is the request that made it */                    \
	X(INIT_SENT, HALF_OPEN, TIMER_INITIATOR_MS)                                                          \
	X(INIT_ANSWERED, HALF_OPEN, TABLE_GOES_ON)                                                           \
	X(AUTH_SENT, HALF_OPEN, TABLE_GOES_ON)                                                               \
	X(EAP, HALF_OPEN, TIMER_EAP_MS)                                                                      \
	X(EAP_DONE, HALF_OPEN, TABLE_GOES_ON)                                                                \
	X(EAP_SENT, HALF_OPEN, TABLE_GOES_ON)                                                                \
	X(EAP_AUTH_SENT, HALF_OPEN, TABLE_GOES_ON)                                                           \
	X(ESTABLISHED, DPD, TABLE_BY_CALLER) /* and EXPIRE: timers_established() */                          \
	X(REKEYED, EXPIRE, TIMER_OLD_CHILD_MS)                                                               \
	X(DELETING, EXPIRE, TIMER_DELETING_MS)                                                               \
	X(CLOSED, LINGER, TABLE_BY_CALLER) /* whether there is an answer to keep */

/* Moves of an IKE SA's state: X(from, to). Every state may go to CLOSED. */
#define IKE_MOVES(X)                                                                                         \
	X(NEW, INIT_SENT)                                                                                    \
	X(NEW, INIT_ANSWERED)                                                                                \
	X(NEW, ESTABLISHED) /* the heir of a rekeyed one */                                                  \
	X(INIT_SENT, AUTH_SENT)                                                                              \
	X(INIT_ANSWERED, ESTABLISHED)                                                                        \
	X(INIT_ANSWERED, EAP)                                                                                \
	X(EAP, EAP_DONE)                                                                                     \
	X(EAP_DONE, ESTABLISHED)                                                                             \
	X(AUTH_SENT, ESTABLISHED)                                                                            \
	X(AUTH_SENT, EAP_SENT)                                                                               \
	X(EAP_SENT, EAP_AUTH_SENT)                                                                           \
	X(EAP_AUTH_SENT, ESTABLISHED)                                                                        \
	X(ESTABLISHED, REKEYED)                                                                              \
	X(ESTABLISHED, DELETING)                                                                             \
	X(REKEYED, DELETING)

/* Moves of a Child SA's state. Every state may go to DEAD. */
#define CHILD_MOVES(X)                                                                                       \
	X(NEW, INBOUND)                                                                                      \
	X(NEW, INSTALLED)                                                                                    \
	X(NEW, DELETING) /* the peer has it, our dataplane refused it */                                     \
	X(INBOUND, INSTALLED)                                                                                \
	X(INBOUND, REKEYED)                                                                                  \
	X(INBOUND, DELETING)                                                                                 \
	X(INSTALLED, REKEYING)                                                                               \
	X(INSTALLED, REKEYED)                                                                                \
	X(INSTALLED, DELETING)                                                                               \
	X(REKEYING, INSTALLED) /* the peer refused, or its own rekey won */                                  \
	X(REKEYING, REKEYED)                                                                                 \
	X(REKEYING, DELETING)                                                                                \
	X(REKEYED, INSTALLED) /* its successor did not come about */                                         \
	X(REKEYED, DELETING)                                                                                 \
	X(INBOUND, DELETED) /* the peer deleted what another one follows */                                  \
	X(INSTALLED, DELETED)                                                                                \
	X(REKEYING, DELETED)                                                                                 \
	X(REKEYED, DELETED)                                                                                  \
	X(DELETING, DELETED)

enum table_row_id {
#define X(row, exchange, direction, role, states, required, optional, handler) TABLE_##row,
	IKE_TABLE(X)
#undef X
	        TABLE_N_ROWS
};

enum table_direction { TABLE_REQUEST, TABLE_RESPONSE };

enum table_role { TABLE_INITIATOR = 1, TABLE_RESPONDER = 2, TABLE_EITHER = 3 };

struct table_row {
	const char *name;
	uint8_t exchange;
	enum table_direction direction;
	enum table_role role;
	uint32_t states;
	uint64_t required, optional;
	int (*handler)(struct ike_sa *sa, struct exchange *x);
};

#define TABLE_GOES_ON   0u
#define TABLE_BY_CALLER UINT32_MAX

struct table_bound {
	enum ike_timer timer;
	uint32_t ms;
};

enum table_verdict {
	TABLE_OK,
	TABLE_UNEXPECTED, /* no such exchange in this state, or not for this role */
	TABLE_ILLEGAL,    /* payloads: INVALID_SYNTAX */
};

extern const struct table_row table_rows[TABLE_N_ROWS];
extern const struct table_bound table_bounds[IKE_N_STATES];

/* The row that a message belongs to, or why none. `is_initiator`: we are that of the IKE SA. */
enum table_verdict table_find(const struct ike_msg *msg, bool is_initiator, enum ike_state state,
                              const struct table_row **row);

bool table_ike_move_legal(enum ike_state from, enum ike_state to);
bool table_child_move_legal(enum child_state from, enum child_state to);

#endif
