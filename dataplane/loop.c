/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Epoll and a tick for the main thread.
 */
#include "dataplane/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64

uint64_t loop_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int loop_init(struct loop *loop)
{
	memset(loop, 0, sizeof(*loop));
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll < 0 ? -errno : 0;
}

void loop_fini(struct loop *loop)
{
	if (loop->epoll >= 0)
		close(loop->epoll);
	free(loop->entry);
	loop->entry = NULL;
	loop->n = 0;
}

static int make_room(struct loop *loop, unsigned fd)
{
	unsigned n = loop->n == 0 ? 64 : loop->n;
	struct loop_entry *entry;

	if (fd < loop->n)
		return 0;
	while (n <= fd)
		n *= 2;
	entry = (struct loop_entry *)realloc(loop->entry, n * sizeof(*entry));
	if (entry == NULL)
		return -ENOMEM;
	memset(entry + loop->n, 0, (n - loop->n) * sizeof(*entry));
	loop->entry = entry;
	loop->n = n;
	return 0;
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *ctx)
{
	struct epoll_event ev = {.events = events, .data = {.fd = fd}};
	int rc = fd < 0 ? -EBADF : make_room(loop, (unsigned)fd);

	if (rc != 0)
		return rc;
	int op = loop->entry[fd].fn == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
	if (epoll_ctl(loop->epoll, op, fd, &ev) != 0)
		return -errno;
	loop->entry[fd] = (struct loop_entry){.fn = fn, .ctx = ctx};
	return 0;
}

void loop_remove(struct loop *loop, int fd)
{
	if (fd < 0 || (unsigned)fd >= loop->n || loop->entry[fd].fn == NULL)
		return;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
	loop->entry[fd] = (struct loop_entry){.fn = NULL};
}

void loop_run(struct loop *loop)
{
	struct epoll_event ev[EVENTS];
	uint64_t next = loop_now_ms();

	while (!loop->stop) {
		uint64_t now = loop_now_ms();
		int hurry = loop->hurry != NULL ? loop->hurry(loop->tick_ctx, now) : -1;
		if (hurry >= 0 && now + (uint64_t)hurry < next)
			next = now + (uint64_t)hurry;
		int wait = next > now ? (int)(next - now) : 0;
		int n = epoll_wait(loop->epoll, ev, EVENTS, wait);
		for (int i = 0; i < n; i++) {
			/* an earlier callback may have removed it */
			struct loop_entry e = loop->entry[ev[i].data.fd];
			if (e.fn != NULL)
				e.fn(e.ctx, ev[i].data.fd, ev[i].events);
		}
		now = loop_now_ms();
		if (now < next)
			continue;
		next = now + LOOP_TICK_MS;
		if (loop->tick != NULL)
			loop->tick(loop->tick_ctx, now);
	}
}
