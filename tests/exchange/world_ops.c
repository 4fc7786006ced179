/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer's manager sees of the world: the ops of control/ike/ops.h, with
 * addresses from a pool of its own or the real one, and a store in memory.
 */
#include "tests/exchange/world_parts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t op_now(void *user)
{
	return ((struct peer *)user)->world->now_ms;
}

static void op_random(void *user, void *buf, size_t len)
{
	struct peer *p = user;
	uint8_t *out = buf;

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(world_random(&p->seed) >> 32);
}

static void op_send(void *user, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                    bool natt, const uint8_t *data, size_t len)
{
	struct peer *p = user;
	struct datagram dg = {.from = p, .local = *local, .remote = *remote, .natt = natt, .len = len};

	assert_int_equal(p->uncommitted, 0);        /* records come first */
	if (len == 1 && data[0] == 0xff && !natt) { /* no IKE: it ends at the other one's socket */
		p->keepalives++;
		return;
	}
	network_send(p->world, &dg, data);
}

static void op_submit_job(void *user, struct ike_job *job)
{
	struct peer *p = user;

	assert_true(p->n_jobs < 256);
	p->jobs[p->n_jobs++] = job;
}

static void op_dp_submit(void *user, struct ike_batch *batch)
{
	struct peer *p = user;

	assert_true(p->n_batches < 256);
	p->batches[p->n_batches++] = batch;
}

static const struct rg_counters_sa *op_counters(void *user, enum rg_direction direction, uint32_t handle)
{
	struct peer *p = user;
	unsigned i = RG_SA_HANDLE_INDEX(handle) % FAKE_MAX;

	return direction == RG_IN ? &p->dp->counters_in[i] : &p->dp->counters_out[i];
}

static void op_wake(void *user)
{
	struct peer *p = user;

	p->next_ms = p->world->now_ms;
}

static void op_event(void *user, const struct ike_event *event)
{
	struct peer *p = user;

	p->events[event->type]++;
	snprintf(p->last_event[event->type], sizeof(p->last_event[0]), "%s", event->text);
	if (p->on_event != NULL)
		p->on_event(p, event);
	if (getenv("WORLD_LOG") != NULL)
		print_message("%8lu %c event %u: %s\n", p->world->now_ms, p->letter, event->type,
		              event->text);
}

static void op_log(void *user, enum ike_log_level level, const char *component, const char *text)
{
	struct peer *p = user;

	if (getenv("WORLD_LOG") != NULL)
		print_message("%8lu %c %u %s: %s\n", p->world->now_ms, p->letter, level, component, text);
}

static int op_acquire(void *user, unsigned pool, uint64_t identity, uint64_t cookie, uint8_t family,
                      const struct rg_cfg_addr *wanted, struct rg_cfg_addr *out)
{
	struct peer *p = user;

	p->last_pool = pool;
	if (p->pools != NULL) {
		int error = rg_pools_acquire(p->pools, pool, family, identity, cookie, wanted, out);

		return error == -EAFNOSUPPORT || error == -EINVAL ? -ENOENT : error;
	}
	if (p->pool_full)
		return -ENOSPC;
	for (unsigned i = 0; i < p->n_leases; i++) {
		if (p->leases[i].cookie == cookie && p->leases[i].addr.family == family) {
			p->leases[i].users++;
			*out = p->leases[i].addr;
			return 0;
		}
		if (wanted != NULL && addr_equal(&p->leases[i].addr, wanted))
			wanted = NULL; /* somebody else's */
	}
	*out = wanted != NULL ? *wanted : family == 4 ? p->pool_next4 : p->pool_next6;
	if (wanted == NULL)
		(family == 4 ? &p->pool_next4 : &p->pool_next6)->bytes[family == 4 ? 3 : 15]++;
	if (p->n_leases == sizeof(p->leases) / sizeof(p->leases[0]))
		return 0; /* the random tests connect often: the oldest names are kept */
	p->leases[p->n_leases].cookie = cookie;
	p->leases[p->n_leases].users = 1;
	p->leases[p->n_leases++].addr = *out;
	return 0;
}

static void op_release(void *user, uint64_t cookie, const struct rg_cfg_addr *addr)
{
	struct peer *p = user;

	if (p->pools != NULL)
		rg_pools_release(p->pools, addr, cookie);
	for (unsigned i = 0; i < p->n_leases; i++) {
		if (p->leases[i].cookie != cookie || !addr_equal(&p->leases[i].addr, addr))
			continue;
		assert_true(p->leases[i].users > 0);
		p->leases[i].users--;
	}
}

const struct ike_ops peer_ops = {
        .now = op_now,
        .random = op_random,
        .send = op_send,
        .submit_job = op_submit_job,
        .dp_submit = op_dp_submit,
        .counters = op_counters,
        .wake = op_wake,
        .event = op_event,
        .log = op_log,
        .pool = {.acquire = op_acquire, .release = op_release},
};

/* The store */

static int store_put(void *user, uint64_t key, const uint8_t *record, size_t len)
{
	struct peer *p = user;
	struct kept_record *slot = NULL;

	if (p->store_full)
		return -ENOSPC;
	for (unsigned i = 0; i < sizeof(p->records) / sizeof(p->records[0]); i++) {
		bool same = p->records[i].data != NULL && p->records[i].key == key;

		if (same || (slot == NULL && p->records[i].data == NULL))
			slot = &p->records[i];
	}
	assert_non_null(slot);
	free(slot->data);
	slot->data = malloc(len);
	assert_non_null(slot->data);
	memcpy(slot->data, record, len);
	slot->key = key;
	slot->len = len;
	p->puts++;
	p->uncommitted++;
	return 0;
}

static int store_drop(void *user, uint64_t key)
{
	struct peer *p = user;

	for (unsigned i = 0; i < sizeof(p->records) / sizeof(p->records[0]); i++) {
		if (p->records[i].data == NULL || p->records[i].key != key)
			continue;
		free(p->records[i].data);
		p->records[i].data = NULL;
		p->uncommitted++;
		return 0;
	}
	return -ENOENT;
}

static int store_commit(void *user)
{
	((struct peer *)user)->uncommitted = 0;
	return 0;
}

const struct ike_store_ops peer_store_ops = {.put = store_put, .drop = store_drop, .commit = store_commit};
