/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/homing where something is missing or comes at the wrong time: hints while a move is under way,
 * sessions that end under their publish or were never given a homing, uplinks that are dead from the start,
 * and what operators ask for in vain.
 */
#include "tests/exchange/roam.h"
#include "tests/exchange/world_config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY(r) world_gateway((r)->w)
#define CLIENT(r)  world_client((r)->w)
#define PORT_ISP1  0u
#define PORT_WLAN  0u

static bool lose_proofs(struct roam *r, struct datagram *dg, const char *line)
{
	(void)r;
	return dg->from->letter != 'g' || strstr(line, "COOKIE2") == NULL || strstr(line, "!") != NULL;
}

/* hints.c: ESP from elsewhere says less than the update that is being proved. */
static void esp_from_elsewhere_while_an_update_is_proved(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	r->nat = true;
	roam_up(r);
	r->filter = lose_proofs;
	r->nat_port = 41000;
	roam_move(r, LTE, ISP1);
	roam_run(r, 100);
	assert_int_equal(roam_gateway(r)->homing->tx.state, ADDRESS_PROVING);
	roam_esp_from(r, PUBLIC, 43000);
	roam_run(r, 100);
	assert_int_equal(ROAM_COUNT(r, esp_elsewhere), 1);
	assert_int_equal(roam_gateway(r)->homing->tx.active.to.pair.remote.port, 41000);
	r->filter = NULL;
	roam_run(r, 30000);
	assert_int_equal(roam_gateway(r)->homing->tx.current.pair.remote.port, 41000);
	roam_free(r);
}

/* hints.c, H43: nobody is believed where no NAT is, and no address that cannot be a peer's. */
static void esp_from_elsewhere_that_means_nothing(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	roam_esp_from(r, ELSEWHERE, 4500);
	roam_free(r);
	r = roam_new(NULL, NULL, NULL);
	r->nat = true;
	roam_up(r);
	roam_esp_from(r, ELSEWHERE, 0);
	roam_esp_from(r, "224.0.0.1", 41000);
	roam_esp_from(r, ISP2, 41000);
	roam_run(r, 1000);
	assert_int_equal(ROAM_COUNT(r, esp_elsewhere), 3);
	assert_int_equal(ROAM_COUNT(r, moves), 0);
	assert_int_equal(ROAM_COUNT(r, rr_started), 0);
	roam_free(r);
}

/* hints.c: a request that nobody will answer through the mapping of before goes where the new one is, so that
 * the proof need not wait for its end. */
static void a_request_is_outstanding_when_the_mapping_changes(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	r->nat = true;
	roam_up(r);
	roam_gateway(r)->peer_window = 1;
	r->nat_port = 41000; /* nothing comes through the one before */
	from = roam_now(r);
	ike_check_liveness(GATEWAY(r)->m, ike_session_id(roam_gateway(r)));
	roam_run(r, 100);
	roam_esp_from(r, PUBLIC, 41000);
	roam_run(r, 1000);
	roam_order(r, from, "192.0.2.99:40000|INFORMATIONAL?", "192.0.2.99:41000|INFORMATIONAL?",
	           "192.0.2.99:41000|COOKIE2", "g MIGRATE 2 192.0.2.1:4500>192.0.2.99:41000", NULL);
	roam_free(r);
}

/* hints.c: an event that is none of a path, and any without a homing. */
static void events_that_mean_nothing(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct rg_api_event event = {.type = RG_EVENT_SEQUENCE};
	struct homing_session *hs, before;

	(void)state;
	roam_up(r);
	hs = roam_gateway(r)->homing;
	before = *hs;
	hints_event(roam_gateway(r), &event);
	assert_memory_equal(hs, &before, sizeof(before));
	roam_free(r);
}

/* session.c: without homing (there was no memory for it) a session keeps its first addresses. */
static void a_session_without_homing(void **state)
{
	struct world *w = world_new(NULL);
	struct rg_cfg_addr lte = address(LTE), isp1 = address(ISP1);
	struct rg_api_event event = {.type = RG_EVENT_PMTU, .value = 1400};
	struct ike_sa *sa;
	struct rg_api_path path;
	char text[256];

	(void)state;
	world_up(w);
	sa = peer_session(world_client(w));
	assert_null(sa->homing);
	hints_event(sa, &event);
	assert_string_equal(homing_describe(sa, text, sizeof(text)), "fixed");
	assert_int_equal(homing_move(world_client(w)->m, ike_session_id(sa), &lte, &isp1), -ENOENT);
	homing_current_path(sa, &path);
	assert_memory_equal(path.local, sa->local.addr.bytes, 4);
	assert_memory_equal(path.remote, sa->remote.addr.bytes, 4);
	world_free(w);
}

