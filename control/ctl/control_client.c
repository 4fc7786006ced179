/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to roamgate-control's socket: a buffer that grows up to
 * RG_CTL_REPLY_MAX, and lines out of it. One thread; waits.
 */
#include "control/ctl/control_client.h"

#include "control/ctl/protocol.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_SIZE 65536

int control_client_open(struct control_client *client, const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int rc = 0;

	memset(client, 0, sizeof(*client));
	client->fd = -1;
	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path));
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		rc = -errno;
	client->buffer = rc == 0 ? malloc(FIRST_SIZE) : NULL;
	client->size = FIRST_SIZE;
	if (rc == 0 && !client->buffer)
		rc = -ENOMEM;
	if (rc < 0)
		control_client_close(client);
	return rc;
}

void control_client_close(struct control_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	free(client->buffer);
	client->buffer = NULL;
}

static int bytes_send(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int control_client_send(struct control_client *client, const char *line)
{
	int rc = bytes_send(client->fd, line, strlen(line));

	return rc < 0 ? rc : bytes_send(client->fd, "\n", 1);
}

/* Room for more: moves what is left to the front, or doubles. */
static int make_room(struct control_client *client)
{
	size_t size = client->size > 0 ? client->size * 2 : FIRST_SIZE;
	char *larger;

	if (client->end < client->size)
		return 0;
	if (client->start > 0) {
		memmove(client->buffer, client->buffer + client->start, client->end - client->start);
		client->end -= client->start;
		client->start = 0;
		return 0;
	}
	if (client->size >= RG_CTL_REPLY_MAX)
		return -EMSGSIZE;
	larger = realloc(client->buffer, size);
	if (!larger)
		return -ENOMEM;
	client->buffer = larger;
	client->size = size;
	return 0;
}

static int more_read(struct control_client *client, int timeout_ms)
{
	struct pollfd pfd = {.fd = client->fd, .events = POLLIN};
	int rc = make_room(client);
	ssize_t n;

	if (rc < 0)
		return rc;
	do {
		rc = poll(&pfd, 1, timeout_ms);
	} while (rc < 0 && errno == EINTR);
	if (rc <= 0)
		return rc == 0 ? -ETIMEDOUT : -errno;
	do {
		n = recv(client->fd, client->buffer + client->end, client->size - client->end, 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? -EPIPE : -errno;
	client->end += (size_t)n;
	return 0;
}

int control_client_line(struct control_client *client, int timeout_ms, const char **line, size_t *len)
{
	size_t seen = 0;

	for (;;) {
		const char *from = client->buffer + client->start;
		size_t have = client->end - client->start;
		const char *newline = have > seen ? memchr(from + seen, '\n', have - seen) : NULL;
		int rc;

		if (newline) {
			*line = from;
			*len = (size_t)(newline - from);
			client->start += *len + 1;
			return 0;
		}
		seen = have;
		rc = more_read(client, timeout_ms);
		if (rc < 0)
			return rc;
	}
}
