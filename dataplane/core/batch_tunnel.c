/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunnels and their moves: the swap of a path is here and nowhere else. Main only.
 */
#include "dataplane/core/batch.h"
#include "dataplane/core/owner.h"
#include "dataplane/core/writer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int batch_refuse(struct batch_result *result, uint32_t index, int rc, const char *format, ...)
{
	va_list args;

	result->index = index;
	va_start(args, format);
	vsnprintf(result->text, sizeof(result->text), format, args);
	va_end(args);
	return rc;
}

int batch_reserve(struct core *core, uint32_t n, struct batch_result *result)
{
	int rc = retire_reserve(core, n);

	if (rc == -EBUSY)
		return batch_refuse(result, 0, rc,
		                    "%u objects wait for a worker that is stalled: see its polls",
		                    core->writer->retire.n);
	return rc != 0 ? batch_refuse(result, 0, rc, "no memory to retire what is replaced") : 0;
}

bool batch_quiescent(const struct core *core, uint64_t token)
{
	return rcu_passed(&core->rcu, token);
}

static int refuse_path(struct batch_result *result, uint32_t index, int rc, const struct rg_api_path *spec)
{
	char local[INET6_ADDRSTRLEN] = "?";

	if (rc == -ENOMEM)
		return batch_refuse(result, index, rc, "no memory for a path");
	if (rc != -EADDRNOTAVAIL)
		return batch_refuse(result, index, rc,
		                    "path: family, encapsulation, ports, MTU or addresses are not valid");
	inet_ntop(spec->family == 4 ? AF_INET : AF_INET6, spec->local, local, sizeof(local));
	return batch_refuse(result, index, rc, "%s is no address of an uplink", local);
}

static uint16_t least_loaded(const struct core *core)
{
	uint16_t best = 0;

	for (uint16_t i = 1; i < core->n_workers; i++) {
		if (core->writer->load[i] < core->writer->load[best])
			best = i;
	}
	return best;
}

static void tunnel_destroy(struct core *core, void *tunnel)
{
	struct tunnel *t = tunnel;

	path_free(core, (struct path *)(uintptr_t)atomic_load_explicit(&t->path, memory_order_relaxed));
	slab_free(&core->writer->slabs, t, sizeof(*t));
}

static void path_destroy(struct core *core, void *path)
{
	path_free(core, path);
}

static int add_one(struct core *core, const struct rg_api_tunnel *record, uint32_t i,
                   struct batch_result *result)
{
	struct core_writer *w = core->writer;
	uint32_t index = RG_SA_HANDLE_INDEX(record->handle);
	struct tunnel *t;
	struct path *path;
	int rc;

	if (record->handle == 0 || record->handle >> (RG_SA_INDEX_BITS + RG_SA_GENERATION_BITS) != 0)
		return batch_refuse(result, i, -EINVAL, "tunnel handle %#x is not valid", record->handle);
	if (index >= w->max_tunnels)
		return batch_refuse(result, i, -ENOSPC,
		                    "tunnel index %u is beyond the limit of %u: raise max-sas", index,
		                    w->max_tunnels);
	if (w->tunnels[index] != NULL)
		return batch_refuse(result, i, -EEXIST, "tunnel index %u is in use by handle %#x", index,
		                    w->tunnels[index]->handle);
	rc = path_build(core, &record->path, record->generation, &path);
	if (rc != 0)
		return refuse_path(result, i, rc, &record->path);
	t = slab_alloc(&w->slabs, sizeof(*t));
	if (t == NULL) {
		path_free(core, path);
		return batch_refuse(result, i, -ENOMEM, "no memory for a tunnel");
	}
	atomic_init(&t->path, path);
	t->handle = record->handle;
	t->cookie = record->cookie;
	t->generation = record->generation;
	t->owner = least_loaded(core);
	w->load[t->owner]++;
	w->n_tunnels++;
	w->tunnels[index] = t; /* workers meet it only through its SAs */
	return 0;
}

static void undo_one(struct core *core, uint32_t handle)
{
	struct core_writer *w = core->writer;
	struct tunnel *t = writer_tunnel(core, handle);

	if (t == NULL)
		return;
	w->tunnels[RG_SA_HANDLE_INDEX(handle)] = NULL;
	w->load[t->owner]--;
	w->n_tunnels--;
	tunnel_destroy(core, t);
}

