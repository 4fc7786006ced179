/* SPDX-License-Identifier: Apache-2.0 */
/* Lines, table and JSON of a run (report.h). One thread. */
#include "bench/swarm/report.h"

#include "bench/swarm/swarm.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000)

struct report {
	bool progress, on_terminal;
	json_t *samples;
	uint64_t next_us, last_us;
	uint64_t last_done, last_sent, last_answered;
	struct watch_sample watched[WATCH_MAX];
};

struct totals {
	uint64_t done, failed, sent, answered;
};

struct report *report_open(bool progress)
{
	struct report *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->progress = progress;
	r->on_terminal = isatty(STDERR_FILENO) == 1;
	r->samples = json_array();
	return r;
}

void report_close(struct report *r)
{
	if (r != NULL)
		json_decref(r->samples);
	free(r);
}

static double seconds(uint64_t us)
{
	return (double)us / (double)SECOND;
}

static struct totals add_up(const struct swarm *s)
{
	struct totals t = {0};

	for (unsigned i = 0; i < s->phases.n; i++) {
		const struct phase_run *run = &s->phases.runs[i];

		t.done += run->succeeded;
		t.failed += run->failed;
		t.sent += run->echo.sent;
		t.answered += run->echo.answered;
	}
	return t;
}

static const char *phase_name(const struct swarm *s)
{
	return phases_done(s) ? "end" : scenario_kind_name(s->phases.runs[s->phases.at].p->kind);
}

static void show(const struct report *r, const struct swarm *s, const struct totals *t, double span)
{
	fprintf(stderr, "%s%5.0f s  %-10s %7u up of %u, %6.0f/s, %lu failed", r->on_terminal ? "\r" : "",
	        seconds(s->now_us - s->begun_us), phase_name(s), s->n_up, s->scenario->clients,
	        (double)(t->done - r->last_done) / span, t->failed);
	if (t->sent > 0)
		fprintf(stderr, "; %.0f packets/s, %.0f answers/s", (double)(t->sent - r->last_sent) / span,
		        (double)(t->answered - r->last_answered) / span);
	fputs(r->on_terminal ? "   " : "\n", stderr);
	fflush(stderr);
}

static void sample(struct report *r, const struct swarm *s, const struct totals *t, double span)
{
	struct watch_sample now[WATCH_MAX];
	json_t *watched = json_object(), *item;

	watch_read(&s->watch, now);
	for (unsigned i = 0; i < s->watch.n; i++) {
		json_object_set_new(watched, s->watch.processes[i].name,
		                    json_pack("{s:f, s:I}", "cpu",
		                              seconds(now[i].cpu_us - r->watched[i].cpu_us) / span,
		                              "rss_bytes", (json_int_t)now[i].rss_bytes));
		r->watched[i] = now[i];
	}
	item = json_pack("{s:f, s:s, s:i, s:f, s:I, s:f, s:f, s:o}", "s", seconds(s->now_us - s->begun_us),
	                 "phase", phase_name(s), "up", (int)s->n_up, "done_per_s",
	                 (double)(t->done - r->last_done) / span, "failed", (json_int_t)t->failed,
	                 "sent_per_s", (double)(t->sent - r->last_sent) / span, "answered_per_s",
	                 (double)(t->answered - r->last_answered) / span, "watched", watched);
	json_array_append_new(r->samples, item);
}

void report_tick(struct report *r, const struct swarm *s)
{
	struct totals t;
	double span;

	if (s->now_us < r->next_us)
		return;
	t = add_up(s);
	if (r->last_us != 0) {
		span = seconds(s->now_us - r->last_us);
		sample(r, s, &t, span);
		if (r->progress)
			show(r, s, &t, span);
	} else {
		watch_read(&s->watch, r->watched);
	}
	r->last_us = s->now_us;
	r->next_us = s->now_us + SECOND;
	r->last_done = t.done;
	r->last_sent = t.sent;
	r->last_answered = t.answered;
}

/* ---- the table */

static double rate_of(uint64_t n, uint64_t us)
{
	return us > 0 ? (double)n / seconds(us) : 0;
}

