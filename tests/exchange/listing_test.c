/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions by their ids (control/ike/index.h) and the pages that roamctl gets of them (control/report.c):
 * each session once, whatever the others do meanwhile, and no page that is longer than a page. No other
 * request looks at more sessions than a page has, either.
 * ROAMGATE_SESSIONS says how many.
 */
#include "control/ctl/protocol.h"
#include "control/ike/census.h"
#include "control/ike/index.h"
#include "control/ike/manager.h"
#include "control/ike/sweep.h"
#include "control/initiate_ops.h"
#include "control/report.h"
#include "tests/exchange/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGE_MAX (RG_CTL_PAGE + 2 * INDEX_TOGETHER) /* what shares a bucket stays together */

struct listed {
	struct world *w;
	struct control control;
	unsigned n;
	struct ike_sa **sas;
	unsigned *seen; /* by session id */
	size_t ids;
};

static struct ike_sa *make(struct listed *l, unsigned i)
{
	struct peer *g = world_gateway(l->w);
	struct ike_sa *sa = ike_sa_create(g->m, g->auth, false);
	char name[64];

	assert_non_null(sa);
	snprintf(name, sizeof(name), "client%u@example.net", i);
	assert_int_equal(rg_id_parse(&sa->peer_id, name), 0);
	sa->state = IKE_STATE_ESTABLISHED;
	sa->local = endpoint(i % 4 == 0 ? "203.0.113.1" : "192.0.2.1", 4500);
	sa->remote = endpoint("198.51.100.7", 4500);
	sa->connection = &rg_auth_config(g->auth)->connections[0];
	sa->peer_cookie = rg_id_cookie(&sa->peer_id);
	manager_insert_peer(g->m, sa);
	census_count(sa);
	return sa;
}

static struct listed *open_list(void)
{
	const char *text = getenv("ROAMGATE_SESSIONS");
	struct listed *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->w = world_new(NULL);
	l->control.ike = world_gateway(l->w)->m;
	l->n = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 5000;
	l->sas = calloc(l->n, sizeof(*l->sas));
	l->ids = 40 * (size_t)l->n + 20000;
	l->seen = calloc(l->ids, sizeof(*l->seen));
	assert_non_null(l->sas);
	assert_non_null(l->seen);
	for (unsigned i = 0; i < l->n; i++)
		l->sas[i] = make(l, i);
	return l;
}

static void close_list(struct listed *l)
{
	world_free(l->w);
	free(l->sas);
	free(l->seen);
	free(l);
}

/* One page of a list; its rows are counted by the id under `id`. The next one, or 0. */
static json_int_t read_page(struct listed *l, const char *command, const char *of, const char *key,
                            const char *id, json_int_t from)
{
	json_t *request = json_pack("{s:s, s:s*}", "command", command, "of", of), *reply, *row;
	json_int_t next;
	size_t i;

	if (from != 0)
		json_object_set_new(request, "from", json_integer(from));
	reply = report_answer(&l->control, command, request);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	assert_in_range(json_array_size(json_object_get(reply, key)), 0, PAGE_MAX);
	json_array_foreach(json_object_get(reply, key), i, row)
	{
		json_int_t at = json_integer_value(json_object_get(row, id));

		assert_in_range(at, 1, l->ids - 1);
		l->seen[at]++;
	}
	next = json_integer_value(json_object_get(reply, "next"));
	assert_true(next == 0 || next > from);
	json_decref(reply);
	json_decref(request);
	return next;
}

static void expect_each_once(struct listed *l)
{
	for (unsigned i = 0; i < l->n; i++)
		assert_int_equal(l->seen[ike_session_id(l->sas[i])], 1);
}

