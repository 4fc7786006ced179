/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random schedules: both ends rekey, delete and create Child SAs and rekey the IKE SA at
 * random moments, over a network that loses, doubles and reorders (H39). Each ends with one SA pair for each
 * Child SA on both sides and in both dataplanes; where nobody deletes, no packet is lost.
 *
 * ROAMGATE_SCHEDULES says how many (`./run test`: 100,000, with `--full` 500,000); a failure names the
 * world's seed and the schedule, ROAMGATE_SCHEDULE_WORLD plays that world alone.
 */
#include "control/ike/handlers.h"
#include "tests/exchange/pairs.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEFAULT_SCHEDULES 4000u
#define PER_WORLD         50u
#define MAX_ACTIONS       6u

static uint64_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % n;
}

/* X(name, weight, loses packets by its nature) */
#define ACTIONS(X)                                                                                           \
	X(REKEY_A, 4, false)                                                                                 \
	X(REKEY_B, 3, false)                                                                                 \
	X(REKEY_IKE, 3, false)                                                                               \
	X(PROBE, 1, false)                                                                                   \
	X(DELETE_A, 1, true)                                                                                 \
	X(DELETE_B, 1, true)

enum action {
#define X(name, weight, loses) ACTION_##name,
	ACTIONS(X)
#undef X
	        N_ACTIONS
};

static enum action choose_action(bool deletes)
{
	static const struct {
		unsigned weight;
		bool loses;
	} actions[] = {
#define X(name, weight, loses) {weight, loses},
	        ACTIONS(X)
#undef X
	};
	unsigned a, left;

	do {
		left = rnd(13);
		for (a = 0; a < N_ACTIONS - 1 && left >= actions[a].weight; a++)
			left -= actions[a].weight;
	} while (actions[a].loses && !deletes);
	return (enum action)a;
}

static void act(struct peer *p, enum action action)
{
	struct ike_sa *sa = peer_session(p);
	struct child_sa *child;

	if (sa == NULL || sa->heir_has_it)
		return;
	child = pairs_child(p, action == ACTION_REKEY_B || action == ACTION_DELETE_B);
	switch (action) {
	case ACTION_REKEY_A:
	case ACTION_REKEY_B:
		if (child != NULL)
			rekey_child_start(child);
		break;
	case ACTION_DELETE_A:
	case ACTION_DELETE_B:
		if (child != NULL)
			informational_delete_child(child);
		break;
	case ACTION_REKEY_IKE:
		rekey_ike_start(sa);
		break;
	default:
		informational_probe(sa);
	}
}

static void network(struct world *w)
{
	static const unsigned loss[] = {0, 0, 10, 30}, jitter[] = {0, 20, 100, 400};

	w->loss_percent = loss[rnd(4)];
	w->duplicate_percent = rnd(3) * 15;
	w->jitter_ms = jitter[rnd(4)];
}

/* Children that were deleted are asked for again by who began the session. */
static void restore(struct pairs *p)
{
	struct ike_sa *sa = peer_session(world_client(p->w));

	p->w->loss_percent = p->w->jitter_ms = p->w->duplicate_percent = 0;
	if (sa != NULL)
		child_create_start(sa);
	pairs_settle(p, 60000);
}

static const char *run(struct pairs *p, bool deletes)
{
	struct world *w = p->w;
	unsigned n = 1 + rnd(MAX_ACTIONS);
	const char *wrong;

	world_trace_clear(w);
	p->strict = false;
	p->lost = 0;
	p->why = NULL;
	p->n_flights = 0; /* of before: where something was deleted they may well be lost */
	network(w);
	for (unsigned i = 0; i < n; i++) {
		act(&w->peers[rnd(2)], choose_action(deletes));
		world_run(w, rnd(3) == 0 ? 0 : rnd(150));
	}
	/* Thirteen copies may all be lost, and then the session ends as it should: not here. */
	pairs_settle(p, 60000);
	w->loss_percent = 0;
	if (!pairs_settle(p, 300000))
		return "not quiet after six minutes";
	wrong = pairs_wrong(p, deletes ? UINT_MAX : PAIRS_CHILDREN);
	if (wrong == NULL && !deletes && p->lost > 0)
		wrong = p->why;
	if (wrong != NULL || !deletes)
		return wrong;
	restore(p);
	return pairs_wrong(p, PAIRS_CHILDREN);
}

static void one_world(unsigned number, unsigned schedules)
{
	struct world_options options = {.seed = number};
	struct pairs *p = pairs_new(&options);

	seed = number * 7919 + 1;
	p->esp_delay_ms = number % 3 * 400;
	for (unsigned i = 0; i < schedules; i++) {
		const char *wrong = run(p, rnd(3) == 0);

		if (wrong == NULL)
			continue;
		pairs_print(p);
		fail_msg("world %u, schedule %u: %s", number, i, wrong);
	}
	pairs_free(p);
}

static unsigned number_of(const char *name, unsigned standard)
{
	const char *text = getenv(name);

	return text != NULL && *text != '\0' ? (unsigned)strtoul(text, NULL, 10) : standard;
}

/* Worlds beyond the default number that were once wrong. 170: a Delete of what is rekeyed by both ends has
 * the peer send on the redundant pair for a moment, and so did we, until it was gone. 8181: the end of a
 * redundant pair made us send on the session that was to follow before the peer had it. */
static void schedules_of_before(void **state)
{
	static const unsigned worlds[] = {170, 8181};

	(void)state;
	for (unsigned i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++)
		one_world(worlds[i], PER_WORLD);
}

static void schedules_end_well(void **state)
{
	unsigned n = number_of("ROAMGATE_SCHEDULES", DEFAULT_SCHEDULES);

	(void)state;
	if (getenv("ROAMGATE_SCHEDULE_WORLD") != NULL) {
		one_world(number_of("ROAMGATE_SCHEDULE_WORLD", 1), PER_WORLD);
		return;
	}
	for (unsigned i = 0; i < (n + PER_WORLD - 1) / PER_WORLD; i++)
		one_world(i + 1, PER_WORLD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(schedules_of_before),
	                                   cmocka_unit_test(schedules_end_well)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
