/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's tunnel and policies in the dataplane (session.h). Core thread only.
 */
#include "control/ike/session.h"

#include "control/ike/manager.h"
#include "control/ike/succession.h"
#include "control/ike/ts.h"

#include <errno.h>
#include <string.h>

void session_tunnel_owner(struct ike_sa *sa)
{
	if (sa->tunnel != 0)
		sa->manager->by_tunnel[RG_SA_HANDLE_INDEX(sa->tunnel)] = sa;
}

static bool has_policy(const struct ike_sa *sa, uint8_t family, uint8_t len, const uint8_t prefix[16])
{
	for (unsigned i = 0; i < sa->n_policies; i++) {
		const struct ike_policy *p = &sa->policies[i];

		if (p->family == family && p->prefix_len == len && memcmp(p->prefix, prefix, 16) == 0)
			return true;
	}
	return false;
}

int session_prepare(struct ike_sa *sa, const struct child_selectors *remote)
{
	struct ike_manager *m = sa->manager;

	if (sa->tunnel == 0) {
		sa->tunnel = handles_take(&m->tunnels);
		if (sa->tunnel == 0)
			return -ENOSPC;
		session_tunnel_owner(sa);
	}
	if (sa->n_policies > 0 || sa->superseded)
		return 0;
	for (size_t i = 0; i < remote->n; i++) {
		struct ike_policy *p = &sa->policies[sa->n_policies];
		uint8_t prefix[16], len = ts_cover(&remote->s[i], prefix);

		if (has_policy(sa, remote->s[i].family, len, prefix))
			continue;
		*p = (struct ike_policy){.family = remote->s[i].family, .prefix_len = len};
		memcpy(p->prefix, prefix, sizeof(prefix));
		if (!succession_take_policy(sa, p, p))
			p->handle = handles_take(&m->policies);
		if (p->handle == 0)
			return -ENOSPC;
		sa->n_policies++;
	}
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

void session_steps_policies(struct ike_sa *sa, uint32_t handle_out, struct ike_batch *batch)
{
	for (unsigned i = 0; i < sa->n_policies; i++) {
		struct ike_policy *p = &sa->policies[i];
		struct ike_dp_step *step;

		if (p->installed) {
			step = batch_add(batch, RG_MSG_POLICY_SET);
			step->policy_set.handle = p->handle;
			step->policy_set.sa = handle_out;
			continue;
		}
		step = batch_add(batch, RG_MSG_POLICY_ADD);
		step->policy.handle = p->handle;
		step->policy.sa = handle_out;
		step->policy.cookie = sa->cookie;
		step->policy.family = p->family;
		step->policy.prefix_len = p->prefix_len;
		memcpy(step->policy.prefix, p->prefix, sizeof(p->prefix));
		p->installed = true;
	}
	sa->policies_installed = true;
	sa->policy_sa = handle_out;
}

static void remove_policies(struct ike_sa *sa, struct ike_batch *batch)
{
	for (unsigned i = 0; i < sa->n_policies; i++) {
		if (sa->policies[i].installed)
			batch_add(batch, RG_MSG_POLICY_DEL)->handle.handle = sa->policies[i].handle;
		handles_give(&sa->manager->policies, sa->policies[i].handle);
	}
	sa->n_policies = 0;
	sa->policies_installed = false;
	sa->policy_sa = 0;
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
	if (sa->tunnel != 0)
		sa->manager->by_tunnel[RG_SA_HANDLE_INDEX(sa->tunnel)] = NULL;
	sa->tunnel = sa->n_policies = sa->policy_sa = 0;
	sa->tunnel_installed = sa->policies_installed = false;
}

void session_remove(struct ike_sa *sa)
{
	struct ike_batch *batch;
	struct child_sa *child;

	if (sa->tunnel == 0 && sa->n_policies == 0 && TAILQ_EMPTY(&sa->children))
		return; /* a half-open one costs the dataplane nothing (H33) */
	batch = batch_new(sa->manager, NULL, NULL, NULL);
	if (batch == NULL) {
		ike_sa_log(sa, IKE_LOG_ERROR,
		           "no memory to remove its SAs: they stay until their hard lifetime");
		forget(sa);
		return;
	}
	batch->removal = true;
	remove_policies(sa, batch);
	while ((child = TAILQ_FIRST(&sa->children)) != NULL) {
		child_steps_remove(child, batch);
		child_free(child);
	}
	remove_tunnel(sa, batch);
	batch_submit(batch);
}
