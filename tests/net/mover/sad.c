/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the IKE core installs, as plain arrays that are searched (sad.h). One thread.
 */
#include "tests/net/mover/sad.h"

#include "tests/support/initiator.h"

#include <errno.h>
#include <string.h>

struct rg_api_tunnel *sad_tunnel(struct sad *sad, uint32_t handle)
{
	for (unsigned i = 0; i < SAD_TUNNELS; i++)
		if (sad->tunnels[i].handle == handle)
			return &sad->tunnels[i];
	return NULL;
}

static struct rg_api_policy *find_policy(struct sad *sad, uint32_t handle)
{
	for (unsigned i = 0; i < SAD_POLICIES; i++)
		if (sad->policies[i].handle == handle)
			return &sad->policies[i];
	return NULL;
}

static struct esp_sa *find_sa(struct esp_sa *sas, uint32_t handle)
{
	for (unsigned i = 0; i < SAD_SAS; i++)
		if (sas[i].used && sas[i].handle == handle)
			return &sas[i];
	return NULL;
}

struct esp_sa *sad_by_spi(struct sad *sad, uint32_t spi)
{
	for (unsigned i = 0; i < SAD_SAS; i++)
		if (sad->in[i].used && sad->in[i].spi == spi)
			return &sad->in[i];
	return NULL;
}

static int add_sa(struct sad *sad, const struct rg_api_sa *record, enum rg_direction direction)
{
	struct esp_sa *sas = direction == RG_IN ? sad->in : sad->out;

	if (sad_tunnel(sad, record->tunnel) == NULL)
		return -ENOENT;
	if (find_sa(sas, record->handle) != NULL)
		return -EEXIST;
	for (unsigned i = 0; i < SAD_SAS; i++)
		if (!sas[i].used)
			return esp_init(&sas[i], record, direction);
	return -ENOSPC;
}

static int delete_sa(struct esp_sa *sas, uint32_t handle)
{
	struct esp_sa *sa = find_sa(sas, handle);

	if (sa == NULL)
		return -ENOENT;
	esp_free(sa);
	return 0;
}

static int migrate(struct sad *sad, const struct rg_api_migrate *m)
{
	struct rg_api_tunnel *tunnel = sad_tunnel(sad, m->handle);

	if (tunnel == NULL)
		return -ENOENT;
	if (m->generation <= tunnel->generation)
		return -ESTALE;
	tunnel->path = m->path;
	tunnel->generation = m->generation;
	sad->migrations++;
	return 0;
}

static int add_tunnel(struct sad *sad, const struct rg_api_tunnel *tunnel)
{
	struct rg_api_tunnel *slot = sad_tunnel(sad, 0);

	if (tunnel->handle == 0 || sad_tunnel(sad, tunnel->handle) != NULL)
		return -EEXIST;
	if (slot == NULL)
		return -ENOSPC;
	*slot = *tunnel;
	return 0;
}

static int add_policy(struct sad *sad, const struct rg_api_policy *policy)
{
	struct rg_api_policy *slot = find_policy(sad, 0);

	if (policy->handle == 0 || find_policy(sad, policy->handle) != NULL)
		return -EEXIST;
	if (slot == NULL)
		return -ENOSPC;
	*slot = *policy;
	return 0;
}

static int apply_policy(struct sad *sad, const struct ike_dp_step *s)
{
	struct rg_api_policy *policy;

	if (s->type == RG_MSG_POLICY_ADD)
		return add_policy(sad, &s->policy);
	policy = find_policy(sad, s->type == RG_MSG_POLICY_SET ? s->policy_set.handle : s->handle.handle);
	if (policy == NULL)
		return -ENOENT;
	if (s->type == RG_MSG_POLICY_SET)
		policy->sa = s->policy_set.sa;
	else
		policy->handle = 0;
	return 0;
}

static int apply(void *user, const struct ike_dp_step *s)
{
	struct sad *sad = user;
	struct rg_api_tunnel *tunnel;

	switch (s->type) {
	case RG_MSG_TUNNEL_ADD:
		return add_tunnel(sad, &s->tunnel);
	case RG_MSG_TUNNEL_DEL:
		tunnel = sad_tunnel(sad, s->handle.handle);
		if (tunnel == NULL)
			return -ENOENT;
		tunnel->handle = 0;
		return 0;
	case RG_MSG_SA_IN_ADD:
		return add_sa(sad, &s->sa, RG_IN);
	case RG_MSG_SA_IN_DEL:
		return delete_sa(sad->in, s->handle.handle);
	case RG_MSG_SA_OUT_ADD:
		return add_sa(sad, &s->sa, RG_OUT);
	case RG_MSG_SA_OUT_DEL:
		return delete_sa(sad->out, s->handle.handle);
	case RG_MSG_POLICY_ADD:
	case RG_MSG_POLICY_SET:
	case RG_MSG_POLICY_DEL:
		return apply_policy(sad, s);
	case RG_MSG_MIGRATE:
		return migrate(sad, &s->migrate);
	default:
		return -EINVAL;
	}
}

void sad_apply(struct sad *sad, struct ike_batch *batch)
{
	initiator_apply(batch, apply, sad);
}

void sad_free(struct sad *sad)
{
	for (unsigned i = 0; i < SAD_SAS; i++) {
		esp_free(&sad->in[i]);
		esp_free(&sad->out[i]);
	}
}

static bool in_prefix(const struct rg_api_policy *p, const uint8_t *addr)
{
	for (unsigned i = 0; i < p->prefix_len; i++)
		if ((p->prefix[i / 8] ^ addr[i / 8]) & (0x80u >> i % 8))
			return false;
	return true;
}

struct esp_sa *sad_route(struct sad *sad, const uint8_t *packet, size_t len)
{
	const struct rg_api_policy *best = NULL;
	unsigned family = len > 0 ? packet[0] >> 4 : 0;
	const uint8_t *destination = packet + (family == 4 ? 16 : 24);

	if (len < (family == 4 ? 20 : 40))
		return NULL;
	for (unsigned i = 0; i < SAD_POLICIES; i++) {
		const struct rg_api_policy *p = &sad->policies[i];

		if (p->handle != 0 && p->family == family && in_prefix(p, destination) &&
		    (best == NULL || p->prefix_len > best->prefix_len))
			best = p;
	}
	return best != NULL ? find_sa(sad->out, best->sa) : NULL;
}

const struct rg_counters_sa *sad_counters(struct sad *sad, enum rg_direction direction, uint32_t handle)
{
	struct esp_sa *sas = direction == RG_IN ? sad->in : sad->out, *sa = find_sa(sas, handle);
	struct rg_counters_sa *record;

	if (sa == NULL)
		return NULL;
	record = &sad->counters[direction][sa - sas];
	*record = (struct rg_counters_sa){.spi = sa->spi,
	                                  .handle = sa->handle,
	                                  .sequence = sa->sequence,
	                                  .packets = sa->packets,
	                                  .last_ms = sa->last_ms};
	return record;
}
