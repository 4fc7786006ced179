/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A responder that wants another group, or a cookie, or both in either order (RFC 7296 1.2, 1.3,
 * 2.6, 2.6.1, 2.7), as the initiator of IKE_SA_INIT and of every CREATE_CHILD_SA sees it.
 */
#include "control/ike/handlers.h"
#include "control/ike/wire/bytes.h"
#include "tests/exchange/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define X25519 31u
#define ECP256 19u

#define ATTEMPTS 5u /* that are followed */

static const char both[] =
        "    proposals: {ike: [aes128gcm16-prfsha256-x25519, aes128gcm16-prfsha256-ecp256]}\n",
                  other[] = "    proposals: {ike: [aes128gcm16-prfsha256-ecp256]}\n",
                  cookies[] = "control: {cookie-threshold: 0}\n",
                  no_cookies[] = "control: {cookie-threshold: 100000}\n";

/* IKE_SA_INIT: the client's requests as they leave; `swallow`: they do not arrive. */
struct asked {
	bool swallow;
	unsigned n;
	uint16_t group;
	uint8_t cookie[64];
	size_t cookie_len;
	struct ike_endpoint local;
	uint64_t spi_i;
};

static bool note_request(struct world *w, struct datagram *dg)
{
	struct asked *a = w->filter_context;
	struct ike_notify cookie;
	struct ike_msg msg;
	struct ike_ke ke;

	if (dg->from != world_client(w) || ike_msg_parse(&msg, dg->data, dg->len) != IKE_OK ||
	    msg.hdr.exchange != IKE_EXCHANGE_IKE_SA_INIT)
		return true;
	assert_int_equal(ike_ke_decode(&ke, ike_msg_find(&msg, IKE_PAYLOAD_KE)), IKE_OK);
	a->n++;
	a->group = ke.group;
	a->cookie_len = 0;
	a->local = dg->local;
	a->spi_i = msg.hdr.spi_i;
	if (ike_notify_find(&msg, IKE_NOTIFY_COOKIE, &cookie)) {
		a->cookie_len = cookie.data.len;
		memcpy(a->cookie, cookie.data.data, cookie.data.len);
	}
	return !a->swallow;
}

/* The responder's answer to the last of them, and what the client does then. */
static void answer(struct world *w, const struct asked *a, uint16_t notify, const void *data, size_t len)
{
	struct ike_endpoint gateway = endpoint("192.0.2.1", 500);
	struct ike_header hdr = {
	        .exchange = IKE_EXCHANGE_IKE_SA_INIT, .flags = IKE_FLAG_RESPONSE, .spi_i = a->spi_i};
	uint8_t buf[256];
	struct ike_build b;

	ike_build_message(&b, buf, sizeof(buf), &hdr);
	ike_build_status(&b, notify, data, len);
	assert_int_equal(ike_build_finish(&b), 0);
	peer_inject(world_client(w), &a->local, &gateway, false, buf, b.len);
	world_local(w);
}

static void answer_group(struct world *w, const struct asked *a, uint16_t group)
{
	uint8_t data[2];

	put_be16(data, group);
	answer(w, a, IKE_NOTIFY_INVALID_KE_PAYLOAD, data, sizeof(data));
}

static struct world *begin(const char *client, const char *gateway, const char *control, struct asked *a)
{
	struct world_options options = {.client_extra = client, .gateway_extra = gateway, .control = control};
	struct world *w = world_new(&options);

	w->filter = note_request;
	w->filter_context = a;
	world_connect(w);
	world_local(w);
	assert_int_equal(a->n, 1);
	assert_int_equal(a->group, X25519);
	return w;
}

static void expect_up(struct world *w, const struct asked *a, unsigned requests)
{
	assert_true(world_run_until(w, world_is_up, 5000));
	world_settle(w);
	assert_int_equal(a->n, requests);
	assert_int_equal(a->group, ECP256);
	assert_true(world_traffic(w));
	world_free(w);
}

