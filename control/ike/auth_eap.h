/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAP in IKE_AUTH, what both roles share (RFC 7296 2.16, RFC 5998): the conversation, and what
 * the first request and answer said that is needed at the end. The steps of EAP run as jobs, so a
 * method may take its time: the IKE SA is parked meanwhile. Core thread only, but for the work of the job.
 */
#ifndef RG_IKE_AUTH_EAP_H
#define RG_IKE_AUTH_EAP_H

#include "control/ike/auth.h"

#define AUTH_EAP_MAX_FIRST 8192u /* octets of the request that is kept until the peer is known */

struct auth_eap {
	struct eap *eap;                /* NULL while a job has it */
	uint8_t peer_id[4 + RG_ID_MAX]; /* body of IDi or IDr: AUTH covers it */
	size_t peer_id_len;
	/* Responder */
	enum rg_cfg_auth how; /* how we have proven ourselves */
	uint8_t *plain;
	size_t plain_len;
	struct ike_msg first; /* the first request, in `plain`: its wishes are granted at the end */
	/* Initiator */
	struct child_sa *child; /* that the first request offered */
};

/* NULL: no memory. Keeps the ID. */
struct auth_eap *auth_eap_new(struct ike_sa *sa, bool is_server, struct ike_view id_body);
void auth_eap_free(struct ike_sa *sa); /* wipes sa->eap */

/* The message that says what the peer wants: the first of IKE_AUTH, be there EAP between or not. */
const struct ike_msg *auth_wishes(const struct exchange *x);

struct eap_job {
	struct ike_job job;
	struct exchange *x;
	struct eap *eap;
	const uint8_t *packet;
	size_t len;
	enum eap_verdict verdict;
};

/* Gives the EAP payload of `x` to the conversation, on the thread pool. 0 or -ENOMEM. */
int auth_eap_step(struct ike_sa *sa, struct exchange *x, void (*finish)(struct ike_job *job, bool gone));
/* Takes the conversation back and frees the job; with `gone` the conversation too. */
enum eap_verdict auth_eap_step_end(struct ike_sa *sa, struct ike_job *job, bool gone);

/* The job that checks the peer's AUTH of `x` and makes ours, both by EAP's key: the MSK, or
 * where the method has none SK_pi and SK_pr (RFC 7296 2.16). NULL: no memory, or a malformed AUTH. */
struct auth_job *auth_eap_job(struct ike_sa *sa, struct exchange *x, bool verify, bool sign);

/* Responder: the first request, without AUTH. */
int auth_eap_request(struct ike_sa *sa, struct exchange *x);
/* Initiator: IDi without AUTH, and that EAP may be all (RFC 5998). */
void auth_eap_offer(const struct ike_sa *sa, struct ike_build *out);

#endif
