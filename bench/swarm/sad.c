/* SPDX-License-Identifier: Apache-2.0 */
/* What the IKE core installs, found by handle (sad.h). One thread. */
#include "bench/swarm/sad.h"

#include "tests/support/initiator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#define HANDLE_MASK 0x0fffffffu /* of an inbound SPI of ours */

int sad_open(struct sad *sad, uint32_t capacity)
{
	*sad = (struct sad){.capacity = capacity,
	                    .tunnels = calloc(capacity, sizeof(*sad->tunnels)),
	                    .policies = calloc(capacity, sizeof(*sad->policies)),
	                    .in = calloc(capacity, sizeof(*sad->in)),
	                    .out = calloc(capacity, sizeof(*sad->out))};
	if (sad->tunnels != NULL && sad->policies != NULL && sad->in != NULL && sad->out != NULL)
		return 0;
	sad_close(sad);
	return -ENOMEM;
}

void sad_close(struct sad *sad)
{
	for (uint32_t i = 0; i < sad->capacity && sad->in != NULL && sad->out != NULL; i++) {
		if (sad->in[i].used)
			esp_free(&sad->in[i]);
		if (sad->out[i].used)
			esp_free(&sad->out[i]);
	}
	free(sad->tunnels);
	free(sad->policies);
	free(sad->in);
	free(sad->out);
	*sad = (struct sad){0};
}

static bool in_range(const struct sad *sad, uint32_t handle)
{
	return handle != 0 && RG_SA_HANDLE_INDEX(handle) < sad->capacity;
}

struct sad_tunnel *sad_tunnel(struct sad *sad, uint32_t handle)
{
	struct sad_tunnel *t = in_range(sad, handle) ? &sad->tunnels[RG_SA_HANDLE_INDEX(handle)] : NULL;

	return t != NULL && t->handle == handle ? t : NULL;
}

static struct esp_sa *find(struct sad *sad, enum rg_direction direction, uint32_t handle)
{
	struct esp_sa *sas = direction == RG_IN ? sad->in : sad->out;
	struct esp_sa *sa = in_range(sad, handle) ? &sas[RG_SA_HANDLE_INDEX(handle)] : NULL;

	return sa != NULL && sa->used && sa->handle == handle ? sa : NULL;
}

struct esp_sa *sad_by_spi(struct sad *sad, uint32_t spi)
{
	struct esp_sa *sa = find(sad, RG_IN, ntohl(spi) & HANDLE_MASK);

	return sa != NULL && sa->spi == spi ? sa : NULL;
}

static struct sad_policy *find_policy(struct sad *sad, uint32_t handle)
{
	struct sad_policy *p = in_range(sad, handle) ? &sad->policies[RG_SA_HANDLE_INDEX(handle)] : NULL;

	return p != NULL && p->handle == handle ? p : NULL;
}

struct esp_sa *sad_outbound(struct sad *sad, uint32_t policy)
{
	struct sad_policy *p = find_policy(sad, policy);

	return p != NULL ? find(sad, RG_OUT, p->sa) : NULL;
}

static int add_tunnel(struct sad *sad, const struct rg_api_tunnel *record)
{
	struct sad_tunnel *t =
	        in_range(sad, record->handle) ? &sad->tunnels[RG_SA_HANDLE_INDEX(record->handle)] : NULL;

	if (t == NULL)
		return -ENOSPC;
	if (t->handle != 0)
		return -EEXIST;
	*t = (struct sad_tunnel){record->handle, record->generation, record->path};
	return 0;
}

static int delete_tunnel(struct sad *sad, uint32_t handle)
{
	struct sad_tunnel *t = sad_tunnel(sad, handle);

	if (t == NULL)
		return -ENOENT;
	t->handle = 0;
	return 0;
}

static int migrate(struct sad *sad, const struct rg_api_migrate *m)
{
	struct sad_tunnel *t = sad_tunnel(sad, m->handle);

	if (t == NULL)
		return -ENOENT;
	if (m->generation <= t->generation)
		return -ESTALE;
	t->path = m->path;
	t->generation = m->generation;
	return 0;
}

static int add_sa(struct sad *sad, const struct rg_api_sa *record, enum rg_direction direction)
{
	struct esp_sa *sas = direction == RG_IN ? sad->in : sad->out, *sa;

	if (!in_range(sad, record->handle))
		return -ENOSPC;
	sa = &sas[RG_SA_HANDLE_INDEX(record->handle)];
	if (sa->used)
		return -EEXIST;
	if (sad_tunnel(sad, record->tunnel) == NULL)
		return -ENOENT;
	return esp_init(sa, record);
}

static int delete_sa(struct sad *sad, enum rg_direction direction, uint32_t handle)
{
	struct esp_sa *sa = find(sad, direction, handle);

	if (sa == NULL)
		return -ENOENT;
	esp_free(sa);
	return 0;
}

static int add_policy(struct sad *sad, const struct rg_api_policy *record)
{
	struct sad_policy *p;

	if (!in_range(sad, record->handle))
		return -ENOSPC;
	p = &sad->policies[RG_SA_HANDLE_INDEX(record->handle)];
	if (p->handle != 0)
		return -EEXIST;
	*p = (struct sad_policy){record->handle, record->sa};
	return 0;
}

static int change_policy(struct sad *sad, const struct ike_dp_step *s)
{
	bool swap = s->type == RG_MSG_POLICY_SET;
	struct sad_policy *p = find_policy(sad, swap ? s->policy_set.handle : s->handle.handle);

	if (p == NULL)
		return -ENOENT;
	if (swap)
		p->sa = s->policy_set.sa;
	else
		p->handle = 0;
	return 0;
}

static int apply(void *user, const struct ike_dp_step *s)
{
	struct sad *sad = user;

	switch (s->type) {
	case RG_MSG_TUNNEL_ADD:
		return add_tunnel(sad, &s->tunnel);
	case RG_MSG_TUNNEL_DEL:
		return delete_tunnel(sad, s->handle.handle);
	case RG_MSG_SA_IN_ADD:
		return add_sa(sad, &s->sa, RG_IN);
	case RG_MSG_SA_IN_DEL:
		return delete_sa(sad, RG_IN, s->handle.handle);
	case RG_MSG_SA_OUT_ADD:
		return add_sa(sad, &s->sa, RG_OUT);
	case RG_MSG_SA_OUT_DEL:
		return delete_sa(sad, RG_OUT, s->handle.handle);
	case RG_MSG_POLICY_ADD:
		return add_policy(sad, &s->policy);
	case RG_MSG_POLICY_SET:
	case RG_MSG_POLICY_DEL:
		return change_policy(sad, s);
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

const struct rg_counters_sa *sad_counters(struct sad *sad, enum rg_direction direction, uint32_t handle)
{
	const struct esp_sa *sa = find(sad, direction, handle);

	if (sa == NULL)
		return NULL;
	sad->counters = (struct rg_counters_sa){.spi = sa->spi,
	                                        .handle = sa->handle,
	                                        .sequence = sa->sequence,
	                                        .packets = sa->packets,
	                                        .last_ms = sa->last_ms};
	return &sad->counters;
}
