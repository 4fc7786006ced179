/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dataplane of exchange tests, see fake_dataplane.h.
 */
#include "tests/exchange/fake_dataplane.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define INDEX(handle) (RG_SA_HANDLE_INDEX(handle) % FAKE_MAX)

/* Looks are taken at slots that have been used only: a world that lives for a thousand schedules is
 * looked at often. */
static void use_slot(unsigned *n, uint32_t handle)
{
	if (INDEX(handle) >= *n)
		*n = INDEX(handle) + 1;
}

static int wrong(struct fake_dataplane *dp, const char *what)
{
	if (dp->wrong == NULL)
		dp->wrong = what;
	return -EINVAL;
}

static bool sa_uses_tunnel(const struct fake_dataplane *dp, uint32_t tunnel)
{
	for (unsigned i = 0; i < dp->n_slots; i++) {
		if ((dp->in[i].used && dp->in[i].record.tunnel == tunnel) ||
		    (dp->out[i].used && dp->out[i].record.tunnel == tunnel))
			return true;
	}
	return false;
}

static bool policy_uses(const struct fake_dataplane *dp, uint32_t sa)
{
	for (unsigned i = 0; i < dp->n_policies; i++) {
		if (dp->policies[i].handle != 0 && dp->policies[i].sa == sa)
			return true;
	}
	return false;
}

static int add_tunnel(struct fake_dataplane *dp, const struct rg_api_tunnel *t)
{
	struct rg_api_tunnel *slot = &dp->tunnels[INDEX(t->handle)];

	use_slot(&dp->n_slots, t->handle);
	if (t->handle == 0 || slot->handle != 0)
		return wrong(dp, "a tunnel is added twice");
	if (t->cookie == 0 || (t->path.family != 4 && t->path.family != 6))
		return wrong(dp, "a tunnel without cookie or path");
	*slot = *t;
	return 0;
}

static int add_sa(struct fake_dataplane *dp, struct fake_sa *slot, struct rg_counters_sa *counters,
                  const struct rg_api_sa *sa)
{
	static const uint8_t no_key[RG_API_KEY_MAX];

	use_slot(&dp->n_slots, sa->handle);
	if (sa->handle == 0 || slot->used)
		return wrong(dp, "an SA is added twice");
	if (dp->tunnels[INDEX(sa->tunnel)].handle != sa->tunnel)
		return wrong(dp, "an SA is added before its tunnel");
	if (memcmp(sa->key, no_key, sizeof(no_key)) == 0 || sa->local[0].family == 0 ||
	    sa->remote[0].family == 0 || sa->cookie == 0)
		return wrong(dp, "an SA without key, selectors or cookie");
	*slot = (struct fake_sa){.used = true, .record = *sa, .sequence = sa->sequence};
	*counters = (struct rg_counters_sa){.spi = sa->spi, .handle = sa->handle, .sequence = sa->sequence};
	return 0;
}

static int delete_sa(struct fake_dataplane *dp, struct fake_sa *slot, uint32_t handle, bool out)
{
	if (!slot->used || slot->record.handle != handle)
		return -ENOENT;
	if (out && policy_uses(dp, handle))
		return wrong(dp, "an outbound SA is deleted while a policy uses it");
	slot->used = false;
	return 0;
}

static int delete_tunnel(struct fake_dataplane *dp, uint32_t handle)
{
	struct rg_api_tunnel *slot = &dp->tunnels[INDEX(handle)];

	if (slot->handle != handle)
		return -ENOENT;
	if (sa_uses_tunnel(dp, handle))
		return wrong(dp, "a tunnel is deleted under its SAs");
	slot->handle = 0;
	return 0;
}

static int set_policy(struct fake_dataplane *dp, struct rg_api_policy *slot, uint32_t sa)
{
	if (sa != 0 && (!dp->out[INDEX(sa)].used || dp->out[INDEX(sa)].record.handle != sa))
		return wrong(dp, "a policy points at an SA that is not there");
	slot->sa = sa;
	return 0;
}

static int add_policy(struct fake_dataplane *dp, const struct rg_api_policy *p)
{
	struct rg_api_policy *slot = &dp->policies[INDEX(p->handle)];
	int error;

	use_slot(&dp->n_policies, p->handle);
	if (p->handle == 0 || slot->handle != 0)
		return wrong(dp, "a policy is added twice");
	error = set_policy(dp, slot, p->sa);
	if (error == 0)
		*slot = *p;
	return error;
}

static int migrate(struct fake_dataplane *dp, const struct rg_api_migrate *m)
{
	struct rg_api_tunnel *t = &dp->tunnels[INDEX(m->handle)];

	if (t->handle != m->handle)
		return -ENOENT;
	if (m->generation <= t->generation)
		return -ESTALE;
	t->generation = m->generation;
	t->path = m->path;
	dp->migrations++;
	return 0;
}

