/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: lanes of jobs under one lock, threads that take a few at a time, and a list
 * of what is done, told to the loop once. libuv's own pool costs a wakeup of a thread and one of
 * the loop for each job, which is a third of an IKE setup. No queue of its own is bounded here: the
 * core parks an SA while its job runs, and bounds how many SAs of strangers it has (manager.h).
 * Event loop's thread, but for what serve() calls.
 */
#include "control/jobs.h"

#include "control/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define AT_A_TIME  8u /* jobs that a thread takes: others wait no longer than they last */
#define TELL_AFTER 4u /* such takes, while more is queued: the loop takes the core from who works */

struct chain {
	struct ike_job *first, **last;
};

struct jobs {
	uv_poll_t told; /* first: what uv_close() gives back */
	int told_fd;    /* an eventfd: `done` has something */
	unsigned running;
	struct chain fresh[IKE_JOB_LANES]; /* of this turn of the loop */
	unsigned n_fresh;

	pthread_mutex_t lock; /* for what stands below */
	pthread_cond_t more;
	struct chain lanes[IKE_JOB_LANES];
	unsigned queued, idle;
	struct chain done;
	unsigned untold; /* takes that are in it since the loop was told */
	bool ending;

	unsigned n_threads;
	pthread_t threads[];
};

static void chain_init(struct chain *chain)
{
	chain->first = NULL;
	chain->last = &chain->first;
}

static void chain_add(struct chain *chain, struct ike_job *job)
{
	job->next = NULL;
	*chain->last = job;
	chain->last = &job->next;
}

static void chain_move(struct chain *to, struct chain *from)
{
	if (from->first == NULL)
		return;
	*to->last = from->first;
	to->last = from->last;
	chain_init(from);
}

static struct ike_job *chain_take(struct chain *chain)
{
	struct ike_job *job = chain->first;

	if (job == NULL)
		return NULL;
	chain->first = job->next;
	if (chain->first == NULL)
		chain->last = &chain->first;
	return job;
}

/* With the lock: this thread's share of what waits, the urgent first. */
static void take_some(struct jobs *jobs, struct chain *mine)
{
	unsigned share = (jobs->queued + jobs->n_threads - 1) / jobs->n_threads;

	chain_init(mine);
	for (unsigned lane = 0, n = 0; lane < IKE_JOB_LANES; lane++) {
		struct ike_job *job;

		while (n < share && n < AT_A_TIME && (job = chain_take(&jobs->lanes[lane])) != NULL) {
			chain_add(mine, job);
			jobs->queued--;
			n++;
		}
	}
}

/* With the lock, and what was just done: whether the loop need not wait for more of it. */
static bool is_due(struct jobs *jobs, const struct chain *mine)
{
	if (++jobs->untold < TELL_AFTER && jobs->queued > 0 && mine->first->lane != IKE_JOB_ESTABLISHED)
		return false;
	jobs->untold = 0;
	return true;
}

/* The loop may go on at once, and takes the lock: this thread has let go of it. */
static void give_back(struct jobs *jobs, struct chain *mine)
{
	bool due;

	pthread_mutex_lock(&jobs->lock);
	due = is_due(jobs, mine);
	chain_move(&jobs->done, mine);
	pthread_mutex_unlock(&jobs->lock);
	if (due)
		(void)eventfd_write(jobs->told_fd, 1); /* refused where it has been told often enough */
}

static void *serve(void *arg)
{
	struct jobs *jobs = arg;
	struct chain mine;

	pthread_mutex_lock(&jobs->lock);
	for (;;) {
		while (jobs->queued == 0 && !jobs->ending) {
			jobs->idle++;
			pthread_cond_wait(&jobs->more, &jobs->lock);
			jobs->idle--;
		}
		if (jobs->queued == 0)
			break;
		take_some(jobs, &mine);
		pthread_mutex_unlock(&jobs->lock);
		for (struct ike_job *job = mine.first; job != NULL; job = job->next)
			job->work(job);
		give_back(jobs, &mine);
		pthread_mutex_lock(&jobs->lock);
	}
	pthread_mutex_unlock(&jobs->lock);
	return NULL;
}