/* session.c: what an operator may not ask for. */
static void moves_that_cannot_be(void **state)
{
	struct rg_cfg_addr lte = address(LTE), isp1 = address(ISP1), six = address(ISP1_6),
	                   nobody = address("0.0.0.0");
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct ike_manager *m = CLIENT(r)->m;
	char text[256];
	uint64_t id;

	(void)state;
	roam_up(r);
	id = ike_session_id(roam_client(r));
	assert_int_equal(homing_move(m, id + 1, &lte, &isp1), -ENOENT);
	assert_int_equal(homing_move(m, id, &lte, &six), -EINVAL);
	assert_int_equal(homing_move(m, id, &nobody, &isp1), -EINVAL);
	assert_int_equal(homing_move(m, id, &lte, &nobody), -EINVAL);
	assert_int_equal(homing_move(GATEWAY(r)->m, ike_session_id(roam_gateway(r)), &isp1, &lte), -EPERM);
	assert_string_equal(homing_describe(roam_client(r), text, sizeof(text)),
	                    "198.51.100.7:4500 - 192.0.2.1:4500, generation 1, idle");
	roam_client(r)->homing->doubt_ms = 1;
	assert_non_null(strstr(homing_describe(roam_client(r), text, sizeof(text)), "idle, in doubt"));
	roam_client(r)->capabilities &= ~(uint32_t)IKE_CAP_MOBIKE;
	assert_int_equal(homing_move(m, id, &lte, &isp1), -EPERM);
	assert_false(homing_needs_proof(roam_client(r)->homing, &roam_client(r)->homing->tx.current));
	roam_free(r);
}

/* session.c: it ends while the dataplane has its move: what the answer refers to is freed after it, once. */
static void closed_under_its_publish(void **state)
{
	struct roam *r = roam_new("return-routability: never, updates: 600/min", NULL, NULL);

	(void)state;
	roam_up(r);
	GATEWAY(r)->hold_batches = true;
	roam_move(r, LTE, ISP1);
	roam_run(r, 100);
	assert_int_equal(roam_gateway(r)->homing->publishes, 1);
	ike_sa_close(roam_gateway(r), "a test");
	GATEWAY(r)->hold_batches = false;
	roam_run(r, 100);
	assert_int_equal(fake_count_tunnels(GATEWAY(r)->dp), 0);
	roam_free(r);
}

/* session.c: a tunnel that was installed anew has used up generations that the transaction has not seen. */
static void a_generation_above_that_of_the_tunnel(void **state)
{
	struct roam *r = roam_new("return-routability: never, updates: 600/min", NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	roam_gateway(r)->tunnel_generation = 50;
	from = roam_now(r);
	roam_move(r, LTE, ISP1);
	roam_run(r, 100);
	assert_true(roam_find(r, from, "g MIGRATE 51 192.0.2.1>203.0.113.77") >= 0);
	assert_int_equal(roam_gateway(r)->homing->tx.generation, 51);
	roam_free(r);
}

/* session.c, uplinks.c: the uplink that the client came over died before the session was up. */
static void the_uplink_is_dead_before_the_session_is_up(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_port(GATEWAY(r), PORT_ISP1, false);
	roam_up(r);
	roam_run(r, 5000);
	roam_expect_paths(r, "198.51.100.7>203.0.113.1", "203.0.113.1>198.51.100.7");
	assert_true(world_traffic(r->w));
	roam_free(r);
}

/* uplinks.c: the client's own uplink dies: it goes on over the other one, and says so. */
static void the_uplink_of_a_client_dies(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	roam_kill(r, WLAN);
	roam_port(CLIENT(r), PORT_WLAN, false);
	roam_port(CLIENT(r), PORT_WLAN, false); /* said twice */
	roam_port(CLIENT(r), 64, false);        /* no port */
	roam_run(r, 2000);
	assert_int_equal(roam_count(r, from, "c>g 203.0.113.77|INFORMATIONAL?|UPDATE_SA_ADDRESSES"), 1);
	roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
	roam_free(r);
}

/* record.c: an uplink that died while nobody was there to see it. */
static void the_uplink_is_dead_when_the_process_comes_back(void **state)
{
	struct world *w = world_new(&world_with_store);
	struct rg_api_event down = {.type = RG_EVENT_PORT, .handle = PORT_ISP1};
	struct peer *g = world_gateway(w);
	struct rg_cfg_addr isp2 = address(ISP2);

	(void)state;
	world_up(w);
	peer_restart(g);
	ike_dp_event(g->m, &down);
	assert_int_equal(peer_restore(g), 0);
	world_run(w, 5000);
	assert_true(addr_equal(&peer_session(g)->local.addr, &isp2));
	assert_true(world_traffic(w));
	world_free(w);
}

/* mobike_update.c: to an address of the gateway's that is still to be proved: the update is the proof, and
 * the only one. */
static void one_update_for_a_move_with_a_proof(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	unsigned from;

	(void)state;
	roam_up(r);
	from = roam_now(r);
	roam_move(r, WLAN, ISP2);
	roam_run(r, 3000);
	assert_int_equal(roam_count(r, from, "c>g|UPDATE_SA_ADDRESSES"), 1);
	assert_int_equal(roam_count(r, from, "c>g|UPDATE_SA_ADDRESSES|COOKIE2"), 1);
	roam_expect_paths(r, "198.51.100.7>203.0.113.1", "203.0.113.1>198.51.100.7");
	from = roam_now(r);
	roam_move(r, WLAN, ISP2); /* where it is already: said once more */
	roam_run(r, 3000);
	assert_int_equal(roam_count(r, from, "c>g|UPDATE_SA_ADDRESSES"), 1);
	roam_free(r);
}

static bool refuse_isp2(struct roam *r, struct datagram *dg, const char *line)
{
	(void)line;
	if (dg->from->letter == 'c' && dg->remote.port == IKE_PORT_NATT && r->filter_count > 0)
		dg->local.addr = address("224.0.0.1"); /* what the gateway sees, and refuses */
	return true;
}

/* session.c: our own update is refused while the new pair is still to be proved: back to the one before. */
static void an_own_update_is_refused_before_its_proof(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);

	(void)state;
	roam_up(r);
	r->filter = refuse_isp2;
	r->filter_count = 1;
	roam_move(r, WLAN, ISP2);
	assert_int_equal(roam_client(r)->homing->tx.state, ADDRESS_PROVING);
	roam_run(r, 15);
	r->filter_count = 0;
	roam_run(r, 3000);
	assert_int_equal(ROAM_COUNT(r, addresses_refused), 1);
	roam_expect_paths(r, "198.51.100.7>192.0.2.1", "192.0.2.1>198.51.100.7");
	assert_true(world_traffic(r->w));
	roam_free(r);
}

