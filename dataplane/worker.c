/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's loop: every port, every ring, transmit, quiescent report; with
 * `idle: sleep` a nap after a thousand empty polls. The nap is the only system call in the loop.
 */
#include "dataplane/worker.h"
#include "dataplane/core/numa.h"
#include "dataplane/core/owner.h"
#include "dataplane/core/settle.h"
#include "dataplane/stages.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#define ICMP_RATE  1000u /* errors a second that one worker sends */
#define ICMP_BURST 100u

static const uint32_t class_rate[PUNT_CLASSES] = {
#define X(name, rate, reason) [PUNT_CLASS_##name] = (rate),
        PUNT_CLASS_TABLE(X)
#undef X
};

struct worker *worker_new(struct dp *dp, unsigned index, bool kernel)
{
	const int node = core_node(dp->core, index);
	struct worker *w = (struct worker *)numa_alloc(sizeof(*w), node);

	if (w == NULL)
		return NULL;
	w->dp = dp;
	w->core = dp->core;
	w->mine = dp->core->worker[index];
	w->counters = &w->mine->counters;
	w->index = index;
	for (unsigned i = 0; i < PUNT_CLASSES; i++) {
		uint32_t rate = class_rate[i] / dp->n_workers + 1;
		policer_init(&w->policer[i], rate, rate / 5 + 1);
	}
	policer_init(&w->icmp, ICMP_RATE, ICMP_BURST);
	w->crypto = crypto_batch_new();
	if (w->crypto == NULL) {
		worker_free(w);
		return NULL;
	}
	if (kernel) {
		w->to_punt = handover_ring_new_on(WORKER_PUNT_RING, node);
		w->from_punt = handover_ring_new_on(WORKER_PUNT_RING, node);
		if (w->to_punt == NULL || w->from_punt == NULL) {
			worker_free(w);
			return NULL;
		}
	}
	dp->worker[index] = w;
	return w;
}

static void drain_ring(struct handover_ring *ring)
{
	struct handover item;

	if (ring == NULL)
		return;
	while (handover_take(ring, &item, 1) == 1)
		rte_pktmbuf_free((struct rte_mbuf *)item.packet);
}

void worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	reassembly_expire(w, true);
	for (unsigned i = 0; i < w->dp->n_workers; i++)
		drain_ring(w->mine->from[i]);
	drain_ring(w->to_punt);
	drain_ring(w->from_punt);
	handover_ring_free(w->to_punt);
	handover_ring_free(w->from_punt);
	crypto_batch_free(w->crypto);
	w->dp->worker[w->index] = NULL;
	free(w);
}

static uint64_t clock_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t); /* no system call: vdso */
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static unsigned poll_ports(struct worker *w)
{
	struct rte_mbuf *pkts[WORKER_BURST];
	unsigned got = 0;

	for (unsigned i = 0; i < w->dp->n_ports; i++) {
		struct port *p = &w->dp->port[i];
		if (w->index >= p->rx_queues)
			continue;
		unsigned n = p->ops.rx(p->ctx, (uint16_t)w->index, pkts, WORKER_BURST);
		if (n == 0)
			continue;
		rx_burst(w, i, pkts, n);
		got += n;
	}
	return got;
}

static unsigned poll_rings(struct worker *w)
{
	struct handover items[WORKER_BURST];
	unsigned got = 0, n;

	for (unsigned i = 0; i < w->dp->n_workers; i++) {
		if (w->mine->from[i] == NULL)
			continue;
		n = handover_take(w->mine->from[i], items, WORKER_BURST);
		if (n != 0)
			rx_handed_over(w, items, n);
		got += n;
	}
	if (w->from_punt == NULL)
		return got;
	n = handover_take(w->from_punt, items, WORKER_BURST);
	if (n != 0)
		rx_from_kernel(w, items, n);
	return got + n;
}

unsigned worker_poll(struct worker *w)
{
	unsigned got;

	w->now_ms = clock_ms();
	owner_obey(w->core, w->index);
	settle(w->core, w->index, w->now_ms);
	got = poll_ports(w) + poll_rings(w);
	tx_flush(w);
	count_add(w->counters, COUNTER_POLLS, 1);
	if (got == 0)
		count_add(w->counters, COUNTER_EMPTY_POLLS, 1);
	return got;
}

/* Nothing is held here, so tables may change as they like meanwhile. */
static void nap(struct worker *w)
{
	const struct timespec t = {.tv_nsec = WORKER_NAP_NS};

	count_add(w->counters, COUNTER_SLEEPS, 1);
	rcu_offline(&w->core->rcu, w->index);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	rcu_online(&w->core->rcu, w->index);
}

int worker_loop(void *arg)
{
	struct worker *w = (struct worker *)arg;
	unsigned empty = 0;

	/* or the kernel would make naps half as long again */
	if (w->dp->sleep)
		prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	rcu_online(&w->core->rcu, w->index);
	while (!atomic_load_explicit(&w->dp->stop, memory_order_relaxed)) {
		if (worker_poll(w) != 0)
			empty = 0;
		else if (w->dp->sleep && ++empty >= WORKER_EMPTY_MAX)
			nap(w);
		rcu_quiescent(&w->core->rcu, w->index);
	}
	rcu_offline(&w->core->rcu, w->index);
	return 0;
}
