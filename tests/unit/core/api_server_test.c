/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real API server and the real client in one thread, with a clock that the
 * test turns: roles, refusals (H73), acknowledgements, dumps, slow peers, events.
 */
#include "fixture.h"

#include "dataplane/api/client.h"
#include "dataplane/api_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct rig {
	struct core *core;
	struct api_server *server;
	uint64_t now;
	char dir[64], path[96];
};

static struct rig rig;

static int setup(void **state)
{
	struct api_server_config config = {.path = rig.path};

	(void)state;
	snprintf(rig.dir, sizeof(rig.dir), "/tmp/rg-api-XXXXXX");
	assert_non_null(mkdtemp(rig.dir));
	snprintf(rig.path, sizeof(rig.path), "%s/sock", rig.dir);
	rig.core = fixture_core(1);
	rig.now = 1000;
	config.core = rig.core;
	return api_server_new(&config, &rig.server);
}

static int teardown(void **state)
{
	(void)state;
	api_server_free(rig.server);
	assert_int_not_equal(access(rig.path, F_OK), 0);
	core_free(rig.core);
	return rmdir(rig.dir);
}

static void pump(void)
{
	core_tick(rig.core, rig.now);
	api_server_dispatch(rig.server, rig.now);
}

/* One answer; the clock stands. */
static int receive(struct rg_client *c, struct rg_client_msg *msg)
{
	int rc = -EAGAIN;

	for (unsigned i = 0; i < 4 && rc == -EAGAIN; i++) {
		pump();
		rc = rg_client_receive(c, msg);
	}
	return rc;
}

static struct rg_api_reply reply_of(struct rg_client *c, uint32_t seq)
{
	struct rg_client_msg msg;

	assert_int_equal(receive(c, &msg), 0);
	assert_int_equal(msg.type, RG_MSG_REPLY);
	assert_int_equal(msg.seq, seq);
	assert_int_equal(msg.count, 1);
	return *(const struct rg_api_reply *)msg.records;
}

static struct rg_api_reply call(struct rg_client *c, uint16_t type, const void *records, uint32_t n)
{
	uint32_t seq;

	assert_int_equal(rg_client_send(c, type, records, n, &seq), 0);
	return reply_of(c, seq);
}

static struct rg_client *connect_as(enum rg_api_role role)
{
	struct rg_client *c = NULL;
	struct rg_api_reply reply;

	assert_int_equal(rg_client_open(rig.path, role, "test", &c), 0);
	reply = reply_of(c, 1);
	assert_int_equal(reply.error, 0);
	assert_true(reply.value == core_boot_id(rig.core));
	return c;
}

static uint32_t handle_of(uint32_t i)
{
	return RG_SA_HANDLE(1 + i, 1);
}

static void populate(struct rg_client *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct rg_api_tunnel t = fixture_tunnel(handle_of(i));
		struct rg_api_sa sa = fixture_sa(handle_of(i), handle_of(i), 0x0a630001 + i);
		struct rg_api_policy p = fixture_policy(handle_of(i), handle_of(i), 0x0a630001 + i, 32);
		assert_int_equal(call(w, RG_MSG_TUNNEL_ADD, &t, 1).error, 0);
		assert_int_equal(call(w, RG_MSG_SA_IN_ADD, &sa, 1).error, 0);
		assert_int_equal(call(w, RG_MSG_SA_OUT_ADD, &sa, 1).error, 0);
		assert_int_equal(call(w, RG_MSG_POLICY_ADD, &p, 1).error, 0);
	}
}

static uint32_t count_records(struct rg_client *c, uint16_t type, const struct rg_api_dump *dump,
                              uint32_t *first)
{
	struct rg_client_msg msg;
	uint32_t seq, n = 0;

	assert_int_equal(rg_client_send(c, type, dump, 1, &seq), 0);
	for (;;) {
		assert_int_equal(receive(c, &msg), 0);
		assert_int_equal(msg.seq, seq);
		if (msg.type == RG_MSG_REPLY)
			return n;
		if (n == 0)
			memcpy(first, msg.records, sizeof(*first));
		n += msg.count;
	}
}