static void every_list_has_every_session_once(void **state)
{
	static const struct {
		const char *command, *of, *key, *id;
	} lists[] = {{"clients", NULL, "clients", "id"},
	             {"paths", NULL, "paths", "client"},
	             {"sas", NULL, "ike", "client"},
	             {"sas", "ike", "ike", "client"}};
	struct listed *l = open_list();

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		unsigned pages = 0;

		memset(l->seen, 0, l->ids * sizeof(*l->seen));
		for (json_int_t at = 0; pages == 0 || at != 0; pages++)
			at = read_page(l, lists[i].command, lists[i].of, lists[i].key, lists[i].id, at);
		expect_each_once(l);
		assert_true(pages >= l->n / PAGE_MAX);
	}
	/* What one does not ask for is not there. */
	memset(l->seen, 0, l->ids * sizeof(*l->seen));
	(void)read_page(l, "sas", "child", "ike", "client", 0);
	assert_int_equal(l->seen[ike_session_id(l->sas[0])], 0);
	close_list(l);
}

/* The heir of a rekey has the id, and so its place; what it leaves is gone. */
static void rekey(struct listed *l, unsigned i)
{
	struct ike_sa *heir = make(l, i);

	index_rename(heir, l->sas[i]->session);
	l->sas[i]->heir_has_it = true;
	ike_sa_free(l->sas[i]);
	l->sas[i] = heir;
}

static void sessions_change_between_two_pages(void **state)
{
	struct listed *l = open_list();
	unsigned step = 0, i;
	json_int_t at = 0;

	(void)state;
	do {
		at = read_page(l, "clients", NULL, "clients", "id", at);
		for (i = step++ % 7; i < l->n; i += l->n / 100)
			rekey(l, i);
		for (i = 0; i < 20; i++)
			(void)make(l, i); /* come and are listed, or not */
		if (l->n > 100) {         /* one goes that is still to come, and perhaps one that was there */
			ike_sa_free(l->sas[--l->n]);
			ike_sa_free(l->sas[step]);
			l->sas[step] = l->sas[--l->n];
		}
	} while (at != 0);
	expect_each_once(l);
	close_list(l);
}

/* By its id, and not what is closed or has an heir. */
static void found_by_id(void **state)
{
	struct listed *l = open_list();
	struct ike_manager *m = l->control.ike;
	uint64_t id = ike_session_id(l->sas[7]);

	(void)state;
	for (unsigned i = 0; i < l->n; i++)
		assert_ptr_equal(ike_find_session(m, ike_session_id(l->sas[i])), l->sas[i]);
	assert_null(ike_find_session(m, 0));
	assert_null(ike_find_session(m, UINT64_MAX));
	rekey(l, 7);
	assert_ptr_equal(ike_find_session(m, id), l->sas[7]);
	l->sas[7]->heir_has_it = true;
	assert_null(ike_find_session(m, id));
	l->sas[7]->heir_has_it = false;
	ike_sa_close(l->sas[7], "a test");
	assert_null(ike_find_session(m, id));
	close_list(l);
}

/* Ids far apart, and ones that share a bucket with those that were long before. */
static void ids_of_a_gateway_that_is_old(void **state)
{
	struct listed *l = open_list();
	unsigned pages = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		index_rename(l->sas[i], (uint64_t)(i + 1) * INDEX_BUCKETS * INDEX_TOGETHER + i);
	for (json_int_t at = 0; pages == 0 || at != 0; pages++) {
		json_t *request = json_pack("{s:I}", "from", at);
		json_t *reply = report_answer(&l->control, "clients", request);

		at = json_integer_value(json_object_get(reply, "next"));
		l->seen[0] += (unsigned)json_array_size(json_object_get(reply, "clients"));
		json_decref(reply);
		json_decref(request);
	}
	assert_int_equal(l->seen[0], l->n);
	close_list(l);
}

