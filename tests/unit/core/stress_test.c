/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain threads as workers against the writer at full speed, for ThreadSanitizer:
 * SAs, policies, paths and next hops that workers look up are whole while main
 * adds, deletes, moves and frees them; packets that are handed over get
 * strictly rising sequence numbers from the one owner (H59, H68, H69).
 */
#include "fixture.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#define BACKLOG 16384u /* objects that wait for workers; far from what core refuses at */
#define WORKERS 3u
#define STEADY  16u /* clients that stay: their tunnels move */
#define MOVING  32u /* clients that come and go */
#define CLIENTS (STEADY + MOVING)
#define SECONDS 3
#define BURST   16u

static struct core *core;
static _Atomic bool stop;
/* What main last published for a client; workers may be a step behind. */
static _Atomic uint32_t handles[CLIENTS];
/* The last number that anybody sent on a steady SA. */
static _Atomic uint64_t last_sent[STEADY];

struct worker {
	unsigned id;
	pthread_t thread;
	uint64_t seed, bursts, found, sent, received, full, errors;
	uint16_t port[STEADY]; /* the local port of its last path */
};

static struct worker workers[WORKERS];

static uint32_t client_of(uint32_t i)
{
	return 0x0a630001 + i;
}

static bool path_is_right(const struct path *path)
{
	const struct nexthop *nh;

	if (!path_is_whole(path))
		return false;
	if (path->flags & PATH_SUSPENDED)
		return nexthop_load(path->nexthop) == NULL;
	nh = nexthop_load(path->nexthop);
	/* every next hop of this test has its port in each byte of its MACs */
	for (unsigned i = 0; nh != NULL && i < 12; i++) {
		if (nh->l2[i] != (uint8_t)nh->port)
			return false;
	}
	return path->hdr_len == 28;
}

static void check_path(struct worker *w, uint32_t client, const struct sa *sa)
{
	const struct path *path = tunnel_path(sa->tunnel);
	uint16_t port;

	w->errors += !path_is_right(path);
	if (client >= STEADY)
		return;
	memcpy(&port, path->hdr + 20, 2);
	/* never back to an older path: their local ports rise (move_steady()) */
	w->errors += w->port[client] != 0 && (int16_t)(ntohs(port) - w->port[client]) < 0;
	w->port[client] = ntohs(port);
}

static void look_up_inbound(struct worker *w, uint32_t client)
{
	uint32_t handle = atomic_load_explicit(&handles[client], memory_order_acquire);
	uint32_t spi = htonl(0x10000000 | handle);
	struct sa *sa = sa_in_find(core, spi);

	if (sa == NULL) {
		w->errors += client < STEADY;
		return;
	}
	w->found++;
	w->errors += sa->spi != spi || ((const uint8_t *)sa_key(sa))[0] != (uint8_t)handle;
	check_path(w, client, sa);
}

static void send_one(struct worker *w, uint32_t client, struct sa *sa)
{
	uint64_t seq;

	if (client >= STEADY || sa_owner(sa) != w->id)
		return;
	seq = sa_next_sequence(sa);
	/* two owners at once, or a number twice, would show here */
	w->errors += atomic_exchange_explicit(&last_sent[client], seq, memory_order_relaxed) >= seq;
	sa_account(sa, 100);
	w->sent++;
}

static void look_up_outbound(struct worker *w, uint32_t client)
{
	const struct policy_set *set = policy_find4(&core->policies, htonl(client_of(client)));
	struct handover item;
	uint8_t ip[28];

	fixture_packet(ip, 0x0a140001, client_of(client));
	if (set == NULL) {
		w->errors += client < STEADY;
		return;
	}
	struct policy_choice c = policy_choose(set, ip, 28);
	if (c.sa == NULL) {
		w->errors += client < STEADY || c.drop == DROP_NONE;
		return;
	}
	w->errors += !sa_admits(c.sa, ip, 28);
	check_path(w, client, c.sa);
	if (sa_owner(c.sa) == w->id) {
		send_one(w, client, c.sa);
		return;
	}
	item = (struct handover){.handle = c.sa->handle, .data = client};
	w->full += handover_put(core->worker[sa_owner(c.sa)]->from[w->id], &item, 1) == 0;
}

static void take_handed_over(struct worker *w)
{
	struct handover items[BURST];

	for (unsigned from = 0; from < WORKERS; from++) {
		struct handover_ring *r = core->worker[w->id]->from[from];
		unsigned n = r != NULL ? handover_take(r, items, BURST) : 0;
		for (unsigned i = 0; i < n; i++) {
			struct sa *sa = sa_by_handle(core, RG_OUT, items[i].handle);
			w->received++;
			if (sa != NULL)
				send_one(w, (uint32_t)items[i].data, sa);
		}
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;

	rcu_online(&core->rcu, w->id);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (unsigned i = 0; i < BURST; i++) {
			look_up_inbound(w, (uint32_t)(next_random(&w->seed) % CLIENTS));
			look_up_outbound(w, (uint32_t)(next_random(&w->seed) % CLIENTS));
		}
		take_handed_over(w);
		rcu_quiescent(&core->rcu, w->id);
		if (++w->bursts % 64 == 0) { /* a nap */
			rcu_offline(&core->rcu, w->id);
			sched_yield();
			rcu_online(&core->rcu, w->id);
		}
	}
	rcu_offline(&core->rcu, w->id);
	return NULL;
}

