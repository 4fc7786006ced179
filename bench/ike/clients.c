/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients: initiators of the IKE core over two UDP sockets, in one thread. Their
 * dataplane takes everything; their jobs run at once. What they cost is on a CPU of its own.
 */
#include "bench/ike/setups.h"

#include "control/ike/ike.h"
#include "control/ike/ike_sa.h"
#include "control/ike/manager.h"
#include "tests/support/initiator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM   4096u
#define PATIENCE_S 60.0

struct item {
	struct item *next;
	void *what;
};

struct list {
	struct item *first, **last;
};

static struct {
	struct ike_manager *m;
	int sockets[2]; /* 500, 4500 */
	struct list jobs, batches;
	unsigned started, up, failed;
	double *began, *took; /* by session, by order of arrival */
	uint64_t first_session;
	unsigned n;
} world;

static void push(struct list *list, void *what)
{
	struct item *item = malloc(sizeof(*item));

	if (item == NULL)
		setups_fail("no memory");
	*item = (struct item){.what = what};
	if (list->first == NULL)
		list->last = &list->first;
	*list->last = item;
	list->last = &item->next;
}

static void *pop(struct list *list)
{
	struct item *item = list->first;
	void *what;

	if (item == NULL)
		return NULL;
	what = item->what;
	list->first = item->next;
	free(item);
	return what;
}

static uint64_t op_now(void *user)
{
	(void)user;
	return (uint64_t)(monotonic_s() * 1e3);
}

static void op_send(void *user, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                    bool natt, const uint8_t *data, size_t len)
{
	static uint8_t marker[4];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(remote->port)};
	struct iovec iov[2] = {{marker, sizeof(marker)}, {(void *)(uintptr_t)data, len}};
	struct msghdr msg = {.msg_name = &to,
	                     .msg_namelen = sizeof(to),
	                     .msg_iov = natt ? iov : iov + 1,
	                     .msg_iovlen = natt ? 2 : 1};

	(void)user, (void)local;
	memcpy(&to.sin_addr, remote->addr.bytes, 4);
	if (sendmsg(world.sockets[natt], &msg, MSG_NOSIGNAL) < 0 && errno != EAGAIN && errno != ENOBUFS)
		perror("bench-ike-setups: send");
}

static void op_submit_job(void *user, struct ike_job *job)
{
	(void)user;
	push(&world.jobs, job);
}

static void op_dp_submit(void *user, struct ike_batch *batch)
{
	(void)user;
	push(&world.batches, batch);
}

static const struct rg_counters_sa *op_counters(void *user, enum rg_direction direction, uint32_t handle)
{
	(void)user, (void)direction, (void)handle;
	return NULL;
}

static void op_event(void *user, const struct ike_event *event)
{
	uint64_t index = event->sa != NULL ? ike_session_id(event->sa) - world.first_session : world.n;

	(void)user;
	if (event->type == IKE_EVENT_SESSION_UP && index < world.n)
		world.took[world.up++] = monotonic_s() - world.began[index];
	if (event->type == IKE_EVENT_AUTH_FAILED || event->type == IKE_EVENT_SESSION_DOWN) {
		if (world.failed++ == 0)
			fprintf(stderr, "bench-ike-setups: a client failed: %s\n", event->text);
	}
}

static void op_log(void *user, enum ike_log_level level, const char *component, const char *text)
{
	(void)user;
	if (level <= IKE_LOG_WARN)
		fprintf(stderr, "%s: %s\n", component, text);
}

static const struct ike_ops ops = {
        .now = op_now,
        .random = initiator_random,
        .send = op_send,
        .submit_job = op_submit_job,
        .dp_submit = op_dp_submit,
        .counters = op_counters,
        .wake = initiator_wake,
        .event = op_event,
        .log = op_log,
        .pool = {.acquire = initiator_acquire, .release = initiator_release},
};

static struct ike_endpoint endpoint(const char *text, uint16_t port)
{
	struct ike_endpoint e = {.addr = {.family = 4}, .port = port};

	inet_pton(AF_INET, text, e.addr.bytes);
	return e;
}

static int open_socket(uint16_t port)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), bytes = 32 << 20;

	inet_pton(AF_INET, SETUPS_CLIENT, &name.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		setups_fail("UDP port %u of " SETUPS_CLIENT " cannot be had", port);
	return fd;
}

