/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows above 1 in both directions (RFC 7296 2.3): requests overtake each other, answers
 * are lost, the window is neither exceeded nor begun anew by mistake. H38; AM-11.
 */
#include "control/homing/homing.h"
#include "control/homing/session.h"
#include "control/ike/census.h"
#include "control/ike/handlers.h"
#include "control/ike/rekey_task.h"
#include "control/ike/timers.h"
#include "control/ike/window.h"
#include "tests/exchange/roam.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned answered;

static int build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	(void)sa;
	(void)task;
	ike_build_status(out, 40961, (const uint8_t *)"a private notify, so that no two are alike", 20);
	return 0;
}

static int response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	(void)sa;
	(void)task;
	(void)x;
	answered++;
	return 0;
}

static void free_task(struct task *task)
{
	free(task);
}

static const struct task_type request_type = {.name = "a request of the test",
                                              .exchange = IKE_EXCHANGE_INFORMATIONAL,
                                              .build = build,
                                              .response = response,
                                              .free = free_task};

static int update_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	(void)sa;
	(void)task;
	ike_build_status(out, IKE_NOTIFY_UPDATE_SA_ADDRESSES, NULL, 0);
	return 0;
}

static const struct task_type update_type = {.name = "an update of the test",
                                             .exchange = IKE_EXCHANGE_INFORMATIONAL,
                                             .build = update_build,
                                             .response = response,
                                             .free = free_task};

static void ask(struct ike_sa *sa, const struct task_type *type, unsigned n)
{
	while (n-- > 0) {
		struct task *task = calloc(1, sizeof(*task));

		assert_non_null(task);
		task->type = type;
		task_queue(sa, task);
	}
}

static unsigned on_wire(const struct ike_sa *sa)
{
	const struct outstanding *r;
	unsigned n = 0;

	TAILQ_FOREACH (r, &sa->requests, link)
		n++;
	return n;
}

static unsigned kept(const struct ike_sa *sa)
{
	const struct cached_response *r;
	unsigned n = 0;

	TAILQ_FOREACH (r, &sa->answers, link)
		n++;
	return n;
}

static struct world *begin(void)
{
	struct world *w = world_new(NULL);

	world_up(w);
	answered = 0;
	return w;
}

static void four_at_a_time(void **state)
{
	struct world *w = begin();
	struct ike_sa *sa = peer_session(world_client(w));

	(void)state;
	assert_int_equal(sa->peer_window, 4);
	ask(sa, &request_type, 6);
	assert_int_equal(on_wire(sa), 4);
	world_run(w, 200);
	assert_int_equal(answered, 6);
	world_expect(w, "c>g INFORMATIONAL ?2\nc>g INFORMATIONAL ?3\nc>g INFORMATIONAL ?4\n"
	                "c>g INFORMATIONAL ?5\ng>c INFORMATIONAL !2\ng>c INFORMATIONAL !3\n"
	                "g>c INFORMATIONAL !4\ng>c INFORMATIONAL !5\nc>g INFORMATIONAL ?6\n"
	                "c>g INFORMATIONAL ?7\ng>c INFORMATIONAL !6\ng>c INFORMATIONAL !7\n");
	assert_int_equal(kept(peer_session(world_gateway(w))), 4);
	assert_int_equal(peer_session(world_gateway(w))->recv_id, 8);
	world_free(w);
}

/* A request of ours that raises our window says nothing of what the peer has had: its last answer, which
 * was lost, is sent again. */
static void a_promise_forgets_no_answer(void **state)
{
	struct world *w = begin();
	struct ike_sa *sa = peer_session(world_client(w)), *g = peer_session(world_gateway(w));

	(void)state;
	w->filter = world_lose_responses;
	ask(sa, &request_type, 1);
	world_run(w, 50);
	assert_int_equal(answered, 0);
	g->window_said = false;
	ask(g, &request_type, 1);
	world_run(w, 50);
	assert_true(g->window_said);
	assert_true(kept(g) >= 1);
	w->filter = NULL;
	world_run(w, 5000);
	assert_int_equal(answered, 2);
	assert_true(peer_counter(world_gateway(w), "ike-answered-again") >= 1);
	world_free(w);
}

/* The datagrams whose message ID has its bit in `lost` are lost, requests or answers. */
static uint32_t lost;
static bool lose_answers;

