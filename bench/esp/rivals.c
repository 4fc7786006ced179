/* SPDX-License-Identifier: Apache-2.0 */
/* Other people's gateways, beside us where they are installed: rivals.py runs them and says what they did. */
#include "bench/esp/bench.h"

#include <errno.h>
#include <stdio.h>

#include <rte_cycles.h>

static void tell(struct bench *b, const json_t *found)
{
	const char *name = json_string_value(json_object_get(found, "name"));
	const char *text = json_string_value(json_object_get(found, "text"));
	const json_int_t size = json_integer_value(json_object_get(found, "size"));
	struct bench_record r = {.direction = "encrypt", .size = (uint32_t)size, .sas = 1};
	char suite[64];

	if (text != NULL) {
		printf("%s: %s\n", name, text);
		return;
	}
	snprintf(suite, sizeof(suite), "%s:aes128gcm16", name);
	r.suite = suite;
	r.cycles = json_real_value(json_object_get(found, "cycles"));
	r.mpps = json_real_value(json_object_get(found, "mpps"));
	r.gbps = report_gbps(r.mpps, (double)size);
	(void)report_add(b, &r);
	printf("%s, aes128gcm16 encrypt, 1 SA, %d B: %.0f cycles, %.2f Mpps, %.2f Gbps, its own packet "
	       "source "
	       "included\n",
	       name, (int)size, r.cycles, r.mpps, r.gbps);
}

int rivals_run(struct bench *b)
{
	const bool quick = b->options.quick;
	json_t *all, *one;
	char command[256];
	size_t i;
	FILE *f;

	snprintf(command, sizeof(command), "exec /usr/bin/python3 '" BENCH_FOLDER "/rivals.py' %u %.0f %u %s",
	         b->options.cpu, (double)rte_get_tsc_hz(), quick ? 2u : 5u, quick ? "64" : "64 512 1400");
	f = popen(command, "re");
	if (f == NULL)
		return -errno;
	all = json_loadf(f, 0, NULL);
	if (pclose(f) != 0 || !json_is_array(all)) {
		fprintf(stderr, "bench: " BENCH_FOLDER "/rivals.py failed\n");
		json_decref(all);
		return -EIO;
	}
	json_array_foreach(all, i, one) tell(b, one);
	json_decref(all);
	return 0;
}
