/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roamctl's socket: accepts, reads lines, answers one request in a turn of the loop, and lets
 * clients follow the events. Event loop's thread.
 */
#include "control/ctl_server.h"

#include "control/ctl/protocol.h"
#include "control/log.h"

#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct ctl_client {
	uv_pipe_t pipe; /* first: what libuv's callbacks give back */
	TAILQ_ENTRY(ctl_client) link;
	struct ctl_server *server;
	bool follows, closing;
	bool asks;      /* a request is there whole, and waits for its turn */
	bool answering; /* the next one is looked for when this answer is out */
	size_t len;
	char line[RG_CTL_REQUEST_MAX];
};

struct ctl_server {
	uv_pipe_t pipe;
	uv_idle_t turn; /* runs while somebody asks */
	uv_loop_t *loop;
	struct events_log *events;
	ctl_answer answer;
	void *user;
	unsigned n_clients;
	unsigned closed;          /* of its two handles */
	struct ctl_client *spare; /* for when there is no memory */
	bool waits;               /* a connection does, for a client to go: libuv takes no other until then */
	char path[108];
	TAILQ_HEAD(, ctl_client) clients;
};

struct write {
	uv_write_t request; /* first */
	char *text;
	bool is_answer;
};

static void look(struct ctl_client *client);

json_t *ctl_error(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return json_pack("{s:b, s:s}", "ok", 0, "error", text);
}

static void incoming(uv_stream_t *stream, int status);

static void free_if_unused(struct ctl_server *server)
{
	if (server->closed < 2 || server->n_clients > 0)
		return;
	free(server->spare);
	free(server);
}

static void client_closed(uv_handle_t *handle)
{
	struct ctl_client *client = (struct ctl_client *)handle;
	struct ctl_server *server = client->server;

	TAILQ_REMOVE(&server->clients, client, link);
	server->n_clients--;
	if (server->spare) {
		free(client);
	} else {
		memset(client, 0, sizeof(*client));
		server->spare = client;
	}
	if (server->waits && !uv_is_closing((uv_handle_t *)&server->pipe))
		incoming((uv_stream_t *)&server->pipe, 0);
	free_if_unused(server);
}

static void close_client(struct ctl_client *client)
{
	if (client->closing)
		return;
	client->closing = true;
	uv_close((uv_handle_t *)&client->pipe, client_closed);
}

static void written(uv_write_t *request, int status)
{
	struct ctl_client *client = (struct ctl_client *)request->handle;
	struct write *w = (struct write *)request;
	bool is_answer = w->is_answer;

	free(w->text);
	free(w);
	if (!is_answer || client->closing)
		return; /* where it is a follower, a client that went is noticed by its read */
	client->answering = false;
	if (status < 0)
		close_client(client);
	else
		look(client);
}

/* One line; takes over `object`. */
static void send_object(struct ctl_client *client, json_t *object, bool is_answer)
{
	struct write *w = calloc(1, sizeof(*w));
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL, *line = NULL;
	size_t len = text ? strlen(text) : 0;
	uv_buf_t buf;

	json_decref(object);
	if (w && text)
		line = realloc(text, len + 1);
	if (!line || client->closing) {
		free(line ? line : text);
		free(w);
		close_client(client);
		return;
	}
	line[len] = '\n';
	w->text = line;
	w->is_answer = is_answer;
	buf = uv_buf_init(line, (unsigned)len + 1);
	if (uv_write(&w->request, (uv_stream_t *)&client->pipe, &buf, 1, written) < 0) {
		free(line);
		free(w);
		close_client(client);
	}
}

static json_t *event_object(const struct logged_event *event)
{
	char when[40], zoned[48];
	time_t seconds = (time_t)(event->wall_ms / 1000);
	struct tm tm;
	json_t *object;

	gmtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(zoned, sizeof(zoned), "%s.%03uZ", when, (unsigned)(event->wall_ms % 1000));
	object = json_pack("{s:s, s:I, s:s, s:s}", "time", zoned, "ms", (json_int_t)event->mono_ms, "type",
	                   event->type, "text", event->text);
	if (object && event->client)
		json_object_set_new(object, "client", json_integer((json_int_t)event->client));
	if (object && event->identity[0])
		json_object_set_new(object, "identity", json_string(event->identity));
	return object;
}