static bool lose(struct world *w, struct datagram *dg)
{
	struct ike_header hdr;

	(void)w;
	if (ike_header_parse(&hdr, dg->data, dg->len) != IKE_OK ||
	    ike_header_is_response(&hdr) != lose_answers)
		return true;
	return hdr.message_id >= 32 || !(lost & 1u << hdr.message_id);
}

/* The window stands at the oldest request without an answer, whatever was answered beyond it. */
static void oldest_holds_the_window(void **state)
{
	(void)state;
	for (unsigned answers = 0; answers < 2; answers++) {
		struct world *w = begin();
		struct ike_sa *sa = peer_session(world_client(w)), *g = peer_session(world_gateway(w));

		lost = 1u << 2;
		lose_answers = answers;
		w->filter = lose;
		ask(sa, &request_type, 9);
		world_run(w, 200);
		assert_int_equal(answered, 3);
		assert_int_equal(on_wire(sa), 1);
		assert_int_equal(sa->send_id, 6);
		assert_int_equal(g->recv_id, answers ? 6 : 2);
		world_run(w, 200);
		w->filter = NULL;
		world_run(w, 2000);
		assert_int_equal(answered, 9);
		assert_int_equal(g->recv_id, 11);
		assert_int_equal(peer_counter(world_gateway(w), "ike-answered-again"), answers);
		world_free(w);
	}
}

/* H38: a request beyond the window is dropped, as one of before it is. */
static void beyond_the_window(void **state)
{
	struct world *w = begin();
	struct ike_sa *sa = peer_session(world_client(w)), *g = peer_session(world_gateway(w));

	(void)state;
	sa->peer_window = 16; /* as a peer that does not keep to ours */
	lost = 1u << 2;
	lose_answers = false;
	w->filter = lose;
	ask(sa, &request_type, 6);
	world_run(w, 300);
	assert_int_equal(answered, 3);
	assert_true(peer_counter(world_gateway(w), "ike-drop-message-id") >= 2);
	assert_int_equal(g->recv_id, 2);
	w->filter = NULL;
	world_run(w, 5000);
	assert_int_equal(answered, 6);
	world_free(w);
}

/* Each is handled once and answered, in whatever order they come, however often. */
static void reordered_and_doubled(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct world_options options = {.seed = seed};
		struct world *w = world_new(&options);
		struct ike_sa *sa;

		world_up(w);
		answered = 0;
		sa = peer_session(world_client(w));
		w->jitter_ms = 200;
		w->loss_percent = 20;
		w->duplicate_percent = 30;
		ask(sa, &request_type, 40);
		ask(peer_session(world_gateway(w)), &request_type, 40);
		world_run(w, 300000); /* copies come a minute apart in the end */
		assert_int_equal(answered, 80);
		assert_null(task_find(sa, &request_type));
		assert_true(kept(sa) <= 4);
		assert_int_equal(peer_counter(world_client(w), "ike-sk-icv"), 0);
		world_free(w);
	}
}

/* RFC 7296 2.3: the new IKE SA starts with 1; what goes first says ours again. */
static void one_after_a_rekey(void **state)
{
	struct world *w = begin();
	struct peer *c = world_client(w);

	(void)state;
	ike_rekey_session(c->m, ike_session_id(peer_session(c)));
	world_run(w, 3000);
	assert_int_equal(peer_session(c)->peer_window, 0);
	ask(peer_session(c), &request_type, 3);
	assert_int_equal(on_wire(peer_session(c)), 1);
	world_run(w, 200);
	assert_int_equal(answered, 3);
	assert_int_equal(peer_session(c)->peer_window, 4);
	assert_int_equal(peer_session(world_gateway(w))->peer_window, 4);
	world_free(w);
}

static void peer_without_windows(void **state)
{
	struct world_options options = {.gateway_extra = "    request-window: 1\n"};
	struct world *w = world_new(&options);
	struct ike_sa *c, *g;

	(void)state;
	world_up(w);
	c = peer_session(world_client(w));
	g = peer_session(world_gateway(w));
	assert_int_equal(c->peer_window, 0);
	assert_int_equal(g->peer_window, 4);
	ask(c, &request_type, 3);
	ask(g, &request_type, 5);
	assert_int_equal(on_wire(c), 1);
	assert_int_equal(on_wire(g), 4);
	world_run(w, 500);
	assert_int_equal(kept(g), 1);
	assert_int_equal(kept(c), 4);
	world_free(w);
}