static void writer_gets_the_counters_and_cannot_write_them(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER), *r = connect_as(RG_ROLE_READER);
	struct rg_counters_map map;
	struct rg_counters_sa record;
	int fd = rg_client_take_counters(w);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(rg_client_take_counters(r), -1);
	populate(w, 2);
	sa_account(sa_by_handle(rig.core, RG_OUT, handle_of(1)), 77, 5);
	assert_int_equal(rg_counters_map(&map, fd), 0);
	assert_true(map.hdr->boot_id == core_boot_id(rig.core));
	uint32_t spi = htonl(0x10000000 | handle_of(1));
	assert_int_equal(rg_counters_read(&map, RG_OUT, handle_of(1), spi, &record), 0);
	assert_true(record.bytes == 77);
	assert_int_equal(rg_counters_read(&map, RG_OUT, handle_of(1), spi ^ 1, &record), -ENOENT);
	assert_int_equal(rg_counters_read(&map, RG_IN, handle_of(9), 0, &record), -ENOENT);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_not_equal(ftruncate(fd, 0), 0);
	rg_counters_unmap(&map);
	close(fd);
	rg_client_close(w);
	rg_client_close(r);
}

static void there_is_one_writer(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER), *second = NULL;
	struct rg_api_reply reply;
	struct rg_client_msg msg;

	(void)state;
	assert_int_equal(rg_client_open(rig.path, RG_ROLE_WRITER, "other", &second), 0);
	reply = reply_of(second, 1);
	assert_int_equal(reply.error, -EBUSY);
	assert_non_null(strstr(reply.text, "test"));
	assert_int_equal(receive(second, &msg), -EPIPE);
	rg_client_close(second);
	populate(w, 1); /* the first one did not notice */
	rg_client_close(w);
	pump();
	w = connect_as(RG_ROLE_WRITER);
	rg_client_close(w);
}

static void roles_are_enforced(void **state)
{
	struct rg_client *r = connect_as(RG_ROLE_READER), *e = connect_as(RG_ROLE_EVENTS);
	struct rg_api_tunnel t = fixture_tunnel(1);
	struct rg_api_dump d = {0};
	struct rg_client_msg msg;
	int pair[2];

	(void)state;
	assert_int_equal(call(r, RG_MSG_TUNNEL_ADD, &t, 1).error, -EPERM);
	assert_int_equal(call(e, RG_MSG_QUERY_STATUS, &d, 1).error, -EPERM);
	assert_int_equal(rig.core->writer->n_tunnels, 0);
	/* nothing before HELLO, and a role that is none */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(api_server_adopt(rig.server, pair[0], rig.now), 0);
	struct rg_client *bad = NULL;
	assert_int_equal(rg_client_adopt(pair[1], 9, "x", &bad), 0);
	assert_int_equal(reply_of(bad, 1).error, -EINVAL);
	assert_int_equal(receive(bad, &msg), -EPIPE);
	rg_client_close(bad);
	rg_client_close(r);
	rg_client_close(e);
}