static void finish(uv_poll_t *told, int status, int events)
{
	struct jobs *jobs = (struct jobs *)told;
	struct ike_job *job;
	struct chain done;
	eventfd_t times;

	(void)status, (void)events;
	(void)eventfd_read(jobs->told_fd, &times); /* before the list is taken: who comes later tells again */
	chain_init(&done);
	pthread_mutex_lock(&jobs->lock);
	chain_move(&done, &jobs->done);
	pthread_mutex_unlock(&jobs->lock);
	while ((job = chain_take(&done)) != NULL) {
		jobs->running--;
		job->done(job);
	}
}

static bool listen_for(struct jobs *jobs, uv_loop_t *loop)
{
	jobs->told_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (jobs->told_fd < 0)
		return false;
	if (uv_poll_init(loop, &jobs->told, jobs->told_fd) == 0) {
		uv_poll_start(&jobs->told, UV_READABLE, finish);
		return true;
	}
	close(jobs->told_fd);
	return false;
}

/* Signals are the loop's. */
static unsigned start_threads(struct jobs *jobs, unsigned wanted)
{
	sigset_t all, before;
	unsigned n = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (n < wanted && pthread_create(&jobs->threads[n], NULL, serve, jobs) == 0)
		n++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return n;
}

struct jobs *jobs_create(uv_loop_t *loop, unsigned threads)
{
	unsigned wanted = threads ? threads : 1;
	struct jobs *jobs = calloc(1, sizeof(*jobs) + wanted * sizeof(pthread_t));

	if (!jobs)
		return NULL;
	for (unsigned lane = 0; lane < IKE_JOB_LANES; lane++) {
		chain_init(&jobs->fresh[lane]);
		chain_init(&jobs->lanes[lane]);
	}
	chain_init(&jobs->done);
	if (!listen_for(jobs, loop)) {
		free(jobs);
		return NULL;
	}
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->more, NULL);
	jobs->n_threads = wanted; /* what the threads divide by is not written any more once they run */
	wanted = start_threads(jobs, wanted);
	if (wanted == jobs->n_threads)
		return jobs;
	log_error("jobs", "only %u of %u threads could be started", wanted, jobs->n_threads);
	jobs->n_threads = wanted;
	jobs_close(jobs);
	return NULL;
}

static void free_jobs(uv_handle_t *handle)
{
	struct jobs *jobs = (struct jobs *)handle;

	close(jobs->told_fd);
	pthread_cond_destroy(&jobs->more);
	pthread_mutex_destroy(&jobs->lock);
	free(jobs);
}

void jobs_close(struct jobs *jobs)
{
	if (!jobs)
		return;
	pthread_mutex_lock(&jobs->lock);
	jobs->ending = true;
	pthread_cond_broadcast(&jobs->more);
	pthread_mutex_unlock(&jobs->lock);
	for (unsigned i = 0; i < jobs->n_threads; i++)
		pthread_join(jobs->threads[i], NULL);
	uv_close((uv_handle_t *)&jobs->told, free_jobs);
}

void jobs_submit(struct jobs *jobs, struct ike_job *job)
{
	chain_add(&jobs->fresh[job->lane], job);
	jobs->n_fresh++;
	jobs->running++;
}

void jobs_flush(struct jobs *jobs)
{
	unsigned wake;

	if (jobs->n_fresh == 0)
		return;
	pthread_mutex_lock(&jobs->lock);
	for (unsigned lane = 0; lane < IKE_JOB_LANES; lane++)
		chain_move(&jobs->lanes[lane], &jobs->fresh[lane]);
	jobs->queued += jobs->n_fresh;
	wake = jobs->n_fresh < jobs->idle ? jobs->n_fresh : jobs->idle;
	pthread_mutex_unlock(&jobs->lock);
	jobs->n_fresh = 0;
	while (wake-- > 0)
		pthread_cond_signal(&jobs->more);
}

unsigned jobs_running(const struct jobs *jobs)
{
	return jobs->running;
}