static void promise(struct ike_sa *sa, uint32_t window)
{
	uint8_t body[] = {0,
	                  0,
	                  IKE_NOTIFY_SET_WINDOW_SIZE >> 8,
	                  IKE_NOTIFY_SET_WINDOW_SIZE & 0xff,
	                  (uint8_t)(window >> 24),
	                  (uint8_t)(window >> 16),
	                  (uint8_t)(window >> 8),
	                  (uint8_t)window};
	const struct ike_msg msg = {.present = IKE_PAYLOAD_BIT(IKE_PAYLOAD_NOTIFY),
	                            .n = 1,
	                            .payloads = {{body, sizeof(body), IKE_PAYLOAD_NOTIFY, false}}};

	exchange_window_read(sa, &msg);
}

/* RFC 7296 2.3: nobody has to use all of a window; ours is bounded whatever the peer promises, and what it
 * has promised it cannot take back. */
static void a_peer_that_promises_much(void **state)
{
	static const uint32_t much[] = {17, 256, 0x10002, UINT32_MAX};

	(void)state;
	for (unsigned i = 0; i < sizeof(much) / sizeof(much[0]); i++) {
		struct world *w = begin();
		struct ike_sa *c = peer_session(world_client(w));

		promise(c, 15);
		assert_int_equal(c->peer_window, 15);
		promise(c, much[i]);
		assert_int_equal(c->peer_window, WINDOW_MAX);
		promise(c, 2);
		promise(c, 0);
		assert_int_equal(c->peer_window, WINDOW_MAX);
		ask(c, &request_type, WINDOW_MAX + 4);
		assert_int_equal(on_wire(c), WINDOW_MAX);
		world_run(w, 60000); /* it drops what it did not promise, until that is asked again */
		assert_int_equal(answered, WINDOW_MAX + 4);
		assert_int_equal(on_wire(c), 0);
		world_free(w);
	}
}

/* AM-11 (RFC 4555 3.5): of updates that overtook each other the newest counts. */
static void am_11_reordered_updates(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct ike_sa *c;

	(void)state;
	roam_up(r);
	c = roam_client(r);
	r->w->delay_ms = 300; /* the first goes slowly ... */
	ask(c, &update_type, 1);
	c->local = endpoint("203.0.113.77", 4500);
	census_count(c);
	r->w->delay_ms = 100; /* ... the second from elsewhere overtakes it */
	ask(c, &update_type, 1);
	assert_int_equal(on_wire(c), 2);
	r->w->delay_ms = 10;
	roam_run(r, 5000);
	assert_int_equal(peer_counter(world_gateway(r->w), "mobike-updates"), 1);
	assert_int_equal(peer_counter(world_gateway(r->w), "mobike-stale"), 1);
	assert_true(endpoint_equal(&roam_gateway(r)->remote, &c->local));
	roam_free(r);
}

/* A doubt about the pair makes homing ask the peer in the midst of an answer: what waits for its own job must
 * not be begun there, or the end of the answer would begin it a second time. */
static void one_job_for_a_task(void **state)
{
	struct world_options options = {.homing = &homing_ops,
	                                .gateway_extra = "    request-window: 4\n",
	                                .client_extra = "    request-window: 4\n"};
	struct world *w = world_new(&options);
	struct peer *g = world_gateway(w);
	struct child_sa *child;
	struct ike_sa *sa;

	(void)state;
	world_up(w);
	world_run(w, 100);
	sa = peer_session(g);
	assert_int_equal(sa->peer_window, 4);
	child = TAILQ_FIRST(&sa->children);
	w->delay_ms = 20;
	informational_delete_spi(sa, htonl(0x12345678));
	assert_int_equal(child_set_state(child, CHILD_REKEYING), 0);
	child_task_start(sa, child->cfg, child->spi_in, 31, w->now_ms + 30);
	w->now_ms += 20;
	world_deliver(w, 0);
	assert_int_equal(w->n_net, 1);
	sa->homing->doubt_ms = 1;
	w->now_ms += 20;
	g->hold_jobs = true;
	world_deliver(w, 0);
	assert_int_equal(g->n_jobs, 1);
	task_run(sa);
	ike_sa_resume(sa); /* whoever does that: the task is asked again, and has a job already */
	assert_int_equal(g->n_jobs, 1);
	g->hold_jobs = false;
	world_run(w, 1000);
	assert_int_equal(peer_counter(g, "ike-answer-not-acceptable"), 0);
	assert_true(TAILQ_EMPTY(&sa->tasks));
	world_free(w);
}

