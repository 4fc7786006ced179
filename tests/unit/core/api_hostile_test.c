/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H73: wrong versions, torn, oversized and garbage records, other users, peers that
 * do not read. All are refused or parked, and the server goes on.
 */
#include "api_rig.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

/* Two batches in a chain; each way to spoil it leaves nothing behind. */
static void H73_chains_that_are_not_whole(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	struct rg_api_tunnel t = fixture_tunnel(handle_of(0));
	struct rg_api_sa sa = fixture_sa(handle_of(0), handle_of(0), 0x0a630001);
	size_t second = sizeof(struct rg_api_hdr) + rg_client_run_bytes(RG_MSG_TUNNEL_ADD, 1);
	size_t n = second + rg_client_run_bytes(RG_MSG_SA_IN_ADD, 1);
	static const struct {
		uint32_t count, counts[2];
		uint16_t second;
		int longer;
	} cases[] = {
	        {0, {1, 1}, RG_MSG_SA_IN_ADD, 0},
	        {1, {1, 1}, RG_MSG_SA_IN_ADD, 0},
	        {3, {1, 1}, RG_MSG_SA_IN_ADD, 0},
	        {UINT32_MAX, {1, 1}, RG_MSG_SA_IN_ADD, 0},
	        {2, {0, 1}, RG_MSG_SA_IN_ADD, 0},
	        {2, {1, 0}, RG_MSG_SA_IN_ADD, 0},
	        {2, {1, 2}, RG_MSG_SA_IN_ADD, 0},
	        {2, {1, UINT32_MAX}, RG_MSG_SA_IN_ADD, 0},
	        {2, {UINT32_MAX, 1}, RG_MSG_SA_IN_ADD, 0},
	        {2, {1, 1}, RG_MSG_SA_IN_DEL, 0},
	        {2, {1, 1}, RG_MSG_CHAIN, 0},
	        {2, {1, 1}, RG_MSG_HELLO, 0},
	        {2, {1, 1}, UINT16_MAX, 0},
	        {2, {1, 1}, RG_MSG_SA_IN_ADD, 8},
	        {2, {1, 1}, RG_MSG_SA_IN_ADD, -1},
	};
	uint8_t buffer[sizeof(struct rg_api_hdr) + 4 * sizeof(struct rg_api_sa)] = {0};

	(void)state;
	assert_true(n + 8 <= sizeof(buffer));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rg_api_hdr h = {RG_API_MAGIC, RG_API_VERSION, RG_MSG_CHAIN, cases[i].count, 5};
		struct rg_api_run runs[2] = {{RG_MSG_TUNNEL_ADD, 0, cases[i].counts[0]},
		                             {cases[i].second, 0, cases[i].counts[1]}};

		memcpy(buffer, &h, sizeof(h));
		memcpy(buffer + sizeof(h), &runs[0], sizeof(runs[0]));
		memcpy(buffer + sizeof(h) + sizeof(runs[0]), &t, sizeof(t));
		memcpy(buffer + second, &runs[1], sizeof(runs[1]));
		memcpy(buffer + second + sizeof(runs[1]), &sa, sizeof(sa));
		send_raw(rg_client_fd(w), buffer, n + (size_t)cases[i].longer, -EBADMSG);
	}
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
		uint16_t type = (uint16_t)(1 + next_random(&seed) % 22);
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

/* No descriptor for a peer: it waits, main sleeps, and both go on when there is one again. */
static void H73_a_peer_without_a_descriptor_waits(void **state)
{
	struct rlimit before, none;
	struct rg_client *c = NULL;
	struct pollfd p = {.events = POLLIN};

	(void)state;
	assert_int_equal(rg_client_open(rig.path, RG_ROLE_READER, "test", &c), 0);
	p.fd = api_server_fd(rig.server);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	int next = dup(p.fd);
	close(next);
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	pump();
	assert_int_equal(poll(&p, 1, 0), 0); /* it would find the peer again and again */
	assert_in_range(api_server_timeout(rig.server, rig.now), 1, 1000);
	rig.now += 1000;
	pump();
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	rig.now += 1000;
	assert_int_equal(reply_of(c, 1).error, 0);
	rg_client_close(c);
	pump();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_RIG(H73_other_users_are_not_heard),
	        WITH_RIG(H73_wrong_torn_and_oversized_records),
	        WITH_RIG(H73_chains_that_are_not_whole),
	        WITH_RIG(H73_garbage),
	        WITH_RIG(H73_descriptors_from_a_peer_are_closed),
	        WITH_RIG(H73_slow_reader_is_parked_then_dropped),
	        WITH_RIG(H73_full_ring_and_slow_event_reader_are_told),
	        WITH_RIG(H73_a_peer_without_a_descriptor_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