/* One page; who follows does so from the last one on. */
static void answer_events(struct ctl_client *client, const json_t *request)
{
	uint64_t from = (uint64_t)json_integer_value(json_object_get(request, "from"));
	json_t *list = json_array(), *reply;
	const struct logged_event *event;

	while ((event = events_log_from(client->server->events, from)) &&
	       json_array_size(list) < RG_CTL_PAGE) {
		json_array_append_new(list, event_object(event));
		from = event->number + 1;
	}
	client->follows = !event && json_is_true(json_object_get(request, "follow"));
	reply = json_pack("{s:b, s:o}", "ok", 1, "events", list);
	if (event)
		json_object_set_new(reply, "next", json_integer((json_int_t)from));
	send_object(client, reply, true);
}

void ctl_server_event(struct ctl_server *server, const struct logged_event *event)
{
	struct ctl_client *client;

	if (!server || server->closed)
		return;
	TAILQ_FOREACH (client, &server->clients, link) {
		if (!client->follows || client->closing)
			continue;
		if (uv_stream_get_write_queue_size((uv_stream_t *)&client->pipe) > CTL_UNREAD_MAX) {
			log_warning("ctl", "a client that follows the events does not read them: closed");
			close_client(client);
			continue;
		}
		send_object(client, json_pack("{s:o}", "event", event_object(event)), false);
	}
}

