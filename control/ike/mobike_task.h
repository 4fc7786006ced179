/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the requests of RFC 4555 that we send have in common. Internal to
 * control/ike/mobike_*.c; core thread only.
 */
#ifndef RG_IKE_MOBIKE_TASK_H
#define RG_IKE_MOBIKE_TASK_H

#include "control/homing/session.h"

/* RFC 4555 3.9: UNEXPECTED_NAT_DETECTED may be one bad packet. */
#define MOBIKE_TRIES 3u

struct mobike_task {
	struct task task;
	struct homing_session *hs; /* NULL: the session no longer waits for it */
	struct pair first;         /* of the first copy */
	bool sent, several;
	bool is_proof;  /* the answer's COOKIE2 is for the transaction */
	uint64_t order; /* of an own update */
};

extern const struct task_type mobike_proof_type, mobike_list_type, mobike_update_type, mobike_nat_type;

struct mobike_task *mobike_task_of(struct task *task);
/* NULL, and counted, if memory is short. */
struct mobike_task *mobike_task_make(struct homing_session *hs, const struct task_type *type);
/* Is no other request of RFC 4555 on the wire? */
bool mobike_task_ready(const struct ike_sa *sa, const struct task *task);
bool mobike_task_on_wire(const struct homing_session *hs, const struct task *task);
/* COOKIE2 of the proof that the transaction has begun. */
void mobike_write_cookie(const struct homing_session *hs, struct ike_build *out);
/* Tells the transaction what the answer holds. -EACCES: the IKE SA must be closed. */
int mobike_task_tell(struct mobike_task *t, const struct exchange *x);

/* For the task types: */
void mobike_task_sent(struct ike_sa *sa, struct task *task, const struct ike_endpoint *local,
                      const struct ike_endpoint *remote);
void mobike_task_abandoned(struct ike_sa *sa, struct task *task);
void mobike_task_free(struct task *task);

#endif