static void receive(unsigned natt)
{
	struct ike_datagram dg = {.local = endpoint(SETUPS_CLIENT, natt ? 4500 : 500),
	                          .remote = endpoint(SETUPS_GATEWAY, natt ? 4500 : 500),
	                          .natt = natt != 0};
	uint8_t buf[DATAGRAM];

	for (unsigned i = 0; i < 64; i++) {
		ssize_t n = recv(world.sockets[natt], buf, sizeof(buf), MSG_DONTWAIT);

		if (n < (natt ? 4 : 0))
			return;
		dg.data = buf + (natt ? 4 : 0);
		dg.len = (size_t)n - (natt ? 4 : 0);
		ike_input(world.m, &dg);
	}
}

static void run_local(void)
{
	struct ike_batch *batch;
	struct ike_job *job;

	do {
		while ((job = pop(&world.jobs)) != NULL) {
			job->work(job);
			job->done(job);
		}
		while ((batch = pop(&world.batches)) != NULL) {
			batch->error = 0;
			batch->applied = batch->n;
			batch->done(batch);
		}
	} while (world.jobs.first != NULL);
}

static void turn(int wait_ms)
{
	struct pollfd fds[2] = {{.fd = world.sockets[0], .events = POLLIN},
	                        {.fd = world.sockets[1], .events = POLLIN}};
	uint64_t next = ike_tick(world.m), now = op_now(NULL);

	run_local();
	if (next <= now)
		wait_ms = 0;
	else if (next - now < (uint64_t)wait_ms)
		wait_ms = (int)(next - now);
	poll(fds, 2, wait_ms);
	receive(0);
	receive(1);
	run_local();
}

/* A session is its own client: identity and, with certificates, credentials. */
static void start(const struct setups_files *f, unsigned index)
{
	char id[64];
	struct ike_initiate req = {.local = endpoint(SETUPS_CLIENT, 500),
	                           .remote = endpoint(SETUPS_GATEWAY, 500),
	                           .own_identity = id,
	                           .auth = f->clients[f->n_clients > 1 ? index : 0],
	                           .remote_identity = "gw.bench.example",
	                           .want_ip4 = true};
	int64_t session;

	snprintf(id, sizeof(id), "c%u@bench.example", index);
	session = ike_initiate(world.m, &req);
	if (session <= 0)
		setups_fail("a client could not be started");
	if (index == 0)
		world.first_session = (uint64_t)session;
	world.began[index] = monotonic_s();
}

static int by_time(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

void clients_run(const struct setups_files *f, const struct setups_options *o, struct clients_result *out)
{
	struct ike_params params = {.ops = &ops, .auth = f->clients[0], .boot_epoch = 1};
	unsigned window = o->window > 0 ? o->window : o->n;
	double began, last = monotonic_s();
	unsigned seen = 0;

	world.n = o->n;
	world.began = calloc(o->n, sizeof(double));
	world.took = calloc(o->n, sizeof(double));
	world.m = ike_create(&params);
	world.sockets[0] = open_socket(500);
	world.sockets[1] = open_socket(4500);
	if (world.m == NULL || world.began == NULL || world.took == NULL)
		setups_fail("no memory for %u clients", o->n);
	began = monotonic_s();
	while (world.up + world.failed < o->n && monotonic_s() - last < PATIENCE_S) {
		for (unsigned i = 0;
		     i < 64 && world.started < o->n && world.started - world.up - world.failed < window; i++)
			start(f, world.started++);
		turn(world.started < o->n && world.started - world.up - world.failed < window ? 0 : 100);
		if (world.up != seen)
			last = monotonic_s();
		seen = world.up;
	}
	out->seconds = monotonic_s() - began;
	out->up = world.up;
	out->failed = o->n - world.up;
	qsort(world.took, world.up, sizeof(double), by_time);
	out->p50_ms = world.up > 0 ? world.took[world.up / 2] * 1e3 : 0;
	out->p99_ms = world.up > 0 ? world.took[world.up * 99ull / 100] * 1e3 : 0;
}

void clients_idle(unsigned seconds)
{
	double end = monotonic_s() + seconds;

	while (monotonic_s() < end)
		turn(100);
}
