/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main thread's event loop: epoll over descriptors with a callback each, and
 * a tick. Main only. No callback may block.
 */
#ifndef RG_DATAPLANE_LOOP_H
#define RG_DATAPLANE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#define LOOP_TICK_MS 10

/* `events`: EPOLLIN and so on. */
typedef void (*loop_fn)(void *ctx, int fd, uint32_t events);

struct loop {
	int epoll;
	bool stop;
	struct loop_entry *entry; /* by descriptor */
	unsigned n;
	void (*tick)(void *ctx, uint64_t now_ms); /* every LOOP_TICK_MS; may be NULL */
	/* Milliseconds until the tick is wanted earlier than that; -1: not at all. May be NULL. */
	int (*hurry)(void *ctx, uint64_t now_ms);
	void *tick_ctx;
};

struct loop_entry {
	loop_fn fn;
	void *ctx;
};

/* 0 or a negative errno. */
int loop_init(struct loop *loop);
void loop_fini(struct loop *loop);
/* Watches `fd` for `events`; again with other events to change them. */
int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *ctx);
/* Before the descriptor is closed. */
void loop_remove(struct loop *loop, int fd);
/* Until a callback sets loop->stop. */
void loop_run(struct loop *loop);

/* CLOCK_MONOTONIC in milliseconds; any thread. */
uint64_t loop_now_ms(void);

#endif
