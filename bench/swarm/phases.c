/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the phases (phases.h): a foreground phase at a time, with the background ones that stand before it. A
 * rate is kept by tokens; without one, a phase keeps `window` clients busy. One thread.
 */
#include "bench/swarm/flood.h"
#include "bench/swarm/swarm.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S              UINT64_C(1000000)
#define MS             UINT64_C(1000)
#define LATE_US        S          /* after the last request: what comes later is late, not lost */
#define PATIENCE_US    (500 * MS) /* between two looks for clients that wait too long */
#define BURST_US       (4 * MS)   /* of a rate: how much of it may be made up for at once */
#define AT_ONCE        256u       /* begun in one turn of the loop, so that sockets are not kept waiting */
#define NAP_US         MS         /* between steps of a rate */
#define LONGEST_NAP_US (100 * MS)

void phases_open(struct swarm *s)
{
	struct phases *ph = &s->phases;

	ph->n = s->scenario->n_phases;
	for (unsigned i = 0; i < ph->n; i++)
		ph->runs[i].p = &s->scenario->phases[i];
}

void phases_close(struct swarm *s)
{
	for (unsigned i = 0; i < s->phases.n; i++)
		flood_close(s->phases.runs[i].flood);
}

bool phases_done(const struct swarm *s)
{
	return s->phases.at >= s->phases.n;
}

/* ---- what came of it */

static void count_reason(struct phase_run *run, const char *text)
{
	for (unsigned i = 0; i < PHASES_REASONS; i++) {
		struct phase_reason *r = &run->reasons[i];

		if (r->text != NULL && strcmp(r->text, text) != 0 && i + 1 < PHASES_REASONS)
			continue;
		r->text = r->text == NULL || strcmp(r->text, text) == 0 ? text : "other reasons";
		r->n++;
		return;
	}
}

static void count_failure(struct phase_run *run, const char *text)
{
	run->failed++;
	count_reason(run, text);
}

void phases_ended(struct swarm *s, struct client *c, const char *failure)
{
	struct phase_run *run = &s->phases.runs[c->phase];
	uint64_t took = swarm_clock_us() - c->begun_us;

	c->act = CLIENT_NOTHING;
	run->in_flight--;
	if (failure != NULL) {
		count_failure(run, failure);
		return;
	}
	run->succeeded++;
	histogram_add(&run->times, took);
}

/* ---- turns of clients */

static bool may_begin(const struct phase_run *run, const struct client *c)
{
	if (c->act != CLIENT_NOTHING)
		return false;
	if (run->p->kind == SCENARIO_CONNECT || run->p->kind == SCENARIO_RECONNECT)
		return c->sa == NULL;
	return c->sa != NULL && c->sa->state == IKE_STATE_ESTABLISHED;
}

static int begin_client(struct swarm *s, struct phase_run *run, struct client *c)
{
	c->phase = (uint8_t)(run - s->phases.runs);
	switch (run->p->kind) {
	case SCENARIO_CONNECT:
	case SCENARIO_RECONNECT:
		return clients_connect(s, c);
	case SCENARIO_ROAM:
		return clients_move(s, c);
	case SCENARIO_REKEY:
		return clients_rekey(s, c, run->p->rekey_ike);
	default:
		return clients_leave(s, c);
	}
}

static void give_turn(struct swarm *s, struct phase_run *run, struct client *c)
{
	int rc;

	run->begun++;
	run->in_flight++;
	rc = begin_client(s, run, c);
	if (rc == 0)
		return;
	c->act = CLIENT_NOTHING;
	run->in_flight--;
	count_failure(run, strerrordesc_np(-rc));
}

/* The next client that can begin; NULL: all had their turn (or, with `for`, none can just now). */
static struct client *next_client(struct swarm *s, struct phase_run *run)
{
	unsigned n = s->scenario->clients;

