/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a session, for `roamctl explain`: how it came about, each address
 * that it had, each check and its result, rekeys and errors; bounded, over all that
 * replaces its IKE SA.
 */
#include "tests/exchange/world.h"

#include "control/homing/homing.h"
#include "control/ike/handlers.h"
#include "control/ike/journal.h"
#include "control/ike/succession.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct world_options moving = {.homing = &homing_ops};

/* Is there an entry of this kind, at `from` or later, with these words in it? Where it is; -1: none. */
static int told(struct ike_sa *sa, int from, const char *kind, const char *words)
{
	const struct journal_entry *e;
	char text[JOURNAL_TEXT];

	for (int i = from; (e = journal_at(sa, (unsigned)i)) != NULL; i++) {
		journal_text(sa, e, text);
		if (strcmp(journal_kind_name(e->kind), kind) == 0 && strstr(text, words) != NULL)
			return i;
	}
	for (int i = 0; (e = journal_at(sa, (unsigned)i)) != NULL; i++)
		print_message("%d %s: %s\n", i, journal_kind_name(e->kind), journal_text(sa, e, text));
	return -1;
}

static void how_it_came_about(void **state)
{
	struct world *w = world_new(&moving);
	struct ike_sa *sa;

	(void)state;
	world_up(w);
	sa = peer_session(world_gateway(w));
	assert_int_equal(told(sa, 0, "proposal", "chosen by us of"), 0);
	assert_int_equal(told(sa, 0, "authenticated", "the peer by a pre-shared key"), 1);
	assert_int_equal(told(sa, 0, "address", "10.99.0.2"), 2);
	assert_int_equal(told(sa, 0, "address", "2001:db8:99::2"), 3);
	assert_int_equal(told(sa, 0, "path", "192.0.2.1:4500 - 198.51.100.7:4500, no NAT, MOBIKE"), 4);
	assert_int_equal(told(sa, 0, "child-up", "-esn"), 5);
	sa = peer_session(world_client(w));
	assert_int_equal(told(sa, 0, "proposal", "chosen by the peer of"), 0);
	world_free(w);
}

static void where_it_was_and_why(void **state)
{
	struct rg_cfg_addr lte = address("203.0.113.77"), remote = address("192.0.2.1");
	struct world *w = world_new(&moving);
	struct peer *c = world_client(w);
	struct ike_sa *sa;
	int at;

	(void)state;
	world_up(w);
	assert_int_equal(homing_move(c->m, ike_session_id(peer_session(c)), &lte, &remote), 0);
	world_run(w, 3000);
	sa = peer_session(world_gateway(w));
	at = told(sa, 0, "move-asked", "the peer asks for 192.0.2.1:4500 - 203.0.113.77:4500");
	assert_true(at > 0);
	at = told(sa, at, "check", "203.0.113.77");
	assert_true(at > 0);
	at = told(sa, at, "check-passed", "203.0.113.77");
	assert_true(at > 0);
	at = told(sa, at, "moved", "by the peer's update");
	assert_true(at > 0);
	world_free(w);
}

/* The whole text of the first entry of this kind. */
static void first_says(struct ike_sa *sa, const char *kind, const char *expected)
{
	const struct journal_entry *e;
	char text[JOURNAL_TEXT];

	for (unsigned i = 0; (e = journal_at(sa, i)) != NULL; i++) {
		if (strcmp(journal_kind_name(e->kind), kind) != 0)
			continue;
		assert_string_equal(journal_text(sa, e, text), expected);
		return;
	}
	fail_msg("no entry of kind %s", kind);
}

/* Each end tells the same story from its own side, word for word. */
static void whose_it_was(void **state)
{
	struct world *w = world_new(&moving);
	struct peer *c = world_client(w), *g = world_gateway(w);
	const struct child_sa *first, *second;
	struct ike_sa *at_c, *at_g;
	uint32_t spis[2];
	char text[2][JOURNAL_TEXT];

	(void)state;
	w->nat = address("203.0.113.9");
	w->nat_port_offset = 1000;
	world_up(w);
	first = child_current(peer_session(c));
	spis[0] = ntohl(first->spi_in);
	spis[1] = ntohl(first->spi_out);
	ike_rekey_children(c->m, peer_session_id(c));
	world_run(w, 5000);
	at_c = peer_session(c);
	at_g = peer_session(g);
	first_says(at_c, "path", "198.51.100.7:4500 - 192.0.2.1:4500 in UDP, a NAT before us, MOBIKE");
	first_says(at_g, "path", "192.0.2.1:4500 - 203.0.113.9:5500 in UDP, a NAT before the peer, MOBIKE");
	first_says(at_c, "address", "it gave us 10.99.0.2");
	first_says(at_g, "address", "it has 10.99.0.2");
	first_says(at_g, "authenticated", "the peer by a pre-shared key, we by a pre-shared key");
	snprintf(text[0], sizeof(text[0]), "%08x in, %08x out, aes128gcm16-esn", spis[0], spis[1]);
	first_says(at_c, "child-up", text[0]);
	snprintf(text[1], sizeof(text[1]), "%08x in, %08x out, aes128gcm16-esn", spis[1], spis[0]);
	first_says(at_g, "child-up", text[1]);
	second = child_current(at_c);
	snprintf(text[0], sizeof(text[0]),
	         "%08x in, %08x out, aes128gcm16-esn, in place of %08x, asked for by us",
	         ntohl(second->spi_in), ntohl(second->spi_out), spis[0]);
	first_says(at_c, "child-rekeyed", text[0]);
	snprintf(text[1], sizeof(text[1]),
	         "%08x in, %08x out, aes128gcm16-esn, in place of %08x, asked for by the peer",
	         ntohl(second->spi_out), ntohl(second->spi_in), spis[1]);
	first_says(at_g, "child-rekeyed", text[1]);
	world_free(w);
}

