/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE fragments (RFC 7383) between two peers: both directions, every order,
 * losses, forgeries and leftovers (H19, H21, H22, H38).
 */
#include "control/ike/crypto/sk.h"
#include "control/ike/sk_message.h"
#include "tests/exchange/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Small enough that both IKE_AUTH messages need several datagrams; less than an operator may configure. */
#define SMALL 192u

static struct world *world_in_pieces(uint64_t seed)
{
	struct world_options options = {.seed = seed};
	struct world *w = world_new(&options);

	for (unsigned i = 0; i < 2; i++)
		rg_auth_config(w->peers[i].auth)->connections[0].fragment_size = SMALL;
	return w;
}

static unsigned count(const char *trace, const char *what)
{
	unsigned n = 0;

	for (; (trace = strstr(trace, what)) != NULL; trace++)
		n++;
	return n;
}

static void both_ways(void **state)
{
	struct world *w = world_in_pieces(0);

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 5000));
	world_settle(w);
	assert_true(count(w->trace, "c>g IKE_AUTH ?1") >= 2);
	assert_true(count(w->trace, "g>c IKE_AUTH !1") >= 2);
	assert_true(world_traffic(w));
	world_free(w);
}

static void lost_doubled_reordered(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct world *w = world_in_pieces(seed);

		w->loss_percent = 15;
		w->duplicate_percent = 30;
		w->jitter_ms = 200;
		for (unsigned i = 0; i < 5 && !world_is_up(w); i++) {
			if (peer_sas(world_client(w)) == 0)
				world_connect(w);
			world_run_until(w, world_is_up, 180000);
		}
		assert_true(world_is_up(w));
		w->loss_percent = 0;
		world_run(w, 20000);
		assert_true(world_traffic(w));
		world_free(w);
	}
}

static bool forge_second(struct world *w, struct datagram *dg)
{
	unsigned *forged = w->filter_context;
	struct ike_msg msg;

	if (dg->from != world_client(w) || ike_msg_parse(&msg, dg->data, dg->len) != IKE_OK ||
	    msg.sk_type != IKE_PAYLOAD_SKF || *forged > 0)
		return true;
	(*forged)++;
	dg->data[dg->len - 1] ^= 1;
	return true;
}

/* H22: one with a bad ICV: only that one is discarded, its retransmission completes the message. */
static void h22_a_forged_fragment(void **state)
{
	struct world *w = world_in_pieces(0);
	unsigned forged = 0;

	(void)state;
	w->filter_context = &forged;
	w->filter = forge_second;
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 5000));
	assert_int_equal(forged, 1);
	assert_int_equal(peer_counter(world_gateway(w), "ike-sk-icv"), 1);
	world_free(w);
}

static bool one_of_each(struct world *w, struct datagram *dg)
{
	struct ike_frag frag;
	struct ike_msg msg;

	(void)w;
	return ike_msg_parse(&msg, dg->data, dg->len) != IKE_OK || msg.sk_type != IKE_PAYLOAD_SKF ||
	       (ike_frag_decode(&frag, &msg) == IKE_OK && frag.number == 1);
}

/* H21: never completed: it expires and its memory is given back. */
static void h21_never_completed(void **state)
{
	struct world *w = world_in_pieces(0);
	struct peer *g = world_gateway(w);

	(void)state;
	w->filter = one_of_each;
	world_connect(w);
	world_run(w, 1000);
	assert_true(g->m->half_open_fragments.used > 0);
	world_run(w, 16000);
	assert_true(peer_counter(g, "ike-drop-fragment-expired") >= 1);
	world_run(w, 60000);
	assert_int_equal(g->m->half_open_fragments.used, 0);
	assert_true(TAILQ_EMPTY(&g->m->sas));
	world_free(w);
}

