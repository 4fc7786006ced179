/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One context that many threads ask at once, as the pool's do: the cache of chains (H28), what is known of
 * lists and their issuers, lists that are read again and a configuration that is loaded again meanwhile. What
 * each thread hears is checked here; that they touch nothing without its lock is for the thread sanitizer.
 */
#include "tests/unit/control/revocation_rig.h"

#include "control/jobs.h"

#include <stdio.h>
#include <string.h>

#define THREADS 4u
#define MIDDLES 7u /* of one name: more than a list remembers */
#define CLIENTS 4u /* of each */
#define ROUNDS  20u

/* Signed claims, made once: what threads share is the context. */
static struct middle middles[MIDDLES];
static X509 *certs[MIDDLES][CLIENTS];
static struct rig_signed signed_by[MIDDLES][CLIENTS];

static uv_loop_t loop;
static struct jobs *jobs;

struct asked {
	struct ike_job job; /* first */
	struct rg_auth *auth;
	const struct rig_signed *what;
	enum rg_auth_failure failure;
};

/* A look at the files, on a thread of libuv's as control has it. */
struct look {
	uv_work_t work;
	struct rg_auth *auth;
	struct rg_auth_error error;
	int result;
	bool done;
};

static int setup(void **state)
{
	rig_setup(state);
	for (size_t i = 0; i < MIDDLES; i++) {
		middles[i] = middle_make();
		for (size_t j = 0; j < CLIENTS; j++) {
			struct rig_peer peer = client_peer(client_make(&middles[i]), &middles[i]);

			certs[i][j] = peer.certs[0];
			rig_sign(&peer, &signed_by[i][j]);
		}
	}
	if (uv_loop_init(&loop) < 0)
		return -1;
	jobs = jobs_create(&loop, THREADS);
	return jobs ? 0 : -1;
}

static int teardown(void **state)
{
	jobs_close(jobs);
	uv_run(&loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < MIDDLES; i++) {
		for (size_t j = 0; j < CLIENTS; j++) {
			rig_signed_free(&signed_by[i][j]);
			X509_free(certs[i][j]);
		}
		middle_free(&middles[i]);
	}
	rig_teardown(state);
	return uv_loop_close(&loop);
}

static void work(struct ike_job *job)
{
	struct asked *a = (struct asked *)job;
	struct rg_auth_found found;

	a->failure = rig_show(a->auth, a->what, &found);
}

static void done(struct ike_job *job)
{
	rg_auth_unref(((struct asked *)job)->auth);
}

static void ask(struct asked *a, struct rg_auth *auth, const struct rig_signed *what)
{
	*a = (struct asked){.job = {.work = work, .done = done}, .auth = rg_auth_ref(auth), .what = what};
	jobs_submit(jobs, &a->job);
}

static void look(uv_work_t *w)
{
	struct look *l = w->data;

	l->result = rg_auth_refresh(l->auth, &l->error);
}

static void looked(uv_work_t *w, int status)
{
	struct look *l = w->data;

	(void)status;
	l->done = true;
	rg_auth_unref(l->auth);
}

static void look_again(struct look *l, struct rg_auth *auth)
{
	*l = (struct look){.auth = rg_auth_ref(auth)};
	l->work.data = l;
	assert_int_equal(uv_queue_work(&loop, &l->work, look, looked), 0);
}

/* `l` NULL: no look is under way. */
static void run_all(const struct look *l)
{
	while (jobs_running(jobs) > 0 || (l && !l->done)) {
		jobs_flush(jobs);
		uv_run(&loop, UV_RUN_ONCE);
	}
}

static void one_certificate(void **state)
{
	static struct asked all[200];
	struct rg_auth *auth = revocation_load("none", "");

	(void)state;
	for (size_t i = 0; i < 200; i++)
		ask(&all[i], auth, &signed_by[0][0]);
	run_all(NULL);
	for (size_t i = 0; i < 200; i++)
		assert_failure(all[i].failure, NONE);
	assert_int_equal(rg_auth_remembered(auth), 1);
	rg_auth_unref(auth);
}

/* All of them, again and again; `out` has ROUNDS times MIDDLES times CLIENTS. */
static void ask_all(struct asked *out, struct rg_auth *auth)
{
	for (size_t round = 0; round < ROUNDS; round++)
		for (size_t j = 0; j < CLIENTS; j++)
			for (size_t i = 0; i < MIDDLES; i++)
				ask(out++, auth, &signed_by[i][j]);
}

