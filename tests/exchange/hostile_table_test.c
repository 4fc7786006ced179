/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H05 and H06, generated from the transition table: each payload of each
 * request left out, emptied, doubled, in another order, beside an unknown one. A
 * protected message is answered with an error, an unprotected one is dropped, and nothing else changes.
 */
#include "control/ike/table.h"
#include "tests/exchange/eap_config.h"
#include "tests/exchange/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum how { LEAVE_OUT, EMPTY, DOUBLE };

struct change {
	enum how how;
	uint8_t type;
};

static void change_one(struct mutation *m)
{
	const struct change *c = m->context;
	struct mutable_payload *p = mutable_find(m, c->type);

	assert_non_null(p);
	if (c->how == LEAVE_OUT)
		mutable_remove(m, (unsigned)(p - m->payloads));
	else if (c->how == EMPTY)
		p->len = 0;
	else
		mutable_add(m, p->type, p->body, p->len);
}

static void reverse(struct mutation *m)
{
	for (unsigned i = 0; i < m->n / 2; i++) {
		static struct mutable_payload tmp;

		tmp = m->payloads[i];
		m->payloads[i] = m->payloads[m->n - 1 - i];
		m->payloads[m->n - 1 - i] = tmp;
	}
}

static void add_unknown(struct mutation *m)
{
	mutable_add(m, 200, "what is this", 12)->critical = *(bool *)m->context;
}

static struct eap_config eap;

/* The requests of IKE_AUTH that come before the first of the row. */
static unsigned rounds_before(const struct table_row *row)
{
	if (row == &table_rows[TABLE_EAP_REQUEST])
		return 1;
	return row == &table_rows[TABLE_EAP_AUTH_REQUEST] ? 4 : 0;
}

/* A world in which the client's next request is one of the row. */
static struct world *begin(const struct table_row *row, struct mutation *m, void (*change)(struct mutation *),
                           void *context)
{
	struct world *w = world_new(rounds_before(row) > 0 ? &eap.options : NULL);
	bool in_session = row->exchange == IKE_EXCHANGE_CREATE_CHILD_SA;

	if (in_session)
		world_up(w);
	mutate(w, m, row->exchange, change, context);
	m->skip = rounds_before(row);
	if (!in_session)
		world_connect(w);
	else if (row == &table_rows[TABLE_REKEY_IKE_REQUEST])
		ike_rekey_session(world_client(w)->m, ike_session_id(peer_session(world_client(w))));
	else
		ike_rekey_children(world_client(w)->m, ike_session_id(peer_session(world_client(w))));
	world_run(w, 300);
	assert_int_equal(m->applied, 1);
	return w;
}

static void nothing_changed(struct world *w, const struct table_row *row)
{
	struct peer *g = world_gateway(w);

	if (row->exchange == IKE_EXCHANGE_CREATE_CHILD_SA) {
		assert_int_equal(peer_sas(g), 1);
		assert_int_equal(fake_count_in(g->dp), 1);
		assert_true(world_traffic(w));
		return;
	}
	assert_null(peer_session(g));
	assert_int_equal(fake_count_in(g->dp), 0);
	assert_int_equal(fake_count_tunnels(g->dp), 0);
	if (row->exchange == IKE_EXCHANGE_IKE_SA_INIT)
		assert_int_equal(peer_sas(g), 0);
}

static void try_change(const struct table_row *row, struct change c)
{
	struct mutation *m = malloc(sizeof(*m));
	struct world *w;
	bool is_protected = row->exchange != IKE_EXCHANGE_IKE_SA_INIT;

	assert_non_null(m);
	w = begin(row, m, change_one, &c);
	if (m->answered != is_protected && !(c.how == EMPTY && !is_protected)) {
		print_error("%s, payload %s, change %d: answered %d\n", row->name,
		            ike_payload_type_name(c.type), c.how, m->answered);
		fail();
	}
	if (m->answered)
		assert_int_not_equal(m->answer, 0);
	if (is_protected && c.how != EMPTY)
		assert_int_equal(m->answer, c.how == LEAVE_OUT && (c.type == IKE_PAYLOAD_AUTH ||
		                                                   c.type == IKE_PAYLOAD_EAP)
		                                    ? IKE_NOTIFY_AUTHENTICATION_FAILED
		                                    : IKE_NOTIFY_INVALID_SYNTAX);
	mutate_stop(w);
	nothing_changed(w, row);
	world_free(w);
	free(m);
}

static void h06_payloads_left_out_emptied_doubled(void **state)
{
	(void)state;
	for (unsigned r = 0; r < TABLE_N_ROWS; r++) {
		const struct table_row *row = &table_rows[r];
		uint64_t required = row->required;

		if (row->direction != TABLE_REQUEST)
			continue;
		if (row == &table_rows[TABLE_AUTH_REQUEST])
			required |= IKE_PAYLOAD_BIT(IKE_PAYLOAD_AUTH);
		for (uint8_t type = 0; type < 64; type++) {
			if (!(required & IKE_PAYLOAD_BIT(type)))
				continue;
			/* Without KE a rekey of the IKE SA is no request at all; without a TS it is none of
			 * a Child SA: INVALID_SYNTAX either way. */
			try_change(row, (struct change){LEAVE_OUT, type});
			try_change(row, (struct change){EMPTY, type});
			try_change(row, (struct change){DOUBLE, type});
		}
	}
}

/* RFC 7296 2.5: a message "with those payloads in any other order" must not be
 * rejected as invalid. */
static void h06_reordered_is_accepted(void **state)
{
	static const enum table_row_id rows[] = {TABLE_AUTH_REQUEST, TABLE_CHILD_REQUEST,
	                                         TABLE_REKEY_IKE_REQUEST};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mutation *m = malloc(sizeof(*m));
		struct world *w;

		assert_non_null(m);
		w = begin(&table_rows[rows[i]], m, reverse, NULL);
		assert_true(m->answered);
		assert_int_equal(m->answer, 0);
		mutate_stop(w);
		world_run(w, 5000);
		assert_true(world_traffic(w));
		world_free(w);
		free(m);
	}
}

static void h05_unknown_payloads(void **state)
{
	(void)state;
	for (unsigned r = 0; r < TABLE_N_ROWS; r++) {
		const struct table_row *row = &table_rows[r];

		if (row->direction != TABLE_REQUEST || row->required == 0)
			continue;
		for (unsigned critical = 0; critical < 2; critical++) {
			struct mutation *m = malloc(sizeof(*m));
			bool flag = critical;
			struct world *w;

			assert_non_null(m);
			w = begin(row, m, add_unknown, &flag);
			assert_true(m->answered);
			assert_int_equal(m->answer, critical ? IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD : 0);
			mutate_stop(w);
			if (critical)
				nothing_changed(w, row);
			world_free(w);
			free(m);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h06_payloads_left_out_emptied_doubled),
	        cmocka_unit_test(h06_reordered_is_accepted),
	        cmocka_unit_test(h05_unknown_payloads),
	};

	int failed;

	eap_config_make(&eap, NULL, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	eap_config_clean(&eap);
	return failed;
}