/* H20: whoever is not authenticated yet can fill a small share only, and its own. */
static void h20_half_open_ones_have_a_share(void **state)
{
	struct world *w = world_in_pieces(0);
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct ike_frag_budget *half = &g->m->half_open_fragments;

	(void)state;
	half->used = half->limit;
	world_connect(w);
	world_run(w, 1000);
	assert_null(peer_session(g));
	assert_true(peer_counter(g, "ike-frag-budget") > 0);
	assert_int_equal(g->m->fragments.used, 0);
	half->used = 0;
	assert_true(world_run_until(w, world_is_up, 60000));
	world_settle(w);
	/* A session does not feel it. */
	half->used = half->limit;
	world_trace_clear(w);
	assert_int_equal(ike_rekey_session(c->m, peer_session(c)->session), 0);
	world_run(w, 1000);
	assert_true(count(w->trace, "c>g CREATE_CHILD_SA ?") >= 2);
	assert_int_equal(peer_counter(g, "ike-established"), 1);
	assert_true(world_traffic(w));
	assert_int_equal(half->used, half->limit);
	assert_int_equal(g->m->fragments.used, 0);
	half->used = 0;
	world_free(w);
}

/* The time of one message does not run on into that of the next. */
static void h21_each_message_has_its_time(void **state)
{
	struct world *w = world_in_pieces(0);
	struct peer *c = world_client(w), *g = world_gateway(w);

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 5000));
	world_settle(w);
	assert_int_equal(peer_session(g)->timer[TIMER_FRAGMENTS], 0);
	world_run(w, 10000);
	w->filter = one_of_each;
	assert_int_equal(ike_rekey_session(c->m, peer_session(c)->session), 0);
	world_run(w, 10000); /* the first message would be 20 s old */
	assert_true(g->m->fragments.used > 0);
	assert_int_equal(peer_counter(g, "ike-drop-fragment-expired"), 0);
	world_run(w, 5500);
	assert_int_equal(peer_counter(g, "ike-drop-fragment-expired"), 1);
	world_free(w);
}

static unsigned answered;

static int large_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	static const uint8_t data[400];

	(void)sa;
	(void)task;
	ike_build_status(out, 40961, data, sizeof(data)); /* a private one, and more than one datagram */
	return 0;
}

static int large_response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	(void)sa;
	(void)task;
	(void)x;
	answered++;
	return 0;
}

static void large_free(struct task *task)
{
	free(task);
}

static const struct task_type large_type = {.name = "a large request of the test",
                                            .exchange = IKE_EXCHANGE_INFORMATIONAL,
                                            .build = large_build,
                                            .response = large_response,
                                            .free = large_free};

static bool lose_second_once(struct world *w, struct datagram *dg)
{
	unsigned *lost = w->filter_context;
	struct ike_frag frag;
	struct ike_msg msg;

	if (*lost > 0 || dg->from != world_client(w) || ike_msg_parse(&msg, dg->data, dg->len) != IKE_OK ||
	    ike_frag_decode(&frag, &msg) != IKE_OK || frag.number != 2)
		return true;
	(*lost)++;
	return false;
}

/* RFC 7383 2.6: one message is reassembled at a time. Fragments of the window's next request wait for their
 * sender's copies, and take the room of none that is not complete yet. */
static void another_message_meanwhile(void **state)
{
	struct world *w = world_in_pieces(0);
	struct peer *c = world_client(w), *g = world_gateway(w);
	const struct reassembly *f;
	unsigned lost = 0;
	uint32_t id;

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 5000));
	world_settle(w);
	answered = 0;
	w->filter_context = &lost;
	w->filter = lose_second_once;
	id = peer_session(c)->send_id;
	for (unsigned i = 0; i < 2; i++) {
		struct task *task = calloc(1, sizeof(*task));

		assert_non_null(task);
		task->type = &large_type;
		task_queue(peer_session(c), task);
	}
	world_run(w, 200);
	assert_int_equal(lost, 1);
	assert_int_equal(peer_session(c)->send_id, id + 2);
	assert_true(peer_counter(g, "ike-frag-message") >= 2);
	assert_int_equal(answered, 0);
	f = peer_session(g)->fragments[0];
	assert_non_null(f);
	assert_int_equal(f->reasm.message_id, id);
	world_run(w, 5000);
	assert_int_equal(answered, 2);
	assert_null(peer_session(g)->fragments[0]);
	assert_int_equal(g->m->fragments.used, 0);
	assert_int_equal(peer_counter(g, "ike-drop-fragment-expired"), 0);
	world_free(w);
}

