/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves packets between the workers' rings and the TAPs and TUN. It polls the rings,
 * since workers make no system call to wake it, and naps longer when they are quiet.
 */
#include "dataplane/punt_thread.h"
#include "dataplane/ike_spi.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <rte_lcore.h>

#define BURST        32u
#define EVENTS       (PORT_MAX + 1)
#define NAP_BUSY_NS  50000L
#define NAP_QUIET_NS 500000L
#define QUIET_ROUNDS 200 /* empty ones before naps get longer */

/* One punted packet to its device. */
static void write_packet(struct punt_thread *p, const struct handover *item)
{
	struct rte_mbuf *m = (struct rte_mbuf *)item->packet;
	int fd = item->kind == HAND_TUN ? p->tun : p->dp->port[item->port].tap;
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	struct pmtu_hint hint;

	if (item->data == PUNT_CLASS_ICMP_ERROR && item->kind == HAND_FRAME &&
	    pmtu_parse(data, rte_pktmbuf_data_len(m), &hint))
		pmtu_put(&p->pmtu, &hint, &p->counters);
	if (write(fd, data, rte_pktmbuf_data_len(m)) < 0)
		drop_count(&p->counters, DROP_PUNT_WRITE);
	rte_pktmbuf_free(m);
}

static unsigned drain_worker(struct punt_thread *p, struct worker *w)
{
	struct handover items[BURST];
	unsigned n = handover_take(w->to_punt, items, BURST);

	for (unsigned i = 0; i < n; i++)
		write_packet(p, &items[i]);
	return n;
}

/* IKE that control sends tells which SPIs are alive. `frame` begins with an Ethernet header. */
static void learn_ike(const uint8_t *frame, uint32_t len)
{
	uint32_t l4 = 14 + 40;

	if (len < 14 + 20 + 8)
		return;
	if (frame[12] == 0x08 && frame[13] == 0x00 && frame[14 + 9] == 17)
		l4 = 14 + (frame[14] & 0xfu) * 4;
	else if (frame[12] != 0x86 || frame[13] != 0xdd || frame[14 + 6] != 17)
		return;
	if (len < l4 + 8 + 4)
		return;
	uint32_t from = (uint32_t)frame[l4] << 8 | frame[l4 + 1], at = l4 + 8;
	if (from == 4500 && load32(frame + at) == 0)
		at += 4;
	else if (from != 500)
		return;
	ike_spi_learn(frame + at, len - at);
}

/* One packet of the kernel's to worker 0. False: there is none. */
static bool read_packet(struct punt_thread *p, int fd, unsigned port)
{
	struct handover item = {.kind = port == WORKER_PORT_TUN ? HAND_TUN : HAND_FRAME,
	                        .port = (uint16_t)port};
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->dp->pool);
	uint8_t scratch[2048];
	ssize_t n;

	if (m == NULL) {
		/* or the descriptor would stay readable for ever */
		n = read(fd, scratch, sizeof(scratch));
		if (n > 0)
			drop_count(&p->counters, DROP_NO_BUFFER);
		return n > 0;
	}
	n = read(fd, rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m));
	if (n <= 0) {
		rte_pktmbuf_free(m);
		return false;
	}
	m->data_len = (uint16_t)n;
	m->pkt_len = (uint32_t)n;
	if (port != WORKER_PORT_TUN)
		learn_ike(rte_pktmbuf_mtod(m, const uint8_t *), (uint32_t)n);
	item.packet = m;
	if (handover_put(p->dp->worker[0]->from_punt, &item, 1) != 1) {
		drop_count(&p->counters, DROP_PUNT_FULL);
		rte_pktmbuf_free(m);
	}
	return true;
}

static unsigned read_device(struct punt_thread *p, unsigned port)
{
	int fd = port == WORKER_PORT_TUN ? p->tun : p->dp->port[port].tap;
	unsigned n = 0;

	while (n < BURST && read_packet(p, fd, port))
		n++;
	return n;
}

static void *run(void *arg)
{
	struct punt_thread *p = (struct punt_thread *)arg;
	struct epoll_event ev[EVENTS];
	unsigned quiet = 0;

	rte_thread_register(); /* for the packet pool's cache; without it, allocation is only slower */
	while (!atomic_load_explicit(&p->stop, memory_order_relaxed)) {
		struct timespec nap = {.tv_nsec = quiet < QUIET_ROUNDS ? NAP_BUSY_NS : NAP_QUIET_NS};
		unsigned did = 0;
		for (unsigned i = 0; i < p->dp->n_workers; i++)
			did += drain_worker(p, p->dp->worker[i]);
		if (did != 0)
			nap.tv_nsec = 0;
		int n = epoll_pwait2(p->epoll, ev, EVENTS, &nap, NULL);
		for (int i = 0; i < n; i++)
			did += read_device(p, ev[i].data.u32);
		quiet = did != 0 ? 0 : quiet + (quiet < QUIET_ROUNDS);
	}
	rte_thread_unregister();
	return NULL;
}

static int watch(struct punt_thread *p, int fd, unsigned port)
{
	struct epoll_event ev = {.events = EPOLLIN, .data = {.u32 = port}};
	return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

int punt_thread_start(struct punt_thread *p, struct dp *dp, int tun)
{
	int rc = 0;

	p->dp = dp;
	p->tun = tun;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0)
		return -errno;
	for (unsigned i = 0; i < dp->n_ports && rc == 0; i++)
		rc = watch(p, dp->port[i].tap, i);
	if (rc == 0)
		rc = watch(p, tun, WORKER_PORT_TUN);
	if (rc == 0)
		rc = -pthread_create(&p->thread, NULL, run, p);
	p->running = rc == 0;
	return rc;
}

void punt_thread_stop(struct punt_thread *p)
{
	if (p->running) {
		atomic_store_explicit(&p->stop, true, memory_order_relaxed);
		pthread_join(p->thread, NULL);
	}
	p->running = false;
	if (p->epoll > 0)
		close(p->epoll);
	p->epoll = -1;
}