static struct asked many[ROUNDS * CLIENTS * MIDDLES];

/* Chains of seven paths are kept while others are looked for, and a list's issuers push each other out:
 * the list is one intermediate's, whoever asks meanwhile. */
static void many_certificates(void **state)
{
	struct rg_auth *auth;

	(void)state;
	list_write_ca(NULL);
	list_write_middle(&middles[3], NULL);
	auth = revocation_load("strict", both_lists());
	ask_all(many, auth);
	run_all(NULL);
	for (size_t k = 0; k < ROUNDS * CLIENTS * MIDDLES; k++)
		assert_int_equal(many[k].failure,
		                 k % MIDDLES == 3 ? RG_AUTH_FAIL_NONE : RG_AUTH_FAIL_CERTIFICATE_STATUS);
	assert_int_equal(rg_auth_remembered(auth), MIDDLES * CLIENTS);
	assert_in_range(rg_auth_lists_checked(auth), MIDDLES, ROUNDS * CLIENTS * MIDDLES);
	rg_auth_unref(auth);
}

/* Who is asked for while a list is exchanged hears what the one or the other says, and the other from
 * then on. */
static void lists_read_again_meanwhile(void **state)
{
	struct rg_auth *auth;
	struct look l;

	(void)state;
	list_write_ca(NULL);
	list_write_middle(&middles[0], NULL);
	auth = revocation_load("relaxed", both_lists());
	for (unsigned turn = 0; turn < 10; turn++) {
		bool revoked = turn % 2 == 0;
		static struct asked during[40];
		struct asked after;

		list_write("middle.crl", middles[0].cert, middles[0].key, revoked ? certs[0][0] : NULL,
		           3600 + (long)turn);
		for (size_t i = 0; i < 40; i++) {
			ask(&during[i], auth, &signed_by[i % MIDDLES][i / MIDDLES % 2]);
			if (i == 10) {
				jobs_flush(jobs);
				look_again(&l, auth);
			}
		}
		run_all(&l);
		assert_int_equal(l.result, 1);
		for (size_t i = 0; i < 40; i++)
			if (during[i].what != &signed_by[0][0] ||
			    during[i].failure != RG_AUTH_FAIL_CERTIFICATE_REVOKED)
				assert_failure(during[i].failure, NONE);
		ask(&after, auth, &signed_by[0][0]);
		run_all(NULL);
		assert_int_equal(after.failure,
		                 revoked ? RG_AUTH_FAIL_CERTIFICATE_REVOKED : RG_AUTH_FAIL_NONE);
	}
	rg_auth_unref(auth);
}

/* A job keeps the context that it began with, and hears by its rules, also when it is the last that has it;
 * lists of the new one are read again meanwhile. */
static void configuration_loaded_again_meanwhile(void **state)
{
	static const char *const policies[] = {"relaxed", "strict", "none"};
	static const enum rg_auth_failure want[] = {RG_AUTH_FAIL_CERTIFICATE_REVOKED,
	                                            RG_AUTH_FAIL_CERTIFICATE_REVOKED, RG_AUTH_FAIL_NONE};
	static struct asked all[15][30];
	struct look looks[15];

	(void)state;
	list_write_ca(middles[1].cert);
	list_write_middle(&middles[1], certs[1][0]);
	for (size_t turn = 0; turn < 15; turn++) {
		struct rg_auth *auth = revocation_load(policies[turn % 3], both_lists());

		for (size_t i = 0; i < 30; i++)
			ask(&all[turn][i], auth, &signed_by[1][i % CLIENTS]);
		jobs_flush(jobs);
		look_again(&looks[turn], auth);
		rg_auth_unref(auth);
	}
	for (size_t turn = 0; turn < 15; turn++)
		run_all(&looks[turn]);
	for (size_t turn = 0; turn < 15; turn++) {
		assert_int_equal(looks[turn].result, 0);
		for (size_t i = 0; i < 30; i++)
			assert_int_equal(all[turn][i].failure, want[turn % 3]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(one_certificate),
	        cmocka_unit_test(many_certificates),
	        cmocka_unit_test(lists_read_again_meanwhile),
	        cmocka_unit_test(configuration_loaded_again_meanwhile),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
