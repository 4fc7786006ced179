/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adding and deleting SAs (RFC 4301 4.4.2). Main only. A deleted SA's index is in
 * quarantine until its grace period is over: until then its owner may still
 * write the SA's record in the counters memfd.
 */
#include "dataplane/core/batch.h"
#include "dataplane/core/owner.h"
#include "dataplane/core/writer.h"

#include <errno.h>
#include <stdlib.h>

static uint32_t ring_bytes(const struct sa *sa)
{
	return sa_direction(sa) == RG_IN ? ((sa->ring_mask + 1u) * sizeof(uint32_t) + 63) & ~63u : 0;
}

static void free_selectors(struct core *core, const struct selectors *selectors)
{
	struct selectors_shape shape;

	if (selectors == NULL)
		return;
	shape = (struct selectors_shape){.n_local = selectors->n_local, .n_remote = selectors->n_remote};
	slab_free(&core->writer->slabs, (void *)(uintptr_t)selectors, selectors_size(&shape));
}

static uint32_t key_area(const struct core *core, uint32_t suite)
{
	const struct core_config *c = &core->config;

	return (uint32_t)(c->key_bytes != NULL ? c->key_bytes(c->ctx, suite) : c->key_size);
}

static bool key_has_spare(const struct core *core, uint32_t suite)
{
	const struct core_config *c = &core->config;

	return c->key_has_spare != NULL && c->key_has_spare(c->ctx, suite);
}

size_t sa_bytes(const struct core *core, const struct sa *sa)
{
	return sa->key_line * 64u + key_area(core, sa->suite);
}

static struct slabs *slabs_of(struct core *core, const struct sa_rare *rare)
{
	return rare->node == 0 ? &core->writer->slabs : &core->writer->sa_slabs[rare->node - 1];
}

void sa_destroy(struct core *core, void *object)
{
	struct sa *sa = object;
	uint32_t index = RG_SA_HANDLE_INDEX(sa->handle);
	size_t size = sa_bytes(core, sa);
	uint8_t *slot = &core->writer->sa_slot[sa_direction(sa)][index];
	struct slabs *slabs;

	if (*slot == SLOT_QUARANTINE)
		*slot = SLOT_FREE;
	*sa_record(core, sa) = (struct rg_counters_sa){0};
	free_selectors(core, sa_rare(sa)->selectors);
	lifetime_put(core, sa_rare(sa)->lifetime);
	slabs = slabs_of(core, sa_rare(sa));
	explicit_bzero(sa, size);
	slab_free(slabs, sa, size);
}

/* --- validation --- */

static bool spi_is_ours(const struct core *core, uint32_t spi)
{
	return (ntohl(spi) & 0xf0000000u) == core->spi_prefix;
}

static bool spi_is_taken(const struct core *core, const struct rg_api_sa *records, uint32_t i)
{
	if (sa_in_find(core, records[i].spi) != NULL)
		return true;
	for (uint32_t k = 0; k < i; k++) {
		if (records[k].spi == records[i].spi)
			return true;
	}
	return false;
}

static int check_inbound(const struct core *core, const struct rg_api_sa *records, uint32_t i,
                         struct batch_result *result)
{
	const struct rg_api_sa *r = &records[i];

	if (r->window < REPLAY_WINDOW_MIN || r->window > REPLAY_WINDOW_MAX ||
	    r->window % REPLAY_WINDOW_STEP != 0)
		return batch_refuse(result, i, -EINVAL, "window %u is not %u to %u in steps of %u", r->window,
		                    REPLAY_WINDOW_MIN, REPLAY_WINDOW_MAX, REPLAY_WINDOW_STEP);
	if (spi_is_ours(core, r->spi)) {
		if ((ntohl(r->spi) & 0x0fffffffu) != r->handle)
			return batch_refuse(result, i, -EINVAL, "SPI %#x does not carry handle %#x",
			                    ntohl(r->spi), r->handle);
		return 0;
	}
	if (spi_is_taken(core, records, i))
		return batch_refuse(result, i, -EEXIST, "SPI %#x is in use", ntohl(r->spi));
	return 0;
}

static int check_handle(const struct core *core, enum rg_direction direction, uint32_t handle, uint32_t i,
                        struct batch_result *result)
{
	uint32_t index = RG_SA_HANDLE_INDEX(handle);

	if (handle == 0 || handle >> (RG_SA_INDEX_BITS + RG_SA_GENERATION_BITS) != 0)
		return batch_refuse(result, i, -EINVAL, "SA handle %#x is not valid", handle);
	if (index >= core->capacity)
		return batch_refuse(result, i, -ENOSPC,
		                    "SA index %u is beyond the limit of %u: raise max-sas", index,
		                    core->capacity);
	switch (core->writer->sa_slot[direction][index]) {
	case SLOT_FREE:
		return 0;
	case SLOT_QUARANTINE:
		return batch_refuse(result, i, -EAGAIN, "SA index %u is in quarantine: take another one",
		                    index);
	default:
		return batch_refuse(result, i, -EEXIST, "SA index %u is in use", index);
	}
}

