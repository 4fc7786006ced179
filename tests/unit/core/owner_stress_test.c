/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain threads as workers, packets for every SA on every worker, while main moves the
 * tunnels from worker to worker without a pause and rekeys them at the same time. H69 (worker change): each
 * outbound number is used exactly once, without a gap. H59 (across workers): each inbound number is offered
 * several times, on any worker, and accepted once. ThreadSanitizer sees two owners at once.
 */
#include "fixture.h"

#include "dataplane/core/owner.h"
#include "dataplane/core/settle.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#define WORKERS 3u
#define TUNNELS 4u
#define NUMBERS (1u << 20) /* of each SA: offered inbound, sent outbound, at the most */
#define BURST   16u
#define MOVES   10000u
#define WINDOW  1024u

/* Two pairs of SAs a tunnel: one that stays, one that is replaced again and again. */
struct stream {
	_Atomic uint8_t sent[NUMBERS + 1], accepted[NUMBERS + 1];
	_Atomic uint32_t next; /* inbound: the next number to offer */
};

static struct core *core;
static struct stream streams[TUNNELS];
static _Atomic bool stop;
static _Atomic uint32_t rekeyed[TUNNELS]; /* handle of the tunnel's second pair; 0: none */

struct worker {
	unsigned id;
	pthread_t thread;
	uint64_t seed, sent, accepted, refused, handed, passed, full, errors;
};

static struct worker workers[WORKERS];

enum { OUTBOUND = 1, INBOUND = 2 };

static uint32_t handle_of(uint32_t tunnel)
{
	return RG_SA_HANDLE(tunnel + 1, 1);
}

static void account(struct worker *w, struct sa *sa)
{
	if (sa_account(sa, 100))
		event_due(&core->worker[w->id]->events, sa, sa_record(core, sa), 1);
}

/* What the stages do with a packet of an SA that is theirs. */
static void send_one(struct worker *w, uint32_t flow, struct sa *sa)
{
	uint64_t seq = sa_next_sequence(sa);

	tunnel_note_out(sa->tunnel, 1);
	account(w, sa);
	if (flow >= TUNNELS)
		return;
	if (seq <= NUMBERS)
		w->errors +=
		        atomic_fetch_add_explicit(&streams[flow].sent[seq], 1, memory_order_relaxed) != 0;
	w->sent++;
}

static void receive_one(struct worker *w, uint32_t flow, struct sa *sa, uint64_t seq)
{
	bool newest;

	tunnel_note_in(sa->tunnel, 1);
	if (sa_replay_check(sa, seq) != DROP_NONE || sa_replay_accept(sa, seq, &newest) != DROP_NONE) {
		counters_add(&sa_record(core, sa)->replayed, 1);
		w->refused++;
		return;
	}
	account(w, sa);
	if (flow >= TUNNELS)
		return;
	w->errors += atomic_fetch_add_explicit(&streams[flow].accepted[seq], 1, memory_order_relaxed) != 0;
	w->accepted++;
}

static void meet(struct worker *w, uint32_t handle, uint16_t kind, uint32_t flow, uint64_t seq, bool late)
{
	struct sa *sa = sa_by_handle(core, kind == OUTBOUND ? RG_OUT : RG_IN, handle);
	const struct handover item = {.handle = handle, .kind = kind, .data = (uint64_t)flow << 32 | seq};

	if (sa == NULL)
		return;
	const unsigned owner = sa_owner(sa);
	if (owner != w->id) {
		w->passed += late;
		w->handed++;
		w->full += handover_put(core->worker[owner]->from[w->id], &item, 1) == 0;
	} else if (kind == OUTBOUND) {
		send_one(w, flow, sa);
	} else {
		receive_one(w, flow, sa, seq);
	}
}

static void take_handed_over(struct worker *w)
{
	struct handover items[BURST];

	for (unsigned from = 0; from < WORKERS; from++) {
		struct handover_ring *r = core->worker[w->id]->from[from];
		unsigned n = r != NULL ? handover_take(r, items, BURST) : 0;
		for (unsigned i = 0; i < n; i++)
			meet(w, items[i].handle, items[i].kind, (uint32_t)(items[i].data >> 32),
			     items[i].data & UINT32_MAX, true);
	}
}

/* New numbers, and old ones again: those of the last burst, and any in the window. */
static uint64_t pick_number(struct worker *w, struct stream *f)
{
	uint32_t top = atomic_load_explicit(&f->next, memory_order_relaxed);
	uint64_t dice = next_random(&w->seed);

	if (dice % 3 == 0 && top < NUMBERS)
		return atomic_fetch_add_explicit(&f->next, 1, memory_order_relaxed) % NUMBERS + 1;
	return top == 0 ? 1 : top - (dice >> 8) % (top < 200 ? top : 200);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t now = 0;

	rcu_online(&core->rcu, w->id);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		owner_obey(core, w->id);
		settle(core, w->id, ++now);
		for (unsigned i = 0; i < BURST; i++) {
			uint32_t t = (uint32_t)(next_random(&w->seed) % TUNNELS);
			uint32_t second = atomic_load_explicit(&rekeyed[t], memory_order_relaxed);
			meet(w, handle_of(t), OUTBOUND, t, 0, false);
			meet(w, handle_of(t), INBOUND, t, pick_number(w, &streams[t]), false);
			if (second != 0)
				meet(w, second, i % 2 ? INBOUND : OUTBOUND, TUNNELS, i, false);
		}
		take_handed_over(w);
		rcu_quiescent(&core->rcu, w->id);
		sched_yield();
	}
	rcu_offline(&core->rcu, w->id);
	return NULL;
}