/* path_mtu.c: its time comes while an update is being proved, or long after the path was left. */
static void path_mtu_is_due_at_the_wrong_time(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct homing_session *hs;
	uint64_t due;

	(void)state;
	roam_up(r);
	hs = roam_gateway(r)->homing;
	path_mtu_told(hs, 1400);
	roam_run(r, 100);
	due = hs->mtu_due_ms;
	roam_run(r, due - r->w->now_ms - 1000);
	r->filter = lose_proofs;
	roam_move(r, LTE, ISP1);
	roam_run(r, 1500);
	assert_int_equal(hs->tx.state, ADDRESS_PROVING);
	assert_int_equal(hs->tx.current.mtu, 1400);
	assert_true(hs->mtu_due_ms > due);
	path_mtu_told(hs, 1300);
	assert_int_equal(ROAM_COUNT(r, path_mtu_ignored), 1);
	r->filter = NULL;
	roam_run(r, 60000);
	roam_expect_paths(r, "203.0.113.77>192.0.2.1", "192.0.2.1>203.0.113.77");
	assert_int_equal(hs->tx.current.mtu, 0);
	path_mtu_told(hs, 1400);
	roam_run(r, 1000);
	roam_move(r, WLAN, ISP1);
	roam_run(r, 700000);
	assert_int_equal(hs->mtu_due_ms, 0);
	assert_int_equal(hs->tx.current.mtu, 0);
	roam_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(esp_from_elsewhere_while_an_update_is_proved),
	        cmocka_unit_test(esp_from_elsewhere_that_means_nothing),
	        cmocka_unit_test(a_request_is_outstanding_when_the_mapping_changes),
	        cmocka_unit_test(events_that_mean_nothing),
	        cmocka_unit_test(a_session_without_homing),
	        cmocka_unit_test(moves_that_cannot_be),
	        cmocka_unit_test(closed_under_its_publish),
	        cmocka_unit_test(a_generation_above_that_of_the_tunnel),
	        cmocka_unit_test(the_uplink_is_dead_before_the_session_is_up),
	        cmocka_unit_test(the_uplink_of_a_client_dies),
	        cmocka_unit_test(the_uplink_is_dead_when_the_process_comes_back),
	        cmocka_unit_test(one_update_for_a_move_with_a_proof),
	        cmocka_unit_test(an_own_update_is_refused_before_its_proof),
	        cmocka_unit_test(path_mtu_is_due_at_the_wrong_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
