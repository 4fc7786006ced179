/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares a snapshot of the dataplane with the sessions (H71). Event loop's
 * thread.
 */
#include "control/reconcile.h"

#include "control/ike/ike_sa.h"
#include "control/ike/orphans.h"
#include "control/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whether the core took an object as an orphan; -EEXIST says that it has an owner. */
static size_t adopted(int rc, const char *what, uint32_t handle, struct reconcile_result *result)
{
	if (rc == 0)
		return 1;
	if (rc == -EEXIST)
		return 0;
	result->refused++;
	log_error("reconcile", "%s %08x cannot be adopted: %s; it stays until its hard lifetime", what,
	          handle, strerror(-rc));
	return 0;
}

/* Its client's virtual address is nobody else's until the orphan is gone (struct ike_pool_ops). */
static void reserve(struct rg_pools *pools, const struct rg_api_policy *policy)
{
	struct rg_cfg_addr addr = {.family = policy->family};

	if (policy->prefix_len != (policy->family == 4 ? 32 : 128))
		return;
	memcpy(addr.bytes, policy->prefix, policy->family == 4 ? 4 : 16);
	(void)rg_pools_reserve(pools, &addr, policy->cookie);
}

static void adopt(struct ike_manager *ike, const struct dp_snapshot *snapshot, struct rg_pools *pools,
                  struct reconcile_result *result)
{
	for (size_t i = 0; i < snapshot->n_tunnels; i++)
		result->tunnels += adopted(ike_adopt_tunnel(ike, &snapshot->tunnels[i]), "tunnel",
		                           snapshot->tunnels[i].handle, result);
	for (size_t i = 0; i < snapshot->n_sas; i++)
		result->sas +=
		        adopted(ike_adopt_sa(ike, &snapshot->sas[i]), "SA", snapshot->sas[i].handle, result);
	for (size_t i = 0; i < snapshot->n_policies; i++) {
		const struct rg_api_policy *policy = &snapshot->policies[i];
		size_t was = result->policies;

		result->policies += adopted(ike_adopt_policy(ike, policy), "policy", policy->handle, result);
		if (result->policies > was)
			reserve(pools, policy);
	}
}

struct comparison {
	const struct rg_api_sa_info *sas; /* sorted */
	size_t n_sas;
	struct rg_api_event *events; /* that the core may not have heard */
	size_t n_events, capacity, missing;
};

static int by_direction_and_handle(const void *left, const void *right)
{
	const struct rg_api_sa_info *a = left, *b = right;

	if (a->direction != b->direction)
		return a->direction < b->direction ? -1 : 1;
	return (a->handle > b->handle) - (a->handle < b->handle);
}

static void tell(struct comparison *cmp, enum rg_event_type type, const struct ike_sa *sa,
                 enum rg_direction direction, uint32_t handle)
{
	struct rg_api_event *grown;

	if (cmp->n_events == cmp->capacity) {
		size_t capacity = cmp->capacity ? cmp->capacity * 2 : 64;

		grown = realloc(cmp->events, capacity * sizeof(*grown));
		if (!grown)
			return; /* the next resync finds it */
		cmp->events = grown;
		cmp->capacity = capacity;
	}
	cmp->events[cmp->n_events++] = (struct rg_api_event){.type = type,
	                                                     .handle = handle,
	                                                     .tunnel = sa->tunnel,
	                                                     .direction = direction,
	                                                     .cookie = sa->cookie};
}

static bool reached(uint64_t value, uint64_t limit)
{
	return limit != 0 && value >= limit;
}

/* What the dataplane tells of an SA once only was perhaps told while nobody listened. */
static void tell_again(struct comparison *cmp, const struct child_sa *child,
                       const struct rg_api_sa_info *info)
{
	const struct rg_api_lifetime *l = &info->lifetime;
	bool out = info->direction == RG_OUT;

	if (!out && info->packets > 0 && (child->state == CHILD_INBOUND || !child->peer_has))
		tell(cmp, RG_EVENT_FIRST_PACKET, child->sa, RG_IN, info->handle);
	if (reached(info->packets, l->soft_packets) || reached(info->bytes, l->soft_bytes))
		tell(cmp, RG_EVENT_SOFT_LIFETIME, child->sa, info->direction, info->handle);
	if (out && !(info->flags & RG_SA_ESN) && info->sequence >= RG_SEQUENCE_SOFT)
		tell(cmp, RG_EVENT_SEQUENCE, child->sa, RG_OUT, info->handle);
}

static const struct rg_api_sa_info *info_of(const struct comparison *cmp, enum rg_direction direction,
                                            uint32_t handle)
{
	const struct rg_api_sa_info key = {.handle = handle, .direction = direction};

	return cmp->n_sas ? bsearch(&key, cmp->sas, cmp->n_sas, sizeof(key), by_direction_and_handle) : NULL;
}

static bool is_there(void *context, enum rg_direction direction, uint32_t handle)
{
	return info_of(context, direction, handle) != NULL;
}

static void look_for(struct comparison *cmp, const struct child_sa *child, enum rg_direction direction,
                     uint32_t handle)
{
	const struct rg_api_sa_info *info = info_of(cmp, direction, handle);

	if (info) {
		tell_again(cmp, child, info);
		return;
	}
	tell(cmp, RG_EVENT_HARD_LIFETIME, child->sa, direction, handle);
	cmp->missing++;
}

static bool compare_session(struct ike_sa *sa, void *context)
{
	struct comparison *cmp = context;
	struct child_sa *child;

	if (sa->state != IKE_STATE_ESTABLISHED || sa->pending)
		return true;
	/* Its client is here: what it left behind (a removal that got lost) would stand in its way. */
	orphans_replace(sa->manager, sa->cookie);
	TAILQ_FOREACH (child, &sa->children, link) {
		switch (child->state) {
		case CHILD_INSTALLED:
		case CHILD_REKEYING:
			look_for(cmp, child, RG_OUT, child->handle_out);
			look_for(cmp, child, RG_IN, child->handle_in);
			break;
		case CHILD_INBOUND:
		case CHILD_REKEYED:
			look_for(cmp, child, RG_IN, child->handle_in);
			break;
		default:
			break;
		}
	}
	return true;
}

static void find_untold(struct ike_manager *ike, const struct dp_snapshot *snapshot,
                        struct reconcile_result *result)
{
	struct comparison cmp = {.sas = snapshot->sas, .n_sas = snapshot->n_sas};

	if (snapshot->n_sas)
		qsort(snapshot->sas, snapshot->n_sas, sizeof(*snapshot->sas), by_direction_and_handle);
	orphans_compare(ike, is_there, &cmp);
	ike_for_each(ike, compare_session, &cmp);
	for (size_t i = 0; i < cmp.n_events; i++)
		ike_dp_event(ike, &cmp.events[i]);
	result->missing = cmp.missing;
	free(cmp.events);
}

void reconcile_run(struct ike_manager *ike, const struct dp_snapshot *snapshot, struct rg_pools *pools,
                   struct reconcile_result *result)
{
	memset(result, 0, sizeof(*result));
	adopt(ike, snapshot, pools, result);
	find_untold(ike, snapshot, result);
}