static uint8_t first[2048];
static size_t first_len;

static bool keep_first(struct world *w, struct datagram *dg)
{
	struct ike_frag frag;
	struct ike_msg msg;

	if (dg->from == world_client(w) && ike_msg_parse(&msg, dg->data, dg->len) == IKE_OK &&
	    msg.sk_type == IKE_PAYLOAD_SKF && ike_frag_decode(&frag, &msg) == IKE_OK && frag.number == 1) {
		memcpy(first, dg->data, dg->len);
		first_len = dg->len;
	}
	return true;
}

/* RFC 7383 2.6.1: the first fragment of an answered request brings the whole answer again. */
static void the_first_fragment_asks_again(void **state)
{
	struct world *w = world_in_pieces(0);
	struct ike_endpoint g = endpoint("192.0.2.1", 4500), c = endpoint("198.51.100.7", 4500);
	unsigned packets;

	(void)state;
	w->filter = keep_first;
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 5000));
	world_settle(w);
	packets = count(w->trace, "g>c IKE_AUTH !1");
	world_trace_clear(w);
	peer_inject(world_gateway(w), &g, &c, true, first, first_len);
	world_settle(w);
	assert_int_equal(count(w->trace, "g>c IKE_AUTH !1"), packets);
	/* With other bytes: nothing (H38). */
	world_trace_clear(w);
	first[first_len - 1] ^= 1;
	peer_inject(world_gateway(w), &g, &c, true, first, first_len);
	world_settle(w);
	world_expect(w, "");
	world_free(w);
}

/* The request of `sa` that waits for its answer: its plaintext, and the type of its first payload. */
static size_t uncut(struct ike_sa *sa, uint8_t *plain, size_t cap, uint8_t *first_type)
{
	const struct outstanding *r = exchange_waiting(sa);
	size_t at = 0;

	assert_non_null(r);
	for (unsigned i = 0; i < r->packets.n; i++) {
		struct ike_msg msg;
		uint8_t part[2048];
		size_t len;

		assert_int_equal(ike_msg_parse(&msg, r->packets.p[i].data, r->packets.p[i].len), IKE_OK);
		assert_int_equal(ike_sk_open(&sa->keys.i, &msg, part, sizeof(part), &len), IKE_OK);
		if (i == 0)
			*first_type = msg.sk_first;
		assert_true(at + len <= cap);
		memcpy(plain + at, part, len);
		at += len;
	}
	return at;
}

/* RFC 7383 2.5.2: no answer came, so the client cuts its request into smaller fragments, which go out from
 * now on. */
static void cut_anew(struct ike_sa *sa, size_t max_message)
{
	static uint8_t plain[16384];
	struct outstanding *r = exchange_waiting(sa);
	struct ike_header hdr = message_header(sa, r->task->type->exchange, false, r->message_id);
	size_t overhead = ike_sk_overhead(&sa->keys.i, true), len, part;
	uint8_t before = r->packets.n, first_type;
	uint16_t total;

	len = uncut(sa, plain, sizeof(plain), &first_type);
	part = ike_frag_plan(len, max_message, overhead, &total);
	assert_true(part > 0 && total > before);
	packets_free(&r->packets);
	r->packets.p = calloc(total, sizeof(*r->packets.p));
	assert_non_null(r->packets.p);
	for (uint16_t i = 0; i < total; i++) {
		struct ike_frag frag = {.number = (uint16_t)(i + 1), .total = total};
		struct packet *p = &r->packets.p[i];
		size_t at = (size_t)i * part;

		frag.first = i == 0 ? first_type : 0;
		p->data = malloc(part + overhead);
		assert_non_null(p->data);
		r->packets.n++;
		assert_int_equal(ike_sk_seal_fragment(&sa->keys.i, &hdr, &frag, plain + at,
		                                      len - at < part ? len - at : part, p->data,
		                                      part + overhead, &p->len),
		                 0);
	}
}

