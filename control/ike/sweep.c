/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk of sweep.h: a place in the list of all, which moves on when that SA goes. Core thread only.
 */
#include "control/ike/sweep.h"

#include "control/ike/manager.h"

bool sweep_step(struct ike_manager *m)
{
	for (unsigned n = 0; n < SWEEP_PAGE && m->sweep_at != NULL; n++) {
		struct ike_sa *sa = m->sweep_at;

		m->sweep_at = TAILQ_NEXT(sa, link);
		IKE_COUNT(m, looked_at);
		m->sweep(sa);
	}
	return m->sweep_at != NULL;
}

void sweep_start(struct ike_manager *m, void (*each)(struct ike_sa *sa))
{
	m->sweep = each;
	m->sweep_at = TAILQ_FIRST(&m->sas);
	if (sweep_step(m))
		m->ops->wake(m->user);
}

void sweep_forget(struct ike_manager *m, const struct ike_sa *sa)
{
	if (m->sweep_at == sa)
		m->sweep_at = TAILQ_NEXT(sa, link);
}
