/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread between the workers and the kernel: what they punt is written to
 * TAPs and the TUN, what the kernel sends there is handed to worker 0. Workers
 * never make these system calls.
 */
#ifndef RG_DATAPLANE_PUNT_THREAD_H
#define RG_DATAPLANE_PUNT_THREAD_H

#include "dataplane/pmtu.h"
#include "dataplane/worker.h"

#include <pthread.h>

struct punt_thread {
	struct dp *dp;
	int tun, epoll;
	pthread_t thread;
	bool running;
	_Atomic bool stop;        /* main stores, the thread loads, relaxed */
	struct counters counters; /* owner: the thread; main reads */
	struct pmtu_ring pmtu;    /* to main */
};

/* Main, once TAPs and workers exist. 0 or a negative errno. */
int punt_thread_start(struct punt_thread *p, struct dp *dp, int tun);
/* Main, after the workers have stopped. */
void punt_thread_stop(struct punt_thread *p);

#endif
