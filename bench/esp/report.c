/* SPDX-License-Identifier: Apache-2.0 */
/* What a run leaves behind: one JSON array of flat records. */
#include "bench/esp/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>

json_t *report_add(struct bench *b, const struct bench_record *r)
{
	json_t *json = json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:f}", "suite", r->suite, "direction",
	                         r->direction, "size", (int)r->size, "sas", (int)r->sas, "cycles", r->cycles,
	                         "mpps", r->mpps, "gbps", r->gbps);

	json_object_set_new(json, "raw_cycles", r->raw_cycles > 0 ? json_real(r->raw_cycles) : json_null());
	return json_array_append_new(b->records, json) == 0 ? json : NULL;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double report_median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), compare);
	return n % 2 != 0 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double report_mpps(double cycles)
{
	return (double)rte_get_tsc_hz() / cycles / 1e6;
}

double report_gbps(double mpps, double size)
{
	return mpps * size * 8 / 1e3;
}

static int write_json(const struct bench *b, const char *file)
{
	if (json_dump_file(b->records, file, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0)
		return 0;
	fprintf(stderr, "bench: cannot write %s: %s\n", file, strerror(errno));
	return -EIO;
}

/* plot.py draws what is in the file. */
static int plot(const char *json, const char *picture)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/usr/bin/python3", "python3", BENCH_FOLDER "/plot.py", json, picture, (char *)NULL);
		_exit(127);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	fprintf(stderr,
	        "bench: %s was not drawn: that takes python3-matplotlib and " BENCH_FOLDER "/plot.py\n",
	        picture);
	return -EIO;
}

int report_write(const struct bench *b)
{
	const struct bench_options *o = &b->options;
	char spare[] = "/tmp/bench-esp-XXXXXX";
	int fd, rc = o->json != NULL ? write_json(b, o->json) : 0;

	if (rc != 0 || o->plot == NULL)
		return rc;
	if (o->json != NULL)
		return plot(o->json, o->plot);
	fd = mkstemp(spare);
	if (fd < 0)
		return -errno;
	close(fd);
	rc = write_json(b, spare);
	if (rc == 0)
		rc = plot(spare, o->plot);
	unlink(spare);
	return rc;
}
