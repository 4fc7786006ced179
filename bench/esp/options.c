/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `./run bench esp`. */
#include "bench/esp/bench.h"
#include "bench/proc.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

static void usage(FILE *to)
{
	fprintf(to, "usage: bench esp [--quick] [--json FILE] [--plot FILE] [--cpu N] [--only PART] [--suite "
	            "NAME] [--workers N]\n"
	            "  one worker, pinned to CPU N (default: the last), beside raw intel-ipsec-mb in the "
	            "same run; then two of them, or up to N, on as many CPUs\n");
}

int options_parse(struct bench_options *o, int argc, char **argv)
{
	static const struct option longs[] = {{"json", required_argument, NULL, 'j'},
	                                      {"plot", required_argument, NULL, 'p'},
	                                      {"quick", no_argument, NULL, 'q'},
	                                      {"cpu", required_argument, NULL, 'c'},
	                                      {"suite", required_argument, NULL, 's'},
	                                      {"only", required_argument, NULL, 'o'},
	                                      {"workers", required_argument, NULL, 'w'},
	                                      {"help", no_argument, NULL, 'h'},
	                                      {0}};
	unsigned long number;
	int c;

	*o = (struct bench_options){.cpu = (unsigned)sysconf(_SC_NPROCESSORS_ONLN) - 1};
	if (sched_getaffinity(0, sizeof(o->cpus), &o->cpus) != 0)
		return -errno;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'j':
			o->json = optarg;
			break;
		case 'p':
			o->plot = optarg;
			break;
		case 'q':
			o->quick = true;
			break;
		case 'c':
			if (!proc_number(optarg, 0, CPU_SETSIZE - 1, &number))
				return usage(stderr), -EINVAL;
			o->cpu = (unsigned)number;
			break;
		case 's':
			o->suite = optarg;
			break;
		case 'o':
			o->only = optarg;
			break;
		case 'w':
			if (!proc_number(optarg, 2, CORE_MAX_WORKERS, &number))
				return usage(stderr), -EINVAL;
			o->workers = (unsigned)number;
			break;
		case 'h':
			return usage(stdout), 1;
		default:
			return usage(stderr), -EINVAL;
		}
	}
	return optind == argc ? 0 : (usage(stderr), -EINVAL);
}