	for (unsigned tried = 0; tried < n; tried++) {
		struct client *c;

		if (run->p->count != 0 && run->begun == run->p->count)
			return NULL;
		if (run->cursor == n) {
			if (run->p->for_ms == 0)
				return NULL;
			run->cursor = 0;
			run->rounds++;
		}
		c = &s->clients[run->cursor++];
		if (may_begin(run, c))
			return c;
	}
	return NULL;
}

/* How many may begin now. */
static unsigned allowance(struct swarm *s, struct phase_run *run)
{
	uint64_t passed = s->now_us - run->paid_us;
	double most;

	if (run->p->pace == SCENARIO_BY_ANSWER)
		return run->p->window > run->in_flight ? run->p->window - run->in_flight : 0;
	run->paid_us = s->now_us;
	run->tokens += run->p->rate * (double)passed / (double)S;
	/* What was missed in a long turn is made up for, but not in one piece. */
	most = run->p->rate * (double)BURST_US / (double)S + 1;
	if (run->p->kind != SCENARIO_TRAFFIC && run->p->kind != SCENARIO_FLOOD)
		most += run->p->rate;
	if (run->tokens > most)
		run->tokens = most;
	return (unsigned)run->tokens;
}

static bool give_turns(struct swarm *s, struct phase_run *run)
{
	unsigned n = allowance(s, run);

	for (unsigned i = 0; i < n; i++) {
		struct client *c;

		if (i == AT_ONCE)
			return true;
		c = next_client(s, run);
		if (c == NULL) {
			if (run->p->for_ms == 0 || run->begun == run->p->count) {
				run->ended_us = s->now_us;
				run->state = PHASE_DRAINING;
			}
			return false;
		}
		if (run->p->pace == SCENARIO_BY_RATE)
			run->tokens -= 1;
		give_turn(s, run, c);
	}
	return false;
}

static void send_requests(struct swarm *s, struct phase_run *run)
{
	unsigned n = allowance(s, run);

	for (unsigned i = 0; i < n && i < AT_ONCE; i++) {
		unsigned tried = 0;

		run->tokens -= 1;
		for (; tried < s->scenario->clients; tried++) {
			struct client *c;

			run->cursor = run->cursor >= s->scenario->clients ? 0 : run->cursor;
			c = &s->clients[run->cursor++];
			if (c->sa != NULL && traffic_send(s, run, c, run->p->size))
				break;
		}
		if (tried == s->scenario->clients)
			break; /* nobody is connected */
	}
}

static void send_flood(struct swarm *s, struct phase_run *run)
{
	unsigned n = allowance(s, run), left = run->flood != NULL ? flood_send(run->flood, n) : 0;

	run->tokens -= n;
	run->flooded += left;
	run->flood_failed += n - left;
}

/* Everything about an operation that takes too long, whatever phase it was begun for. */
static void look_for_lost(struct swarm *s)
{
	if (s->now_us < s->phases.patience_us)
		return;
	s->phases.patience_us = s->now_us + PATIENCE_US;
	for (unsigned i = 0; i < s->scenario->clients; i++) {
		struct client *c = &s->clients[i];

		if (c->act == CLIENT_NOTHING ||
		    s->now_us - c->begun_us < s->phases.runs[c->phase].p->patience_ms * MS)
			continue;
		phases_ended(s, c, "no answer in time");
	}
}

/* ---- the life of a phase */

static void forget_all(struct swarm *s)
{
	for (unsigned i = 0; i < s->scenario->clients; i++)
		if (s->clients[i].act == CLIENT_NOTHING)
			clients_forget(s, &s->clients[i]);
}

static void start(struct swarm *s, struct phase_run *run)
{
	run->state = PHASE_RUNNING;
	run->begun_us = run->paid_us = s->now_us;
	run->up_before = s->n_up;
	run->echo.first = s->traffic.next;
	watch_read(&s->watch, run->before);
	if (run->p->kind == SCENARIO_RECONNECT)
		forget_all(s);
	if (run->p->kind == SCENARIO_FLOOD)
		run->flood = flood_open(s->scenario);
}