/* A cursor that nobody gave out. */
static void wrong_cursors(void **state)
{
	static const char *const requests[] = {"{\"from\":-1}", "{\"from\":65536}",
	                                       "{\"from\":9223372036854775807}"};
	struct listed *l = open_list();

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		json_t *request = json_loads(requests[i], 0, NULL);
		json_t *reply = report_answer(&l->control, "clients", request);

		assert_int_equal(json_array_size(json_object_get(reply, "clients")), 0);
		assert_null(json_object_get(reply, "next"));
		json_decref(reply);
		json_decref(request);
	}
	close_list(l);
}

/* What else a request may need of the process. */
static void open_control(struct listed *l)
{
	static const struct dp_hooks hooks;
	struct control *c = &l->control;

	assert_int_equal(uv_loop_init(&c->loop), 0);
	c->config_file = "a test";
	c->auth = world_gateway(l->w)->auth;
	c->links = links_create(&c->loop, NULL, NULL);
	c->dp = dp_create(&c->loop, "/nonexistent/dataplane.sock", &hooks, NULL);
	c->initiate = initiate_create(&initiate_ops, c);
	assert_true(c->links && c->dp && c->initiate);
	assert_int_equal(rg_pools_new(rg_auth_config(c->auth), NULL, &c->pools), 0);
}

static void close_control(struct listed *l)
{
	struct control *c = &l->control;

	initiate_free(c->initiate);
	rg_pools_free(c->pools);
	links_close(c->links);
	dp_close(c->dp);
	uv_run(&c->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&c->loop), 0);
}

/* The answer, where there is nothing but the tables: a walk over all of them finds nobody. */
static json_t *answer_of(struct listed *l, const char *command, json_t *request, uint64_t *looked)
{
	struct ike_manager *m = l->control.ike;
	struct ike_sa_list hidden = m->sas;
	uint64_t before = m->counters.looked_at;
	json_t *reply;

	TAILQ_INIT(&m->sas);
	reply = report_answer(&l->control, command, request);
	m->sas = hidden;
	*looked = m->counters.looked_at - before;
	json_decref(request);
	return reply;
}

static json_int_t number(const json_t *object, const char *a, const char *b)
{
	return json_integer_value(json_object_get(json_object_get(object, a), b));
}

static void status_looks_at_no_session(void **state)
{
	struct listed *l = open_list();
	json_t *reply, *status, *uplinks;
	uint64_t looked;

	(void)state;
	open_control(l);
	ike_sa_close(l->sas[1], "a test");
	reply = answer_of(l, "status", json_object(), &looked);
	status = json_object_get(reply, "status");
	uplinks = json_object_get(status, "uplinks");
	assert_int_equal(looked, 0);
	assert_int_equal(number(status, "sessions", "established"), l->n - 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(uplinks, 1), "clients")),
	                 (l->n + 3) / 4);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(uplinks, 0), "clients")),
	                 l->n - (l->n + 3) / 4 - 1);
	json_decref(reply);
	close_control(l);
	close_list(l);
}

/* Of two with one identity it is the newer one, unless that one is superseded. */
static void an_identity_is_found_in_its_bucket(void **state)
{
	static const char *const commands[] = {"explain", "rekey", "terminate"};
	struct listed *l = open_list();
	struct ike_sa *newer = make(l, 11), *superseded = make(l, 11);
	uint64_t looked;
	json_t *reply;

	(void)state;
	open_control(l);
	superseded->superseded = true;
	ike_sa_park(newer); /* it has no keys for a Delete */
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		json_t *request = json_pack("{s:s, s:s}", "client", "CLIENT11@example.net", "sa", "child");

		reply = answer_of(l, commands[i], request, &looked);
		assert_true(strcmp(commands[i], "rekey") == 0 || json_is_true(json_object_get(reply, "ok")));
		assert_in_range(looked, 1, 20);
		if (i == 0)
			assert_int_equal(number(reply, "client", "id"), ike_session_id(newer));
		json_decref(reply);
	}
	assert_false(TAILQ_EMPTY(&newer->tasks));
	assert_true(TAILQ_EMPTY(&l->sas[11]->tasks));
	close_control(l);
	close_list(l);
}

