/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_AUTH: what both roles share (RFC 7296 1.2, 2.15; RFC 7427; RFC 4555 3.1).
 * Core thread only, but for the work of the job.
 */
#ifndef RG_IKE_AUTH_H
#define RG_IKE_AUTH_H

#include "control/ike/init.h"

/* Checks the peer's AUTH and makes ours, on the thread pool. Everything that it reads is
 * its own, a reference, or belongs to `x`, which lives as long as the job. */
struct auth_job {
	struct ike_job job;
	struct exchange *x; /* NULL: an initiator's, before its request */
	struct rg_auth *auth;
	struct ike_keys prf; /* suite and length only: what the PSK's arithmetic needs */
	bool verify, sign;
	/* verify */
	enum rg_cfg_auth peer_how;
	struct rg_id peer;
	struct rg_auth_claim claim;
	struct rg_auth_cert certs[RG_AUTH_CERTS_MAX], responses[RG_AUTH_STATUS_MAX];
	uint8_t *peer_octets;
	const char *failure; /* why the peer is refused; NULL: it is who it says */
	enum rg_auth_failure counted;
	struct rg_auth_found found;
	/* After EAP: the keys of the peer's AUTH and of ours (RFC 7296 2.16). Length 0: none, it is the
	 * shared key of the configuration. */
	struct auth_key {
		uint8_t data[EAP_MSK_LEN];
		size_t len;
	} peer_key, own_key;
	/* sign: only after a good verification, if both are asked for */
	enum rg_cfg_auth how;
	uint32_t peer_hashes;
	size_t credential; /* of ours */
	bool wants_staple;
	uint8_t *staple; /* our OCSP response, where the peer asked */
	size_t staple_len;
	uint8_t *own_octets;
	size_t own_len;
	uint8_t method;
	uint8_t value[IKE_MAX_AUTH];
	size_t value_len;
	int sign_error;
};

struct auth_job *auth_job_new(struct ike_sa *sa, struct exchange *x);
void auth_job_free(struct auth_job *j);
/* Fills in the claim from IDi or IDr, AUTH and CERTs of the message. IKE_OK, or why not. */
enum ike_reject auth_job_claim(struct auth_job *j, struct ike_sa *sa, const struct ike_msg *msg,
                               uint8_t id_payload);
/* What we sign, for sa->own_id. 0 or negative errno. */
int auth_job_own(struct auth_job *j, struct ike_sa *sa, enum rg_cfg_auth how);
/* Shared keys take a few digests, less than a thread and the way to it and back: then it is done now. */
bool auth_job_at_once(struct auth_job *j);
void auth_job_submit(struct auth_job *j, struct ike_sa *sa, void (*finish)(struct ike_job *job, bool gone));

/* Counts and logs what the job found. */
void auth_job_note(const struct auth_job *j, struct ike_sa *sa);

/* The octets that the side `by_initiator` signs (RFC 7296 2.15), to be freed. 0 or negative errno. */
int auth_octets(const struct ike_sa *sa, bool by_initiator, struct ike_view id_body, uint8_t **buf,
                size_t *len);

/* ID, CERTs and AUTH of our own; after EAP, AUTH alone: the others went before it. */
void auth_build_own(const struct ike_sa *sa, const struct auth_job *j, uint8_t id_payload,
                    struct ike_build *out);

/* As responder: the end of a job that verified and signed; what follows is the same with EAP or
 * without. And the refusal that says no more than AUTHENTICATION_FAILED. */
void auth_checked(struct ike_job *job, bool gone);
int auth_refuse(struct exchange *x, const char *why);
/* The IDr that the peer asked for: 1, 0 (none), or -EINVAL: none that we are. */
int auth_wanted_own(const struct exchange *x, struct rg_id *wanted);

/* As initiator: whether the connection wants this responder; and what follows once it is proven. Takes
 * `child` over; NULL: it is childless. */
bool auth_peer_wanted(const struct ike_sa *sa, const struct rg_id *peer);
void auth_accept(struct exchange *x, struct child_sa *child);
/* The responder's answer does not convince: it hears so once, and no answer is waited for (RFC 7296
 * 2.21.2). Else it would keep what it holds for a session. Returns -EACCES. */
int auth_disbelieve(struct ike_sa *sa, const char *why);
/* The Child SA that the first IKE_AUTH request offered, while its answer `x` is at work; NULL: none (RFC
 * 6023). */
struct child_sa *auth_take_child(struct exchange *x);

/* The session is up on our side: state, timers, homing, the event. */
void auth_established(struct ike_sa *sa);

#endif
