/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions by their ids (control/ike/index.h) and the pages that roamctl gets of them (control/report.c):
 * each session once, whatever the others do meanwhile, and no page that is longer than a page.
 * ROAMGATE_SESSIONS says how many.
 */
#include "control/ctl/protocol.h"
#include "control/ike/index.h"
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
	sa->local = endpoint("192.0.2.1", 4500);
	sa->remote = endpoint("198.51.100.7", 4500);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_list_has_every_session_once),
	        cmocka_unit_test(sessions_change_between_two_pages),
	        cmocka_unit_test(found_by_id),
	        cmocka_unit_test(ids_of_a_gateway_that_is_old),
	        cmocka_unit_test(wrong_cursors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