/* How long clients or packets began; with the answers that were waited for where it counts them. */
static uint64_t span_of(const struct phase_run *run)
{
	bool packets = run->p->kind == SCENARIO_TRAFFIC || run->p->kind == SCENARIO_FLOOD;

	return (packets ? run->ended_us : run->drained_us) - run->begun_us;
}

static void print_watched(const struct swarm *s, const struct phase_run *run)
{
	for (unsigned i = 0; i < s->watch.n; i++) {
		uint64_t cpu = run->after[i].cpu_us - run->before[i].cpu_us;

		printf("%14s  %s: %.2f s of CPU (%.0f%% of a core)", "", s->watch.processes[i].name,
		       seconds(cpu), 100 * rate_of(cpu, run->drained_us - run->begun_us) / (double)SECOND);
		if (run->succeeded > 0)
			printf(", %.1f us each", (double)cpu / (double)run->succeeded);
		printf(", %.1f MiB resident (%+.1f)\n", (double)run->after[i].rss_bytes / (1 << 20),
		       ((double)run->after[i].rss_bytes - (double)run->before[i].rss_bytes) / (1 << 20));
	}
}

static void print_echo(const struct phase_run *run)
{
	printf("%14s  %lu sent, %lu answered, %lu lost (%.3f%%), %lu late, %lu twice, %lu wrong\n", "",
	       run->echo.sent, run->echo.answered, run->echo.lost,
	       run->echo.sent > 0 ? 100.0 * (double)run->echo.lost / (double)run->echo.sent : 0,
	       run->echo.late, run->echo.duplicate, run->echo.wrong);
}

static void print_phase(const struct swarm *s, const struct phase_run *run)
{
	uint64_t n = run->p->kind == SCENARIO_TRAFFIC ? run->echo.sent
	             : run->p->kind == SCENARIO_FLOOD ? run->flooded
	                                              : run->succeeded;

	printf("%-14s %9.2f %10lu %8lu %10.0f", scenario_kind_name(run->p->kind), seconds(span_of(run)), n,
	       run->failed, rate_of(n, span_of(run)));
	if (run->times.n > 0)
		printf(" %9.2f %9.2f %9.2f", (double)histogram_percentile(&run->times, 50) / 1e3,
		       (double)histogram_percentile(&run->times, 99) / 1e3, (double)run->times.max / 1e3);
	printf("\n");
	for (unsigned i = 0; i < PHASES_REASONS && run->reasons[i].text != NULL; i++)
		printf("%14s  %lu failed: %s\n", "", run->reasons[i].n, run->reasons[i].text);
	if (run->p->kind == SCENARIO_TRAFFIC)
		print_echo(run);
	if (run->flood_failed > 0)
		printf("%14s  %lu did not leave this machine\n", "", run->flood_failed);
	print_watched(s, run);
}

void report_text(struct report *r, const struct swarm *s)
{
	const struct traffic *t = &s->traffic;

	if (r->progress && r->on_terminal)
		fputc('\n', stderr);
	printf("%-14s %9s %10s %8s %10s %9s %9s %9s\n", "phase", "s", "done", "failed", "per s", "p50 ms",
	       "p99 ms", "max ms");
	for (unsigned i = 0; i < s->phases.n; i++)
		if (s->phases.runs[i].state == PHASE_DONE)
			print_phase(s, &s->phases.runs[i]);
	printf("\nour own: %lu datagrams sent, %lu received, %lu could not be sent, %lu did not fit into "
	       "socket buffers\n",
	       s->net.sent, s->net.received, s->net.send_failed, net_overflowed(&s->net));
	if (t->received > 0)
		printf("ESP: %lu received; %lu of unknown SPI, %lu replayed, %lu with a wrong ICV, %lu "
		       "malformed, %lu no "
		       "answer of ours\n",
		       t->received, t->unknown_spi, t->replayed, t->auth_failed, t->malformed,
		       t->not_an_answer);
}

/* ---- JSON */

static json_t *times_json(const struct histogram *h)
{
	return json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}", "n", (json_int_t)h->n, "mean_ms",
	                 h->n > 0 ? (double)h->sum / (double)h->n / 1e3 : 0.0, "p50_ms",
	                 (double)histogram_percentile(h, 50) / 1e3, "p90_ms",
	                 (double)histogram_percentile(h, 90) / 1e3, "p99_ms",
	                 (double)histogram_percentile(h, 99) / 1e3, "max_ms", (double)h->max / 1e3);
}

