/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other people's gateways, beside us where they are installed: rivals.py runs them and says what
 * they did. A case takes turns: ours, theirs, ours again. The host changes the clock of a core, and then a
 * ratio says nothing: turns count only if ours was the same before and after, and of those
 * the ones of the fastest clock.
 */
#include "bench/esp/bench.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>

#define TURNS_MAX   8u
#define TURNS_QUICK 2u
#define ALIKE       0.06 /* of two measurements of ours */
#define ONE_CLOCK   1.12 /* times the lowest of ours: still the same clock */

static const struct {
	const char *name;
	bool decrypt;
	uint32_t sas;
} rivals[] = {
        {"ipsec-secgw", false, 1}, {"vpp", false, 1},    {"vpp", false, 10000},
        {"vpp", true, 1},          {"vpp", true, 10000},
};

enum { RIVALS = sizeof(rivals) / sizeof(rivals[0]) };

static const uint32_t sizes[] = {64, 512, 1400};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

/* rivals.py, with one case. */
struct rival {
	const char *name;
	const struct bench_case *what;
	pid_t pid;
	FILE *talk; /* its standard input and output */
};

struct turn {
	double ours, raw, rival;
	double all, mpps; /* the rival's, with the making of its packets */
};

static const char *direction(const struct bench_case *what)
{
	return what->decrypt ? "decrypt" : "encrypt";
}