static void H73_other_users_are_not_heard(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct stat st;
	int status;

	(void)state;
	assert_int_equal(stat(rig.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	if (geteuid() != 0)
		return; /* only root can be somebody else */
	assert_int_equal(chmod(rig.path, 0666), 0);
	assert_int_equal(chmod(rig.dir, 0755), 0);
	memcpy(sun.sun_path, rig.path, strlen(rig.path) + 1);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
		char byte;
		if (setuid(65534) != 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
			_exit(2);
		_exit(recv(fd, &byte, 1, 0) == 0 ? 0 : 1); /* closed without a word */
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
		pump();
	assert_int_equal(status, 0);
}

static void send_raw(int fd, const void *bytes, size_t n, int want)
{
	uint8_t answer[512];
	ssize_t got;

	assert_int_equal(send(fd, bytes, n, MSG_DONTWAIT), (ssize_t)n);
	pump();
	got = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	assert_int_equal(got, sizeof(struct rg_api_hdr) + sizeof(struct rg_api_reply));
	struct rg_api_reply reply;
	memcpy(&reply, answer + sizeof(struct rg_api_hdr), sizeof(reply));
	assert_int_equal(reply.error, want);
	assert_int_not_equal(reply.text[0], 0);
	assert_int_equal(rig.core->writer->n_tunnels, 0);
}

static void H73_wrong_torn_and_oversized_records(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	static uint8_t buffer[RG_API_MAX_MSG + 4096];
	struct rg_api_tunnel t = fixture_tunnel(handle_of(1));
	struct rg_api_hdr good = {RG_API_MAGIC, RG_API_VERSION, RG_MSG_TUNNEL_ADD, 1, 5}, h;
	int fd = rg_client_fd(w);

	(void)state;
	memcpy(buffer + sizeof(good), &t, sizeof(t));
#define SEND(n, want) (memcpy(buffer, &h, sizeof(h)), send_raw(fd, buffer, n, want))
	for (size_t n = 1; n < sizeof(h) + sizeof(t); n++) {
		h = good;
		SEND(n, -EBADMSG);
	}
	h = good;
	SEND(sizeof(h) + sizeof(t) + 1, -EBADMSG);
	h = good, h.magic++;
	SEND(sizeof(h) + sizeof(t), -EPROTO);
	h = good, h.version++;
	SEND(sizeof(h) + sizeof(t), -EPROTONOSUPPORT);
	h = good, h.count = 0;
	SEND(sizeof(h), -EBADMSG);
	h = good, h.count = UINT32_MAX;
	SEND(sizeof(h) + sizeof(t), -EBADMSG);
	h = good, h.count = (1u << 28) + 1; /* times the record's size: 2^32 and one record */
	SEND(sizeof(h) + sizeof(t), -EBADMSG);
	h = good, h.type = 0;
	SEND(sizeof(h) + sizeof(t), -EINVAL);
	h = good, h.type = RG_MSG_REPLY;
	SEND(sizeof(h) + sizeof(struct rg_api_reply), -EINVAL);
	h = good, h.type = UINT16_MAX;
	SEND(sizeof(h) + sizeof(t), -EINVAL);
	h = good;
	SEND(sizeof(buffer), -EMSGSIZE);
#undef SEND
	populate(w, 1); /* and it still works */
	rg_client_close(w);
}

/* Valid datagrams with some bytes changed, and noise: it must only survive. */
static void H73_garbage(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	static uint8_t buffer[sizeof(struct rg_api_hdr) + 4 * sizeof(struct rg_api_sa)];
	uint64_t seed = 0xf022;
	struct rg_client_msg msg;

	(void)state;
	populate(w, 8);
	for (unsigned i = 0; i < 20000; i++) {
		uint16_t type = (uint16_t)(1 + next_random(&seed) % 20);
		uint32_t count = (uint32_t)(1 + next_random(&seed) % 3);
		struct rg_api_hdr h = {RG_API_MAGIC, RG_API_VERSION, type, count, i};
		struct rg_api_sa sa =
		        fixture_sa(handle_of((uint32_t)(next_random(&seed) % 16)), handle_of(1), 1);
		size_t n = sizeof(h) + count * rg_api_record_size(type);
		memset(buffer, 0, sizeof(buffer));
		memcpy(buffer, &h, sizeof(h));
		memcpy(buffer + sizeof(h), &sa, sizeof(sa));
		for (unsigned k = (unsigned)(next_random(&seed) % 6); k > 0; k--)
			buffer[next_random(&seed) % n] = (uint8_t)next_random(&seed);
		if (next_random(&seed) % 16 == 0)
			n = 1 + next_random(&seed) % n;
		assert_int_equal(send(rg_client_fd(w), buffer, n, MSG_DONTWAIT), (ssize_t)n);
		rig.now += 7;
		while (receive(w, &msg) == 0)
			continue;
	}
	struct rg_api_dump d = {0};
	uint32_t first;
	assert_int_equal(count_records(w, RG_MSG_QUERY_STATUS, &d, &first), 1);
	rg_client_close(w);
}

static void H73_descriptors_from_a_peer_are_closed(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	struct rg_api_hdr h = {RG_API_MAGIC, RG_API_VERSION, RG_MSG_QUERY_STATUS, 1, 1};
	struct rg_api_dump d = {0};
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov[2] = {{&h, sizeof(h)}, {&d, sizeof(d)}};
	struct msghdr mh = {
	        .msg_iov = iov, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
	struct rg_client_msg msg;
	int pipes[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	*cm = (struct cmsghdr){
	        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(cm), &pipes[1], sizeof(int));
	assert_true(sendmsg(rg_client_fd(w), &mh, 0) > 0);
	close(pipes[1]);
	assert_int_equal(receive(w, &msg), 0);
	assert_int_equal(read(pipes[0], &byte, 1), 0); /* no writer is left */
	close(pipes[0]);
	rg_client_close(w);
}

static void migrate_is_acknowledged_after_grace(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	struct rg_api_migrate m = {handle_of(0), 2, fixture_path(0xc6336401)};
	struct rg_client_msg msg;
	struct rg_api_reply reply;
	uint32_t seq;

	(void)state;
	populate(w, 1);
	rcu_online(&rig.core->rcu, 0);
	assert_int_equal(rg_client_send(w, RG_MSG_MIGRATE, &m, 1, &seq), 0);
	assert_int_equal(receive(w, &msg), -EAGAIN);
	assert_int_equal(api_server_timeout(rig.server, rig.now), 0);
	assert_int_equal(tunnel_path(sa_by_handle(rig.core, RG_IN, handle_of(0))->tunnel)->generation, 2);
	rcu_quiescent(&rig.core->rcu, 0);
	reply = reply_of(w, seq);
	assert_int_equal(reply.error, 0);
	assert_int_equal(reply.quiescent, 1);
	/* a worker that does not come round */
	m.generation = 3;
	assert_int_equal(rg_client_send(w, RG_MSG_MIGRATE, &m, 1, &seq), 0);
	assert_int_equal(receive(w, &msg), -EAGAIN);
	rig.now += 99;
	assert_int_equal(receive(w, &msg), -EAGAIN);
	rig.now += 1;
	reply = reply_of(w, seq);
	assert_int_equal(reply.error, 0);
	assert_int_equal(reply.quiescent, 0);
	m.generation = 3;
	reply = call(w, RG_MSG_MIGRATE, &m, 1);
	assert_int_equal(reply.error, -ESTALE);
	assert_int_equal(reply.index, 0);
	rcu_offline(&rig.core->rcu, 0);
	rg_client_close(w);
}

/* Requests may follow each other without waiting: replies come in their order, with their numbers. */
static void requests_can_be_pipelined(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	uint32_t first = 0;

	(void)state;
	populate(w, 1);
	rcu_online(&rig.core->rcu, 0);
	for (uint32_t i = 0; i < 200; i++) {
		struct rg_api_migrate m = {handle_of(0), 2 + i, fixture_path(0xc6336401 + i % 2)};
		uint32_t seq;
		assert_int_equal(rg_client_send(w, RG_MSG_MIGRATE, &m, 1, &seq), 0);
		first = i == 0 ? seq : first;
	}
	pump();
	for (uint32_t i = 0; i < 200; i++) {
		rcu_quiescent(&rig.core->rcu, 0);
		assert_int_equal(reply_of(w, first + i).error, 0);
	}
	rcu_offline(&rig.core->rcu, 0);
	assert_int_equal(rig.core->writer->migrations, 200);
	rg_client_close(w);
}

static void deletes_free_the_index_before_they_are_acknowledged(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	struct rg_api_handle d = {.handle = handle_of(0)};

	(void)state;
	populate(w, 1);
	for (uint32_t generation = 2; generation < 300; generation++) {
		struct rg_api_sa sa = fixture_sa(RG_SA_HANDLE(1, generation), handle_of(0), 1);
		assert_int_equal(call(w, RG_MSG_SA_IN_DEL, &d, 1).quiescent, 1);
		assert_int_equal(call(w, RG_MSG_SA_IN_ADD, &sa, 1).error, 0);
		d.handle = sa.handle;
	}
	rg_client_close(w);
}

static void dumps_are_whole(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER), *r = connect_as(RG_ROLE_READER);
	struct rg_api_dump d = {0};
	uint32_t first = 0;

	(void)state;
	populate(w, 500);
	assert_int_equal(count_records(r, RG_MSG_DUMP_TUNNELS, &d, &first), 500);
	assert_int_equal(first, handle_of(0));
	assert_int_equal(count_records(r, RG_MSG_DUMP_SAS_IN, &d, &first), 500);
	assert_int_equal(count_records(r, RG_MSG_DUMP_SAS_OUT, &d, &first), 500);
	assert_int_equal(count_records(r, RG_MSG_DUMP_POLICIES, &d, &first), 500);
	assert_int_equal(count_records(r, RG_MSG_DUMP_WORKERS, &d, &first), 1);
	assert_int_equal(count_records(r, RG_MSG_DUMP_PORTS, &d, &first), 0);
	assert_int_equal(count_records(r, RG_MSG_QUERY_STATUS, &d, &first), 1);
	assert_true(count_records(r, RG_MSG_DUMP_COUNTERS, &d, &first) >= DROP_COUNT - 1 + COUNTER_COUNT);
	d.from = handle_of(400);
	assert_int_equal(count_records(r, RG_MSG_DUMP_SAS_IN, &d, &first), 100);
	assert_int_equal(first, handle_of(400));
	d = (struct rg_api_dump){.handle = handle_of(7)};
	assert_int_equal(count_records(r, RG_MSG_DUMP_POLICIES, &d, &first), 1);
	assert_int_equal(first, handle_of(7));
	d.handle ^= 1; /* another generation */
	assert_int_equal(count_records(r, RG_MSG_DUMP_POLICIES, &d, &first), 0);
	rg_client_close(w);
	rg_client_close(r);
}

static void H73_slow_reader_is_parked_then_dropped(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER), *r = connect_as(RG_ROLE_READER);
	struct rg_api_dump d = {0};
	struct rg_client_msg msg;
	unsigned n = 0;

	(void)state;
	populate(w, 300);
	while (rg_client_send(r, RG_MSG_DUMP_SAS_IN, &d, 1, NULL) == 0 && n < 200)
		n++;
	pump();
	pump();
	struct rg_api_migrate m = {handle_of(0), 2, fixture_path(0xc6336401)};
	assert_int_equal(call(w, RG_MSG_MIGRATE, &m, 1).error, 0); /* the others are served */
	rig.now += 9000;
	pump();
	assert_int_equal(rg_client_receive(r, &msg), 0); /* it reads again in time: nothing is lost */
	unsigned replies = 0;
	while (replies < n) {
		assert_int_equal(receive(r, &msg), 0);
		replies += msg.type == RG_MSG_REPLY;
	}
	for (n = 0; rg_client_send(r, RG_MSG_DUMP_SAS_IN, &d, 1, NULL) == 0 && n < 200;)
		n++;
	pump();
	rig.now += 10001;
	pump();
	while ((n = (unsigned)-rg_client_receive(r, &msg)) == 0)
		continue;
	assert_int_equal(n, EPIPE);
	rg_client_close(r);
	rg_client_close(w);
}

static void events_reach_their_readers(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER), *a = connect_as(RG_ROLE_EVENTS),
	                 *b = connect_as(RG_ROLE_EVENTS);
	struct event_ring *ring = &rig.core->worker[0]->events;
	struct rg_api_event e[2];
	struct rg_client_msg msg;

	(void)state;
	populate(w, 3);
	event_no_sa(ring, handle_of(2), 5000);
	event_no_sa(ring, handle_of(2), 5050); /* too soon */
	event_first_packet(ring, sa_by_handle(rig.core, RG_IN, handle_of(1)), 9);
	for (struct rg_client *c = a; c != NULL; c = c == a ? b : NULL) {
		assert_int_equal(receive(c, &msg), 0);
		assert_int_equal(msg.type, RG_MSG_EVENT);
		assert_int_equal(msg.count, 2);
		memcpy(e, msg.records, sizeof(e));
		assert_int_equal(e[0].type, RG_EVENT_NO_SA);
		assert_true(e[0].cookie == handle_of(2)); /* control's, though the worker does not know it */
		assert_int_equal(e[1].type, RG_EVENT_FIRST_PACKET);
		assert_true(e[1].sequence == 9);
	}
	rg_client_close(a);
	rg_client_close(b);
	rg_client_close(w);
}

static void H73_full_ring_and_slow_event_reader_are_told(void **state)
{
	struct rg_client *slow = connect_as(RG_ROLE_EVENTS);
	struct event_ring *ring = &rig.core->worker[0]->events;
	struct rg_api_event e;
	struct rg_client_msg msg;
	uint64_t raised = 0, got = 0, lost = 0;

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < EVENT_RING_SIZE + 10; i++, raised++)
			event_port(ring, i, true);
		rig.now += 100;
		pump();
	}
	while (receive(slow, &msg) == 0) {
		for (uint32_t i = 0; i < msg.count; i++) {
			memcpy(&e, (const struct rg_api_event *)msg.records + i, sizeof(e));
			if (e.type == RG_EVENT_LOST)
				lost += e.value;
			else
				got++;
		}
	}
	assert_true(lost > 0);
	assert_true(got + lost == raised);
	rg_client_close(slow);
}

