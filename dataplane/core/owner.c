/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both sides of an owner's change: main's orders and the old owner's grants. Which
 * thread calls what is in owner.h.
 */
#include "dataplane/core/owner.h"
#include "dataplane/core/batch.h"
#include "dataplane/core/writer.h"

#include <errno.h>
#include <stdlib.h>

/* --- the old owner --- */

static unsigned grant_all(struct core *core, unsigned me, const struct owner_order *order)
{
	unsigned granted = 0;

	for (uint32_t i = 0; i < order->n; i++) {
		enum rg_direction direction = order->sa[i] & SA_REFERENCE_OUT ? RG_OUT : RG_IN;
		struct sa *sa = sa_by_handle(core, direction, order->sa[i] & ~SA_REFERENCE_OUT);
		if (sa == NULL || sa_owner(sa) != me) /* deleted meanwhile */
			continue;
		/* the grant: all that this worker wrote goes with it; pairs with sa_owner() */
		atomic_store_explicit(&sa->owner, (uint8_t)order->to, memory_order_release);
		granted++;
	}
	return granted;
}

unsigned owner_obey_all(struct core *core, unsigned me)
{
	struct handover_ring *ring = core->worker[me]->orders;
	struct handover item;
	unsigned granted = 0;

	while (handover_take(ring, &item, 1) == 1) {
		struct owner_order *order = item.packet;
		uint32_t given = OWNER_GIVEN;
		/* with its release this worker is done with the SAs: pairs with owner_fix()'s acquire */
		if (atomic_compare_exchange_strong_explicit(&order->state, &given, OWNER_TAKEN,
		                                            memory_order_acq_rel, memory_order_relaxed))
			granted += grant_all(core, me, order);
		/* pairs with owner_collect()'s acquire */
		atomic_store_explicit(&order->state, OWNER_DONE, memory_order_release);
	}
	count_add(&core->worker[me]->counters, COUNTER_SAS_GRANTED, granted);
	return granted;
}

/* --- main --- */

struct owner_order *owner_order_new(const struct core *core, const struct tunnel *tunnel, uint16_t to)
{
	const struct tunnel_slot *slot = writer_slot(core, tunnel);
	struct owner_order *order = calloc(1, sizeof(*order) + slot->refs * sizeof(order->sa[0]));

	if (order == NULL)
		return NULL;
	atomic_init(&order->state, OWNER_GIVEN);
	order->tunnel = tunnel->handle;
	order->from = tunnel->owner;
	order->to = to;
	for (uint32_t sa = slot->sas; sa != 0; sa = sa_rare(writer_sa_of(core, sa))->tunnel_next)
		order->sa[order->n++] = sa;
	return order;
}

int owner_order_give(struct core *core, struct tunnel *tunnel, struct owner_order *order)
{
	const struct handover item = {.packet = order};

	if (handover_put(core->worker[order->from]->orders, &item, 1) == 0) {
		free(order);
		return -EAGAIN;
	}
	order->next = core->writer->orders;
	core->writer->orders = order;
	writer_slot(core, tunnel)->ordered = true;
	return 0;
}

/* The order of a tunnel that has one: the newest, as older ones were taken back. */
static struct owner_order *order_of(const struct core *core, const struct tunnel *tunnel)
{
	struct owner_order *order = core->writer->orders;

	while (order->tunnel != tunnel->handle)
		order = order->next;
	return order;
}

static void settle(struct core *core, struct tunnel *tunnel, uint16_t to)
{
	core->writer->load[tunnel->owner]--;
	tunnel->owner = to;
	core->writer->load[tunnel->owner]++;
	core->writer->owner_moves++;
}

uint16_t owner_fix(struct core *core, struct tunnel *tunnel)
{
	struct tunnel_slot *slot = writer_slot(core, tunnel);
	uint32_t given = OWNER_GIVEN;
	struct owner_order *order;

	if (!slot->ordered)
		return tunnel->owner;
	order = order_of(core, tunnel);
	/* the acquire pairs with the old owner's taking: what main publishes for the new one comes after */
	if (atomic_compare_exchange_strong_explicit(&order->state, &given, OWNER_CANCELLED,
	                                            memory_order_acq_rel, memory_order_acquire))
		slot->ordered = false;
	else if (tunnel->owner != order->to)
		settle(core, tunnel, order->to);
	return tunnel->owner;
}

