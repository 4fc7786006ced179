/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H39: the collisions of RFC 7296 2.8.1, 2.8.2, 2.25.1 and 2.25.2 (collision.h). Each ends with one SA
 * pair for each Child SA on both sides and in both dataplanes, and where nobody deletes, no packet is lost
 * on the way. COLLISION_PRINT prints the tables with the traces as they are now.
 */
#include "tests/exchange/collision.h"

#include "control/ike/handlers.h"
#include "tests/exchange/collision_trace.h"
#include "tests/exchange/pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void begin(struct peer *p, char what)
{
	struct ike_sa *sa = peer_session(p);

	switch (what) {
	case 'a':
	case 'b':
		rekey_child_start(pairs_child(p, what == 'b'));
		break;
	case 'd':
		informational_delete_child(pairs_child(p, 0));
		break;
	case 'i':
		rekey_ike_start(sa);
		break;
	default:
		ike_sa_delete(sa, "a test");
	}
}

static int find(const struct world *w, char who, bool response)
{
	struct ike_header hdr;

	for (unsigned i = 0; i < w->n_net; i++) {
		if (w->net[i].from->letter == who &&
		    ike_header_parse(&hdr, w->net[i].data, w->net[i].len) == IKE_OK &&
		    ike_header_is_response(&hdr) == response)
			return (int)i;
	}
	return -1;
}

/* Time stands still while the order is played: nothing is sent again by itself. */
static void play(struct pairs *p, const struct collision *c)
{
	struct world *w = p->w;

	for (const char *at = c->order; *at != '\0'; at++) {
		bool loses = *at == '-';
		int index;

		at += loses;
		index = find(w, *at == 'C' || *at == 'c' ? 'c' : 'g', *at >= 'a');
		if (index < 0)
			fail_msg("%c%c %s: nothing of it is on its way at '%s'", c->client, c->gateway,
			         c->order, at);
		if (loses)
			world_drop(w, (unsigned)index);
		else
			world_deliver(w, (unsigned)index);
	}
}

static bool all_gone(struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		struct peer *p = &w->peers[i];

		if (peer_sas(p) != 0 || fake_count_in(p->dp) != 0 || fake_count_out(p->dp) != 0 ||
		    fake_count_policies(p->dp) != 0 || fake_count_tunnels(p->dp) != 0)
			return false;
	}
	return w->n_net == 0;
}

static unsigned children_of(struct peer *p)
{
	const struct ike_sa *sa = peer_session(p);
	const struct child_sa *child;
	unsigned n = 0;

	if (sa != NULL)
		TAILQ_FOREACH (child, &sa->children, link)
			n++;
	return n;
}

static const char *outcome(struct pairs *p, const struct collision *c)
{
	bool deletes = strchr("dx", c->client) != NULL || strchr("dx", c->gateway) != NULL;
	const char *wrong;

	if (c->client == 'x' || c->gateway == 'x')
		return world_run_until(p->w, all_gone, 200000) ? NULL : "something is left of the IKE SA";
	if (!pairs_settle(p, 200000))
		return "not quiet";
	wrong = pairs_wrong(p, getenv("COLLISION_PRINT") != NULL ? children_of(world_client(p->w))
	                                                         : c->children);
	return wrong == NULL && !deletes ? p->why : wrong;
}

static void one(const struct collision *c)
{
	struct world_options options = {.seed = c->seed};
	struct pairs *p = pairs_new(&options);
	static struct collision_trace trace;
	const char *wrong;

	collision_trace_begin(p->w, &trace);
	begin(world_client(p->w), c->client);
	begin(world_gateway(p->w), c->gateway);
	world_local(p->w);
	play(p, c);
	wrong = outcome(p, c);
	if (getenv("COLLISION_PRINT") != NULL)
		printf("ROW %c %c %u %s %u %s\n", c->client, c->gateway, c->seed, c->order,
		       children_of(world_client(p->w)), trace.text);
	if (wrong != NULL || (getenv("COLLISION_PRINT") == NULL && strcmp(trace.text, c->trace) != 0)) {
		pairs_print(p);
		fail_msg("%c %c, seed %u, order %s: %s\nsaw      %s\nexpected %s", c->client, c->gateway,
		         c->seed, c->order, wrong != NULL ? wrong : "another trace", trace.text, c->trace);
	}
	pairs_free(p);
}

static void all(const struct collision *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		one(&c[i]);
}

/* X(table, RFC 7296) */
#define TABLES(X)                                                                                            \
	X(child_rekeys)  /* 2.8.1, 2.25.1 */                                                                 \
	X(child_deletes) /* 2.25.1 */                                                                        \
	X(ike_rekeys)    /* 2.8.2 */                                                                         \
	X(ike_and_child) /* 2.25.1, 2.25.2 */                                                                \
	X(ike_deletes)   /* 2.25.2 */

#define X(table)                                                                                             \
	static void h39_##table(void **state)                                                                \
	{                                                                                                    \
		(void)state;                                                                                 \
		all(collisions_##table, n_collisions_##table);                                               \
	}
TABLES(X)
#undef X

int main(void)
{
	const struct CMUnitTest tests[] = {
#define X(table) cmocka_unit_test(h39_##table),
	        TABLES(X)
#undef X
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