int batch_tunnel_add(struct core *core, const struct rg_api_tunnel *records, uint32_t n,
                     struct batch_result *result)
{
	int rc = 0;

	for (uint32_t i = 0; i < n && rc == 0; i++) {
		rc = add_one(core, &records[i], i, result);
		for (uint32_t undo = i; rc != 0 && undo-- > 0;)
			undo_one(core, records[undo].handle);
	}
	if (rc == 0)
		result->token = core->writer->retire.last;
	return rc;
}

int batch_tunnel_del(struct core *core, const struct rg_api_handle *records, uint32_t n,
                     struct batch_result *result)
{
	struct core_writer *w = core->writer;
	uint32_t i;
	int rc = 0;

	rc = batch_reserve(core, n, result);
	if (rc != 0)
		return rc;
	for (i = 0; i < n && rc == 0; i++) {
		struct tunnel *t = writer_tunnel(core, records[i].handle);
		if (t == NULL || t->marked)
			rc = batch_refuse(result, i, -ENOENT, "there is no tunnel %#x", records[i].handle);
		else if (t->refs != 0)
			rc = batch_refuse(result, i, -EBUSY, "tunnel %#x has %u SAs: delete them first",
			                  records[i].handle, t->refs);
		else
			t->marked = true;
	}
	if (rc != 0) {
		for (uint32_t undo = 0; undo < result->index; undo++)
			writer_tunnel(core, records[undo].handle)->marked = false;
		return rc;
	}
	for (i = 0; i < n; i++) {
		struct tunnel *t = writer_tunnel(core, records[i].handle);
		w->tunnels[RG_SA_HANDLE_INDEX(t->handle)] = NULL;
		w->load[owner_fix(core, t)]--;
		w->n_tunnels--;
		retire(core, tunnel_destroy, t);
	}
	result->token = retire_seal(core);
	return 0;
}

static int build_one(struct core *core, const struct rg_api_migrate *record, bool suspend, uint32_t i,
                     struct batch_result *result)
{
	struct tunnel *t = writer_tunnel(core, record->handle);
	int rc;

	if (t == NULL)
		return batch_refuse(result, i, -ENOENT, "there is no tunnel %#x", record->handle);
	if (t->staged != NULL)
		return batch_refuse(result, i, -EINVAL, "tunnel %#x is named twice", record->handle);
	if (record->generation <= t->generation)
		return batch_refuse(result, i, -ESTALE, "generation %u is not above the tunnel's %u",
		                    record->generation, t->generation);
	if (suspend)
		rc = path_build_suspended(core, tunnel_path(t), record->generation, &t->staged);
	else
		rc = path_build(core, &record->path, record->generation, &t->staged);
	return rc == 0 ? 0 : refuse_path(result, i, rc, &record->path);
}

static int swap_paths(struct core *core, const struct rg_api_migrate *records, uint32_t n, bool suspend,
                      struct batch_result *result)
{
	uint32_t i;
	int rc = 0;

	rc = batch_reserve(core, n, result);
	if (rc != 0)
		return rc;
	for (i = 0; i < n && rc == 0; i++)
		rc = build_one(core, &records[i], suspend, i, result);
	if (rc != 0) {
		for (uint32_t undo = 0; undo < result->index; undo++) {
			struct tunnel *t = writer_tunnel(core, records[undo].handle);
			path_free(core, t->staged);
			t->staged = NULL;
		}
		return rc;
	}
	for (i = 0; i < n; i++) {
		struct tunnel *t = writer_tunnel(core, records[i].handle);
		const struct path *old = atomic_load_explicit(&t->path, memory_order_relaxed);
		/* the move: publishes the whole path, pairs with tunnel_path() */
		atomic_store_explicit(&t->path, t->staged, memory_order_release);
		/* pairs with tunnel_moves() */
		atomic_store_explicit(&t->moves, t->moves + 1, memory_order_release);
		t->generation = records[i].generation;
		t->staged = NULL;
		retire(core, path_destroy, (void *)(uintptr_t)old);
	}
	result->token = retire_seal(core);
	core->writer->migrations += suspend ? 0 : n;
	return 0;
}

int batch_migrate(struct core *core, const struct rg_api_migrate *records, uint32_t n,
                  struct batch_result *result)
{
	return swap_paths(core, records, n, false, result);
}

int batch_suspend(struct core *core, const struct rg_api_migrate *records, uint32_t n,
                  struct batch_result *result)
{
	return swap_paths(core, records, n, true, result);
}
