/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers that the transition table names, and the entrances of the tasks.
 * A request's handler returns 0 (the answer in x->out is sent), EXCHANGE_PARKED, or a
 * negative errno (no answer; before establishment the SA is dropped too). A
 * response's handler returns the same; 0 ends its task. Core thread only.
 */
#ifndef RG_IKE_HANDLERS_H
#define RG_IKE_HANDLERS_H

#include "control/ike/ike_sa.h"

/* init.c */
int init_request(struct ike_sa *sa, struct exchange *x); /* of a fresh SA, after init_input() */
int init_response(struct ike_sa *sa, struct exchange *x);
int init_retry(struct ike_sa *sa, struct exchange *x);
void init_start(struct ike_sa *sa); /* initiator: the first message */
void init_free(struct ike_sa *sa);

/* auth.c */
int auth_request(struct ike_sa *sa, struct exchange *x);
int auth_response(struct ike_sa *sa, struct exchange *x);
void auth_start(struct ike_sa *sa); /* initiator, after IKE_SA_INIT */

/* auth_eap_responder.c, auth_eap_initiator.c: the rounds of EAP, then AUTH by its key */
int eap_request(struct ike_sa *sa, struct exchange *x);
int eap_auth_request(struct ike_sa *sa, struct exchange *x);
int eap_disorder(struct ike_sa *sa, struct exchange *x); /* AUTH too early, EAP too late, or anew (H24) */
int eap_given_up(struct ike_sa *sa, struct exchange *x); /* the peer's own end of it (RFC 7296 2.21.2) */
int eap_first_response(struct ike_sa *sa, struct exchange *x);

/* create_child.c: tells a new Child SA from a rekey by N(REKEY_SA) */
int child_request(struct ike_sa *sa, struct exchange *x);
void child_create_start(struct ike_sa *sa); /* those that are configured or were lost, and are not there */
void child_create_later(struct ike_sa *sa, uint64_t not_before_ms);
bool child_is_missing(const struct ike_sa *sa); /* is one of those to be asked for? */

/* rekey_child.c. `child` is the one that N(REKEY_SA) names; it is of this SA and INSTALLED,
 * REKEYING or REKEYED. */
int rekey_child_request(struct ike_sa *sa, struct exchange *x, struct child_sa *child);
/* Queues the rekey of an INSTALLED Child SA; nothing if it is under way. */
void rekey_child_start(struct child_sa *child);
/* The peer's Delete names a Child SA whose rekey by us is on the wire
 * (RFC 7296 2.25.1). */
void rekey_child_peer_deleted(struct child_sa *child);

/* rekey_ike.c */
int rekey_ike_request(struct ike_sa *sa, struct exchange *x);
void rekey_ike_start(struct ike_sa *sa);
/* The peer's Delete of the IKE SA arrived while our rekey of it is on the wire: if the
 * peer's own rekey was answered, its IKE SA takes the session (RFC 7296 2.8.2). To be called
 * before the SA is closed. */
void rekey_ike_peer_deleted(struct ike_sa *sa);

/* informational.c */
int informational_request(struct ike_sa *sa, struct exchange *x);
void informational_probe(struct ike_sa *sa);             /* an empty request: is the peer there */
void informational_delete_ike(struct ike_sa *sa);        /* queues Delete of the IKE SA */
void informational_delete_child(struct child_sa *child); /* queues Delete of a Child SA */
/* The same of one that we know by our SPI only (network byte order). */
void informational_delete_spi(struct ike_sa *sa, uint32_t spi_in);
/* The task alone, whether the Child SA is known here or not; NULL: no memory. */
struct task *informational_delete_task(uint8_t protocol, uint32_t spi_in);
/* What a task of ours deletes: IKE_PROTOCOL_IKE, _ESP with its SPI, or 0: nothing. */
uint8_t informational_deletes(const struct task *task, uint32_t *spi_in);

/* mobike.c (RFC 4555). IKE_AUTH: reads MOBIKE_SUPPORTED and ADDITIONAL_*_ADDRESS,
 * and writes ours: as initiator always, as responder where the peer offered it. */
void mobike_auth_read(struct ike_sa *sa, const struct ike_msg *msg);
void mobike_auth_write(struct ike_sa *sa, struct ike_build *out);
/* The peer's first IKE_AUTH request forbids NATs, and came through one (RFC 4555 3.9). */
bool mobike_auth_unexpected_nat(const struct exchange *x);
/* An INFORMATIONAL request of an SA with IKE_CAP_MOBIKE, established or rekeyed, before the
 * answer leaves: UPDATE_SA_ADDRESSES, address lists, COOKIE2, NAT detection, NO_NATS_ALLOWED. */
int mobike_request(struct ike_sa *sa, struct exchange *x);

/* Initiator behind a NAT: a liveness check that also notices a new mapping (RFC 4555 3.8).
 * False: not that case. */
bool mobike_check_nat(struct ike_sa *sa);

/* message_id.c: a request of the peer was dropped for its message ID; the peer says so of one of ours. */
void message_id_refused(struct ike_sa *sa, const struct ike_msg *msg);
void message_id_told(struct ike_sa *sa, const struct ike_msg *msg);

/* A response that belongs to the outstanding request's task. */
int task_response(struct ike_sa *sa, struct exchange *x);

#endif