/* The shorter exchange of 2.6.1: the cookie goes with the other group, too, and is taken. */
static void cookie_then_group(void **state)
{
	struct asked a = {0};
	struct world *w = begin(both, other, cookies, &a);

	(void)state;
	assert_true(world_run_until(w, world_is_up, 5000));
	assert_int_equal(peer_counter(world_gateway(w), "ike-cookie-required"), 1);
	assert_int_equal(peer_counter(world_gateway(w), "ike-ke-group"), 1);
	assert_true(a.cookie_len > 0);
	expect_up(w, &a, 3);
}

static void group_then_cookie(void **state)
{
	struct asked a = {.swallow = true};
	struct world *w = begin(both, other, cookies, &a);

	(void)state;
	a.swallow = false;
	answer_group(w, &a, ECP256);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.group, ECP256);
	assert_int_equal(a.cookie_len, 0);
	assert_true(world_run_until(w, world_is_up, 5000));
	assert_int_equal(peer_counter(world_gateway(w), "ike-cookie-required"), 1);
	assert_int_equal(peer_counter(world_gateway(w), "ike-ke-group"), 0);
	expect_up(w, &a, 3);
}

/* A responder whose cookies cover KEi asks for another one (2.6.1: "MUST NOT fail"). */
static void cookie_group_and_another_cookie(void **state)
{
	struct asked a = {.swallow = true};
	struct world *w = begin(both, other, no_cookies, &a);

	(void)state;
	answer(w, &a, IKE_NOTIFY_COOKIE, "first", 5);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.group, X25519);
	assert_true(a.cookie_len == 5 && memcmp(a.cookie, "first", 5) == 0);
	answer_group(w, &a, ECP256);
	assert_int_equal(a.n, 3);
	assert_int_equal(a.group, ECP256);
	assert_true(a.cookie_len == 5 && memcmp(a.cookie, "first", 5) == 0);
	a.swallow = false;
	answer(w, &a, IKE_NOTIFY_COOKIE, "the second one", 14);
	assert_int_equal(a.n, 4);
	assert_int_equal(a.group, ECP256);
	assert_true(a.cookie_len == 14 && memcmp(a.cookie, "the second one", 14) == 0);
	expect_up(w, &a, 4);
}

/* Five changes are followed, whatever they are; the sixth is the end of it, unless the true answer comes. */
static void no_more_than_five_attempts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		bool begins_with_group = i % 2, comes_at_last = i / 2 == 1, cookies_only = i / 2 == 2;
		struct asked a = {.swallow = true};
		struct world *w = begin(both, other, no_cookies, &a);
		struct peer *c = world_client(w);

		for (unsigned n = 0; n < ATTEMPTS; n++) {
			uint8_t cookie = (uint8_t)n;

			assert_int_equal(a.n, n + 1);
			a.swallow = !(comes_at_last && n == ATTEMPTS - 1);
			if (!cookies_only && n % 2 != begins_with_group)
				answer_group(w, &a, a.group == X25519 ? ECP256 : X25519);
			else
				answer(w, &a, IKE_NOTIFY_COOKIE, &cookie, 1);
		}
		assert_int_equal(a.n, ATTEMPTS + 1);
		assert_int_equal(c->events[IKE_EVENT_AUTH_FAILED], 0);
		if (comes_at_last && a.group == ECP256) {
			expect_up(w, &a, ATTEMPTS + 1);
			continue;
		}
		if (!comes_at_last) {
			answer(w, &a, IKE_NOTIFY_COOKIE, "six", 3);
			assert_int_equal(a.n, ATTEMPTS + 1);
			assert_int_equal(c->events[IKE_EVENT_AUTH_FAILED], 1);
			assert_non_null(strstr(c->last_event[IKE_EVENT_AUTH_FAILED], "again and again"));
		}
		world_run(w, 60000);
		assert_int_equal(c->events[IKE_EVENT_AUTH_FAILED], 1);
		assert_int_equal(peer_sas(c), 0);
		world_free(w);
	}
}