/* --- main's side --- */

static void must(int rc, const struct batch_result *r)
{
	if (rc != 0)
		fail_msg("batch refused: %d %s", rc, r->text);
}

static void add_client(uint32_t i, uint32_t generation)
{
	uint32_t handle = RG_SA_HANDLE(1 + i, generation);
	struct rg_api_tunnel t = fixture_tunnel(handle);
	struct rg_api_sa sa = fixture_sa(handle, handle, client_of(i));
	struct rg_api_policy p = fixture_policy(handle, handle, client_of(i), i % 2 ? 32 : 31);
	struct batch_result r = {0};

	p.prefix[3] &= i % 2 ? 0xff : 0xfe;
	must(batch_tunnel_add(core, &t, 1, &r), &r);
	must(batch_sa_add(core, RG_IN, &sa, 1, &r), &r);
	must(batch_sa_add(core, RG_OUT, &sa, 1, &r), &r);
	must(batch_policy_add(core, &p, 1, &r), &r);
	atomic_store_explicit(&handles[i], handle, memory_order_release);
}

static void delete_client(uint32_t i)
{
	struct rg_api_handle d = {.handle = atomic_load(&handles[i])};
	struct batch_result r = {0};

	must(batch_policy_del(core, &d, 1, &r), &r);
	must(batch_sa_del(core, RG_IN, &d, 1, &r), &r);
	must(batch_sa_del(core, RG_OUT, &d, 1, &r), &r);
	must(batch_tunnel_del(core, &d, 1, &r), &r);
}

static void move_steady(uint32_t generation)
{
	struct rg_api_migrate m[STEADY];
	struct batch_result r = {0};

	for (uint32_t i = 0; i < STEADY; i++) {
		m[i] = (struct rg_api_migrate){atomic_load(&handles[i]), generation,
		                               fixture_path(0xc6336400 + (i + generation) % 8)};
		m[i].path.local_port = htons((uint16_t)(4500 + generation) | 1); /* never 0 */
	}
	must(batch_migrate(core, m, STEADY, &r), &r);
}

static void flap(void *ctx, struct route *route)
{
	uint32_t step = *(const uint32_t *)ctx;
	struct nexthop nh = {.port = (uint16_t)(step % 251 + 1), .mtu = 1500};

	memset(nh.l2, nh.port, 12);
	if ((step + route->addr[3]) % 7 == 0)
		assert_int_equal(route_set_nexthop(core, route, step % 3 ? &nh : NULL), 0);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* A moving client's index is in quarantine until its old SAs are reclaimed. */
static bool is_free(uint32_t i)
{
	return core->writer->sa_slot[RG_IN][1 + i] == SLOT_FREE &&
	       core->writer->sa_slot[RG_OUT][1 + i] == SLOT_FREE;
}

static uint32_t churn(uint64_t until)
{
	static uint32_t generation[CLIENTS];
	static bool there[CLIENTS];
	uint64_t seed = 0x57ee55;
	uint32_t step = 2;

	for (; now_ms() < until; step++) {
		uint32_t i = STEADY + (uint32_t)(next_random(&seed) % MOVING);
		if (there[i]) {
			delete_client(i);
			there[i] = false;
		} else if (is_free(i)) {
			add_client(i, ++generation[i]);
			there[i] = true;
		}
		move_steady(step);
		route_foreach(core, UINT32_MAX, flap, &step);
		core_tick(core, now_ms());
		if (step % 16 == 0)
			sched_yield();
		/* Workers that wait for a CPU are not stalled ones. */
		while (core->writer->retire.n > BACKLOG) {
			sched_yield();
			core_tick(core, now_ms());
		}
	}
	return step;
}

static void tables_are_whole_under_churn(void **state)
{
	uint64_t found = 0, sent = 0, received = 0;
	uint32_t steps;

	(void)state;
	core = fixture_core(WORKERS);
	for (uint32_t i = 0; i < STEADY; i++)
		add_client(i, 1);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].id = i;
		workers[i].seed = 0x77 + i;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	steps = churn(now_ms() + SECONDS * 1000);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].errors, 0);
		found += workers[i].found;
		sent += workers[i].sent;
		received += workers[i].received;
	}
	assert_true(steps > 100 && found > 1000 && sent > 1000 && received > 100);
	retire_reclaim(core, UINT32_MAX);
	assert_int_equal(core->writer->retire.n, 0); /* all readers are gone: nothing is left behind */
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(tables_are_whole_under_churn)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
