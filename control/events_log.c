/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of recent events. Event loop's thread.
 */
#include "control/events_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct events_log {
	void (*added)(void *user, const struct logged_event *event);
	void *user;
	uint64_t next; /* number of the next one */
	struct logged_event ring[EVENTS_KEPT];
};

struct events_log *events_log_create(void (*added)(void *user, const struct logged_event *event), void *user)
{
	struct events_log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	log->added = added;
	log->user = user;
	log->next = 1;
	return log;
}

void events_log_free(struct events_log *log)
{
	free(log);
}

static uint64_t clock_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Cut to size; what is not printable ASCII becomes '?', so that every reader may show it. */
static void copy(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (; from && from[n] && n + 1 < size; n++)
		to[n] = from[n] >= ' ' && from[n] <= '~' ? from[n] : '?';
	to[n] = '\0';
}

void events_log_add(struct events_log *log, const char *type, uint64_t client, const char *identity,
                    const char *text)
{
	struct logged_event *event = &log->ring[log->next % EVENTS_KEPT];

	event->number = log->next++;
	event->mono_ms = clock_ms(CLOCK_MONOTONIC);
	event->wall_ms = clock_ms(CLOCK_REALTIME);
	event->client = client;
	copy(event->type, sizeof(event->type), type);
	copy(event->identity, sizeof(event->identity), identity);
	copy(event->text, sizeof(event->text), text);
	if (log->added)
		log->added(log->user, event);
}

const struct logged_event *events_log_from(const struct events_log *log, uint64_t number)
{
	uint64_t oldest = log->next > EVENTS_KEPT ? log->next - EVENTS_KEPT : 1;

	if (number < oldest)
		number = oldest;
	return number < log->next ? &log->ring[number % EVENTS_KEPT] : NULL;
}