static void a_second_server_does_not_take_the_socket(void **state)
{
	struct api_server_config config = {.path = rig.path, .core = rig.core};
	struct api_server *second = NULL;

	(void)state;
	assert_int_equal(api_server_new(&config, &second), -EADDRINUSE);
	assert_int_equal(access(rig.path, F_OK), 0);
}

static void a_dead_server_s_socket_is_replaced(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct api_server *second = NULL;
	char path[96];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	(void)state;
	snprintf(path, sizeof(path), "%s/stale", rig.dir);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	struct api_server_config config = {.path = path, .core = rig.core};
	assert_int_equal(api_server_new(&config, &second), 0);
	api_server_free(second);
}

#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_RIG(writer_gets_the_counters_and_cannot_write_them),
	        WITH_RIG(there_is_one_writer),
	        WITH_RIG(roles_are_enforced),
	        WITH_RIG(H73_other_users_are_not_heard),
	        WITH_RIG(H73_wrong_torn_and_oversized_records),
	        WITH_RIG(H73_garbage),
	        WITH_RIG(H73_descriptors_from_a_peer_are_closed),
	        WITH_RIG(migrate_is_acknowledged_after_grace),
	        WITH_RIG(requests_can_be_pipelined),
	        WITH_RIG(deletes_free_the_index_before_they_are_acknowledged),
	        WITH_RIG(dumps_are_whole),
	        WITH_RIG(H73_slow_reader_is_parked_then_dropped),
	        WITH_RIG(events_reach_their_readers),
	        WITH_RIG(H73_full_ring_and_slow_event_reader_are_told),
	        WITH_RIG(a_second_server_does_not_take_the_socket),
	        WITH_RIG(a_dead_server_s_socket_is_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