static void handle_line(struct ctl_client *client, const char *line, size_t len)
{
	json_error_t error;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	const char *command = json_string_value(json_object_get(request, "command"));

	if (!command)
		send_object(client, ctl_error("a request is one JSON object in a line with a \"command\""),
		            true);
	else if (strcmp(command, "events") == 0)
		answer_events(client, request);
	else
		send_object(client, client->server->answer(client->server->user, command, request), true);
	json_decref(request);
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
static void got(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void take_request(struct ctl_client *client)
{
	size_t used = (size_t)((char *)memchr(client->line, '\n', client->len) - client->line) + 1;

	client->asks = false;
	client->answering = true;
	handle_line(client, client->line, used - 1);
	client->len -= used;
	memmove(client->line, client->line + used, client->len);
}

/* One request in a turn of the loop, whoever asks, so that a page is all that IKE waits for; the others in
 * their turn. */
static void take_turn(uv_idle_t *handle)
{
	struct ctl_server *server = handle->data;
	struct ctl_client *client;

	TAILQ_FOREACH (client, &server->clients, link) {
		if (client->asks && !client->closing)
			break;
	}
	if (!client) {
		uv_idle_stop(handle);
		return;
	}
	TAILQ_REMOVE(&server->clients, client, link);
	TAILQ_INSERT_TAIL(&server->clients, client, link);
	take_request(client);
}

/* Is there a whole request? Until it is answered nothing more is read. */
static void look(struct ctl_client *client)
{
	if (memchr(client->line, '\n', client->len)) {
		client->asks = true;
		uv_read_stop((uv_stream_t *)&client->pipe);
		uv_idle_start(&client->server->turn, take_turn);
	} else if (client->len == sizeof(client->line)) {
		log_warning("ctl", "a request is longer than %d bytes: closed", RG_CTL_REQUEST_MAX);
		close_client(client);
	} else {
		uv_read_start((uv_stream_t *)&client->pipe, give_buffer, got);
	}
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct ctl_client *client = (struct ctl_client *)handle;

	(void)suggested;
	*buf = uv_buf_init(client->line + client->len, (unsigned)(sizeof(client->line) - client->len));
}

static void got(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct ctl_client *client = (struct ctl_client *)stream;

	(void)buf;
	if (n < 0) {
		close_client(client);
		return;
	}
	client->len += (size_t)n;
	/* A client that asks and does not read is not answered any more. */
	if (uv_stream_get_write_queue_size(stream) > CTL_UNREAD_MAX)
		close_client(client);
	else
		look(client);
}

/* Mode 0600 keeps others out already; this also holds where a directory's ACL says otherwise. */
static bool is_permitted(const uv_pipe_t *pipe)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	uv_os_fd_t fd;

	if (uv_fileno((const uv_handle_t *)pipe, &fd) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	return cred.uid == 0 || cred.uid == geteuid();
}

static void incoming(uv_stream_t *stream, int status)
{
	struct ctl_server *server = (struct ctl_server *)stream;
	struct ctl_client *client;

	if (status < 0)
		return;
	client = calloc(1, sizeof(*client));
	if (!client) {
		client = server->spare;
		server->spare = NULL;
	}
	server->waits = !client;
	if (!client)
		return;
	client->server = server;
	uv_pipe_init(server->loop, &client->pipe, 0);
	TAILQ_INSERT_HEAD(&server->clients, client, link);
	server->n_clients++;
	if (uv_accept(stream, (uv_stream_t *)&client->pipe) < 0 || server->n_clients > CTL_CLIENTS_MAX ||
	    !is_permitted(&client->pipe)) {
		log_warning("ctl", "a connection is refused: %s",
		            server->n_clients > CTL_CLIENTS_MAX ? "too many" : "not root and not our user");
		close_client(client);
		return;
	}
	uv_read_start((uv_stream_t *)&client->pipe, give_buffer, got);
}

/* Whether somebody answers at the path: then it is not ours to take. */
static bool is_alive(const struct sockaddr_un *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive = fd >= 0 && connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0;

	if (fd >= 0)
		close(fd);
	return alive;
}

static int bind_path(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	char parent[sizeof(name.sun_path)];
	mode_t mask;
	int fd, rc;

	if (snprintf(name.sun_path, sizeof(name.sun_path), "%s", path) >= (int)sizeof(name.sun_path))
		return -ENAMETOOLONG;
	snprintf(parent, sizeof(parent), "%s", path);
	mkdir(dirname(parent), 0755); /* /run is empty after a boot */
	if (is_alive(&name))
		return -EADDRINUSE;
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0177);
	rc = bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0 ? -errno : 0;
	umask(mask);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

struct ctl_server *ctl_server_create(uv_loop_t *loop, const char *path, struct events_log *events,
                                     ctl_answer answer, void *user)
{
	struct ctl_server *server = calloc(1, sizeof(*server));
	int fd, rc;

	if (server)
		server->spare = calloc(1, sizeof(*server->spare));
	if (!server || !server->spare) {
		free(server);
		errno = ENOMEM;
		return NULL;
	}
	fd = bind_path(path);
	if (fd < 0) {
		log_error("ctl", "socket %s: %s%s", path, strerror(-fd),
		          fd == -EADDRINUSE ? "; another roamgate-control is running" : "");
		free(server->spare);
		free(server);
		errno = -fd;
		return NULL;
	}
	server->loop = loop;
	server->events = events;
	server->answer = answer;
	server->user = user;
	snprintf(server->path, sizeof(server->path), "%s", path);
	TAILQ_INIT(&server->clients);
	uv_pipe_init(loop, &server->pipe, 0);
	uv_idle_init(loop, &server->turn);
	server->pipe.data = server->turn.data = server;
	rc = uv_pipe_open(&server->pipe, fd);
	if (!rc)
		rc = uv_listen((uv_stream_t *)&server->pipe, CTL_CLIENTS_MAX, incoming);
	if (!rc)
		return server;
	log_error("ctl", "socket %s: %s", path, uv_strerror(rc));
	ctl_server_close(server);
	errno = -rc;
	return NULL;
}

static void server_closed(uv_handle_t *handle)
{
	struct ctl_server *server = handle->data;

	server->closed++;
	free_if_unused(server);
}

void ctl_server_close(struct ctl_server *server)
{
	struct ctl_client *client;

	if (!server)
		return;
	unlink(server->path);
	TAILQ_FOREACH (client, &server->clients, link)
		close_client(client);
	uv_close((uv_handle_t *)&server->turn, server_closed);
	uv_close((uv_handle_t *)&server->pipe, server_closed);
}