/* What the SA does to headers; an inbound SA does nothing. */
static int check_headers(const struct rg_api_sa *r, enum rg_direction direction, uint32_t i,
                         struct batch_result *result)
{
	bool odd = r->df != RG_DF_SET || r->dscp != RG_DSCP_COPY;

	if (r->mode > RG_MODE_TRANSPORT)
		return batch_refuse(result, i, -EINVAL, "mode %u is not known", r->mode);
	if (r->df > RG_DF_CLEAR || r->dscp > (RG_DSCP_SET | 63u) ||
	    (r->dscp != RG_DSCP_COPY && (r->dscp & RG_DSCP_SET) == 0))
		return batch_refuse(result, i, -EINVAL, "DF %u or DSCP %#x is not known", r->df, r->dscp);
	if (odd && (direction == RG_IN || r->mode != RG_MODE_TUNNEL))
		return batch_refuse(result, i, -EINVAL, "DF and DSCP are for outbound SAs in tunnel mode");
	return 0;
}

static int check_record(const struct core *core, enum rg_direction direction, const struct rg_api_sa *records,
                        uint32_t i, struct batch_result *result)
{
	const struct rg_api_sa *r = &records[i];
	int rc = check_handle(core, direction, r->handle, i, result);

	if (rc != 0)
		return rc;
	if (ntohl(r->spi) < 256)
		return batch_refuse(result, i, -EINVAL, "SPI %u is reserved (RFC 4303 2.1)", ntohl(r->spi));
	if ((r->flags & ~(uint32_t)RG_SA_ESN) != 0)
		return batch_refuse(result, i, -EINVAL, "flags %#x are not known", r->flags);
	rc = check_headers(r, direction, i, result);
	if (rc != 0)
		return rc;
	if (r->sequence > (r->flags & RG_SA_ESN ? SA_ESN_LAST : SA_SEQUENCE_LAST))
		return batch_refuse(result, i, -EINVAL, "sequence is beyond the last number");
	if (writer_tunnel(core, r->tunnel) == NULL)
		return batch_refuse(result, i, -ENOENT, "there is no tunnel %#x", r->tunnel);
	return direction == RG_IN ? check_inbound(core, records, i, result) : 0;
}

/* --- building --- */

static void copy_key(void *area, size_t size, const uint8_t *key)
{
	memcpy(area, key, size < RG_API_KEY_MAX ? size : RG_API_KEY_MAX);
}

static int expand_key(const struct core *core, const struct rg_api_sa *record, struct sa *sa)
{
	void *area = (void *)(uintptr_t)sa_key(sa);
	const struct rg_suite_info *suite = rg_suite_info(record->suite);

	if (suite->salt != 0) /* RFC 4106 8.1: it follows the cipher's key */
		memcpy(&sa->salt, record->key + suite->key, 4);
	if (core->config.key_expand != NULL)
		return core->config.key_expand(core->config.ctx, record->suite, record->key, area);
	copy_key(area, key_area(core, record->suite), record->key);
	return 0;
}

/* Everything up to `sequence` counts as seen (RFC 4303 3.4.3). */
static void init_ring(struct sa *sa, uint64_t sequence)
{
	if (sequence != 0)
		replay_begin_at(sa_ring(sa), sa->ring_mask, &sa->recent, sequence);
}

static void init_record(const struct core *core, struct sa *sa, uint64_t sequence)
{
	sa->live->sequence = sequence;
	*sa_record(core, sa) = (struct rg_counters_sa){
	        .spi = sa->spi,
	        .handle = sa->handle,
	        .check = sa->spi ^ sa->handle ^ (uint32_t)core_boot_id(core),
	        .sequence = sequence,
	};
}

static void fill(struct core *core, struct sa *sa, struct sa_rare *rare, enum rg_direction direction,
                 const struct rg_api_sa *r)
{
	sa->spi = r->spi;
	sa->handle = r->handle;
	sa->tunnel = writer_tunnel(core, r->tunnel);
	atomic_init(&sa->owner, (uint8_t)sa->tunnel->owner);
	rare->node = (uint8_t)(core_node(core, sa_owner(sa)) + 1);
	sa->suite = (uint8_t)r->suite;
	sa->flags = (r->flags & RG_SA_ESN ? SA_ESN : 0) | (direction == RG_OUT ? SA_OUTBOUND : 0);
	rare->mode = r->mode & 0xf;
	rare->df = r->df & 0xf;
	rare->dscp = r->dscp;
	if (r->mode == RG_MODE_TRANSPORT)
		sa->flags |= SA_TRANSPORT;
	if (r->df != RG_DF_SET || r->dscp != RG_DSCP_COPY)
		sa->flags |= SA_BITS;
	rare->cookie = r->cookie;
	rare->added_ms = core->writer->now_ms;
	if (direction == RG_IN) {
		sa->window_steps = (uint8_t)(r->window / REPLAY_WINDOW_STEP - 1);
		sa->ring_mask = (uint8_t)(replay_blocks(r->window) - 1);
	}
}

