/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened last: the events of the core and of this process, with both
 * clocks, in a ring; `roamctl events` reads it and follows it. Event loop's thread.
 */
#ifndef RG_CONTROL_EVENTS_LOG_H
#define RG_CONTROL_EVENTS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENTS_KEPT 4096

struct logged_event {
	uint64_t number;    /* from 1, without gaps */
	uint64_t mono_ms;   /* CLOCK_MONOTONIC */
	uint64_t wall_ms;   /* since 1970, UTC */
	uint64_t client;    /* session id; 0: of no client */
	char type[32];      /* kebab-case */
	char identity[128]; /* escaped; empty: unknown */
	char text[256];     /* escaped */
};

struct events_log;

/* `added` is called for each new event, after it is in the ring. */
struct events_log *events_log_create(void (*added)(void *user, const struct logged_event *event), void *user);
void events_log_free(struct events_log *log);

void events_log_add(struct events_log *log, const char *type, uint64_t client, const char *identity,
                    const char *text);

/* The oldest that is kept with a number from `number` on; NULL: none. Valid until the next add. */
const struct logged_event *events_log_from(const struct events_log *log, uint64_t number);

#endif
