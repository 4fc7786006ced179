/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's tunnel in the dataplane, and the end of all that it has there (session.h). Core thread only.
 */
#include "control/ike/session.h"

#include "control/ike/manager.h"
#include "control/ike/takeover.h"

#include <errno.h>

void session_tunnel_owner(struct ike_sa *sa)
{
	if (sa->tunnel != 0)
		sa->manager->by_tunnel[RG_SA_HANDLE_INDEX(sa->tunnel)] = sa;
}

int session_prepare(struct ike_sa *sa)
{
	if (sa->tunnel != 0)
		return 0;
	sa->tunnel = handles_take(&sa->manager->tunnels);
	if (sa->tunnel == 0)
		return -ENOSPC;
	session_tunnel_owner(sa);
	return 0;
}

void session_steps_tunnel(struct ike_sa *sa, struct ike_batch *batch)
{
	struct ike_dp_step *step;

	if (sa->tunnel_installed)
		return;
	step = batch_add(batch, RG_MSG_TUNNEL_ADD);
	step->tunnel.handle = sa->tunnel;
	step->tunnel.generation = ++sa->tunnel_generation;
	step->tunnel.cookie = sa->cookie;
	if (sa->homing != NULL && sa->manager->homing->path != NULL)
		sa->manager->homing->path(sa, &step->tunnel.path);
	else
		ike_sa_path(sa, &step->tunnel.path);
	sa->tunnel_installed = true;
}

static void remove_tunnel(struct ike_sa *sa, struct ike_batch *batch)
{
	if (sa->tunnel == 0)
		return;
	if (sa->tunnel_installed)
		batch_add(batch, RG_MSG_TUNNEL_DEL)->handle.handle = sa->tunnel;
	sa->manager->by_tunnel[RG_SA_HANDLE_INDEX(sa->tunnel)] = NULL;
	handles_give(&sa->manager->tunnels, sa->tunnel);
	sa->tunnel = 0;
	sa->tunnel_installed = false;
}

/* Nothing here may refer to the SA any more, whatever stays in the dataplane. */
static void forget(struct ike_sa *sa)
{
	while (!TAILQ_EMPTY(&sa->children))
		child_free(TAILQ_FIRST(&sa->children));
	while (!TAILQ_EMPTY(&sa->flows))
		flow_forget(TAILQ_FIRST(&sa->flows));
	if (sa->tunnel != 0)
		sa->manager->by_tunnel[RG_SA_HANDLE_INDEX(sa->tunnel)] = NULL;
	sa->tunnel = 0;
	sa->tunnel_installed = false;
}

/* Does the dataplane have another Child SA of the session? */
static bool is_only_one(const struct child_sa *child)
{
	const struct child_sa *other;

	TAILQ_FOREACH (other, &child->sa->children, link) {
		if (other != child && other->in_added)
			return false;
	}
	return true;
}

void session_not_installed(struct child_sa *child)
{
	if (is_only_one(child)) {
		takeover_undo(child->sa, "the dataplane refused its Child SA");
		session_remove(child->sa);
	} else {
		child_destroy(child);
	}
}

void session_remove(struct ike_sa *sa)
{
	struct ike_batch *batch;
	struct child_sa *child;
	struct flow *flow;

	if (sa->tunnel == 0 && TAILQ_EMPTY(&sa->flows) && TAILQ_EMPTY(&sa->children))
		return; /* a half-open one costs the dataplane nothing (H33) */
	batch = batch_new(sa->manager, NULL, NULL, NULL);
	if (batch == NULL) {
		ike_sa_log(sa, IKE_LOG_ERROR,
		           "no memory to remove its SAs: they stay until their hard lifetime");
		forget(sa);
		return;
	}
	batch->removal = true;
	while ((flow = TAILQ_FIRST(&sa->flows)) != NULL) {
		TAILQ_FOREACH (child, &sa->children, link) {
			if (child->flow == flow)
				child->flow = NULL;
		}
		takeover_steps(flow, 0, batch); /* that which follows it may be on its way to the dataplane */
		flow_remove(flow, batch);
	}
	while ((child = TAILQ_FIRST(&sa->children)) != NULL) {
		child_steps_remove(child, batch);
		child_free(child);
	}
	remove_tunnel(sa, batch);
	batch_submit(batch);
}
