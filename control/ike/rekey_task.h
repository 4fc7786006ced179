/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CREATE_CHILD_SA requests that we send, as the answering side has to know them to notice
 * a collision. Internal to control/ike; core thread only.
 */
#ifndef RG_IKE_REKEY_TASK_H
#define RG_IKE_REKEY_TASK_H

#include "control/ike/crypto/dh.h"
#include "control/ike/ike_sa.h"
#include "control/ike/rekey_child.h"
#include "control/ike/task.h"

/* A Child SA, new or in place of another. */
struct child_task {
	struct task task;
	const struct rg_cfg_child *cfg;
	uint32_t old_spi;   /* of the one to be replaced; ours, network byte order; 0: it is a new one */
	uint32_t fresh_spi; /* ours, network byte order; 0: none yet */
	uint32_t rival_spi; /* of the Child SA that the peer's own rekey made meanwhile; 0: none */
	uint8_t rival_nonce[REKEY_NONCE_LEN]; /* its lowest: it may be replaced itself when our answer comes
	                                       */
	size_t rival_nonce_len;
	bool old_deleted; /* the peer deleted the old one while our request was out */
	bool is_retry;    /* after INVALID_KE_PAYLOAD */
	uint8_t refusals; /* of this new Child SA for good, one after the other */
	uint16_t group;   /* of the KE payload; 0: none */
	bool dh_at_work;  /* the job that makes our key holds the task */
	int dh_error;
	struct ike_dh dh;
	uint8_t nonce[REKEY_NONCE_LEN];
	uint8_t peer_nonce[IKE_NONCE_MAX];
	size_t peer_nonce_len;
	struct ike_choice choice;
};

struct rekey_ike_task {
	struct task task;
	uint64_t old_spi;   /* our SPI of the IKE SA to be replaced */
	uint64_t heir_spi;  /* our SPI of the new IKE SA; 0: none yet */
	uint64_t rival_spi; /* our SPI of the one that the peer's own rekey made meanwhile; 0: none */
	bool is_retry;
	uint16_t group;
	bool dh_at_work; /* the job that makes our key holds the task */
	int dh_error;
	struct ike_dh dh;
	uint8_t nonce[REKEY_NONCE_LEN];
	uint8_t peer_nonce[IKE_NONCE_MAX];
	size_t peer_nonce_len;
	struct ike_choice choice;
};

extern const struct task_type child_task_type, rekey_ike_type;

/* Queues the request: a KE payload of `group` (0: none), not before a time (0: now). */
void child_task_start(struct ike_sa *sa, const struct rg_cfg_child *cfg, uint32_t old_spi, uint16_t group,
                      uint64_t not_before_ms);
/* The same once more, after an answer that was none. `refusals`: how often it has been refused for good. */
void child_task_again(struct ike_sa *sa, const struct child_task *t, uint8_t refusals, uint16_t group,
                      uint64_t not_before_ms);
/* The group that is tried first; 0: no key exchange. */
uint16_t child_first_group(const struct ike_sa *sa, const struct rg_cfg_child *cfg);
/* The Child SA to be replaced, if it is still there. */
struct child_sa *child_task_old(struct ike_sa *sa, const struct child_task *t);
/* The half-made one goes; the peer does not have it. */
void child_task_drop_fresh(struct ike_sa *sa, struct child_task *t);

/* rekey_child.c: the new pair is installed, or it did not come about (refused, or for now). */
void rekey_child_settle(struct ike_sa *sa, struct child_task *t, struct child_sa *fresh);
void rekey_child_refused(struct ike_sa *sa, struct child_task *t, uint16_t error);
void rekey_child_retry(struct ike_sa *sa, struct child_task *t);

/* create_child.c: the same for a new one. */
void child_create_refused(struct ike_sa *sa, struct child_task *t, uint16_t error);
void child_create_retry(struct ike_sa *sa, struct child_task *t);

/* Our rekey of the Child SA (or of the IKE SA) whose request is on the wire, or NULL. */
struct child_task *rekey_child_on_wire(const struct ike_sa *sa, uint32_t old_spi);
struct rekey_ike_task *rekey_ike_on_wire(const struct ike_sa *sa);

#endif
