/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to roamgate-control's socket: requests out, lines in
 * (protocol.h). One thread; waits.
 */
#ifndef RG_CONTROL_CTL_CONTROL_CLIENT_H
#define RG_CONTROL_CTL_CONTROL_CLIENT_H

#include <stddef.h>

struct control_client {
	int fd;
	char *buffer; /* what was received; a line is cut out of it */
	size_t start, end, size;
};

/* 0; -ENOENT or -ECONNREFUSED: nobody listens there; another negative errno. */
int control_client_open(struct control_client *client, const char *path);
void control_client_close(struct control_client *client);

/* Sends one line; the newline is added. */
int control_client_send(struct control_client *client, const char *line);
/*
 * Waits for one line, `timeout_ms` at the most (-1: for ever). It lies in the
 * client until the next call. 0; -ETIMEDOUT; -EPIPE: closed; -EMSGSIZE: too long.
 */
int control_client_line(struct control_client *client, int timeout_ms, const char **line, size_t *len);

#endif
