/* SPDX-License-Identifier: Apache-2.0 */
/* See balance.h. */
#include "dataplane/core/balance.h"
#include "dataplane/core/batch.h"
#include "dataplane/core/writer.h"

#include <stdlib.h>

#define PARTS 100u /* of the tunnels looked at each tick */

_Static_assert(BALANCE_WORKERS == CORE_MAX_WORKERS, "one sample for each");

/* In packets, with a long one counted as several: what a worker spends on it. */
static uint64_t work_of(const struct core *core, const struct tunnel_slot *slot)
{
	const struct sa *sa;
	uint64_t work = 0;

	for (uint32_t next = slot->sas; next != 0; next = sa_rare(sa)->tunnel_next) {
		sa = writer_sa_of(core, next);
		const struct rg_counters_sa now = sa_counters(sa, sa_record(core, sa), 0);
		work += now.packets + now.bytes / 1024;
	}
	return work;
}

/* Packets of each worker since the last look; who has most and fewest. */
static void look(struct core *core, struct balance *b, uint64_t rate[])
{
	b->hot = b->cold = 0;
	for (unsigned i = 0; i < core->n_workers; i++) {
		const struct counters *c = &core->worker[i]->counters;
		uint64_t now = counters_read(&c->count[COUNTER_ENCRYPTED]) +
		               counters_read(&c->count[COUNTER_DECRYPTED]);
		rate[i] = now - b->packets[i];
		b->packets[i] = now;
		if (rate[i] > rate[b->hot])
			b->hot = (uint16_t)i;
		if (rate[i] < rate[b->cold])
			b->cold = (uint16_t)i;
	}
}

static void watch(struct core *core, struct balance *b)
{
	uint64_t rate[CORE_MAX_WORKERS];

	look(core, b, rate);
	/* a quarter apart: what remains is noise of the tunnels themselves */
	if (rate[b->hot] < BALANCE_FLOOR || rate[b->hot] - rate[b->cold] <= rate[b->hot] / 4) {
		b->streak = 0;
		return;
	}
	b->share = (rate[b->hot] - rate[b->cold]) * 512 / rate[b->hot];
	if (++b->streak < BALANCE_STREAK)
		return;
	b->streak = 0;
	b->work = calloc(core->writer->max_tunnels, sizeof(*b->work));
	if (b->work != NULL) { /* or all stays as it is, for another while */
		b->phase = BALANCE_NOTE;
		b->at = 0;
		b->total = 0;
	}
}

static void visit(struct core *core, struct balance *b, const struct tunnel_slot *slot)
{
	const struct rg_api_owner order = {.tunnel = slot->tunnel->handle, .worker = b->cold};
	uint64_t *work = &b->work[b->at], now;
	struct batch_result result;

	switch ((enum balance_phase)b->phase) {
	case BALANCE_NOTE:
		*work = work_of(core, slot);
		return;
	case BALANCE_MEASURE:
		now = work_of(core, slot);
		/* an SA of it may have gone meanwhile */
		*work = now > *work ? now - *work : 0;
		b->total += *work;
		return;
	case BALANCE_MOVE:
		if (*work == 0 || *work > b->left)
			return;
		/* one that cannot move now is left where it is */
		if (batch_owner(core, &order, 1, &result) == 0)
			b->left -= *work;
		return;
	case BALANCE_WATCH:
		return;
	}
}

static void survey(struct core *core, struct balance *b)
{
	struct core_writer *w = core->writer;
	uint32_t part = w->max_tunnels / PARTS + 1;

	for (; part > 0 && b->at < w->max_tunnels; part--, b->at++) {
		const struct tunnel_slot *slot = &w->tunnels[b->at];
		if (slot->tunnel != NULL && slot->tunnel->owner == b->hot)
			visit(core, b, slot);
	}
}

/* At each second's end. */
static void next_phase(struct core *core, struct balance *b)
{
	b->at = 0;
	if (b->phase == BALANCE_MEASURE) {
		b->phase = BALANCE_MOVE;
		b->left = b->total * b->share / 1024;
	} else if (b->phase == BALANCE_NOTE) {
		b->phase = BALANCE_MEASURE;
	} else {
		uint64_t rate[CORE_MAX_WORKERS];
		b->phase = BALANCE_WATCH;
		balance_fini(b);
		look(core, b, rate);
	}
}

void balance_fini(struct balance *b)
{
	free(b->work);
	b->work = NULL;
}

void balance_tick(struct core *core, uint64_t now_ms)
{
	struct balance *b = &core->writer->balance;

	if (!core->config.balance || core->n_workers < 2)
		return;
	if (b->phase != BALANCE_WATCH)
		survey(core, b);
	if (now_ms < b->next_ms)
		return;
	b->next_ms = now_ms + BALANCE_INTERVAL_MS;
	/* a pass that is not through yet goes on: a tick came late */
	if (b->phase == BALANCE_WATCH)
		watch(core, b);
	else if (b->at >= core->writer->max_tunnels)
		next_phase(core, b);
}
