/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of exchange tests, see world.h: its clock, its beginning and its end,
 * and how the two peers come to be connected. Its own memory is cmocka's, so that
 * a test may let the peers run out of theirs.
 */
#include "tests/exchange/world_config.h"
#include "tests/exchange/world_parts.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct rg_cfg_addr address(const char *text)
{
	struct rg_cfg_addr a = {.family = 4};

	if (inet_pton(AF_INET, text, a.bytes) == 1)
		return a;
	a.family = 6;
	assert_int_equal(inet_pton(AF_INET6, text, a.bytes), 1);
	return a;
}

struct ike_endpoint endpoint(const char *addr, uint16_t port)
{
	return (struct ike_endpoint){address(addr), port};
}

void world_local(struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		struct peer *p = &w->peers[i];

		while ((p->n_jobs > 0 && !p->hold_jobs) || (p->n_batches > 0 && !p->hold_batches)) {
			if (!p->hold_jobs)
				peer_run_jobs(p);
			if (!p->hold_batches)
				peer_run_batches(p);
		}
	}
}

void world_deliver(struct world *w, unsigned index)
{
	network_deliver(w, index);
	world_local(w);
	if (w->watch != NULL)
		w->watch(w, false);
}

/* One step towards `end`; false: nothing is left before it. */
static bool step(struct world *w, uint64_t end)
{
	uint64_t at = FAR_AWAY;
	unsigned packet = 0;
	struct peer *timer = NULL;

	world_local(w);
	if (w->n_net > 0) {
		packet = network_earliest(w);
		at = w->net[packet].at_ms;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (w->peers[i].next_ms < at) {
			at = w->peers[i].next_ms;
			timer = &w->peers[i];
		}
	}
	if (at > end)
		return false;
	if (at > w->now_ms)
		w->now_ms = at;
	if (w->watch != NULL)
		w->watch(w, true);
	if (timer != NULL)
		timer->next_ms = ike_tick(timer->m);
	else
		network_deliver(w, packet);
	world_local(w);
	if (w->watch != NULL)
		w->watch(w, false);
	return true;
}

void world_run(struct world *w, uint64_t ms)
{
	uint64_t end = w->now_ms + ms;

	while (step(w, end))
		;
	w->now_ms = end;
}

bool world_run_until(struct world *w, bool (*done)(struct world *w), uint64_t ms)
{
	uint64_t end = w->now_ms + ms;

	world_local(w);
	while (!done(w)) {
		if (!step(w, end)) {
			w->now_ms = end;
			return done(w);
		}
	}
	return true;
}

void world_settle(struct world *w)
{
	world_run(w, w->delay_ms * 8 + 10);
}

struct world *world_new(const struct world_options *options)
{
	struct world *w = test_calloc(1, sizeof(*w));

	assert_non_null(w);
	if (options != NULL)
		w->options = *options;
	w->seed = w->options.seed + 1;
	w->now_ms = 1000000;
	w->delay_ms = 10;
	w->record = true;
	peer_start(w, 0, world_client_auth(&w->options));
	peer_start(w, 1, world_gateway_auth(&w->options));
	return w;
}

void world_free(struct world *w)
{
	peer_end(world_client(w));
	peer_end(world_gateway(w));
	network_free(w);
	test_free(w);
}

uint64_t world_connect(struct world *w)
{
	struct ike_initiate req = {.connection = 0,
	                           .local = endpoint("198.51.100.7", 500),
	                           .remote = endpoint("192.0.2.1", 500),
	                           .remote_identity = "gw.example.net",
	                           .want_ip4 = true,
	                           .want_ip6 = true};
	int64_t id = ike_initiate(world_client(w)->m, &req);

	assert_true(id > 0);
	return (uint64_t)id;
}

bool world_is_up(struct world *w)
{
	return peer_session(world_client(w)) != NULL && peer_session(world_gateway(w)) != NULL;
}

void world_up(struct world *w)
{
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 30000));
	world_settle(w);
	world_trace_clear(w);
}

void world_claim(struct ike_sa *sa, const char *identity)
{
	assert_int_equal(rg_id_parse(&sa->wishes->own, identity), 0);
	sa->own_id = &sa->wishes->own;
}

void world_unharmed(struct world *w)
{
	assert_int_equal(peer_sas(world_gateway(w)), 1);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 1);
	assert_true(world_traffic(w));
}
