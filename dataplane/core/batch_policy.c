/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adding, swapping and deleting policies. Main only.
 */
#include "dataplane/core/batch.h"
#include "dataplane/core/writer.h"

#include <errno.h>

/* --- which SA sends for which policies --- */

static void attach(struct policy *p, struct sa *sa)
{
	p->sa = sa != NULL ? sa->handle : 0;
	if (sa == NULL)
		return;
	p->sa_next = sa_rare(sa)->policies;
	sa_rare(sa)->policies = p->handle;
}

static void detach(struct core *core, struct policy *p)
{
	struct sa *sa = p->sa != 0 ? writer_sa(core, RG_OUT, p->sa) : NULL;
	uint32_t *link;

	p->sa = 0;
	if (sa == NULL)
		return;
	for (link = &sa_rare(sa)->policies; *link != p->handle; link = &writer_policy(core, *link)->sa_next)
		continue;
	*link = p->sa_next;
}

static int find_sa(const struct core *core, uint32_t handle, uint32_t i, struct sa **sa,
                   struct batch_result *result)
{
	*sa = NULL;
	if (handle == 0)
		return 0;
	*sa = writer_sa(core, RG_OUT, handle);
	return *sa != NULL ? 0 : batch_refuse(result, i, -ENOENT, "there is no outbound SA %#x", handle);
}

/* --- adding --- */

static int check_record(const struct core *core, const struct rg_api_policy *r, uint32_t i,
                        struct batch_result *result)
{
	const struct core_writer *w = core->writer;
	uint32_t index = RG_SA_HANDLE_INDEX(r->handle);

	if (r->handle == 0 || r->handle >> (RG_SA_INDEX_BITS + RG_SA_GENERATION_BITS) != 0)
		return batch_refuse(result, i, -EINVAL, "policy handle %#x is not valid", r->handle);
	if (index >= w->max_policies)
		return batch_refuse(result, i, -ENOSPC,
		                    "policy index %u is beyond the limit of %u: raise max-sas", index,
		                    w->max_policies);
	if (w->policies[index].handle != 0)
		return batch_refuse(result, i, -EEXIST, "policy index %u is in use by handle %#x", index,
		                    w->policies[index].handle);
	if (r->fib != 0)
		return batch_refuse(result, i, -EINVAL, "fib %u: only 0 is known", r->fib);
	if (!(r->family == 4 && r->prefix_len <= 32) && !(r->family == 6 && r->prefix_len <= 128))
		return batch_refuse(result, i, -EINVAL, "prefix of family %u and length %u", r->family,
		                    r->prefix_len);
	return 0;
}

static int add_one(struct core *core, const struct rg_api_policy *r, uint32_t i, struct batch_result *result)
{
	struct core_writer *w = core->writer;
	struct policy_group *g;
	struct policy *p;
	struct sa *sa;
	int rc;

	rc = check_record(core, r, i, result);
	if (rc == 0)
		rc = find_sa(core, r->sa, i, &sa, result);
	if (rc != 0)
		return rc;
	g = policy_group_get(core, r);
	if (g == NULL)
		return batch_refuse(result, i, -ENOMEM, "no memory for a prefix");
	if (g->n == POLICY_SET_MAX)
		return batch_refuse(result, i, -ENOSPC, "the prefix has %u policies already", POLICY_SET_MAX);
	p = &w->policies[RG_SA_HANDLE_INDEX(r->handle)];
	*p = (struct policy){.handle = r->handle,
	                     .priority = r->priority,
	                     .cookie = r->cookie,
	                     .order = ++w->policy_order};
	attach(p, sa);
	policy_group_link(core, g, p);
	w->n_policies++;
	return 0;
}

/* Gone from all of main's structures but its group. */
static void forget(struct core *core, uint32_t handle)
{
	struct policy *p = writer_policy(core, handle);

	detach(core, p);
	core->writer->n_policies--;
	*p = (struct policy){0};
}

int batch_policy_add(struct core *core, const struct rg_api_policy *records, uint32_t n,
                     struct batch_result *result)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; i < n; i++) {
		rc = add_one(core, &records[i], i, result);
		if (rc != 0)
			break;
	}
	if (rc == 0) {
		rc = policy_groups_stage(core);
		if (rc != 0)
			batch_refuse_room(core, result, rc, "policy tables");
	}
	if (rc != 0) {
		policy_groups_abort(core);
		while (i-- > 0)
			forget(core, records[i].handle);
		return rc;
	}
	policy_groups_publish(core);
	result->token = retire_seal(core);
	return 0;
}

/* --- swapping and deleting --- */

int batch_policy_set(struct core *core, const struct rg_api_policy_set *records, uint32_t n,
                     struct batch_result *result)
{
	struct sa *sa;
	uint32_t i;
	int rc = 0;

	for (i = 0; i < n && rc == 0; i++) {
		if (writer_policy(core, records[i].handle) == NULL)
			rc = batch_refuse(result, i, -ENOENT, "there is no policy %#x", records[i].handle);
		else
			rc = find_sa(core, records[i].sa, i, &sa, result);
	}
	for (i = 0; i < n && rc == 0; i++) {
		struct policy *p = writer_policy(core, records[i].handle);
		sa = records[i].sa != 0 ? writer_sa(core, RG_OUT, records[i].sa) : NULL;
		detach(core, p);
		attach(p, sa);
		policy_group_set_sa(core, p, sa); /* the rekey */
	}
	if (rc == 0)
		result->token = retire_seal(core);
	return rc;
}

int batch_policy_del(struct core *core, const struct rg_api_handle *records, uint32_t n,
                     struct batch_result *result)
{
	uint32_t i;
	int rc = 0;

	/* out of the groups first: a handle that comes twice is not there the second time */
	for (i = 0; i < n && rc == 0; i++) {
		struct policy *p = writer_policy(core, records[i].handle);
		struct policy_group *g = p != NULL && !p->unlinked ? policy_group_of(core, p) : NULL;
		if (g != NULL) {
			policy_group_unlink(core, g, p);
			p->unlinked = true;
		} else if (p != NULL && !p->unlinked) {
			rc = batch_refuse(result, i, -ENOMEM, "no memory for a prefix");
			break;
		} else {
			rc = batch_refuse(result, i, -ENOENT, "there is no policy %#x", records[i].handle);
			break;
		}
	}
	if (rc == 0) {
		rc = policy_groups_stage(core);
		if (rc != 0)
			batch_refuse_room(core, result, rc, "policy tables");
	}
	if (rc != 0) {
		while (i-- > 0)
			writer_policy(core, records[i].handle)->unlinked = false;
		policy_groups_abort(core);
		return rc;
	}
	policy_groups_publish(core);
	for (i = 0; i < n; i++)
		forget(core, records[i].handle);
	result->token = retire_seal(core);
	return 0;
}