/* Requests that the client's state machine did not make, under its keys. */
static void forge_requests(struct roam *r, uint32_t first, unsigned n)
{
	static const uint16_t none[] = {0};

	while (n-- > 0)
		roam_forge(r, first++, WLAN, ISP1, none);
	roam_run(r, 2000);
}

/* RFC 7296 2.3: who asks beyond the window is told, by a request, once in a while; nobody else is. */
static void h38_invalid_message_id(void **state)
{
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct ike_sa *g;
	uint32_t id;
	unsigned from;

	(void)state;
	roam_up(r);
	g = roam_gateway(r);
	id = g->recv_id + g->connection->request_window;
	/* Not for what anybody can send: an old one, and one without the keys. */
	forge_requests(r, 0, 1);
	roam_client(r)->keys.i.salt[0] ^= 1;
	forge_requests(r, id, 3);
	roam_client(r)->keys.i.salt[0] ^= 1;
	assert_true(ROAM_COUNT(r, message_id) >= 3);
	assert_int_equal(ROAM_COUNT(r, message_id_told), 0);
	assert_int_equal(ROAM_COUNT(r, rejects[IKE_REJECT_SK_ICV]), 0); /* one drop, one counter */
	from = roam_now(r);
	forge_requests(r, id, 20);
	assert_int_equal(ROAM_COUNT(r, message_id_told), 1);
	assert_int_equal(world_client(r->w)->m->counters.message_id_heard, 1);
	assert_int_equal(roam_count(r, from, "g>c|INFORMATIONAL?|INVALID_MESSAGE_ID"), 1);
	assert_int_equal(roam_count(r, from, "g>c|INFORMATIONAL!"), 0);
	assert_int_equal(roam_count(r, from, "c>g|INFORMATIONAL!"), 1);
	roam_run(r, TIMER_ID_TOLD_MS);
	forge_requests(r, UINT32_MAX - 3, 4);
	assert_int_equal(ROAM_COUNT(r, message_id_told), 2);
	assert_int_equal(roam_gateway(r)->state, IKE_STATE_ESTABLISHED);
	assert_int_equal(roam_client(r)->state, IKE_STATE_ESTABLISHED);
	assert_true(world_traffic(r->w));
	roam_free(r);
}

/* A hint and no more: the request that it names, and all others, get their answers as ever. */
static void h41_invalid_message_id_is_a_hint(void **state)
{
	static const uint16_t invalid[] = {IKE_NOTIFY_INVALID_MESSAGE_ID, 0};
	struct roam *r = roam_new(NULL, NULL, NULL);
	struct ike_sa *g, *c;

	(void)state;
	roam_up(r);
	g = roam_gateway(r);
	c = roam_client(r);
	answered = 0;
	ask(g, &request_type, 2);
	roam_forge(r, c->send_id++, WLAN, ISP1, invalid);
	roam_run(r, 2000);
	assert_int_equal(ROAM_COUNT(r, message_id_heard), 1);
	assert_int_equal(answered, 2);
	assert_int_equal(on_wire(g), 0);
	assert_ptr_equal(roam_gateway(r), g);
	assert_true(world_traffic(r->w));
	roam_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(four_at_a_time),          cmocka_unit_test(a_promise_forgets_no_answer),
	        cmocka_unit_test(oldest_holds_the_window), cmocka_unit_test(beyond_the_window),
	        cmocka_unit_test(reordered_and_doubled),   cmocka_unit_test(one_after_a_rekey),
	        cmocka_unit_test(peer_without_windows),    cmocka_unit_test(a_peer_that_promises_much),
	        cmocka_unit_test(am_11_reordered_updates), cmocka_unit_test(one_job_for_a_task),
	        cmocka_unit_test(h38_invalid_message_id),  cmocka_unit_test(h41_invalid_message_id_is_a_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