/* What no configuration can write: a key id. Every request of the search is a page's work. */
static json_t *search(struct listed *l, const char *identity)
{
	json_int_t from = 0, next;
	json_t *reply;

	for (unsigned turns = 1;; turns++) {
		json_t *request = json_pack("{s:s, s:I}", "client", identity, "from", from);
		uint64_t looked;

		reply = answer_of(l, "explain", request, &looked);
		assert_in_range(looked, 0, PAGE_MAX + 20);
		next = json_integer_value(json_object_get(reply, "next"));
		if (next == 0)
			return reply;
		assert_true(next > from && turns <= 65536 / INDEX_TOGETHER);
		json_decref(reply);
		from = next;
	}
}

static void other_identities_are_searched_in_pages(void **state)
{
	static const uint8_t key[] = {0x01, 0xfe, 'k'};
	struct listed *l = open_list();
	char text[RG_ID_TEXT];
	json_t *reply;

	(void)state;
	assert_int_equal(rg_id_decode(&l->sas[l->n / 2]->peer_id, 11, key, sizeof(key)), 0);
	reply = search(l, rg_id_print(&l->sas[l->n / 2]->peer_id, text, sizeof(text)));
	assert_int_equal(number(reply, "client", "id"), ike_session_id(l->sas[l->n / 2]));
	json_decref(reply);
	reply = search(l, "nobody@example.net");
	assert_true(json_is_false(json_object_get(reply, "ok")));
	json_decref(reply);
	close_list(l);
}

/* Turns of the loop until there is nothing to do at once. */
static void turn(struct listed *l, const struct ike_manager *m, uint64_t *looked)
{
	uint64_t before = m->counters.looked_at, next;

	do {
		uint64_t at = m->counters.looked_at;

		next = ike_tick(l->control.ike);
		assert_in_range(m->counters.looked_at - at, 0, SWEEP_PAGE);
	} while (next <= l->w->now_ms);
	*looked += m->counters.looked_at - before;
}

/* The end of the process, and another configuration: a page in a turn, and each session once, also where some
 * go meanwhile, one of them the next in turn. */
static void all_are_swept_in_pages(void **state)
{
	struct listed *l = open_list();
	struct ike_manager *m = l->control.ike;
	uint64_t looked;

	(void)state;
	for (unsigned i = 0; i < l->n; i++)
		ike_sa_park(l->sas[i]); /* they have no keys for a Delete */
	looked = m->counters.looked_at;
	ike_reload(m, world_gateway(l->w)->auth);
	looked = m->counters.looked_at - looked;
	assert_int_equal(looked, SWEEP_PAGE);
	ike_sa_free(l->sas[SWEEP_PAGE]); /* the next one */
	turn(l, m, &looked);
	assert_int_equal(looked, l->n - 1);
	looked = m->counters.looked_at;
	ike_terminate_all(m);
	looked = m->counters.looked_at - looked;
	assert_true(TAILQ_EMPTY(&l->sas[l->n - 1]->tasks));
	ike_reload(m, world_gateway(l->w)->auth); /* does not stop it */
	turn(l, m, &looked);
	assert_int_equal(looked, l->n - 1);
	for (unsigned i = 0; i < l->n; i++)
		assert_true(i == SWEEP_PAGE || !TAILQ_EMPTY(&l->sas[i]->tasks));
	close_list(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_list_has_every_session_once),
	        cmocka_unit_test(sessions_change_between_two_pages),
	        cmocka_unit_test(found_by_id),
	        cmocka_unit_test(ids_of_a_gateway_that_is_old),
	        cmocka_unit_test(wrong_cursors),
	        cmocka_unit_test(all_are_swept_in_pages),
	        cmocka_unit_test(status_looks_at_no_session),
	        cmocka_unit_test(an_identity_is_found_in_its_bucket),
	        cmocka_unit_test(other_identities_are_searched_in_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