/* In what of the key area is spare, or in the line before it. */
static struct sa_live *live_of(const struct core *core, const struct sa *sa)
{
	const uint8_t *key = sa_key(sa);

	return (struct sa_live *)(uintptr_t)(key_has_spare(core, sa->suite) ? key + SA_KEY_SPARE
	                                                                    : key - SA_KEY_SPARE_BYTES);
}

/* -EINVAL, -ENOMEM. None where the SA's own line says it all. */
static int build_selectors(struct core *core, const struct rg_api_sa *r, struct sa *sa, struct sa_rare *rare)
{
	struct selectors_shape shape;
	struct selectors *all;
	int rc = selectors_check(&shape, r->local, r->remote);

	if (rc != 0)
		return rc;
	sa->sel4 = shape.fast;
	sa->flags |= shape.simple4 ? SA_SIMPLE4 : 0;
	if (shape.whole)
		return 0;
	all = slab_alloc(&core->writer->slabs, selectors_size(&shape));
	if (all == NULL)
		return -ENOMEM;
	selectors_fill(all, &shape, r->local, r->remote);
	rare->selectors = all;
	return 0;
}

static int build(struct core *core, enum rg_direction direction, const struct rg_api_sa *r, struct sa **out)
{
	struct sa shape = {0}, *sa = NULL;
	struct sa_rare rare = {0};
	int rc;

	if (rg_suite_info(r->suite) == NULL)
		return -EOPNOTSUPP;
	fill(core, &shape, &rare, direction, r);
	rc = build_selectors(core, r, &shape, &rare);
	if (rc != 0)
		goto out;
	shape.key_line =
	        (uint8_t)((sizeof(shape) + ring_bytes(&shape)) / 64 + !key_has_spare(core, r->suite));
	rc = -ENOMEM;
	rare.lifetime = lifetime_get(core, &r->lifetime);
	sa = slab_alloc(slabs_of(core, &rare), sa_bytes(core, &shape));
	if (sa == NULL || rare.lifetime == NULL)
		goto out;
	memcpy(sa, &shape, sizeof(shape));
	init_ring(sa, direction == RG_IN ? r->sequence : 0);
	sa->live = live_of(core, sa);
	rc = expand_key(core, r, sa);
	*sa->live = (struct sa_live){0}; /* they may lie in the key */
	*sa_rare(sa) = rare;
out:
	if (rc != 0) {
		free_selectors(core, rare.selectors);
		lifetime_put(core, rare.lifetime);
		if (sa != NULL) {
			explicit_bzero(sa, sa_bytes(core, &shape));
			slab_free(slabs_of(core, &rare), sa, sa_bytes(core, &shape));
		}
		return rc;
	}
	*out = sa;
	return 0;
}

static int refuse_build(struct batch_result *result, uint32_t i, int rc, const struct rg_api_sa *r)
{
	if (rc == -EOPNOTSUPP)
		return batch_refuse(result, i, rc, "suite %u is not supported", r->suite);
	if (rc == -ENOMEM)
		return batch_refuse(result, i, rc, "no memory for an SA");
	return batch_refuse(result, i, rc,
	                    "SA: a selector list is empty or malformed, or the key is refused");
}

/* --- adding --- */

static void link_to_tunnel(const struct core *core, struct sa *sa)
{
	struct tunnel_slot *t = writer_slot(core, sa->tunnel);

	t->refs++;
	sa_rare(sa)->tunnel_next = t->sas;
	t->sas = sa_reference(sa);
}

static void unlink_from_tunnel(const struct core *core, const struct sa *sa)
{
	struct tunnel_slot *t = writer_slot(core, sa->tunnel);
	uint32_t *link = &t->sas;

	t->refs--;
	while (*link != sa_reference(sa))
		link = &sa_rare(writer_sa_of(core, *link))->tunnel_next;
	*link = sa_rare(sa)->tunnel_next;
}