static void finish(struct swarm *s, struct phase_run *run)
{
	run->state = PHASE_DONE;
	run->drained_us = s->now_us;
	run->up_after = s->n_up;
	run->echo.lost = run->echo.sent - run->echo.answered;
	watch_read(&s->watch, run->after);
}

static void step(struct swarm *s, struct phase_run *run, bool *again)
{
	bool over = run->p->for_ms != 0 && s->now_us - run->begun_us >= run->p->for_ms * MS;

	if (run->state == PHASE_RUNNING) {
		switch (run->p->kind) {
		case SCENARIO_TRAFFIC:
			send_requests(s, run);
			break;
		case SCENARIO_FLOOD:
			send_flood(s, run);
			break;
		case SCENARIO_WAIT:
			break;
		default:
			*again |= !over && give_turns(s, run);
			break;
		}
	}
	if (run->state == PHASE_RUNNING && over) {
		run->ended_us = s->now_us;
		run->state = PHASE_DRAINING;
	}
	if (run->state != PHASE_DRAINING || run->in_flight > 0)
		return;
	if (run->echo.answered < run->echo.sent && s->now_us - run->ended_us < LATE_US)
		return;
	finish(s, run);
}

/* The background phases before the foreground one at `at`. */
static unsigned first_of(const struct phases *ph)
{
	unsigned first = ph->at;

	while (first > 0 && ph->runs[first - 1].p->background)
		first--;
	return first;
}

static unsigned next_foreground(const struct phases *ph, unsigned from)
{
	while (from < ph->n && ph->runs[from].p->background)
		from++;
	return from;
}

static void start_group(struct swarm *s)
{
	struct phases *ph = &s->phases;

	ph->at = next_foreground(ph, ph->at);
	for (unsigned i = first_of(ph); i <= ph->at; i++)
		start(s, &ph->runs[i]);
}

static void end_background(struct swarm *s)
{
	struct phases *ph = &s->phases;

	for (unsigned i = first_of(ph); i < ph->at; i++) {
		if (ph->runs[i].state != PHASE_RUNNING)
			continue;
		ph->runs[i].ended_us = s->now_us;
		ph->runs[i].state = PHASE_DRAINING;
	}
}

static bool group_done(const struct phases *ph)
{
	for (unsigned i = first_of(ph); i <= ph->at; i++)
		if (ph->runs[i].state != PHASE_DONE)
			return false;
	return true;
}

static uint64_t nap(const struct phases *ph)
{
	for (unsigned i = first_of(ph); i <= ph->at && i < ph->n; i++)
		if (ph->runs[i].state == PHASE_RUNNING && ph->runs[i].p->pace == SCENARIO_BY_RATE)
			return NAP_US;
	return LONGEST_NAP_US;
}

uint64_t phases_step(struct swarm *s)
{
	struct phases *ph = &s->phases;
	bool again = false;

	if (phases_done(s))
		return LONGEST_NAP_US;
	look_for_lost(s);
	if (ph->runs[next_foreground(ph, ph->at)].state == PHASE_WAITING)
		start_group(s);
	for (unsigned i = first_of(ph); i <= ph->at; i++)
		step(s, &ph->runs[i], &again);
	if (ph->runs[ph->at].state == PHASE_DONE)
		end_background(s);
	if (group_done(ph)) {
		ph->at++;
		return 0;
	}
	return again ? 0 : nap(ph);
}

void phases_stop(struct swarm *s)
{
	struct phases *ph = &s->phases;

	for (unsigned i = 0; i < s->scenario->clients; i++)
		if (s->clients[i].act != CLIENT_NOTHING)
			phases_ended(s, &s->clients[i], "interrupted");
	for (unsigned i = 0; i < ph->n; i++) {
		struct phase_run *run = &ph->runs[i];

		if (run->state == PHASE_WAITING || run->state == PHASE_DONE)
			continue;
		if (run->ended_us == 0)
			run->ended_us = s->now_us;
		finish(s, run);
	}
	ph->at = ph->n;
}
