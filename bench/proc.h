/* SPDX-License-Identifier: Apache-2.0 */
/* What a process costs, by /proc, and the numbers of a command line. One thread. */
#ifndef RG_BENCH_PROC_H
#define RG_BENCH_PROC_H

#include <stdbool.h>
#include <stdint.h>

/* Of all its threads, in nanoseconds on a CPU. Those that have ended are missing. */
uint64_t proc_cpu_ns(int pid);
/* Resident octets; 0: there is no such process. */
uint64_t proc_rss(int pid);

/* The whole of `text` is a number from `least` to `most`. */
bool proc_number(const char *text, unsigned long least, unsigned long most, unsigned long *number);

#endif