static void publish(struct core *core, struct sa *sa, uint64_t sequence)
{
	uint32_t index = RG_SA_HANDLE_INDEX(sa->handle);

	/* only now is it sure that an owner move has to give way to the SA */
	atomic_store_explicit(&sa->owner, (uint8_t)owner_fix(core, sa->tunnel), memory_order_relaxed);
	init_record(core, sa, sequence);
	sa_set_next_check(sa, sa_record(core, sa));
	link_to_tunnel(core, sa);
	core->writer->n_sas[sa_direction(sa)]++;
	/* publishes the SA and its record; pairs with sa_in_guess() and sa_by_handle() */
	atomic_store_explicit(&core->sas[sa_direction(sa)][index], sa, memory_order_release);
	if (sa_direction(sa) == RG_IN && !spi_is_ours(core, sa->spi))
		host_table_insert(&core->foreign, (uint64_t[2]){sa->spi, 0}, sa->spi, index + 1);
}

int batch_sa_add(struct core *core, enum rg_direction direction, const struct rg_api_sa *records, uint32_t n,
                 struct batch_result *result)
{
	struct core_writer *w = core->writer;
	struct sa **built = calloc(n + 1, sizeof(struct sa *));
	uint32_t i, foreign = 0;
	int rc = 0;

	if (built == NULL)
		return batch_refuse(result, 0, -ENOMEM, "no memory for a batch");
	for (i = 0; i < n && rc == 0; i++) {
		rc = check_record(core, direction, records, i, result);
		if (rc != 0)
			break;
		rc = build(core, direction, &records[i], &built[i]);
		if (rc != 0) {
			refuse_build(result, i, rc, &records[i]);
			break;
		}
		foreign += direction == RG_IN && !spi_is_ours(core, records[i].spi);
		w->sa_slot[direction][RG_SA_HANDLE_INDEX(records[i].handle)] = SLOT_USED;
	}
	if (rc == 0 && foreign > 0) {
		rc = host_table_reserve(core, &core->foreign, foreign);
		if (rc != 0)
			batch_refuse_room(core, result, rc, "the table of foreign SPIs");
	}
	if (rc != 0) {
		while (i-- > 0) {
			w->sa_slot[direction][RG_SA_HANDLE_INDEX(records[i].handle)] = SLOT_FREE;
			sa_destroy(core, built[i]);
		}
		goto out;
	}
	for (i = 0; i < n; i++)
		publish(core, built[i], records[i].sequence);
	result->token = foreign > 0 ? retire_seal(core) : w->retire.last;
out:
	free(built);
	return rc;
}

/* --- deleting --- */

static void forget_policies(struct core *core, struct sa *sa)
{
	struct policy *p;

	while ((p = writer_policy(core, sa_rare(sa)->policies)) != NULL) {
		sa_rare(sa)->policies = p->sa_next;
		p->sa = 0;
		/* pairs with policy_choose() */
		policy_group_set_sa(core, p, NULL);
	}
}

static void remove_one(struct core *core, enum rg_direction direction, uint32_t handle)
{
	struct sa *sa = writer_sa(core, direction, handle);
	uint32_t index = RG_SA_HANDLE_INDEX(handle);

	atomic_store_explicit(&sa->state, SA_DEAD, memory_order_relaxed);
	if (direction == RG_IN && !spi_is_ours(core, sa->spi))
		host_table_replace(&core->foreign, (uint64_t[2]){sa->spi, 0}, sa->spi, index + 1, HOST_NONE);
	forget_policies(core, sa);
	atomic_store_explicit(&core->sas[direction][index], NULL, memory_order_release);
	unlink_from_tunnel(core, sa);
	core->writer->n_sas[direction]--;
	retire(core, sa_destroy, sa);
}

int batch_sa_del(struct core *core, enum rg_direction direction, const struct rg_api_handle *records,
                 uint32_t n, struct batch_result *result)
{
	uint8_t *slots = core->writer->sa_slot[direction];
	uint32_t i;
	int rc = 0;

	rc = batch_reserve(core, n, result);
	if (rc != 0)
		return rc;
	/* quarantine marks what the batch has named already */
	for (i = 0; i < n && rc == 0; i++) {
		uint32_t index = RG_SA_HANDLE_INDEX(records[i].handle);
		if (writer_sa(core, direction, records[i].handle) == NULL || slots[index] != SLOT_USED)
			rc = batch_refuse(result, i, -ENOENT, "there is no SA %#x", records[i].handle);
		else
			slots[index] = SLOT_QUARANTINE;
	}
	if (rc != 0) {
		for (uint32_t undo = 0; undo < result->index; undo++)
			slots[RG_SA_HANDLE_INDEX(records[undo].handle)] = SLOT_USED;
		return rc;
	}
	for (i = 0; i < n; i++)
		remove_one(core, direction, records[i].handle);
	result->token = retire_seal(core);
	return 0;
}