static bool lose_sealed_answers(struct world *w, struct datagram *dg)
{
	return dg->from == world_client(w) || datagram_is(dg, IKE_EXCHANGE_IKE_SA_INIT);
}

static struct ike_sa *half_made(struct peer *p)
{
	struct ike_sa *sa = TAILQ_LAST(&p->m->sas, ike_sa_list);

	assert_non_null(sa);
	return sa;
}

/* An answered request that comes in other fragments is the same request: its answer goes out again, and it
 * is not executed again (RFC 7383 2.6.1). */
static void cut_anew_after_the_answer(void **state)
{
	struct world *w = world_in_pieces(0);
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct ike_sa *old;

	(void)state;
	/* IKE_AUTH */
	w->filter = lose_sealed_answers;
	world_connect(w);
	world_run(w, 200);
	assert_non_null(peer_session(g));
	assert_null(peer_session(c));
	cut_anew(half_made(c), 110);
	w->filter = NULL;
	assert_true(world_run_until(w, world_is_up, 1500));
	assert_int_equal(peer_counter(g, "ike-established"), 1);
	/* CREATE_CHILD_SA, of a session */
	world_settle(w);
	world_run(w, 2000);
	old = peer_session(c);
	w->filter = lose_sealed_answers;
	assert_int_equal(ike_rekey_session(c->m, old->session), 0);
	world_run(w, 100);
	assert_int_equal(peer_sas(g), 2);
	cut_anew(old, 110);
	w->filter = NULL;
	world_run(w, 1500);
	assert_int_equal(peer_sas(g), 1);
	assert_int_equal(peer_sas(c), 1);
	assert_int_equal(peer_counter(g, "ike-drop-retransmission-differs"), 0);
	assert_int_equal(g->events[IKE_EVENT_IKE_REKEYED], 1);
	assert_true(world_traffic(w));
	world_free(w);
}

/* What is not the peer's, or not its first fragment, brings nothing; many copies bring one answer. */
static void h38_cut_anew_by_others(void **state)
{
	struct world *w = world_in_pieces(0);
	struct ike_endpoint g = endpoint("192.0.2.1", 4500), c = endpoint("198.51.100.7", 4500);
	struct packets *p;
	unsigned packets;

	(void)state;
	w->filter = lose_sealed_answers;
	world_connect(w);
	world_run(w, 200);
	cut_anew(half_made(world_client(w)), 110);
	packets = (unsigned)peer_session(world_gateway(w))->answers.tqh_first->packets.n;
	p = &exchange_waiting(half_made(world_client(w)))->packets;
	world_trace_clear(w);
	p->p[0].data[p->p[0].len - 1] ^= 1;
	peer_inject(world_gateway(w), &g, &c, true, p->p[0].data, p->p[0].len);
	p->p[0].data[p->p[0].len - 1] ^= 1;
	peer_inject(world_gateway(w), &g, &c, true, p->p[1].data, p->p[1].len);
	assert_int_equal(count(w->trace, "IKE_AUTH !1"), 0);
	assert_int_equal(peer_counter(world_gateway(w), "ike-drop-retransmission-differs"), 1);
	for (unsigned i = 0; i < 20; i++)
		peer_inject(world_gateway(w), &g, &c, true, p->p[0].data, p->p[0].len);
	assert_int_equal(count(w->trace, "IKE_AUTH !1"), packets);
	assert_int_equal(peer_counter(world_gateway(w), "ike-drop-retransmission-burst"), 19);
	assert_int_equal(peer_counter(world_gateway(w), "ike-established"), 1);
	w->filter = NULL;
	world_free(w);
}

/* A client that the gateway refuses, and that does not hear so: what it asked for, cut anew. */
static struct packets *refused_and_cut_anew(struct world *w, const struct rg_id *somebody)
{
	struct peer *c = world_client(w), *g = world_gateway(w);

	w->filter = lose_sealed_answers;
	world_connect(w);
	half_made(c)->own_id = somebody;
	world_run(w, 200);
	assert_int_equal(peer_sas(g), 0);
	assert_int_equal(half_made(g)->state, IKE_STATE_CLOSED);
	cut_anew(half_made(c), 110);
	return &exchange_waiting(half_made(c))->packets;
}

