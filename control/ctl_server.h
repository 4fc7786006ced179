/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket that roamctl talks to (ctl/protocol.h): JSON lines, for root and
 * our own user only. Everything that a client can send or leave unread is
 * bounded. Event loop's thread.
 */
#ifndef RG_CONTROL_CTL_SERVER_H
#define RG_CONTROL_CTL_SERVER_H

#include "control/events_log.h"

#include <jansson.h>
#include <uv.h>

#define CTL_CLIENTS_MAX 32
#define CTL_UNREAD_MAX  (1u << 20) /* bytes of events that a follower may leave unread */

struct ctl_server;

/* Answers one command: an object with "ok" that the server frees; NULL: out of memory. "events" is answered
 * by the server itself. */
typedef json_t *(*ctl_answer)(void *user, const char *command, const json_t *request);

/* NULL, logged, with errno: the path cannot be bound or another roamgate-control answers there. */
struct ctl_server *ctl_server_create(uv_loop_t *loop, const char *path, struct events_log *events,
                                     ctl_answer answer, void *user);
/* A new event, for those who follow. */
void ctl_server_event(struct ctl_server *server, const struct logged_event *event);
void ctl_server_close(struct ctl_server *server);

/* {"ok":false,"error":TEXT} */
json_t *ctl_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
