/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No system call, lock or allocation in the worker's loop: two workers that spin, with packets both ways,
 * handed over, replayed, while the tunnel changes paths and owners; from the first line of worker_loop() to
 * its last the guard ends the process at the first of them (guard.h).
 */
#include "tests/stress/world.h"

#include "dataplane/crypto.h"
#include "tests/support/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MOVES   100u
#define PACKETS 5000u
#define CALL_MS 60000
#define BUFFERS 2047u
#define ROOM    2304u

static struct rte_mempool *pool;
static _Atomic unsigned guarded, unguarded;

/* The linker's words (-Wl,--wrap): worker_loop() is called here, and the real one under the guard. */
int __real_worker_loop(void *arg);
int __wrap_worker_loop(void *arg);

int __wrap_worker_loop(void *arg)
{
	int rc;

	atomic_fetch_add(guard_prepare() ? &guarded : &unguarded, 1);
	guard_begin();
	rc = __real_worker_loop(arg);
	guard_end();
	return rc;
}

static void call_malloc(void)
{
	void *volatile p = malloc(100);
	(void)p;
}

static void call_free(void)
{
	void *volatile p = NULL;
	free(p);
}

static void call_lock(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&lock);
}

static void call_kernel(void)
{
	(void)getppid();
}

/* How a process ends that does this under the guard. */
static int ends_by(void (*sin)(void))
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		bool whole = guard_prepare();
		close(STDERR_FILENO);
		guard_begin();
		sin();
		guard_end();
		_exit(whole ? 0 : 77);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void nothing(void)
{
}

static void the_guard_bites(void **state)
{
	(void)state;
	if (ends_by(nothing) == -77)
		skip(); /* a kernel that does not let us */
	assert_int_equal(ends_by(nothing), 0);
	assert_int_equal(ends_by(call_malloc), SIGABRT);
	assert_int_equal(ends_by(call_free), SIGABRT);
	assert_int_equal(ends_by(call_lock), SIGABRT);
	assert_int_equal(ends_by(call_kernel), SIGABRT);
}

static void move(struct world *w, uint32_t generation)
{
	struct rg_api_migrate migrate = {.handle = world_handle(), .generation = generation};
	const struct rg_api_owner owner = {.tunnel = world_handle(), .worker = generation % 2};
	struct rg_api_reply reply;

	generation_path(generation, &migrate.path);
	assert_int_equal(rg_client_call(w->client, RG_MSG_MIGRATE, &migrate, 1, &reply, CALL_MS), 0);
	(void)rg_client_call(w->client, RG_MSG_OWNER, &owner, 1, &reply, CALL_MS);
}

static void workers_keep_their_promise(void **state)
{
	static struct world w;
	uint32_t generation = 2;

	(void)state;
	assert_int_equal(world_start(&w,
	                             &(struct world_how){.n_workers = 2, .owners_change = true, .spin = true},
	                             pool),
	                 0);
	for (; generation < 2 + MOVES || atomic_load(&w.made) < PACKETS; generation++)
		move(&w, generation);
	assert_true(world_finish(&w));
	print_message("%lu packets out, %lu in, %lu handed over, %lu SAs granted, %u moves\n",
	              (unsigned long)w.out.received, (unsigned long)w.in.received,
	              (unsigned long)world_count(&w, COUNTER_HANDED_OVER),
	              (unsigned long)world_count(&w, COUNTER_SAS_GRANTED), generation - 2);
	assert_int_equal(atomic_load(&guarded) + atomic_load(&unguarded), 2);
	assert_true(w.out.received >= PACKETS && w.in.received >= PACKETS);
	assert_true(world_count(&w, COUNTER_SAS_GRANTED) > 0);
	assert_int_equal(world_count(&w, COUNTER_SLEEPS), 0);
	world_free(&w);
	if (atomic_load(&unguarded) != 0)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_guard_bites),
	        cmocka_unit_test(workers_keep_their_promise),
	};
	int failed;

	pool = world_eal("guard-test", BUFFERS, ROOM);
	if (pool == NULL || crypto_init() != 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_fini();
	rte_eal_cleanup();
	return failed;
}
