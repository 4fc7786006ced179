/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API server's socket and its set of connections. Main thread only.
 */
#include "dataplane/api_server_conn.h"
#include "dataplane/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

static const char *const counter_names[SERVER_COUNTER_COUNT] = {
#define X(name, kebab) [SERVER_##name] = (kebab),
        SERVER_COUNTERS(X)
#undef X
};

const char *server_counter_name(enum server_counter what)
{
	return counter_names[what];
}

struct conn *server_writer(const struct api_server *server)
{
	for (struct conn *c = server->conns; c != NULL; c = c->next) {
		if (c->role == RG_ROLE_WRITER && !c->gone)
			return c;
	}
	return NULL;
}

/* --- the socket --- */

/* Does somebody answer behind a socket file that is there already? */
static bool is_alive(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool alive =
	        fd < 0 || connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 || errno == EAGAIN;

	if (fd >= 0)
		close(fd);
	return alive;
}

static int bind_socket(int fd, const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	/* before bind, so that the file never exists with another mode */
	if (fchmod(fd, 0600) != 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0)
		return 0;
	if (errno != EADDRINUSE || is_alive(&sun))
		return -errno;
	if (unlink(path) != 0 || bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) != 0)
		return -errno;
	return 0;
}

static int listen_on(struct api_server *s, const char *path)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
	int rc;

	s->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listen_fd < 0)
		return -errno;
	rc = bind_socket(s->listen_fd, path);
	if (rc != 0)
		return rc;
	s->bound = true;
	if (listen(s->listen_fd, BACKLOG) != 0 ||
	    epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->listen_fd, &ev) != 0)
		return -errno;
	return 0;
}

int api_server_new(const struct api_server_config *config, struct api_server **out)
{
	struct api_server *s = aligned_alloc(64, sizeof(*s));
	int rc = 0;

	if (s == NULL)
		return -ENOMEM;
	memset(s, 0, sizeof(*s));
	s->config = *config;
	s->core = config->core;
	s->listen_fd = -1;
	s->config.path = config->path != NULL ? strdup(config->path) : NULL;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0 || (config->path != NULL && s->config.path == NULL))
		rc = -ENOMEM;
	if (rc == 0 && config->path != NULL)
		rc = listen_on(s, s->config.path);
	if (rc != 0) {
		api_server_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

static void destroy_conn(struct api_server *s, struct conn *c)
{
	close(c->fd);
	free(c);
	s->n_conns--;
}

void api_server_free(struct api_server *s)
{
	struct conn *c;

	if (s == NULL)
		return;
	while ((c = s->conns) != NULL) {
		s->conns = c->next;
		destroy_conn(s, c);
	}
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	if (s->bound && s->config.path != NULL)
		unlink(s->config.path);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	free((void *)(uintptr_t)s->config.path);
	explicit_bzero(s->in, sizeof(s->in));
	free(s);
}

/* --- connections --- */

static bool is_allowed(int fd, pid_t *pid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return false;
	*pid = cred.pid;
	return cred.uid == 0 || cred.uid == geteuid();
}

int api_server_adopt(struct api_server *s, int fd, uint64_t now_ms)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct conn *c = NULL;
	pid_t pid = 0;

	if (s->n_conns < CONN_MAX && is_allowed(fd, &pid))
		c = calloc(1, sizeof(*c));
	ev.data.ptr = c;
	if (c == NULL || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0) {
		s->count[SERVER_PEERS_REFUSED]++;
		close(fd);
		free(c);
		return -EPERM;
	}
	c->fd = fd;
	c->pid = pid;
	c->mask = EPOLLIN;
	c->stuck_ms = now_ms != 0 ? now_ms : 1;
	c->next = s->conns;
	s->conns = c;
	s->n_conns++;
	return 0;
}

static void listen_again(struct api_server *s, bool on)
{
	struct epoll_event ev = {.events = on ? EPOLLIN : 0, .data.ptr = NULL};

	(void)epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, s->listen_fd, &ev);
}

static void accept_all(struct api_server *s)
{
	int fd;

	while ((fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		(void)api_server_adopt(s, fd, s->now_ms);
	if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS)
		return;
	/* the peer stays where it is: without this epoll would tell of it all the time */
	s->count[SERVER_PEERS_WAITED]++;
	s->full_ms = s->now_ms != 0 ? s->now_ms : 1;
	listen_again(s, false);
}

/* What epoll should wake us for: a request only if its reply has a place. */
static void watch(struct api_server *s, struct conn *c)
{
	bool can_read = c->n_acks < CONN_ACKS && !c->dump.active && !c->closing;
	bool blocked = c->role != 0 && c->stuck_ms != 0;
	struct epoll_event ev = {.data.ptr = c};

	ev.events = (can_read && !blocked ? EPOLLIN : 0u) | (blocked || c->lost > 0 ? EPOLLOUT : 0u);
	if (ev.events == c->mask)
		return;
	c->mask = ev.events;
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev) != 0)
		c->gone = true;
}

static void mark_ready(struct api_server *s)
{
	struct epoll_event ev[CONN_MAX + 1];
	int n = epoll_wait(s->epoll_fd, ev, CONN_MAX + 1, 0);

	for (int i = 0; i < n; i++) {
		struct conn *c = ev[i].data.ptr;
		if (c == NULL)
			accept_all(s);
		else
			c->ready = true;
	}
}

static void drop_stuck(struct api_server *s, struct conn *c)
{
	/* a reader of events that is slow loses events, and is told; it stays */
	if (c->stuck_ms == 0 || c->role == RG_ROLE_EVENTS || s->now_ms - c->stuck_ms < CONN_STUCK_MS)
		return;
	s->count[SERVER_PEERS_DROPPED]++;
	c->gone = true;
}

void api_server_dispatch(struct api_server *s, uint64_t now_ms)
{
	struct conn **link = &s->conns, *c;

	s->now_ms = now_ms;
	if (s->full_ms != 0 && now_ms - s->full_ms >= ACCEPT_AGAIN_MS) {
		s->full_ms = 0;
		listen_again(s, true);
	}
	mark_ready(s);
	for (c = s->conns; c != NULL; c = c->next) {
		if (c->ready || c->n_acks > 0)
			conn_run(s, c);
		c->ready = false;
	}
	events_drain(s);
	while ((c = *link) != NULL) {
		drop_stuck(s, c);
		if (!c->gone)
			watch(s, c);
		if (c->gone) {
			*link = c->next;
			destroy_conn(s, c);
			continue;
		}
		link = &c->next;
	}
}

int api_server_fd(const struct api_server *s)
{
	return s->epoll_fd;
}

int api_server_timeout(const struct api_server *s, uint64_t now_ms)
{
	int timeout = s->full_ms != 0 ? (int)ACCEPT_AGAIN_MS : -1;

	for (const struct conn *c = s->conns; c != NULL; c = c->next) {
		const struct ack *a = &c->acks[c->first_ack];
		if (c->n_acks > 0 && a->waits)
			return now_ms - a->since_ms <= GRACE_YOUNG_MS ? 0 : 1;
		if (c->stuck_ms != 0 && c->role != RG_ROLE_EVENTS)
			timeout = 1000;
	}
	return timeout;
}
