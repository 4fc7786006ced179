/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diffie-Hellman on the thread pool (dh_job.h). RFC 7296 1.3, 2.17, 2.18.
 */
#include "control/ike/dh_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct dh_job *of(struct ike_job *job)
{
	return (struct dh_job *)job;
}

static void work(struct ike_job *job)
{
	struct dh_job *j = of(job);

	if (j->group != 0)
		j->error = ike_dh_generate(&j->dh, j->group);
	if (j->error == 0 && j->peer_len > 0)
		j->error = ike_dh_compute(&j->dh, j->peer, j->peer_len);
}

static void finish(struct ike_job *job, bool gone)
{
	struct dh_job *j = of(job);

	if (!gone)
		j->then(j);
	ike_dh_wipe(&j->dh);
	free(j);
}

int dh_job_submit(struct ike_sa *sa, uint16_t group, struct ike_dh *dh, const struct ike_ke *peer,
                  void (*then)(struct dh_job *job), void *context)
{
	struct dh_job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return -ENOMEM;
	j->sa = sa;
	j->then = then;
	j->context = context;
	if (dh != NULL) {
		j->dh = *dh;
		memset(dh, 0, sizeof(*dh)); /* the private key is the job's now */
	} else {
		j->group = group;
	}
	if (peer != NULL && peer->value.len <= sizeof(j->peer)) {
		memcpy(j->peer, peer->value.data, peer->value.len);
		j->peer_len = peer->value.len;
	}
	ike_sa_submit(sa, &j->job, work, finish);
	return 0;
}
