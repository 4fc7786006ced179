/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H05 and H06, generated from the transition table: of each row, each payload
 * left out, emptied, doubled, in another order, beside an unknown one and beside one that has
 * no place there. A protected request is answered with an error, an unprotected one is dropped, an
 * answer is the end of what asked for it, and nothing else changes.
 */
#include "control/ike/table.h"
#include "tests/exchange/eap_config.h"
#include "tests/exchange/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum how { LEAVE_OUT, EMPTY, DOUBLE, ADD };

struct change {
	const struct scene *scene;
	enum how how;
	uint8_t type;
};

/* What the client does, and on what world. */
enum start { CONNECT, CONNECT_COOKIE, CONNECT_CHILDLESS, CONNECT_EAP, REKEY_CHILD, REKEY_IKE, ASK };

/* How a message of a row comes about: it is number `skip` of its exchange. */
struct scene {
	enum table_row_id row;
	enum start start;
	unsigned skip;
	uint8_t exchange;                     /* of the message that is changed, where it becomes another */
	void (*disguise)(struct mutation *m); /* makes it one of the row; NULL: it is one */
};

static void give_up(struct mutation *m)
{
	static const uint8_t ike[] = {IKE_PROTOCOL_IKE, 0, 0, 0};

	m->hdr.exchange = IKE_EXCHANGE_INFORMATIONAL;
	m->n = 0;
	mutable_add(m, IKE_PAYLOAD_DELETE, ike, sizeof(ike));
}

static void too_early(struct mutation *m)
{
	static const uint8_t auth[20] = {2};

	m->n = 0;
	mutable_add(m, IKE_PAYLOAD_AUTH, auth, sizeof(auth));
}

static const struct scene scenes[] = {
        {TABLE_INIT_REQUEST, CONNECT, 0, 0, NULL},
        {TABLE_INIT_RESPONSE, CONNECT, 0, 0, NULL},
        {TABLE_INIT_RETRY, CONNECT_COOKIE, 0, 0, NULL},
        {TABLE_AUTH_REQUEST, CONNECT, 0, 0, NULL},
        {TABLE_AUTH_CHILDLESS, CONNECT_CHILDLESS, 0, 0, NULL},
        {TABLE_EAP_REQUEST, CONNECT_EAP, 1, 0, NULL},
        {TABLE_EAP_AUTH_REQUEST, CONNECT_EAP, 4, 0, NULL},
        {TABLE_EAP_DISORDER, CONNECT_EAP, 1, 0, too_early},
        {TABLE_EAP_GIVEN_UP, CONNECT_EAP, 1, IKE_EXCHANGE_IKE_AUTH, give_up},
        {TABLE_EAP_FIRST_RESPONSE, CONNECT_EAP, 0, 0, NULL},
        {TABLE_EAP_RESPONSE, CONNECT_EAP, 1, 0, NULL},
        {TABLE_EAP_AUTH_RESPONSE, CONNECT_EAP, 4, 0, NULL},
        {TABLE_AUTH_RESPONSE, CONNECT, 0, 0, NULL},
        {TABLE_AUTH_RESPONSE, CONNECT_CHILDLESS, 0, 0, NULL},
        {TABLE_REKEY_IKE_REQUEST, REKEY_IKE, 0, 0, NULL},
        {TABLE_CHILD_REQUEST, REKEY_CHILD, 0, 0, NULL},
        {TABLE_CHILD_REQUEST, CONNECT_CHILDLESS, 0, 0, NULL},
        {TABLE_CHILD_RESPONSE, REKEY_CHILD, 0, 0, NULL},
        {TABLE_CHILD_RESPONSE, REKEY_IKE, 0, 0, NULL},
        {TABLE_CHILD_RESPONSE, CONNECT_CHILDLESS, 0, 0, NULL},
        {TABLE_INFORMATIONAL_REQUEST, ASK, 0, 0, NULL},
        {TABLE_INFORMATIONAL_RESPONSE, ASK, 0, 0, NULL},
};

#define N_SCENES (sizeof(scenes) / sizeof(scenes[0]))

static unsigned cases;

static const struct table_row *row_of(const struct scene *s)
{
	return &table_rows[s->row];
}

static bool is_answer(const struct scene *s)
{
	return row_of(s)->direction == TABLE_RESPONSE;
}

static bool is_protected(const struct scene *s)
{
	return row_of(s)->exchange != IKE_EXCHANGE_IKE_SA_INIT;
}

static bool in_session(const struct scene *s)
{
	return row_of(s)->states & 1u << IKE_STATE_ESTABLISHED;
}