static bool to_lte_only(struct world *w, struct datagram *dg)
{
	struct rg_cfg_addr lte = address("203.0.113.77");

	return dg->from != world_gateway(w) || !addr_equal(&dg->remote.addr, &lte) ||
	       (dg->data[19] & IKE_FLAG_RESPONSE) != 0;
}

static void a_check_that_fails(void **state)
{
	struct rg_cfg_addr lte = address("203.0.113.77"), remote = address("192.0.2.1");
	struct world *w = world_new(&moving);
	struct peer *c = world_client(w);
	struct ike_sa *sa;

	(void)state;
	world_up(w);
	w->filter = to_lte_only; /* the proof's request never arrives */
	assert_int_equal(homing_move(c->m, ike_session_id(peer_session(c)), &lte, &remote), 0);
	world_run(w, 8000);
	sa = peer_session(world_gateway(w));
	assert_true(told(sa, 0, "move-refused", "no answer from the new address") > 0);
	assert_true(told(sa, 0, "path-dead", "198.51.100.7") > 0);
	world_free(w);
}

/* One story over rekeys of both kinds and a reauthentication. */
static void one_story(void **state)
{
	struct world *w = world_new(&moving);
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct ike_sa *sa;
	int at;

	(void)state;
	world_up(w);
	ike_rekey_children(c->m, ike_session_id(peer_session(c)));
	world_run(w, 5000);
	ike_rekey_session(c->m, ike_session_id(peer_session(c)));
	world_run(w, 5000);
	succession_start(peer_session(c));
	world_run(w, 5000);
	sa = peer_session(g);
	at = told(sa, 5, "child-rekeyed", "asked for by the peer");
	assert_true(at > 0);
	at = told(sa, at, "ike-rekeyed", "now ");
	assert_true(at > 0);
	at = told(sa, at, "authenticated", "pre-shared key");
	assert_true(at > 0);
	at = told(sa, at, "reauthenticated", "now ");
	assert_true(at > 0);
	assert_int_equal(told(sa, 0, "proposal", ""), 0);
	world_free(w);
}

static void errors_are_told(void **state)
{
	struct world_options options = {.gateway_extra = "    lifetimes: {dpd: off}\n"};
	struct world *w = world_new(&options);
	struct ike_sa *c, *g;

	(void)state;
	world_up(w);
	c = peer_session(world_client(w));
	g = peer_session(world_gateway(w));
	g->heir_has_it = true; /* it is being rekeyed: RFC 7296 2.25.2 */
	ike_rekey_children(world_client(w)->m, ike_session_id(c));
	world_run(w, 500);
	g->heir_has_it = false;
	assert_true(told(g, 0, "error-sent", "TEMPORARY_FAILURE in CREATE_CHILD_SA") > 0);
	assert_true(told(c, 0, "error-received", "TEMPORARY_FAILURE in CREATE_CHILD_SA") > 0);
	world_free(w);
}

/* The first ones and the newest, never more than the cap, in order of time. */
static void it_is_bounded(void **state)
{
	struct world *w = world_new(&moving);
	struct ike_sa *sa;
	uint64_t before = 0;
	unsigned n = 0;

	(void)state;
	world_up(w);
	sa = peer_session(world_gateway(w));
	for (unsigned i = 0; i < 1000; i++) {
		world_run(w, 10);
		journal_note(sa, JOURNAL_ADDRESS_LIST, 0, i);
	}
	for (const struct journal_entry *e; (e = journal_at(sa, n)) != NULL; n++) {
		uint64_t when = journal_when_ms(e, w->now_ms);

		assert_true(when >= before && when <= w->now_ms);
		before = when;
	}
	assert_int_equal(n, JOURNAL_MAX);
	assert_int_equal(told(sa, 0, "proposal", ""), 0);
	assert_int_equal(told(sa, 0, "address-list", "999"), JOURNAL_MAX - 1);
	assert_int_equal(told(sa, JOURNAL_FIRST, "address-list", "976"), JOURNAL_FIRST);
	assert_true(sa->journal->dropped > 900);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(how_it_came_about),  cmocka_unit_test(where_it_was_and_why),
	        cmocka_unit_test(a_check_that_fails), cmocka_unit_test(one_story),
	        cmocka_unit_test(whose_it_was),       cmocka_unit_test(errors_are_told),
	        cmocka_unit_test(it_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