/* The same of a request that was refused, whose IKE SA is closed: of the keys it keeps the one that tells who
 * asks again, and only while it keeps the answer. */
static void cut_anew_after_a_refusal(void **state)
{
	struct world *w = world_in_pieces(0);
	struct peer *c = world_client(w), *g = world_gateway(w);
	static const struct ike_sk none;
	struct rg_id somebody;

	(void)state;
	assert_int_equal(rg_id_parse(&somebody, "nobody@else.where"), 0);
	refused_and_cut_anew(w, &somebody);
	assert_false(half_made(g)->has_keys);
	assert_memory_equal(&half_made(g)->keys.r, &none, sizeof(none));
	assert_memory_equal(half_made(g)->keys.sk_d, none.integ_key, sizeof(half_made(g)->keys.sk_d));
	w->filter = NULL;
	world_run(w, 1500);
	assert_int_equal(peer_sas(c), 0);
	assert_string_equal(c->last_event[IKE_EVENT_AUTH_FAILED],
	                    "the responder answers AUTHENTICATION_FAILED");
	assert_int_equal(peer_counter(g, "auth-no-secret"), 1);
	assert_int_equal(peer_counter(g, "ike-drop-retransmission-differs"), 0);
	world_run(w, 15000);
	assert_true(TAILQ_EMPTY(&g->m->sas));
	world_free(w);
}

static void h38_a_refusal_is_only_for_its_sender(void **state)
{
	struct world *w = world_in_pieces(0);
	struct ike_endpoint g = endpoint("192.0.2.1", 4500), c = endpoint("198.51.100.7", 4500);
	struct rg_id somebody;
	struct packets *p;
	unsigned packets;

	(void)state;
	assert_int_equal(rg_id_parse(&somebody, "nobody@else.where"), 0);
	p = refused_and_cut_anew(w, &somebody);
	packets = TAILQ_LAST(&half_made(world_gateway(w))->answers, response_list)->packets.n;
	world_trace_clear(w);
	p->p[0].data[p->p[0].len - 1] ^= 1;
	peer_inject(world_gateway(w), &g, &c, true, p->p[0].data, p->p[0].len);
	p->p[0].data[p->p[0].len - 1] ^= 1;
	peer_inject(world_gateway(w), &g, &c, true, p->p[1].data, p->p[1].len);
	assert_int_equal(count(w->trace, "IKE_AUTH !1"), 0);
	assert_int_equal(peer_counter(world_gateway(w), "ike-drop-retransmission-differs"), 1);
	for (unsigned i = 0; i < 20; i++)
		peer_inject(world_gateway(w), &g, &c, true, p->p[0].data, p->p[0].len);
	assert_int_equal(count(w->trace, "IKE_AUTH !1"), packets);
	assert_int_equal(peer_counter(world_gateway(w), "ike-drop-retransmission-burst"), 19);
	w->filter = NULL;
	world_free(w);
}

static void not_where_it_is_off(void **state)
{
	struct world *w = world_in_pieces(0);

	(void)state;
	rg_auth_config(w->peers[0].auth)->connections[0].fragmentation = false;
	world_connect(w);
	assert_true(world_run_until(w, world_is_up, 5000));
	world_settle(w);
	assert_int_equal(count(w->trace, "c>g IKE_AUTH ?1"), 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(both_ways),
	        cmocka_unit_test(lost_doubled_reordered),
	        cmocka_unit_test(h22_a_forged_fragment),
	        cmocka_unit_test(h21_never_completed),
	        cmocka_unit_test(h21_each_message_has_its_time),
	        cmocka_unit_test(h20_half_open_ones_have_a_share),
	        cmocka_unit_test(another_message_meanwhile),
	        cmocka_unit_test(the_first_fragment_asks_again),
	        cmocka_unit_test(cut_anew_after_the_answer),
	        cmocka_unit_test(h38_cut_anew_by_others),
	        cmocka_unit_test(cut_anew_after_a_refusal),
	        cmocka_unit_test(h38_a_refusal_is_only_for_its_sender),
	        cmocka_unit_test(not_where_it_is_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
