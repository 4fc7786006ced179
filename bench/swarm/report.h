/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run shows: a line while it goes on, a table at its end, and JSON with the course of it for
 * plot.py and other programs. One thread.
 */
#ifndef RG_BENCH_SWARM_REPORT_H
#define RG_BENCH_SWARM_REPORT_H

#include <stdbool.h>

struct swarm;
struct report;

/* `progress`: the line. NULL: no memory. */
struct report *report_open(bool progress);
void report_close(struct report *r);

/* To be called often: takes a sample each second, and shows it. */
void report_tick(struct report *r, const struct swarm *s);
/* The table on stdout. */
void report_text(struct report *r, const struct swarm *s);
/* 0 or a negative errno. */
int report_json(struct report *r, const struct swarm *s, const char *file);

#endif
