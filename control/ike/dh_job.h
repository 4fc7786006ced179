/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Diffie-Hellman step on the thread pool: make a key pair, compute the shared
 * secret, or both (a responder). The IKE SA is to be parked meanwhile. Core thread
 * only, but for the arithmetic.
 */
#ifndef RG_IKE_DH_JOB_H
#define RG_IKE_DH_JOB_H

#include "control/ike/crypto/dh.h"
#include "control/ike/ike_sa.h"

struct dh_job {
	struct ike_job job;
	struct ike_dh dh; /* the result; `then` may move it away (and zero this one) */
	uint16_t group;   /* to be generated first; 0: dh came with the call */
	uint8_t peer[IKE_MAX_DH];
	size_t peer_len; /* 0: nothing to compute */
	int error;       /* as ike_dh_generate() and ike_dh_compute() */
	struct ike_sa *sa;
	void *context;
	void (*then)(struct dh_job *job); /* not called where the SA was closed meanwhile */
};

/* `dh` NULL: a key pair of `group` is made; otherwise it is moved into the job. `peer` NULL:
 * no secret is computed; its length must have been checked (ike_dh_check_length()). The job
 * is wiped and freed after `then`. 0 or -ENOMEM: then `dh` is untouched. */
int dh_job_submit(struct ike_sa *sa, uint16_t group, struct ike_dh *dh, const struct ike_ke *peer,
                  void (*then)(struct dh_job *job), void *context);

#endif