/* No shell is between. 0 or a negative errno. */
static int start(const struct bench *b, struct rival *r)
{
	char cpu[16], hz[32], sas[16], size[16];
	int ends[2];

	snprintf(cpu, sizeof(cpu), "%u", b->options.cpu);
	snprintf(hz, sizeof(hz), "%.0f", (double)rte_get_tsc_hz());
	snprintf(sas, sizeof(sas), "%u", r->what->sas);
	snprintf(size, sizeof(size), "%u", r->what->size);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	r->pid = fork();
	if (r->pid == 0) {
		dup2(ends[1], STDIN_FILENO);
		dup2(ends[1], STDOUT_FILENO);
		execl("/usr/bin/python3", "python3", "-B", BENCH_FOLDER "/rivals.py", r->name, cpu, hz,
		      direction(r->what), sas, size, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	r->talk = r->pid < 0 ? NULL : fdopen(ends[0], "r+");
	if (r->talk == NULL)
		close(ends[0]);
	return r->talk == NULL ? -EIO : 0;
}

/* 0, or -EIO after a line on stderr if it failed. */
static int stop(struct rival *r)
{
	int status = 0;

	(void)shutdown(fileno(r->talk), SHUT_WR);
	fclose(r->talk);
	if (waitpid(r->pid, &status, 0) == r->pid && status == 0)
		return 0;
	fprintf(stderr, "bench: " BENCH_FOLDER "/rivals.py failed\n");
	return -EIO;
}

/* The next line of rivals.py, or NULL; also after a line on stdout that says why there is no figure. */
static json_t *hear(struct rival *r)
{
	char line[1024];
	json_t *said = fgets(line, sizeof(line), r->talk) == NULL ? NULL : json_loads(line, 0, NULL);
	const char *text = json_string_value(json_object_get(said, "text"));

	if (text == NULL)
		return said;
	printf("%s: %s\n", r->name, text);
	json_decref(said);
	return NULL;
}

static bool hear_ready(struct rival *r)
{
	json_t *said = hear(r);
	const bool ready = said != NULL;

	json_decref(said);
	return ready;
}

/* It runs for a while. False: it has no figure. */
static bool let_run(struct rival *r, struct turn *t)
{
	json_t *said;

	if (send(fileno(r->talk), "\n", 1, MSG_NOSIGNAL) != 1)
		return false;
	said = hear(r);
	t->rival = json_real_value(json_object_get(said, "cycles"));
	t->all = json_real_value(json_object_get(said, "all_cycles"));
	t->mpps = json_real_value(json_object_get(said, "mpps"));
	json_decref(said);
	return t->rival > 0;
}

/* How many turns count; 0: there is no figure. Or a negative errno. */
static int take_turns(struct bench *b, struct rival *r, struct turn *turns)
{
	double before, raw;
	int kept = 0, rc = cases_measure(b, r->what, &before, &raw);

	for (unsigned i = 0; rc == 0 && i < (b->options.quick ? TURNS_QUICK : TURNS_MAX); i++) {
		struct turn t;

		if (!let_run(r, &t))
			return 0;
		rc = cases_measure(b, r->what, &t.ours, &t.raw);
		if (rc == 0 && fabs(t.ours - before) <= ALIKE * before)
			turns[kept++] = (struct turn){(t.ours + before) / 2, (t.raw + raw) / 2, t.rival,
			                              t.all, t.mpps};
		before = t.ours, raw = t.raw;
	}
	if (rc == 0 && kept == 0)
		printf("%s, %u B: the clock of the CPU changed in every turn\n", r->name, r->what->size);
	return rc == 0 ? kept : rc;
}

/* The medians of the turns of the fastest clock: how many there are of them. */
static int fastest(const struct turn *turns, int kept, struct turn *median)
{
	double v[5][TURNS_MAX], lowest = turns[0].ours;
	unsigned n = 0;

	for (int i = 1; i < kept; i++)
		lowest = turns[i].ours < lowest ? turns[i].ours : lowest;
	for (int i = 0; i < kept; i++) {
		const struct turn *t = &turns[i];

		if (t->ours > ONE_CLOCK * lowest)
			continue;
		v[0][n] = t->ours, v[1][n] = t->raw, v[2][n] = t->rival;
		v[3][n] = t->all, v[4][n++] = t->mpps;
	}
	*median = (struct turn){report_median(v[0], n), report_median(v[1], n), report_median(v[2], n),
	                        report_median(v[3], n), report_median(v[4], n)};
	return (int)n;
}

static void tell(struct bench *b, const struct rival *rival, const struct turn *turns, int kept)
{
	const struct bench_case *what = rival->what;
	struct turn t;
	const int counted = fastest(turns, kept, &t);
	struct bench_record r = {.direction = direction(what), .size = what->size, .sas = what->sas};
	char suite[64];
	json_t *json;

	snprintf(suite, sizeof(suite), "%s:aes128gcm16", rival->name);
	r.suite = suite, r.cycles = t.rival, r.mpps = t.mpps, r.gbps = report_gbps(t.mpps, what->size);
	json = report_add(b, &r);
	json_object_set_new(json, "all_cycles", json_real(t.all));
	json_object_set_new(json, "ours", json_real(t.ours));
	json_object_set_new(json, "raw", json_real(t.raw));
	json_object_set_new(json, "turns", json_integer(counted));
	printf("%s, aes128gcm16 %s, %u SAs, %u B: %.0f cycles (%.0f with all that makes its packets), ours "
	       "%.0f, raw %.0f: %.2f times (%d turns)\n",
	       rival->name, r.direction, what->sas, what->size, t.rival, t.all, t.ours, t.raw,
	       t.rival / t.ours, counted);
	fflush(stdout);
}

/* One case: 0, 1 if the rival has no figure, or a negative errno. */
static int duel(struct bench *b, const char *name, const struct bench_case *what)
{
	struct rival r = {.name = name, .what = what};
	struct turn turns[TURNS_MAX];
	int kept = 0, rc = start(b, &r);
	bool ready;

	if (rc != 0)
		return rc;
	ready = hear_ready(&r);
	if (ready)
		kept = take_turns(b, &r, turns);
	rc = stop(&r);
	if (kept > 0)
		tell(b, &r, turns, kept);
	return kept < 0 ? kept : rc != 0 ? rc : !ready;
}

int rivals_run(struct bench *b)
{
	const bool quick = b->options.quick;
	const char *missing = "";

	for (unsigned i = 0; i < RIVALS; i++) {
		struct bench_case what = {.suite = cases_suite("aes128gcm16"),
		                          .decrypt = rivals[i].decrypt,
		                          .sas = rivals[i].sas};

		if (quick && (what.sas > 1 || what.decrypt))
			continue;
		for (unsigned k = quick ? SIZES - 1 : 0; k < SIZES && strcmp(missing, rivals[i].name) != 0;
		     k++) {
			int rc;

			what.size = sizes[k];
			rc = duel(b, rivals[i].name, &what);
			if (rc < 0)
				return rc;
			if (rc > 0)
				missing = rivals[i].name;
		}
	}
	return 0;
}