static json_t *watched_json(const struct swarm *s, const struct phase_run *run)
{
	json_t *all = json_object();

	for (unsigned i = 0; i < s->watch.n; i++)
		json_object_set_new(all, s->watch.processes[i].name,
		                    json_pack("{s:f, s:I, s:I}", "cpu_s",
		                              seconds(run->after[i].cpu_us - run->before[i].cpu_us),
		                              "rss_before", (json_int_t)run->before[i].rss_bytes, "rss_after",
		                              (json_int_t)run->after[i].rss_bytes));
	return all;
}

static json_t *phase_json(const struct swarm *s, const struct phase_run *run)
{
	json_t *reasons = json_object(), *p;

	for (unsigned i = 0; i < PHASES_REASONS && run->reasons[i].text != NULL; i++)
		json_object_set_new(reasons, run->reasons[i].text,
		                    json_integer((json_int_t)run->reasons[i].n));
	p = json_pack("{s:s, s:i, s:b, s:f, s:f, s:I, s:I, s:I, s:i, s:i, s:o, s:o, s:o}", "do",
	              scenario_kind_name(run->p->kind), "line", (int)run->p->line, "background",
	              run->p->background, "begin_s", seconds(run->begun_us - s->begun_us), "seconds",
	              seconds(span_of(run)), "begun", (json_int_t)run->begun, "succeeded",
	              (json_int_t)run->succeeded, "failed", (json_int_t)run->failed, "up_before",
	              (int)run->up_before, "up_after", (int)run->up_after, "reasons", reasons, "times",
	              times_json(&run->times), "watched", watched_json(s, run));
	if (run->p->kind == SCENARIO_TRAFFIC)
		json_object_set_new(
		        p, "echo",
		        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "sent", (json_int_t)run->echo.sent,
		                  "answered", (json_int_t)run->echo.answered, "lost",
		                  (json_int_t)run->echo.lost, "late", (json_int_t)run->echo.late, "duplicate",
		                  (json_int_t)run->echo.duplicate, "wrong", (json_int_t)run->echo.wrong));
	if (run->p->kind == SCENARIO_FLOOD)
		json_object_set_new(p, "flood",
		                    json_pack("{s:I, s:I}", "sent", (json_int_t)run->flooded, "not_sent",
		                              (json_int_t)run->flood_failed));
	return p;
}

static json_t *own_json(const struct swarm *s)
{
	const struct traffic *t = &s->traffic;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sent",
	                 (json_int_t)s->net.sent, "received", (json_int_t)s->net.received, "send_failed",
	                 (json_int_t)s->net.send_failed, "socket_overflow",
	                 (json_int_t)net_overflowed(&s->net), "esp_received", (json_int_t)t->received,
	                 "esp_unknown_spi", (json_int_t)t->unknown_spi, "esp_replayed",
	                 (json_int_t)t->replayed, "esp_auth_failed", (json_int_t)t->auth_failed,
	                 "esp_malformed", (json_int_t)t->malformed, "not_an_answer",
	                 (json_int_t)t->not_an_answer, "no_tunnel", (json_int_t)t->no_tunnel);
}

int report_json(struct report *r, const struct swarm *s, const char *file)
{
	json_t *phases = json_array(), *root;
	int rc;

	for (unsigned i = 0; i < s->phases.n; i++)
		if (s->phases.runs[i].state == PHASE_DONE)
			json_array_append_new(phases, phase_json(s, &s->phases.runs[i]));
	root = json_pack("{s:s, s:i, s:f, s:o, s:o, s:O}", "scenario", s->scenario->file, "clients",
	                 (int)s->scenario->clients, "seconds", seconds(s->now_us - s->begun_us), "phases",
	                 phases, "own", own_json(s), "samples", r->samples);
	rc = root != NULL && json_dump_file(root, file, JSON_INDENT(1)) == 0 ? 0 : -EIO;
	json_decref(root);
	return rc;
}
