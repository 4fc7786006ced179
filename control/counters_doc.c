/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints docs/counters-control.md from the tables of control's counters and what counters_text.h says of
 * each; a test holds the committed page to it. A counter without a text is an error. A program of the build.
 */
#include "control/auth/auth.h"
#include "control/counters_text.h"
#include "control/ike/counters.h"
#include "control/sockets.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct line {
	const char *name, *happened, *todo;
	bool used;
};

static struct line lines[] = {
#define X(name, happened, todo) {name, happened, todo, false},
        COUNTERS_TEXT_IKE(X) COUNTERS_TEXT_REJECTS(X) COUNTERS_TEXT_PROCESS(X)
#undef X
};

struct counter {
	const char *name;
	bool is_drop;
};

static const struct counter ike[] = {
#define X(field, name, drop) {name, drop},
        IKE_COUNTERS(X)
#undef X
};

static const struct counter rejects[] = {
#define X(field, counter, action, notify) {counter, IKE_ACTION_##action == IKE_ACTION_DROP},
        IKE_REJECTS(X)
#undef X
};

static const struct counter process[] = {
#define X(field, name, drop) {name, drop},
        SOCKETS_COUNTERS(X)
#undef X
                {"log-lines-suppressed", false},
        {"config-reloads", false},
        {"config-reloads-refused", false},
};

static const char *const failures[][2] = {
#define X(name, counter, text) {counter, text},
        RG_AUTH_FAILURES(X)
#undef X
};

static bool print_counter(const struct counter *counter)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strcmp(lines[i].name, counter->name) != 0)
			continue;
		lines[i].used = true;
		printf("| `%s` | %s | %s | %s |\n", counter->name, counter->is_drop ? "dropped" : "",
		       lines[i].happened, lines[i].todo);
		return true;
	}
	fprintf(stderr, "counter '%s' has no line in control/counters_text.h\n", counter->name);
	return false;
}

static bool print_table(const char *title, const char *about, const struct counter *counters, size_t n)
{
	bool whole = true;

	printf("\n## %s\n\n%s\n\n| counter | | what happened | what to do |\n| --- | --- | --- | --- |\n",
	       title, about);
	for (size_t i = 0; i < n; i++)
		whole = print_counter(&counters[i]) && whole;
	return whole;
}

static void print_failures(void)
{
	puts("\n## Peers that were refused\n\nEach is one of `ike-authentication-failed` too; the peer hears "
	     "AUTHENTICATION_FAILED and no more. `roamctl events` names who it was.\n");
	puts("| counter | what was wrong |\n| --- | --- |");
	for (size_t i = RG_AUTH_FAIL_NONE + 1; i < sizeof(failures) / sizeof(failures[0]); i++)
		printf("| `%s` | %s |\n", failures[i][0], failures[i][1]);
}

static bool all_used(void)
{
	bool all = true;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!lines[i].used)
			fprintf(stderr, "control/counters_text.h: there is no counter '%s'\n", lines[i].name);
		all = all && lines[i].used;
	}
	return all;
}

int main(void)
{
	bool whole;

	puts("# Counters of roamgate-control\n");
	puts("Made from the tables of the counters and `control/counters_text.h`: `ninja -C build "
	     "docs-counters-control` renews this page.");
	puts("`roamctl counters` shows them, those at 0 aside. What says \"dropped\" left nothing behind. "
	     "Where there is "
	     "nothing to do, the\ncounter is part of normal work, or of an Internet that knocks at every "
	     "door.");
	whole = print_table("IKE", "What became of messages, sessions and moves.", ike,
	                    sizeof(ike) / sizeof(ike[0]));
	print_failures();
	whole = print_table(
	                "Malformed messages",
	                "No peer in order sends any of these, but for the few with something to do: one that "
	                "is known to `roamctl clients` has a bug worth a report to its maker.",
	                rejects, sizeof(rejects) / sizeof(rejects[0])) &&
	        whole;
	whole = print_table("Sockets and the process", "Before and around the IKE core.", process,
	                    sizeof(process) / sizeof(process[0])) &&
	        whole;
	return whole && all_used() ? 0 : 1;
}
