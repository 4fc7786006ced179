/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of IKEv2 as one table: which message is legal in which
 * state, with which payloads, and who handles it. Payload legality is checked
 * from it before any handler runs (table.c). RFC 7296 1.2 to 1.4, appendix C.
 */
#ifndef RG_IKE_TABLE_H
#define RG_IKE_TABLE_H

#include "control/ike/ike_sa.h"

#define P(name) IKE_PAYLOAD_BIT(IKE_PAYLOAD_##name)
#define S(name) (1u << IKE_STATE_##name)

/* Payloads that any message may carry, and those that may be there twice. */
#define TABLE_ANYWHERE (P(NOTIFY) | P(VENDOR))
#define TABLE_REPEATED (P(NOTIFY) | P(VENDOR) | P(CERT) | P(CERTREQ) | P(DELETE))

/*
 * X(row, exchange, direction, states, required, optional, handler)
 *
 * A request that lacks a required payload, has one that is neither required nor
 * optional (of those that we know), or one twice that may not be, is
 * INVALID_SYNTAX if it was protected, else dropped. A response that carries an error notify need not
 * have the required ones. Of several rows for one exchange the first whose required payloads are there is
 * taken; if none fits, the last one's verdict counts. AUTH is optional in a request because its absence means EAP
 * (RFC 7296 2.16), which has an answer of its own.
 */
#define IKE_TABLE(X)                                                                                         \
	X(INIT_REQUEST, IKE_SA_INIT, REQUEST, S(NEW), P(SA) | P(KE) | P(NONCE), P(CERTREQ),                  \
	  init_request)                                                                                      \
	X(INIT_RESPONSE, IKE_SA_INIT, RESPONSE, S(INIT_SENT), P(SA) | P(KE) | P(NONCE), P(CERTREQ),          \
	  init_response)                                                                                     \
	X(INIT_RETRY, IKE_SA_INIT, RESPONSE, S(INIT_SENT), P(NOTIFY), 0, init_retry)                         \
	X(AUTH_REQUEST, IKE_AUTH, REQUEST, S(INIT_ANSWERED), P(IDi) | P(SA) | P(TSi) | P(TSr),               \
	  P(AUTH) | P(CERT) | P(CERTREQ) | P(IDr) | P(CP), auth_request)                                     \
	X(AUTH_RESPONSE, IKE_AUTH, RESPONSE, S(AUTH_SENT), P(IDr) | P(AUTH),                                 \
	  P(CERT) | P(CP) | P(SA) | P(TSi) | P(TSr) | P(CERTREQ), auth_response)                             \
	X(REKEY_IKE_REQUEST, CREATE_CHILD_SA, REQUEST, S(ESTABLISHED) | S(REKEYED) | S(DELETING),            \
	  P(SA) | P(NONCE) | P(KE), 0, rekey_ike_request)                                                    \
	X(CHILD_REQUEST, CREATE_CHILD_SA, REQUEST, S(ESTABLISHED) | S(REKEYED) | S(DELETING),                \
	  P(SA) | P(NONCE) | P(TSi) | P(TSr), P(KE) | P(CP), child_request)                                  \
	X(CHILD_RESPONSE, CREATE_CHILD_SA, RESPONSE, S(ESTABLISHED) | S(REKEYED) | S(DELETING),              \
	  P(SA) | P(NONCE), P(KE) | P(TSi) | P(TSr) | P(CP), task_response)                                  \
	X(INFORMATIONAL_REQUEST, INFORMATIONAL, REQUEST, S(ESTABLISHED) | S(REKEYED) | S(DELETING), 0,       \
	  P(DELETE) | P(CP), informational_request)                                                          \
	X(INFORMATIONAL_RESPONSE, INFORMATIONAL, RESPONSE, S(ESTABLISHED) | S(REKEYED) | S(DELETING), 0,     \
	  P(DELETE) | P(CP), task_response)

#endif
