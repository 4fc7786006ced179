/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H77: every allocation of a session's life fails once, in turn: ours and
 * OpenSSL's. Whatever was lost, nothing dies or leaks, the dataplane stays in
 * order, and the same two peers have a working session afterwards.
 *
 * H77_STRIDE=1 in the environment tries each of OpenSSL's allocations too, not only every
 * so-manieth: there are thousands, and they fail in few ways.
 */
#include "tests/exchange/eap_config.h"

#include "control/homing/homing.h"
#include "tests/support/faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void use_session(struct world *w, void (*ask)(struct ike_manager *m, uint64_t id))
{
	struct ike_sa *sa = peer_session(world_client(w));

	if (sa == NULL)
		return;
	ask(world_client(w)->m, ike_session_id(sa));
	world_run(w, 1000);
}

static void rekey_children(struct ike_manager *m, uint64_t id)
{
	ike_rekey_children(m, id);
}

static void terminate(struct ike_manager *m, uint64_t id)
{
	ike_terminate(m, id);
}

static void rekey_session(struct ike_manager *m, uint64_t id)
{
	ike_rekey_session(m, id);
}

struct life {
	const char *name;
	void (*live)(struct world *w);
	bool up; /* the session is there before memory runs out */
	const struct world_options *options;
};

static void connect(struct world *w)
{
	struct ike_initiate req = {.local = endpoint("198.51.100.7", 500),
	                           .remote = endpoint("192.0.2.1", 500),
	                           .remote_identity = "gw.example.net",
	                           .want_ip4 = true,
	                           .want_ip6 = true};

	ike_initiate(world_client(w)->m, &req);
	world_run(w, 1000);
}

static void live_rekey_children(struct world *w)
{
	use_session(w, rekey_children);
}

static void live_terminate(struct world *w)
{
	use_session(w, terminate);
}

static void live_rekey_session(struct world *w)
{
	use_session(w, rekey_session);
}

static void live_move(struct world *w)
{
	struct rg_cfg_addr lte = address("203.0.113.77"), isp1 = address("192.0.2.1");
	struct ike_sa *sa = peer_session(world_client(w));

	if (sa == NULL)
		return;
	(void)homing_move(world_client(w)->m, ike_session_id(sa), &lte, &isp1);
	world_run(w, 1000);
}

/* What a client does that finds its session gone, or dead. */
static void come_again(struct world *w)
{
	struct ike_sa *sa = peer_session(world_client(w));

	if (sa != NULL)
		ike_sa_close(sa, "the test comes again");
	world_run(w, 1000);
	world_connect(w);
	world_run(w, 5000);
}

/* Returns how many allocations there were. */
static unsigned long run(const struct life *life, unsigned long fail_at)
{
	struct world *w = world_new(life->options);
	unsigned long n;

	if (life->up)
		world_up(w);
	faults_begin(fail_at);
	life->live(w);
	n = faults_end();
	world_run(w, 200000);
	if (!world_is_up(w) || !world_traffic(w))
		come_again(w);
	if (!world_is_up(w) || !world_traffic(w)) {
		print_error("%s: no session after allocation %lu failed\n", life->name, fail_at);
		fail();
	}
	world_free(w);
	return n;
}

static void test_H77(void **state)
{
	const struct life *life = *state;
	const char *text = getenv("H77_STRIDE");
	unsigned long total, stride = text != NULL ? strtoul(text, NULL, 10) : 0;

	run(life, 0); /* what OpenSSL and the C library make only once */
	total = run(life, 0);
	assert_true(total > 10);
	if (stride == 0)
		stride = total / 400 + 1;
	for (unsigned long i = 1; i <= total; i += stride)
		run(life, i);
	print_message("%s: %lu allocations, every %lu\n", life->name, total, stride);
}

static struct eap_config eap;
static const struct world_options roaming = {.homing = &homing_ops};

static struct life lives[] = {
        {"connect", connect, false, NULL},
        {"connect with EAP", connect, false, &eap.options},
        {"rekey of the IKE SA", live_rekey_session, true, NULL},
        {"rekey of the Child SA", live_rekey_children, true, NULL},
        {"termination", live_terminate, true, NULL},
        {"connect, to roam", connect, false, &roaming},
        {"a move", live_move, true, &roaming},
};

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_prestate(test_H77, &lives[0]),
	        cmocka_unit_test_prestate(test_H77, &lives[1]),
	        cmocka_unit_test_prestate(test_H77, &lives[2]),
	        cmocka_unit_test_prestate(test_H77, &lives[3]),
	        cmocka_unit_test_prestate(test_H77, &lives[4]),
	        cmocka_unit_test_prestate(test_H77, &lives[5]),
	        cmocka_unit_test_prestate(test_H77, &lives[6]),
	};
	int failures;

	if (!faults_install())
		return 1;
	eap_config_make(&eap, NULL, NULL);
	failures = cmocka_run_group_tests(tests, NULL, NULL);
	eap_config_clean(&eap);
	return failures;
}
