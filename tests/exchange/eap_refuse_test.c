/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a gateway refuses that offers EAP-MSCHAPv2: a wrong password, a user that it does not
 * know (H29), one that no connection takes; and that the network cannot tell these apart.
 */
#include "control/ike/auth_eap.h"
#include "tests/exchange/eap_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void refused(const struct eap_wish *wish, const char *counter, const char *why)
{
	struct eap_config c;
	struct world *w = eap_world_new(&c, wish);

	world_connect(w);
	world_run(w, 8000);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_int_equal(peer_counter(world_gateway(w), "ike-authentication-failed"), 1);
	assert_int_equal(peer_counter(world_gateway(w), counter), 1);
	assert_string_equal(world_gateway(w)->last_event[IKE_EVENT_AUTH_FAILED], why);
	assert_int_equal(world_client(w)->events[IKE_EVENT_AUTH_FAILED], 1);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
	eap_world_free(w, &c);
}

static void a_wrong_password(void **state)
{
	const struct eap_wish wish = {.client_password = "hunter2"};

	(void)state;
	refused(&wish, "ike-eap-failed", "unknown user or wrong password");
}

/* A good password, but no connection for this identity. */
static void a_user_without_a_connection(void **state)
{
	const struct eap_wish wish = {.identities = "*@example.org"};

	(void)state;
	refused(&wish, "ike-authentication-failed", "no connection takes this user by EAP");
}

static size_t sizes[64];
static unsigned n_sizes;

static bool note_size(struct world *w, struct datagram *dg)
{
	if (dg->from == world_gateway(w) && n_sizes < 64)
		sizes[n_sizes++] = dg->len;
	return true;
}

/* What the network sees of a refusal: messages, sizes, and what a client is told. */
static void h29_unknown_user_as_wrong_password(void **state)
{
	const struct eap_wish wishes[] = {{.client_password = "hunter2"},
	                                  {.client_identity = "marol@example.net"}};
	char trace[2][WORLD_TRACE], said[2][256];
	size_t seen[2][64];
	unsigned n[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct eap_config c;
		struct world *w = eap_world_new(&c, &wishes[i]);

		n_sizes = 0;
		w->filter = note_size;
		world_connect(w);
		world_run(w, 3000);
		memcpy(trace[i], w->trace, sizeof(trace[i]));
		memcpy(said[i], world_client(w)->last_event[IKE_EVENT_AUTH_FAILED], sizeof(said[i]));
		memcpy(seen[i], sizes, sizeof(sizes));
		n[i] = n_sizes;
		eap_world_free(w, &c);
	}
	assert_string_equal(trace[0], trace[1]);
	assert_string_equal(said[0], said[1]);
	assert_int_equal(n[0], n[1]);
	assert_memory_equal(seen[0], seen[1], n[0] * sizeof(size_t));
}

static bool a_wrong_key(struct world *w, struct datagram *dg)
{
	struct ike_sa *sa;

	(void)dg;
	TAILQ_FOREACH (sa, &world_client(w)->m->sas, link) {
		if (sa->eap != NULL && sa->eap->eap != NULL)
			memset(sa->eap->eap->msk, 0x5a, EAP_MSK_LEN);
	}
	return true;
}

static void auth_by_another_key_than_eaps(void **state)
{
	struct eap_config c;
	struct world *w = eap_world_new(&c, NULL);

	(void)state;
	w->filter = a_wrong_key;
	world_connect(w);
	world_run(w, 3000);
	assert_false(world_is_up(w));
	assert_int_equal(peer_counter(world_gateway(w), "ike-authentication-failed"), 1);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	eap_world_free(w, &c);
}

static void eap_where_no_connection_has_it(void **state)
{
	struct eap_config c;
	struct world *w;

	(void)state;
	eap_config_make(&c, NULL, NULL);
	c.options.gateway_self = c.options.gateway_yaml = NULL;
	w = world_new(&c.options);
	world_connect(w);
	world_run(w, 3000);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_string_equal(world_gateway(w)->last_event[IKE_EVENT_AUTH_FAILED],
	                    "the peer asks for EAP, which no connection offers");
	eap_world_free(w, &c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_wrong_password),
	        cmocka_unit_test(a_user_without_a_connection),
	        cmocka_unit_test(h29_unknown_user_as_wrong_password),
	        cmocka_unit_test(auth_by_another_key_than_eaps),
	        cmocka_unit_test(eap_where_no_connection_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
