/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a peer that does not answer is waited for (connections.NAME.lifetimes.unanswered; KD-8): that
 * long, whatever paths there are, and from the start where it shows that it is there.
 */
#include "control/ike/handlers.h"
#include "tests/exchange/roam.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE_S 60u

#define GATEWAY(r) world_gateway((r)->w)

/* The gateway waits for PATIENCE_S; it has asked, and nothing gets through any more. */
static struct roam *silent(bool one_path)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct rg_cfg_connection *c;

	roam_up(r);
	c = (struct rg_cfg_connection *)(uintptr_t)roam_gateway(r)->connection;
	c->lifetimes.unanswered_s = PATIENCE_S;
	if (one_path) {
		c->n_uplinks = 1;
		roam_gateway(r)->n_peer_addrs = 0;
	}
	roam_kill(r, WLAN);
	roam_kill(r, LTE);
	assert_int_equal(ike_check_liveness(GATEWAY(r)->m, peer_session_id(GATEWAY(r))), 0);
	return r;
}

static void gone_in_time(void **state)
{
	(void)state;
	for (unsigned one_path = 0; one_path < 2; one_path++) {
		struct roam *r = silent(one_path);

		roam_run(r, PATIENCE_S * 1000 - 5000);
		assert_non_null(roam_gateway(r));
		roam_run(r, 30000); /* copies leave every twenty seconds by then */
		assert_null(peer_session(GATEWAY(r)));
		assert_int_equal(GATEWAY(r)->events[IKE_EVENT_PEER_UNREACHABLE], 1);
		roam_free(r);
	}
}

static bool lose_some_requests(struct roam *r, struct datagram *dg, const char *line)
{
	return dg->from != GATEWAY(r) || strchr(line, '?') == NULL || ++r->filter_count > 2;
}

/* Its update comes in the last moment, and some copies of our request get lost there as well. */
static void an_update_in_the_last_moment(void **state)
{
	struct roam *r = silent(false);

	(void)state;
	roam_run(r, PATIENCE_S * 1000 - 50);
	roam_revive(r, LTE);
	r->filter = lose_some_requests;
	roam_move(r, LTE, ISP1);
	roam_run(r, 30000);
	assert_non_null(peer_session(GATEWAY(r)));
	roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
	roam_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(gone_in_time),
	        cmocka_unit_test(an_update_in_the_last_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
