/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE SAs without a first Child SA (RFC 6023): who may have one, and who is refused.
 */
#include "control/homing/homing.h"
#include "control/ike/succession.h"
#include "tests/exchange/world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void childless_by_the_initiator(void **state)
{
	struct world_options options = {.homing = &homing_ops, .client_extra = "    childless: prefer\n"};
	struct world *w = world_new(&options);

	(void)state;
	world_connect(w);
	world_run(w, 2000);
	world_expect(w, "c>g IKE_SA_INIT ?0\ng>c IKE_SA_INIT !0\n"
	                "c>g IKE_AUTH ?1\ng>c IKE_AUTH !1\n"
	                "c>g CREATE_CHILD_SA ?2\ng>c CREATE_CHILD_SA !2\n");
	peer_has_one_of_everything(world_client(w));
	peer_has_one_of_everything(world_gateway(w));
	assert_int_equal(peer_session(world_client(w))->n_vips, 2);
	assert_true(world_traffic(w));
	/* A session that follows it does so too. */
	assert_int_equal(succession_start(peer_session(world_client(w))), 0);
	world_run(w, 5000);
	peer_has_one_of_everything(world_client(w));
	peer_has_one_of_everything(world_gateway(w));
	assert_true(world_traffic(w));
	world_free(w);
}

/* A responder that does not take it does not say so, and then an initiator does not ask. */
static void childless_never(void **state)
{
	struct world_options options = {.client_extra = "    childless: prefer\n",
	                                .gateway_extra = "    childless: never\n"};
	struct world *w = world_new(&options);

	(void)state;
	world_connect(w);
	world_run(w, 2000);
	world_expect(w, "c>g IKE_SA_INIT ?0\ng>c IKE_SA_INIT !0\nc>g IKE_AUTH ?1\ng>c IKE_AUTH !1\n");
	assert_true(world_traffic(w));
	world_free(w);
}

static bool client_asks(struct world *w)
{
	struct ike_sa *sa = TAILQ_FIRST(&world_client(w)->m->sas);

	return sa != NULL && sa->state == IKE_STATE_AUTH_SENT;
}

/* One that asks all the same hears INVALID_SYNTAX (RFC 6023 3). */
static void childless_refused(void **state)
{
	struct world_options options = {.client_extra = "    childless: prefer\n",
	                                .gateway_extra = "    childless: never\n"};
	struct world *w = world_new(&options);

	(void)state;
	world_connect(w);
	world_client(w)->hold_jobs = true;
	assert_false(world_run_until(w, client_asks, 1));
	world_client(w)->hold_jobs = false;
	TAILQ_FIRST(&world_client(w)->m->sas)->capabilities |= IKE_CAP_CHILDLESS;
	world_run(w, 2000);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_int_equal(world_gateway(w)->events[IKE_EVENT_SESSION_UP], 0);
	assert_int_equal(peer_counter(world_gateway(w), "ike-invalid-syntax"), 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(childless_by_the_initiator),
	        cmocka_unit_test(childless_never),
	        cmocka_unit_test(childless_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
