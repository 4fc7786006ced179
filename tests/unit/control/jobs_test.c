/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/jobs: the pool of threads. Each job is done once and by the loop, what is urgent goes first,
 * and a pool can be closed and made anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/jobs.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#define MANY 2000u

struct counted {
	struct ike_job job; /* first */
	unsigned begun, done;
	pthread_t thread;
};

static uv_loop_t loop;
static struct jobs *jobs;
static atomic_uint begun;
static unsigned finished;
static sem_t gate;

static int setup(void **state)
{
	(void)state;
	atomic_store(&begun, 0);
	finished = 0;
	return uv_loop_init(&loop);
}

static int teardown(void **state)
{
	(void)state;
	jobs_close(jobs);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

static void work(struct ike_job *job)
{
	struct counted *c = (struct counted *)job;

	c->begun = atomic_fetch_add(&begun, 1) + 1;
	c->thread = pthread_self();
}

static void wait_at_gate(struct ike_job *job)
{
	work(job);
	sem_wait(&gate);
}

static void done(struct ike_job *job)
{
	((struct counted *)job)->done++;
	finished++;
}

static void submit(struct counted *c, enum ike_job_lane lane)
{
	*c = (struct counted){.job = {.work = work, .done = done, .lane = lane}};
	jobs_submit(jobs, &c->job);
}

static void run_all(void)
{
	while (jobs_running(jobs) > 0) {
		jobs_flush(jobs);
		uv_run(&loop, UV_RUN_ONCE);
	}
}

static void test_each_is_done_once(void **state)
{
	static struct counted many[MANY];

	(void)state;
	jobs = jobs_create(&loop, 3);
	assert_non_null(jobs);
	for (unsigned i = 0; i < MANY; i++) {
		submit(&many[i], i % IKE_JOB_LANES);
		if (i % 7 == 0)
			jobs_flush(jobs);
	}
	assert_int_equal(finished, 0); /* never from inside */
	run_all();
	assert_int_equal(finished, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(many[i].done, 1);
		assert_false(pthread_equal(many[i].thread, pthread_self()));
	}
}

/* Whoever is up goes first, then who has shown that it is there, however many knock. */
static void test_the_urgent_go_first(void **state)
{
	static struct counted first, knock[100], auth, up;

	(void)state;
	sem_init(&gate, 0, 0);
	jobs = jobs_create(&loop, 1);
	assert_non_null(jobs);
	submit(&first, IKE_JOB_INIT);
	first.job.work = wait_at_gate;
	jobs_flush(jobs);
	while (atomic_load(&begun) == 0) /* the only thread is busy now */
		;
	for (unsigned i = 0; i < 100; i++)
		submit(&knock[i], IKE_JOB_INIT);
	submit(&auth, IKE_JOB_AUTH);
	submit(&up, IKE_JOB_ESTABLISHED);
	jobs_flush(jobs);
	sem_post(&gate);
	run_all();
	assert_int_equal(up.begun, 2);
	assert_int_equal(auth.begun, 3);
	assert_int_equal(knock[0].begun, 4);
	assert_int_equal(knock[99].begun, 103);
	sem_destroy(&gate);
}

/* While strangers' jobs keep the thread, the loop has what was done for one who is up. */
static void test_the_loop_is_told_of_the_urgent(void **state)
{
	static struct counted knock[9], up;

	(void)state;
	sem_init(&gate, 0, 0);
	jobs = jobs_create(&loop, 1);
	assert_non_null(jobs);
	for (unsigned i = 0; i < 9; i++) { /* more than the thread takes at a time */
		submit(&knock[i], IKE_JOB_INIT);
		knock[i].job.work = i == 8 ? wait_at_gate : work;
	}
	submit(&up, IKE_JOB_ESTABLISHED);
	jobs_flush(jobs);
	while (up.done == 0)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(knock[8].done, 0);
	sem_post(&gate);
	run_all();
	assert_int_equal(finished, 10);
	sem_destroy(&gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_each_is_done_once, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_the_urgent_go_first, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_the_loop_is_told_of_the_urgent, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
