/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator or the process around the core asks for (ike.h): look,
 * rekey, terminate, reload. Core thread only.
 */
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/pad.h"
#include "control/ike/sweep.h"
#include "control/ike/takeover.h"

#include <errno.h>
#include <string.h>

static bool is_up(const struct ike_sa *sa)
{
	return sa->state == IKE_STATE_ESTABLISHED;
}

void ike_for_each(struct ike_manager *m, bool (*each)(struct ike_sa *sa, void *context), void *context)
{
	struct ike_sa *sa;

	TAILQ_FOREACH (sa, &m->sas, link) {
		IKE_COUNT(m, looked_at);
		if (sa->state != IKE_STATE_CLOSED && !each(sa, context))
			return;
	}
}

int ike_rekey_session(struct ike_manager *m, uint64_t session)
{
	struct ike_sa *sa = ike_find_session(m, session);

	if (sa == NULL)
		return -ENOENT;
	if (!is_up(sa))
		return -EBUSY;
	rekey_ike_start(sa);
	return 0;
}

int ike_rekey_children(struct ike_manager *m, uint64_t session)
{
	struct ike_sa *sa = ike_find_session(m, session);
	struct flow *flow;
	bool any = false;

	if (sa == NULL)
		return -ENOENT;
	if (!is_up(sa))
		return -EBUSY;
	TAILQ_FOREACH (flow, &sa->flows, link) {
		struct child_sa *child = flow_current(flow);

		if (child != NULL)
			rekey_child_start(child);
		any = any || child != NULL;
	}
	return any ? 0 : -ENOENT;
}

int ike_terminate(struct ike_manager *m, uint64_t session)
{
	struct ike_sa *sa = ike_find_session(m, session);

	if (sa == NULL)
		return -ENOENT;
	takeover_delete(sa, "terminated by the operator");
	return 0;
}

int ike_check_liveness(struct ike_manager *m, uint64_t session)
{
	struct ike_sa *sa = ike_find_session(m, session);

	if (sa == NULL)
		return -ENOENT;
	if (!is_up(sa))
		return -EBUSY;
	informational_probe(sa);
	return 0;
}

/* The heir of a rekey that is under way is no session yet: what is to end is the IKE SA that is rekeyed, or
 * it when it has taken over. */
static bool is_to_be(const struct ike_sa *sa)
{
	return sa->state == IKE_STATE_NEW && sa->heir_has_it;
}

static void terminate(struct ike_sa *sa)
{
	if (!is_to_be(sa))
		ike_sa_delete(sa, "the gateway goes down");
}

void ike_terminate_all(struct ike_manager *m)
{
	m->leaving = true;
	sweep_start(m, terminate);
}

bool ike_idle(const struct ike_manager *m)
{
	const struct ike_sa *sa;

	TAILQ_FOREACH (sa, &m->sas, link) {
		if (sa->state != IKE_STATE_CLOSED || sa->pending > 0)
			return false;
	}
	return true;
}

static void review(struct ike_sa *sa)
{
	const char *reason = pad_objection(sa);

	if (reason != NULL && !is_to_be(sa))
		ike_sa_delete(sa, reason);
}

/* Ports without carrier, counted as a new configuration counts them. */
static uint64_t ports_down(const struct ike_manager *m, const struct rg_cfg_dataplane *fresh)
{
	const struct rg_cfg_dataplane *old = &rg_auth_config(m->auth)->dataplane;
	uint64_t down = 0;

	for (size_t i = 0; i < old->n_ports && i < 64; i++) {
		for (size_t j = 0; j < fresh->n_ports && j < 64 && (m->ports_down >> i & 1) != 0; j++) {
			if (strcmp(old->ports[i].name, fresh->ports[j].name) == 0)
				down |= UINT64_C(1) << j;
		}
	}
	return down;
}

void ike_reload(struct ike_manager *m, struct rg_auth *auth)
{
	m->ports_down = ports_down(m, &rg_auth_config(auth)->dataplane);
	rg_auth_unref(m->auth);
	m->auth = rg_auth_ref(auth);
	if (m->sweep_at == NULL || m->sweep != terminate)
		sweep_start(m, review);
}
