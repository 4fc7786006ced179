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

int batch_refuse_room(const struct core *core, struct batch_result *result, int rc, const char *what)
{
	if (rc == -EBUSY)
		return batch_refuse(result, 0, rc,
		                    "%u objects wait for a worker that is stalled: see its polls",
		                    core->writer->retire.n);
	return batch_refuse(result, 0, rc, "no memory for %s", what);
}

int batch_reserve(struct core *core, uint32_t n, struct batch_result *result)
{
	int rc = retire_reserve(core, n);

	return rc != 0 ? batch_refuse_room(core, result, rc, "what is retired") : 0;
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
	if (w->tunnels[index].tunnel != NULL)
		return batch_refuse(result, i, -EEXIST, "tunnel index %u is in use by handle %#x", index,
		                    w->tunnels[index].tunnel->handle);
	rc = path_build(core, &record->path, &path);
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
	atomic_init(&t->generation, record->generation);
	t->owner = least_loaded(core);
	w->load[t->owner]++;
	w->n_tunnels++;
	w->tunnels[index] = (struct tunnel_slot){.tunnel = t}; /* workers meet it only through its SAs */
	return 0;
}

static void undo_one(struct core *core, uint32_t handle)
{
	struct core_writer *w = core->writer;
	struct tunnel *t = writer_tunnel(core, handle);

	if (t == NULL)
		return;
	w->tunnels[RG_SA_HANDLE_INDEX(handle)] = (struct tunnel_slot){0};
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
		struct tunnel_slot *slot = t != NULL ? writer_slot(core, t) : NULL;
		if (t == NULL || slot->marked)
			rc = batch_refuse(result, i, -ENOENT, "there is no tunnel %#x", records[i].handle);
		else if (slot->refs != 0)
			rc = batch_refuse(result, i, -EBUSY, "tunnel %#x has %u SAs: delete them first",
			                  records[i].handle, slot->refs);
		else
			slot->marked = true;
	}
	if (rc != 0) {
		for (uint32_t undo = 0; undo < result->index; undo++)
			writer_slot(core, writer_tunnel(core, records[undo].handle))->marked = false;
		return rc;
	}
	for (i = 0; i < n; i++) {
		struct tunnel *t = writer_tunnel(core, records[i].handle);
		w->load[owner_fix(core, t)]--;
		w->tunnels[RG_SA_HANDLE_INDEX(t->handle)] = (struct tunnel_slot){0};
		w->n_tunnels--;
		retire(core, tunnel_destroy, t);
	}
	result->token = retire_seal(core);
	return 0;
}

/* A move that has all that it takes. */
struct staged {
	struct tunnel *tunnel;
	struct path *path;
};

static int build_one(struct core *core, const struct rg_api_migrate *record, bool suspend, uint32_t i,
                     struct staged *staged, struct batch_result *result)
{
	struct tunnel *t = writer_tunnel(core, record->handle);
	int rc;

	if (t == NULL)
		return batch_refuse(result, i, -ENOENT, "there is no tunnel %#x", record->handle);
	if (writer_slot(core, t)->marked)
		return batch_refuse(result, i, -EINVAL, "tunnel %#x is named twice", record->handle);
	if (record->generation <= tunnel_generation(t))
		return batch_refuse(result, i, -ESTALE, "generation %u is not above the tunnel's %u",
		                    record->generation, tunnel_generation(t));
	if (suspend)
		rc = path_build_suspended(core, tunnel_path(t), &staged->path);
	else
		rc = path_build(core, &record->path, &staged->path);
	if (rc != 0)
		return refuse_path(result, i, rc, &record->path);
	staged->tunnel = t;
	writer_slot(core, t)->marked = true;
	return 0;
}

static void swap_one(struct core *core, const struct staged *staged, uint32_t generation)
{
	struct tunnel *t = staged->tunnel;
	const struct path *old = atomic_load_explicit(&t->path, memory_order_relaxed);

	/* the move: publishes the whole path, pairs with tunnel_path() */
	atomic_store_explicit(&t->path, staged->path, memory_order_release);
	/* pairs with tunnel_generation() */
	atomic_store_explicit(&t->generation, generation, memory_order_release);
	writer_slot(core, t)->marked = false;
	retire(core, path_destroy, (void *)(uintptr_t)old);
}

static int swap_paths(struct core *core, const struct rg_api_migrate *records, uint32_t n, bool suspend,
                      struct batch_result *result)
{
	struct staged *staged;
	uint32_t i;
	int rc = 0;

	rc = batch_reserve(core, n, result);
	if (rc != 0)
		return rc;
	staged = calloc(n + 1, sizeof(*staged));
	if (staged == NULL)
		return batch_refuse(result, 0, -ENOMEM, "no memory for a batch");
	for (i = 0; i < n && rc == 0; i++)
		rc = build_one(core, &records[i], suspend, i, &staged[i], result);
	if (rc != 0) {
		for (uint32_t undo = 0; undo < result->index && staged[undo].tunnel != NULL; undo++) {
			writer_slot(core, staged[undo].tunnel)->marked = false;
			path_free(core, staged[undo].path);
		}
		free(staged);
		return rc;
	}
	for (i = 0; i < n; i++)
		swap_one(core, &staged[i], records[i].generation);
	free(staged);
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