/* --- main's side --- */

static void add_pair(uint32_t handle, uint32_t tunnel)
{
	struct rg_api_sa sa = fixture_sa(handle, tunnel, 0x0a630001);
	struct batch_result r = {0};

	sa.window = WINDOW;
	assert_int_equal(batch_sa_add(core, RG_IN, &sa, 1, &r), 0);
	assert_int_equal(batch_sa_add(core, RG_OUT, &sa, 1, &r), 0);
}

static void rekey(uint32_t tunnel)
{
	static uint32_t generation[TUNNELS];
	const uint32_t index = 100 + tunnel;
	struct rg_api_handle old = {.handle = atomic_load(&rekeyed[tunnel])};
	struct batch_result r = {0};

	if (old.handle != 0) {
		atomic_store(&rekeyed[tunnel], 0);
		assert_int_equal(batch_sa_del(core, RG_IN, &old, 1, &r), 0);
		assert_int_equal(batch_sa_del(core, RG_OUT, &old, 1, &r), 0);
	} else if (core->writer->sa_slot[RG_IN][index] == SLOT_FREE &&
	           core->writer->sa_slot[RG_OUT][index] == SLOT_FREE) {
		uint32_t handle = RG_SA_HANDLE(index, ++generation[tunnel] & 0x7f);
		add_pair(handle, handle_of(tunnel));
		atomic_store(&rekeyed[tunnel], handle);
	}
}

/* Whoever owns it, what it has counted never falls, and its record is never ahead. */
static void look_at(uint32_t tunnel)
{
	static uint64_t seen[TUNNELS];
	const struct sa *out = sa_by_handle(core, RG_OUT, handle_of(tunnel));
	const uint64_t recorded = counters_read(&sa_record(core, out)->sequence);
	const struct rg_counters_sa now = sa_counters(out, sa_record(core, out), 1);

	assert_true(now.packets >= seen[tunnel] && now.sequence >= recorded);
	seen[tunnel] = now.packets;
}

/* Until so many moves were completed. */
static void move_about(void)
{
	struct batch_result r = {0};
	uint64_t seed = 0x07e4, now = 1000;

	while (core->writer->owner_moves < MOVES) {
		struct rg_api_owner record = {.tunnel = handle_of((uint32_t)(next_random(&seed) % TUNNELS)),
		                              .worker = (uint32_t)(next_random(&seed) % WORKERS)};
		int rc = batch_owner(core, &record, 1, &r);
		assert_true(rc == 0 || rc == -EAGAIN);
		if (next_random(&seed) % 4 == 0)
			rekey((uint32_t)(next_random(&seed) % TUNNELS));
		look_at((uint32_t)(next_random(&seed) % TUNNELS));
		core_tick(core, ++now);
		sched_yield();
	}
}

static void check_stream(uint32_t tunnel)
{
	const struct sa *out = sa_by_handle(core, RG_OUT, handle_of(tunnel));
	uint64_t last = counters_read(&out->live->sequence);

	/* all numbers up to the last were used, and no other */
	for (uint64_t seq = 1; seq <= NUMBERS; seq++)
		assert_int_equal(atomic_load(&streams[tunnel].sent[seq]), seq <= last);
}

static void numbers_are_used_once_while_owners_change(void **state)
{
	uint64_t sent = 0, accepted = 0, refused = 0, passed = 0;

	(void)state;
	core = fixture_core(WORKERS);
	for (uint32_t t = 0; t < TUNNELS; t++) {
		struct rg_api_tunnel tunnel = fixture_tunnel(handle_of(t));
		struct batch_result r = {0};
		assert_int_equal(batch_tunnel_add(core, &tunnel, 1, &r), 0);
		add_pair(handle_of(t), handle_of(t));
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].id = i;
		workers[i].seed = 0x0a4 + i;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	move_about();
	atomic_store(&stop, true);
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].errors, 0);
		sent += workers[i].sent;
		accepted += workers[i].accepted;
		refused += workers[i].refused;
		passed += workers[i].passed;
	}
	for (uint32_t t = 0; t < TUNNELS; t++)
		check_stream(t);
	print_message("%lu sent, %lu accepted, %lu replays refused, %lu passed on\n", (unsigned long)sent,
	              (unsigned long)accepted, (unsigned long)refused, (unsigned long)passed);
	assert_true(sent > 1000 && accepted > 1000 && refused > 1000 && passed > 0);
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_are_used_once_while_owners_change)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
