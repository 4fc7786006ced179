/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared keys: who is refused hears one thing, whatever the reason (H29).
 */
#include "tests/exchange/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char anybody[] = "connections:\n"
                              "  roam:\n"
                              "    uplinks: {members: [isp1, isp2]}\n"
                              "    authentication: {local: psk, remote: psk}\n"
                              "    identities: [\"*@example.net\"]\n"
                              "    pool: road\n"
                              "    selectors: {local: [10.20.0.0/24]}\n";

/* What a refused client makes of the gateway. */
struct refusal {
	uint16_t notify;
	size_t reply;  /* octets of the answer */
	unsigned jobs; /* that the request took */
	uint64_t no_secret, wrong_secret;
};

static void twist_auth(struct mutation *m)
{
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_AUTH);

	assert_non_null(p);
	p->body[p->len - 1] ^= 1;
}

static void leave(struct mutation *m)
{
	(void)m;
}

static bool init_answered(struct world *w)
{
	struct ike_sa *sa = TAILQ_FIRST(&world_gateway(w)->m->sas);

	return sa != NULL && sa->state == IKE_STATE_INIT_ANSWERED;
}

static struct refusal refused(const char *identity, bool twist)
{
	struct world_options options = {.gateway_yaml = anybody};
	struct world *w = world_new(&options);
	struct mutation *m = malloc(sizeof(*m));
	struct refusal r = {0};
	struct rg_id own;

	assert_non_null(m);
	mutate(w, m, IKE_EXCHANGE_IKE_AUTH, twist ? twist_auth : leave, NULL);
	world_connect(w);
	if (identity != NULL) {
		assert_int_equal(rg_id_parse(&own, identity), 0);
		TAILQ_FIRST(&world_client(w)->m->sas)->own_id = &own;
	}
	assert_true(world_run_until(w, init_answered, 5000));
	world_gateway(w)->hold_jobs = true;
	world_run(w, 5000);
	r.jobs = world_gateway(w)->n_jobs;
	r.notify = m->answer;
	r.reply = w->last[1].len;
	r.no_secret = peer_counter(world_gateway(w), "auth-no-secret");
	r.wrong_secret = peer_counter(world_gateway(w), "auth-wrong-secret");
	assert_null(peer_session(world_gateway(w)));
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	mutate_stop(w);
	world_free(w);
	free(m);
	return r;
}

/* Who has no secret, who has another, and who fits no connection: one answer, of one length, after the same
 * arithmetic, for which none of them waits in a queue; only the operator's counters tell them apart. */
static void h29_unknown_identity_and_wrong_secret(void **state)
{
	struct refusal wrong = refused(NULL, true), unknown = refused("wrong@example.net", false),
	               nobody = refused("nobody@else.where", false);

	(void)state;
	assert_int_equal(wrong.notify, IKE_NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(unknown.notify, wrong.notify);
	assert_int_equal(nobody.notify, wrong.notify);
	assert_int_equal(unknown.reply, wrong.reply);
	assert_int_equal(nobody.reply, wrong.reply);
	assert_int_equal(wrong.jobs, 0);
	assert_int_equal(unknown.jobs, 0);
	assert_int_equal(nobody.jobs, 0);
	assert_int_equal(wrong.wrong_secret, 1);
	assert_int_equal(unknown.no_secret, 1);
	assert_int_equal(nobody.no_secret, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h29_unknown_identity_and_wrong_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
