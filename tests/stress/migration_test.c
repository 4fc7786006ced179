/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The project's promise under load: a tunnel moves 10,000 times between paths of
 * all four kinds while packets run through it both ways as fast as they can, and
 * every single packet is looked at; and so when it moves between workers as well. H52, H59, H69;
 * the seven points of "atomic".
 */
#include "tests/stress/world.h"

#include "dataplane/crypto.h"
#include "tests/support/packets.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_eal.h>

#define MOVES         10000u
#define SHORT_MOVES   2000u /* with two workers on a machine that may have two cores */
#define BETWEEN       4u    /* packets that are made between two moves, at the least */
#define CALL_MS       5000
#define PACKET_POOL   2047u
#define PACKET_BUFFER 2304u

static struct rte_mempool *pool;

static void wait_for_packets(struct world *w, uint64_t more)
{
	const uint64_t goal = atomic_load_explicit(&w->made, memory_order_relaxed) + more;

	while (atomic_load_explicit(&w->made, memory_order_relaxed) < goal)
		sched_yield();
}

static void migrate(struct world *w, uint32_t generation)
{
	struct rg_api_migrate move = {.handle = world_handle(), .generation = generation};
	struct rg_api_reply reply;

	generation_path(generation, &move.path);
	assert_int_equal(rg_client_call(w->client, RG_MSG_MIGRATE, &move, 1, &reply, CALL_MS), 0);
	/* pairs with the acquire in transmit(); without a grace period nothing is promised */
	if (reply.quiescent)
		atomic_store_explicit(&w->acknowledged, generation, memory_order_release);
}

static void assert_whole(const struct tally *t)
{
	assert_int_equal(t->wrong_tuple, 0);
	assert_int_equal(t->wrong_order, 0);
	assert_int_equal(t->wrong_icv, 0);
	assert_int_equal(t->wrong_inner, 0);
	assert_int_equal(t->twice, 0);
	assert_int_equal(t->received, t->sent);
}

static void run_migrations(unsigned n_workers, uint32_t moves)
{
	static struct world w;
	const char *worst;
	bool drained;
	uint64_t drops;

	assert_int_equal(world_start(&w, &(struct world_how){.n_workers = n_workers}, pool), 0);
	for (uint32_t generation = 2; generation < 2 + moves; generation++) {
		wait_for_packets(&w, BETWEEN);
		migrate(&w, generation);
	}
	wait_for_packets(&w, BETWEEN);
	drained = world_finish(&w);
	drops = world_drops(&w, &worst);
	print_message("%u moves, %lu packets out, %lu in, %lu dropped (most: %s)\n", moves,
	              (unsigned long)w.out.received, (unsigned long)w.in.received, (unsigned long)drops,
	              worst);
	assert_true(drained);
	assert_int_equal(drops, 0);
	assert_whole(&w.out);
	assert_whole(&w.in);
	assert_int_equal(w.last_generation, 1 + moves);
	assert_int_equal(atomic_load(&w.stale), 0);
	assert_true(w.last_seq > UINT32_MAX);
	assert_int_equal(atomic_load(&w.acknowledged) > moves / 2, 1);
	world_free(&w);
}

static void test_one_worker(void **state)
{
	(void)state;
	run_migrations(1, MOVES);
}

/* Half of the packets land on the worker that does not own the SA. */
static void test_two_workers_hand_over(void **state)
{
	(void)state;
	run_migrations(2, SHORT_MOVES);
}

/* To the other worker, unless it is on its way still. */
static void change_owner(struct world *w, uint32_t worker)
{
	const struct rg_api_owner record = {.tunnel = world_handle(), .worker = worker};
	struct rg_api_reply reply;
	int rc = rg_client_call(w->client, RG_MSG_OWNER, &record, 1, &reply, CALL_MS);

	assert_true(rc == 0 || rc == -EAGAIN);
}

/*
 * The tunnel moves from worker to worker, and its path moves too, under traffic: no packet is lost, no number
 * is used twice or left out (H69, worker change), and what comes a second time, on the other worker, is
 * refused (H59).
 */
static void test_H69_H59_owners_change(void **state)
{
	static struct world w;
	const char *worst;
	uint64_t drops;

	(void)state;
	assert_int_equal(world_start(&w, &(struct world_how){.n_workers = 2, .owners_change = true}, pool),
	                 0);
	for (uint32_t generation = 2; generation < 2 + SHORT_MOVES; generation++) {
		wait_for_packets(&w, BETWEEN);
		change_owner(&w, generation % 2);
		migrate(&w, generation);
	}
	wait_for_packets(&w, BETWEEN);
	assert_true(world_finish(&w));
	drops = world_drops(&w, &worst);
	print_message("%lu SAs granted, %lu packets out, %lu in, %lu passed on, %lu copies\n",
	              (unsigned long)world_count(&w, COUNTER_SAS_GRANTED), (unsigned long)w.out.received,
	              (unsigned long)w.in.received, (unsigned long)world_count(&w, COUNTER_PASSED_ON),
	              (unsigned long)w.copies);
	assert_int_equal(drops, world_replays(&w));
	assert_int_equal(drops, w.copies);
	assert_true(w.copies > SHORT_MOVES);
	assert_whole(&w.out);
	assert_whole(&w.in);
	/* none was left out: as many numbers as packets, none of them twice */
	assert_int_equal(w.last_seq - WORLD_START, w.out.received);
	assert_int_equal(atomic_load(&w.stale), 0);
	assert_true(world_count(&w, COUNTER_SAS_GRANTED) > SHORT_MOVES / 2);
	world_free(&w);
}

/* The checker is no use if it cannot fail: each kind of damage is seen. */
static void test_checker_sees_a_mix(void **state)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	static struct world w;
	uint8_t *ip;
	uint32_t at;

	(void)state;
	assert_non_null(m);
	memset(&w, 0, sizeof(w));
	make_esp(&w, m); /* for the gateway: no generation's path has it as its remote */
	ip = rte_pktmbuf_mtod_offset(m, uint8_t *, PACKETS_L2);
	assert_int_equal(generation_of(ip, rte_pktmbuf_data_len(m) - PACKETS_L2, &at), 0);
	check_esp(&w, m);
	assert_int_equal(w.out.wrong_tuple, 1);
	rte_pktmbuf_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_checker_sees_a_mix),
	        cmocka_unit_test(test_one_worker),
	        cmocka_unit_test(test_two_workers_hand_over),
	        cmocka_unit_test(test_H69_H59_owners_change),
	};
	int failed;

	pool = world_eal("migration-test", PACKET_POOL, PACKET_BUFFER);
	if (pool == NULL || crypto_init() != 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_fini();
	rte_eal_cleanup();
	return failed;
}
