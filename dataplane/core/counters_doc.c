/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints docs/counters.md from the one list of drop reasons and counters; a test
 * holds the committed page to it. A program of the build.
 */
#include "dataplane/core/drops.h"

#include <stdio.h>

int main(void)
{
	puts("# Counters of the dataplane\n");
	puts("Made from `dataplane/core/drops.h`: `ninja -C build docs-counters` renews this page.");
	puts("Every worker has its own; `roamctl dataplane counters` shows their sums.\n");
	puts("## Dropped packets\n\nEvery dropped packet counts in exactly one of these.\n");
	puts("| counter | what happened |\n| --- | --- |");
	for (unsigned i = DROP_NONE + 1; i < DROP_COUNT; i++)
		printf("| `%s` | %s |\n", drop_name((enum drop)i), drop_text((enum drop)i));
	puts("\n## Everything else\n\n| counter | what is counted |\n| --- | --- |");
	for (unsigned i = 0; i < COUNTER_COUNT; i++)
		printf("| `%s` | %s |\n", counter_name((enum counter)i), counter_text((enum counter)i));
	return 0;
}
