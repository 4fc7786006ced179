/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that a killed control process left in the dataplane (orphans.h;
 * design.md, H71). Core thread only.
 */
#include "control/ike/orphans.h"

#include "control/ike/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct orphan {
	TAILQ_ENTRY(orphan) link;
	struct orphan *next;           /* in its bucket: clients come back by the thousand */
	struct orphan *next_of_handle; /* of an SA: they end by the thousand too */
	enum rg_api_type type;         /* the record that deletes it */
	uint32_t handle;
	uint64_t cookie;
	struct rg_cfg_addr host; /* of a policy for one address, else family 0 */
};

static struct handle_space *space_of(struct ike_manager *m, enum rg_api_type type)
{
	switch (type) {
	case RG_MSG_TUNNEL_DEL:
		return &m->tunnels;
	case RG_MSG_SA_IN_DEL:
		return &m->sa_in;
	case RG_MSG_SA_OUT_DEL:
		return &m->sa_out;
	default:
		return &m->policies;
	}
}

static struct orphan **bucket_of(struct ike_manager *m, uint64_t cookie)
{
	return &m->orphans_by_cookie[cookie % ORPHAN_BUCKETS];
}

static bool is_sa(enum rg_api_type type)
{
	return type == RG_MSG_SA_IN_DEL || type == RG_MSG_SA_OUT_DEL;
}

/* By the index alone: that of one SA and another's of the other direction may share it. */
static struct orphan **bucket_of_handle(struct ike_manager *m, uint32_t handle)
{
	return &m->orphans_by_handle[RG_SA_HANDLE_INDEX(handle) % ORPHAN_BUCKETS];
}

static int add(struct ike_manager *m, enum rg_api_type type, uint64_t cookie, uint32_t handle,
               struct orphan **out)
{
	struct orphan *o = calloc(1, sizeof(*o));
	int error = o == NULL ? -ENOMEM : handles_reserve(space_of(m, type), handle);

	if (error < 0) {
		free(o);
		return error;
	}
	o->type = type;
	o->handle = handle;
	o->cookie = cookie;
	TAILQ_INSERT_TAIL(&m->orphans, o, link);
	m->n_orphans += type == RG_MSG_SA_IN_DEL;
	o->next = *bucket_of(m, cookie);
	*bucket_of(m, cookie) = o;
	if (is_sa(type)) {
		o->next_of_handle = *bucket_of_handle(m, handle);
		*bucket_of_handle(m, handle) = o;
	}
	*out = o;
	return 0;
}

static void forget(struct ike_manager *m, struct orphan *o)
{
	struct orphan **at = bucket_of(m, o->cookie);

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	if (is_sa(o->type)) {
		at = bucket_of_handle(m, o->handle);
		while (*at != o)
			at = &(*at)->next_of_handle;
		*at = o->next_of_handle;
	}
	TAILQ_REMOVE(&m->orphans, o, link);
	m->n_orphans -= o->type == RG_MSG_SA_IN_DEL;
	handles_give(space_of(m, o->type), o->handle);
	if (o->host.family != 0 && !m->ending && m->ops->pool.unreserve != NULL)
		m->ops->pool.unreserve(m->user, o->cookie, &o->host);
	free(o);
}

int ike_adopt_tunnel(struct ike_manager *m, const struct rg_api_tunnel *tunnel)
{
	struct orphan *o;

	return add(m, RG_MSG_TUNNEL_DEL, tunnel->cookie, tunnel->handle, &o);
}

int ike_adopt_sa(struct ike_manager *m, const struct rg_api_sa_info *sa)
{
	struct orphan *o;

	return add(m, sa->direction == RG_IN ? RG_MSG_SA_IN_DEL : RG_MSG_SA_OUT_DEL, sa->cookie, sa->handle,
	           &o);
}

int ike_adopt_policy(struct ike_manager *m, const struct rg_api_policy *policy)
{
	struct orphan *o;
	int error = add(m, RG_MSG_POLICY_DEL, policy->cookie, policy->handle, &o);

	if (error == 0 && policy->prefix_len == (policy->family == 4 ? 32 : 128)) {
		o->host.family = policy->family;
		memcpy(o->host.bytes, policy->prefix, policy->family == 4 ? 4 : 16);
	}
	return error;
}

bool orphans_address(const struct ike_manager *m, uint64_t cookie, uint8_t family, struct rg_cfg_addr *out)
{
	const struct orphan *o = m->orphans_by_cookie[cookie % ORPHAN_BUCKETS];

	for (; o != NULL; o = o->next) {
		if (o->cookie == cookie && o->host.family == family) {
			*out = o->host;
			return true;
		}
	}
	return false;
}

bool orphans_exist(const struct ike_manager *m, uint64_t cookie)
{
	const struct orphan *o = m->orphans_by_cookie[cookie % ORPHAN_BUCKETS];

	while (o != NULL && o->cookie != cookie)
		o = o->next;
	return o != NULL;
}

static void delete_type(struct ike_manager *m, uint64_t cookie, enum rg_api_type type,
                        struct ike_batch *batch)
{
	struct orphan *o, *next;

	for (o = *bucket_of(m, cookie); o != NULL; o = next) {
		next = o->next;
		if (o->cookie != cookie || o->type != type)
			continue;
		batch_add(batch, type)->handle.handle = o->handle;
		forget(m, o);
	}
}

void orphans_replace(struct ike_manager *m, uint64_t cookie)
{
	struct ike_batch *batch;

	if (!orphans_exist(m, cookie))
		return;
	batch = batch_new(m, NULL, NULL, NULL);
	if (batch == NULL)
		return;
	batch->removal = true;
	delete_type(m, cookie, RG_MSG_POLICY_DEL, batch);
	delete_type(m, cookie, RG_MSG_SA_OUT_DEL, batch);
	delete_type(m, cookie, RG_MSG_SA_IN_DEL, batch);
	delete_type(m, cookie, RG_MSG_TUNNEL_DEL, batch);
	batch_submit(batch);
}

void orphans_expired(struct ike_manager *m, enum rg_direction direction, uint32_t handle)
{
	enum rg_api_type type = direction == RG_IN ? RG_MSG_SA_IN_DEL : RG_MSG_SA_OUT_DEL;
	struct orphan *o = *bucket_of_handle(m, handle);

	while (o != NULL && (o->type != type || o->handle != handle))
		o = o->next_of_handle;
	if (o != NULL) /* one half of a pair is over: so is the rest of that client */
		orphans_replace(m, o->cookie);
}

void orphans_compare(struct ike_manager *m,
                     bool (*has)(void *context, enum rg_direction direction, uint32_t handle), void *context)
{
	uint64_t *ended = NULL;
	struct orphan *o;
	size_t n = 0;

	TAILQ_FOREACH (o, &m->orphans, link)
		n++;
	if (n > 0)
		ended = calloc(n, sizeof(*ended));
	if (ended == NULL)
		return; /* the next comparison finds them */
	n = 0;
	TAILQ_FOREACH (o, &m->orphans, link) {
		bool in = o->type == RG_MSG_SA_IN_DEL;

		if (is_sa(o->type) && !has(context, in ? RG_IN : RG_OUT, o->handle))
			ended[n++] = o->cookie;
	}
	while (n > 0)
		orphans_replace(m, ended[--n]);
	free(ended);
}

void orphans_forget_all(struct ike_manager *m)
{
	struct orphan *o;

	while ((o = TAILQ_FIRST(&m->orphans)) != NULL)
		forget(m, o);
}

size_t orphans_count(const struct ike_manager *m)
{
	return m->n_orphans;
}