/* A group that was not offered, the one that was tried, or no group at all: it is as if nothing had come. */
static void h10_groups_that_are_none(void **state)
{
	static const uint16_t groups[] = {0, X25519, 14, 2, UINT16_MAX};
	struct asked a = {.swallow = true};
	struct world *w = begin(both, NULL, no_cookies, &a);

	(void)state;
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (i + 1 < ATTEMPTS)
			answer_group(w, &a, groups[i]);
		assert_int_equal(a.n, 1);
	}
	a.swallow = false;
	assert_true(world_run_until(w, world_is_up, 5000));
	world_free(w);
}

static void swap(struct rg_cfg_proposal *p)
{
	struct rg_cfg_proposal first = p[0];

	p[0] = p[1];
	p[1] = first;
}

/* CREATE_CHILD_SA: the gateway has both groups, and from now on prefers the other one. */
static void prefer_other(struct world *w)
{
	const struct rg_cfg_connection *c = peer_session(world_gateway(w))->connection;

	swap((struct rg_cfg_proposal *)(uintptr_t)c->ike);
	swap((struct rg_cfg_proposal *)(uintptr_t)c->esp);
}

static unsigned requests(struct world *w)
{
	unsigned n = 0;

	for (const char *at = w->trace; (at = strstr(at, "c>g CREATE_CHILD_SA ?")) != NULL; at++)
		n++;
	return n;
}

static void rekey_ike(struct ike_sa *sa)
{
	rekey_ike_start(sa);
}

static void rekey_child(struct ike_sa *sa)
{
	rekey_child_start(child_current(sa));
}

static void new_child(struct ike_sa *sa)
{
	child_create_start(sa);
}

/* Another group is tried once, if we have it; then it waits (RFC 7296 1.3, 2.25). */
static void one_other_group_for_a_request(void **state)
{
	static const struct {
		void (*begin)(struct ike_sa *sa);
	} kinds[] = {{rekey_ike}, {rekey_child}, {new_child}};
	static const char groups[] =
	        "    proposals: {ike: [aes128gcm16-prfsha256-x25519, aes128gcm16-prfsha256-ecp256],"
	        " esp: [aes128gcm16-x25519, aes256gcm16-ecp256]}\n";

	(void)state;
	for (unsigned i = 0; i < 3 * 2; i++) {
		struct world_options options = {.client_extra = groups, .gateway_extra = groups};
		struct world *w = world_new(&options);
		bool again = i % 2;
		struct ike_sa *sa;

		world_up(w);
		sa = peer_session(world_client(w));
		if (kinds[i / 2].begin == new_child) {
			informational_delete_child(child_current(sa));
			world_run(w, 2000);
		}
		prefer_other(w);
		world_trace_clear(w);
		kinds[i / 2].begin(sa);
		world_run(w, 25); /* the first is refused, and the second is on its way */
		assert_int_equal(peer_counter(world_gateway(w), "ike-ke-group"), 1);
		if (again)
			prefer_other(w);
		world_run(w, 2000);
		assert_int_equal(requests(w), 2);
		assert_int_equal(peer_counter(world_gateway(w), "ike-ke-group"), again ? 2 : 1);
		world_run(w, 40000);
		if (again && kinds[i / 2].begin == new_child) { /* there is nothing left to be up for */
			assert_null(peer_session(world_client(w)));
			world_free(w);
			continue;
		}
		assert_int_equal(requests(w), again ? 3 : 2); /* refused twice it begins anew, later */
		sa = peer_session(world_client(w));
		assert_non_null(sa);
		assert_int_equal(kinds[i / 2].begin == rekey_ike ? sa->keys.suite.dh
		                                                 : child_current(sa)->dh_group,
		                 again ? X25519 : ECP256);
		assert_true(world_traffic(w));
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(cookie_then_group),
	        cmocka_unit_test(group_then_cookie),
	        cmocka_unit_test(cookie_group_and_another_cookie),
	        cmocka_unit_test(no_more_than_five_attempts),
	        cmocka_unit_test(h10_groups_that_are_none),
	        cmocka_unit_test(one_other_group_for_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