static int apply(struct fake_dataplane *dp, const struct ike_dp_step *s)
{
	struct rg_api_policy *policy;

	switch (s->type) {
	case RG_MSG_TUNNEL_ADD:
		return add_tunnel(dp, &s->tunnel);
	case RG_MSG_TUNNEL_DEL:
		return delete_tunnel(dp, s->handle.handle);
	case RG_MSG_SA_IN_ADD:
		if (ntohl(s->sa.spi) != (1u << 28 | s->sa.handle))
			return wrong(dp, "an inbound SPI that is not made of its handle");
		return add_sa(dp, &dp->in[INDEX(s->sa.handle)], &dp->counters_in[INDEX(s->sa.handle)],
		              &s->sa);
	case RG_MSG_SA_IN_DEL:
		return delete_sa(dp, &dp->in[INDEX(s->handle.handle)], s->handle.handle, false);
	case RG_MSG_SA_OUT_ADD:
		return add_sa(dp, &dp->out[INDEX(s->sa.handle)], &dp->counters_out[INDEX(s->sa.handle)],
		              &s->sa);
	case RG_MSG_SA_OUT_DEL:
		return delete_sa(dp, &dp->out[INDEX(s->handle.handle)], s->handle.handle, true);
	case RG_MSG_POLICY_ADD:
		return add_policy(dp, &s->policy);
	case RG_MSG_POLICY_SET:
		policy = &dp->policies[INDEX(s->policy_set.handle)];
		return policy->handle != s->policy_set.handle ? -ENOENT
		                                              : set_policy(dp, policy, s->policy_set.sa);
	case RG_MSG_POLICY_DEL:
		policy = &dp->policies[INDEX(s->handle.handle)];
		if (policy->handle != s->handle.handle)
			return -ENOENT;
		policy->handle = 0;
		return 0;
	case RG_MSG_MIGRATE:
	case RG_MSG_SUSPEND:
		return migrate(dp, &s->migrate);
	default:
		return wrong(dp, "a record that a writer does not send");
	}
}

static bool adds(const struct ike_batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		if (batch->steps[i].type == RG_MSG_SA_IN_ADD)
			return true;
	}
	return false;
}

void fake_apply(struct fake_dataplane *dp, struct ike_batch *batch)
{
	dp->batches++;
	if (batch->error == 0 && dp->gone)
		batch->error = -ENOTCONN;
	if (batch->error == 0 && dp->fail_next != 0 && !batch->removal) {
		batch->error = dp->fail_next;
		dp->fail_next = 0;
	}
	if (batch->error == 0 && dp->fail_add != 0 && adds(batch)) {
		batch->error = dp->fail_add;
		dp->fail_add = 0;
	}
	for (batch->applied = 0; batch->error == 0 && batch->applied < batch->n; batch->applied++) {
		int error = apply(dp, &batch->steps[batch->applied]);

		if (error == -ENOENT && batch->removal)
			continue;
		if (error != 0) {
			batch->error = error;
			break;
		}
	}
	batch->quiescent = true;
}

static unsigned count_sas(const struct fake_sa *sas, unsigned n_slots)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_slots; i++)
		n += sas[i].used;
	return n;
}

unsigned fake_count_in(const struct fake_dataplane *dp)
{
	return count_sas(dp->in, dp->n_slots);
}

unsigned fake_count_out(const struct fake_dataplane *dp)
{
	return count_sas(dp->out, dp->n_slots);
}

unsigned fake_count_tunnels(const struct fake_dataplane *dp)
{
	unsigned n = 0;

	for (unsigned i = 0; i < dp->n_slots; i++)
		n += dp->tunnels[i].handle != 0;
	return n;
}

unsigned fake_count_policies(const struct fake_dataplane *dp)
{
	unsigned n = 0;

	for (unsigned i = 0; i < dp->n_policies; i++)
		n += dp->policies[i].handle != 0;
	return n;
}

static bool in_prefix(const struct rg_api_policy *p, const struct rg_cfg_addr *addr)
{
	for (unsigned i = 0; i < p->prefix_len; i++) {
		if ((p->prefix[i / 8] ^ addr->bytes[i / 8]) & (0x80u >> i % 8))
			return false;
	}
	return p->family == addr->family;
}

static bool in_selectors(const struct rg_api_selector list[RG_API_MAX_SELECTORS],
                         const struct rg_cfg_addr *addr)
{
	size_t len = addr->family == 4 ? 4 : 16;

	for (unsigned i = 0; i < RG_API_MAX_SELECTORS && list[i].family != 0; i++) {
		if (list[i].family == addr->family && memcmp(addr->bytes, list[i].first, len) >= 0 &&
		    memcmp(addr->bytes, list[i].last, len) <= 0)
			return true;
	}
	return false;
}

bool fake_selects(const struct fake_sa *sa, const struct rg_cfg_addr *local, const struct rg_cfg_addr *remote)
{
	return (local == NULL || in_selectors(sa->record.local, local)) &&
	       in_selectors(sa->record.remote, remote);
}

/* The longest prefix first, then the priority; of equal ones the lower handle is the older. */
static bool goes_before(const struct rg_api_policy *a, const struct rg_api_policy *b)
{
	if (b == NULL || a->prefix_len != b->prefix_len)
		return b == NULL || a->prefix_len > b->prefix_len;
	return a->priority != b->priority ? a->priority < b->priority : a->handle < b->handle;
}

struct fake_sa *fake_route(struct fake_dataplane *dp, const struct rg_cfg_addr *from,
                           const struct rg_cfg_addr *to)
{
	const struct rg_api_policy *best = NULL;

	for (unsigned i = 0; i < dp->n_policies; i++) {
		const struct rg_api_policy *p = &dp->policies[i];

		if (p->handle != 0 && in_prefix(p, to) && goes_before(p, best) &&
		    (p->sa == 0 || fake_selects(&dp->out[INDEX(p->sa)], from, to)))
			best = p;
	}
	return best != NULL && best->sa != 0 ? &dp->out[INDEX(best->sa)] : NULL;
}

/* Ours are made of the handle. */
struct fake_sa *fake_in_by_spi(struct fake_dataplane *dp, uint32_t spi)
{
	struct fake_sa *sa = &dp->in[INDEX(ntohl(spi) & 0x0fffffffu)];

	return sa->used && sa->record.spi == spi ? sa : NULL;
}