static void change_one(struct mutation *m)
{
	const struct change *c = m->context;
	struct mutable_payload *p;

	if (c->scene->disguise != NULL)
		c->scene->disguise(m);
	p = mutable_find(m, c->type);
	if (c->how == ADD) {
		mutable_add(m, c->type, "0123456789abcdef", 16);
		return;
	}
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

static struct world *world_for(enum start start)
{
	static const struct world_options cookie = {.control = "control: {cookie-threshold: 0}\n"};
	static const struct world_options childless = {.client_extra = "    childless: prefer\n"};

	if (start == CONNECT_EAP)
		return world_new(&eap.options);
	return world_new(start == CONNECT_COOKIE ? &cookie : start == CONNECT_CHILDLESS ? &childless : NULL);
}

static void begin_start(struct world *w, enum start start)
{
	struct ike_manager *m = world_client(w)->m;
	uint64_t session = start < REKEY_CHILD ? 0 : ike_session_id(peer_session(world_client(w)));

	if (start == REKEY_CHILD)
		ike_rekey_children(m, session);
	else if (start == REKEY_IKE)
		ike_rekey_session(m, session);
	else if (start == ASK)
		ike_check_liveness(m, session);
	else
		world_connect(w);
}

/* What the peer that gets the changed message has refused, by whatever name. */
static uint64_t refused(struct peer *p)
{
	const struct ike_counter_values *c = &p->m->counters;
	uint64_t sum = c->payload_illegal + c->auth_failed + c->eap_broken + c->bad_answer;

	for (unsigned r = 1; r < IKE_REJECT_COUNT; r++)
		sum += c->rejects[r];
	return sum;
}

static struct peer *victim(struct world *w, const struct scene *s)
{
	return is_answer(s) ? world_client(w) : world_gateway(w);
}

/* A world in which the next message of the row has been changed, and has arrived. */
static struct world *begin(const struct scene *s, struct mutation *m, void (*change)(struct mutation *),
                           void *context)
{
	struct world *w = world_for(s->start);

	if (s->start >= REKEY_CHILD)
		world_up(w);
	mutate(w, m, s->exchange != 0 ? s->exchange : row_of(s)->exchange, change, context);
	m->skip = s->skip;
	m->answers = is_answer(s);
	begin_start(w, s->start);
	world_run(w, 300);
	assert_int_equal(m->applied, 1);
	cases++;
	return w;
}

static void nothing_changed(struct world *w, const struct scene *s)
{
	struct peer *g = world_gateway(w);

	if (s->start >= REKEY_CHILD) {
		assert_int_equal(peer_sas(g), 1);
		assert_int_equal(fake_count_in(g->dp), 1);
		assert_true(world_traffic(w));
		return;
	}
	assert_int_equal(fake_count_in(g->dp), 0);
	if (in_session(s))
		return;
	assert_null(peer_session(g));
	assert_int_equal(fake_count_tunnels(g->dp), 0);
	if (row_of(s)->exchange == IKE_EXCHANGE_IKE_SA_INIT)
		assert_int_equal(peer_sas(g), 0);
}

#define LONGER_THAN_ANY_PATIENCE_MS 700000u

/* Whatever an answer was like: nothing came of it, nothing of it is left, and the client can
 * begin again where it has to. */
static void nothing_came_of_it(struct world *w, const struct scene *s)
{
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct ike_sa *sa;

	if (!in_session(s))
		assert_null(peer_session(c));
	assert_true(fake_count_in(c->dp) <= 1);
	mutate_stop(w);
	world_run(w, LONGER_THAN_ANY_PATIENCE_MS);
	sa = peer_session(c);
	if (sa == NULL || !world_traffic(w)) {
		if (sa != NULL)
			ike_sa_close(sa, "the test begins again");
		world_run(w, 1000);
		assert_int_equal(peer_sas(c), 0);
		world_connect(w);
		world_run(w, 5000);
	}
	assert_true(world_traffic(w));
	assert_int_equal(peer_sas(c), 1);
	assert_int_equal(peer_sas(g), 1);
	assert_int_equal(fake_count_in(c->dp), 1);
	assert_int_equal(fake_count_in(g->dp), 1);
}

static uint16_t expected(const struct scene *s, const struct change *c)
{
	bool proof = c->type == IKE_PAYLOAD_AUTH || c->type == IKE_PAYLOAD_EAP;

	if (c->how == LEAVE_OUT && proof && s->row != TABLE_EAP_DISORDER)
		return IKE_NOTIFY_AUTHENTICATION_FAILED;
	return IKE_NOTIFY_INVALID_SYNTAX;
}

static void complain(const struct scene *s, const struct change *c, const struct mutation *m)
{
	print_error("%s (start %d), payload %s, change %d: answered %d %s\n", row_of(s)->name, s->start,
	            ike_payload_type_name(c->type), c->how, m->answered, ike_notify_type_name(m->answer));
}

static void judge_request(struct world *w, const struct scene *s, const struct change *c,
                          const struct mutation *m)
{
	bool right = m->answered == is_protected(s) || (c->how == EMPTY && !is_protected(s));

	if (m->answered && m->answer == 0)
		right = false;
	if (is_protected(s) && c->how != EMPTY && m->answer != expected(s, c))
		right = false;
	/* Silence has one name. */
	if (!m->answered && refused(world_gateway(w)) != 1)
		right = false;
	if (!right)
		complain(s, c, m);
	assert_true(right);
	mutate_stop(w);
	nothing_changed(w, s);
}

static void try_change(const struct scene *s, enum how how, uint8_t type)
{
	struct mutation *m = malloc(sizeof(*m));
	struct change c = {s, how, type};
	struct world *w;

	assert_non_null(m);
	w = begin(s, m, change_one, &c);
	if (refused(victim(w, s)) == 0) {
		complain(s, &c, m);
		fail();
	}
	if (is_answer(s))
		nothing_came_of_it(w, s);
	else
		judge_request(w, s, &c, m);
	world_free(w);
	free(m);
}

/* That no row of the exchange knows. */
static uint8_t stranger(const struct table_row *row)
{
	static const uint8_t candidates[] = {IKE_PAYLOAD_KE, IKE_PAYLOAD_IDi, IKE_PAYLOAD_EAP};
	uint64_t known = 0;

	for (unsigned r = 0; r < TABLE_N_ROWS; r++) {
		if (table_rows[r].exchange == row->exchange && table_rows[r].direction == row->direction)
			known |= table_rows[r].required | table_rows[r].optional;
	}
	for (unsigned i = 0; i < sizeof(candidates); i++) {
		if (!(known & IKE_PAYLOAD_BIT(candidates[i])))
			return candidates[i];
	}
	fail();
	return 0;
}

static void h06_payloads_left_out_emptied_doubled(void **state)
{
	uint32_t rows = 0;

	(void)state;
	for (unsigned i = 0; i < N_SCENES; i++) {
		const struct scene *s = &scenes[i];
		uint64_t required = row_of(s)->required;

		rows |= 1u << s->row;
		if (s->row == TABLE_AUTH_REQUEST || s->row == TABLE_AUTH_CHILDLESS)
			required |= IKE_PAYLOAD_BIT(IKE_PAYLOAD_AUTH);
		for (uint8_t type = 0; type < 64; type++) {
			if (!(required & IKE_PAYLOAD_BIT(type)))
				continue;
			/* Without KE a rekey of the IKE SA is no request at all; without a TS it is none of
			 * a Child SA: INVALID_SYNTAX either way. */
			try_change(s, LEAVE_OUT, type);
			try_change(s, EMPTY, type);
			if (!(TABLE_REPEATED & IKE_PAYLOAD_BIT(type)))
				try_change(s, DOUBLE, type);
		}
		try_change(s, ADD, stranger(row_of(s)));
	}
	assert_int_equal(rows, (1u << TABLE_N_ROWS) - 1);
	print_message("%u messages of %u rows\n", cases, TABLE_N_ROWS);
}

/* RFC 7296 2.5: a message "with those payloads in any other order" must not be
 * rejected as invalid. That of IKE_SA_INIT is signed, so it only gets an answer. */
static void h06_reordered_is_accepted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_SCENES; i++) {
		const struct scene *s = &scenes[i];
		struct mutation *m = malloc(sizeof(*m));
		struct world *w;

		assert_non_null(m);
		if (s->disguise != NULL || s->row == TABLE_INIT_RESPONSE) {
			free(m);
			continue;
		}
		w = begin(s, m, reverse, NULL);
		assert_true(m->answered || is_answer(s));
		assert_int_equal(m->answer, 0);
		mutate_stop(w);
		world_run(w, 5000);
		if (s->row != TABLE_INIT_REQUEST)
			assert_true(world_traffic(w));
		world_free(w);
		free(m);
	}
}

static void h05_unknown_payloads(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_SCENES; i++) {
		const struct scene *s = &scenes[i];

		if (is_answer(s) || s->disguise != NULL)
			continue;
		for (unsigned critical = 0; critical < 2; critical++) {
			struct mutation *m = malloc(sizeof(*m));
			bool flag = critical;
			struct world *w;

			assert_non_null(m);
			w = begin(s, m, add_unknown, &flag);
			assert_true(m->answered);
			assert_int_equal(m->answer, critical ? IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD : 0);
			mutate_stop(w);
			if (critical)
				nothing_changed(w, s);
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