void owner_collect(struct core *core)
{
	struct owner_order **link = &core->writer->orders, *order;

	while ((order = *link) != NULL) {
		/* pairs with the release of owner_obey_all() */
		if (atomic_load_explicit(&order->state, memory_order_acquire) != OWNER_DONE) {
			link = &order->next;
			continue;
		}
		struct tunnel *tunnel = writer_tunnel(core, order->tunnel);
		/* one that was taken back, or whose tunnel is gone, is nobody's */
		if (tunnel != NULL && writer_slot(core, tunnel)->ordered && order_of(core, tunnel) == order) {
			owner_fix(core, tunnel);
			writer_slot(core, tunnel)->ordered = false;
		}
		*link = order->next;
		free(order);
	}
}

void owner_fini(struct core *core)
{
	struct owner_order *order;

	while ((order = core->writer->orders) != NULL) {
		core->writer->orders = order->next;
		free(order);
	}
}

static int check_move(const struct core *core, const struct rg_api_owner *record, uint32_t i,
                      struct batch_result *result)
{
	const struct tunnel *t = writer_tunnel(core, record->tunnel);

	if (t == NULL)
		return batch_refuse(result, i, -ENOENT, "there is no tunnel %#x", record->tunnel);
	if (record->worker >= core->n_workers)
		return batch_refuse(result, i, -EINVAL, "there is no worker %u: the last one is %u",
		                    record->worker, core->n_workers - 1);
	if (writer_slot(core, t)->ordered)
		return batch_refuse(result, i, -EAGAIN, "tunnel %#x is moving: try again", record->tunnel);
	return 0;
}

/* Counts what each ring would get: all of it has a place, or nothing is sent. */
static int check_room(const struct core *core, const struct rg_api_owner *records, uint32_t n,
                      struct batch_result *result)
{
	uint32_t room[CORE_MAX_WORKERS];

	for (unsigned i = 0; i < core->n_workers; i++)
		room[i] = core->worker[i]->orders != NULL ? handover_room(core->worker[i]->orders) : 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct tunnel *t = writer_tunnel(core, records[i].tunnel);
		if (t->owner != records[i].worker && room[t->owner]-- == 0)
			return batch_refuse(result, i, -EAGAIN, "worker %u has orders enough: try again",
			                    t->owner);
	}
	return 0;
}

static int make_orders(struct core *core, const struct rg_api_owner *records, uint32_t n,
                       struct owner_order **orders, struct batch_result *result)
{
	int rc = 0;

	for (uint32_t i = 0; i < n && rc == 0; i++) {
		struct tunnel *t = writer_tunnel(core, records[i].tunnel);
		struct tunnel_slot *slot = writer_slot(core, t);
		if (slot->marked)
			rc = batch_refuse(result, i, -EINVAL, "tunnel %#x is named twice", t->handle);
		slot->marked = true;
		if (rc == 0 && t->owner != records[i].worker) {
			orders[i] = owner_order_new(core, t, (uint16_t)records[i].worker);
			if (orders[i] == NULL)
				rc = batch_refuse(result, i, -ENOMEM, "no memory for an order");
		}
	}
	for (uint32_t i = 0; i < n; i++)
		writer_slot(core, writer_tunnel(core, records[i].tunnel))->marked = false;
	return rc;
}

int batch_owner(struct core *core, const struct rg_api_owner *records, uint32_t n,
                struct batch_result *result)
{
	struct owner_order **orders = calloc(n + 1, sizeof(struct owner_order *));
	int rc = 0;

	if (orders == NULL)
		return batch_refuse(result, 0, -ENOMEM, "no memory for a batch");
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = check_move(core, &records[i], i, result);
	if (rc == 0)
		rc = check_room(core, records, n, result);
	if (rc == 0)
		rc = make_orders(core, records, n, orders, result);
	for (uint32_t i = 0; i < n; i++) {
		if (rc != 0)
			free(orders[i]);
		else if (orders[i] != NULL) /* has its place: main alone puts */
			(void)owner_order_give(core, writer_tunnel(core, records[i].tunnel), orders[i]);
	}
	free(orders);
	if (rc == 0)
		result->token = core->writer->retire.last;
	return rc;
}
