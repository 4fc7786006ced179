/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/rules, control/links and control/sockets against a kernel: in a
 * network namespace of the test's own, so it needs root; it is skipped without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/links.h"
#include "control/log.h"
#include "control/newcomers.h"
#include "control/rules.h"
#include "control/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define TURNS 5000

static struct rg_cfg_prefix addresses[2] = {{{4, {192, 0, 2, 1}}, 24},
                                            {{6, {0x20, 1, 0xd, 0xb8, [15] = 1}}, 64}};
static struct rg_cfg_uplink uplinks[2] = {
        {.name = (char *)(uintptr_t) "isp1",
         .port = 0,
         .addresses = addresses,
         .n_addresses = 2,
         .table = 101},
        {.name = (char *)(uintptr_t) "isp2", .port = 1, .table = 70000},
};
static struct rg_cfg_prefix second[1] = {{{4, {198, 51, 100, 1}}, 24}};
static struct rg_cfg_port ports[2] = {{.name = (char *)(uintptr_t) "isp1"},
                                      {.name = (char *)(uintptr_t) "isp2"}};
static struct rg_cfg_port swapped[2] = {{.name = (char *)(uintptr_t) "isp2"},
                                        {.name = (char *)(uintptr_t) "isp1"}};
static struct rg_config cfg;
static char output[8192];

/* Runs a command and keeps what it says. */
static int run(const char *const argv[])
{
	posix_spawn_file_actions_t actions;
	int ends[2], status = -1;
	ssize_t n;
	size_t len = 0;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
		return -1;
	close(ends[1]);
	while ((n = read(ends[0], output + len, sizeof(output) - 1 - len)) > 0)
		len += (size_t)n;
	output[len] = '\0';
	close(ends[0]);
	posix_spawn_file_actions_destroy(&actions);
	waitpid(pid, &status, 0);
	return status;
}

#define IP(...) run((const char *const[]){"ip", __VA_ARGS__, NULL})

static int setup(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		return 0;
	uplinks[1].addresses = second;
	uplinks[1].n_addresses = 1;
	cfg.uplinks = uplinks;
	cfg.n_uplinks = 2;
	cfg.dataplane.ports = ports;
	cfg.dataplane.n_ports = 2;
	log_set_level(LOG_LEVEL_ERROR);
	return 0;
}

static void need_root(void)
{
	if (geteuid() != 0 || IP("link", "set", "lo", "up") != 0)
		skip();
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void test_rules(void **state)
{
	(void)state;
	need_root();
	for (unsigned i = 0; i < 3; i++) /* idempotent */
		assert_int_equal(rules_apply(&cfg), 0);
	assert_int_equal(IP("rule", "show"), 0);
	assert_int_equal(count(output, "20500:"), 2);
	assert_non_null(strstr(output, "from 192.0.2.1 lookup 101 proto 82"));
	assert_non_null(strstr(output, "from 198.51.100.1 lookup 70000 proto 82"));
	assert_int_equal(IP("-6", "rule", "show"), 0);
	assert_non_null(strstr(output, "from 2001:db8::1 lookup 101 proto 82"));

	/* What a killed process left for an address that is no more goes; what is not ours stays. */
	assert_int_equal(IP("rule", "add", "from", "203.0.113.9", "lookup", "9", "proto", "82"), 0);
	assert_int_equal(IP("rule", "add", "from", "203.0.113.10", "lookup", "9"), 0);
	assert_int_equal(rules_apply(&cfg), 0);
	assert_int_equal(IP("rule", "show"), 0);
	assert_null(strstr(output, "203.0.113.9 "));
	assert_non_null(strstr(output, "203.0.113.10 "));
	assert_int_equal(rules_apply(NULL), 0);
	assert_int_equal(IP("rule", "show"), 0);
	assert_int_equal(count(output, "proto 82"), 0);
	assert_int_equal(IP("-6", "rule", "show"), 0);
	assert_int_equal(count(output, "proto 82"), 0);
}

static struct {
	unsigned calls;
	int up[2]; /* -1: never told */
} told;

static void changed(void *user, unsigned port, bool up)
{
	(void)user;
	told.calls++;
	told.up[port] = up;
}

#define UNTIL(loop, condition)                                                                               \
	do {                                                                                                 \
		unsigned turns_ = 0;                                                                         \
		while (!(condition)) {                                                                       \
			if (turns_++ == TURNS)                                                               \
				fail_msg("waited for " #condition);                                          \
			uv_run(loop, UV_RUN_NOWAIT);                                                         \
			usleep(1000);                                                                        \
		}                                                                                            \
	} while (0)

/* Two veth pairs stand for the mirrors: the carrier goes with the far end. */
static void test_links(void **state)
{
	struct links *links;
	uv_loop_t loop;

	(void)state;
	need_root();
	uv_loop_init(&loop);
	told.up[0] = told.up[1] = -1;
	links = links_create(&loop, changed, NULL);
	assert_non_null(links);
	assert_int_equal(links_update(links, &cfg), 0);
	assert_int_equal(IP("link", "add", "isp1", "type", "veth", "peer", "name", "far1"), 0);
	assert_int_equal(IP("link", "set", "far1", "up"), 0);
	assert_int_equal(IP("link", "set", "isp1", "up"), 0);
	UNTIL(&loop, links_up(links, 0));
	assert_int_equal(told.calls, 0); /* held: no dataplane yet */
	links_hold(links, false);
	assert_int_equal(told.up[0], 1);
	assert_int_equal(told.up[1], -1); /* was never seen */

	assert_int_equal(IP("link", "set", "far1", "down"), 0);
	UNTIL(&loop, told.up[0] == 0);
	assert_int_equal(IP("link", "set", "far1", "up"), 0);
	UNTIL(&loop, told.up[0] == 1);

	/* The dataplane dies: its interface vanishes, and the hold comes before the delay is over. */
	told.calls = 0;
	assert_int_equal(IP("link", "del", "isp1"), 0);
	UNTIL(&loop, !links_up(links, 0));
	assert_int_equal(told.calls, 0);
	links_hold(links, true);
	assert_int_equal(IP("link", "add", "isp1", "type", "veth", "peer", "name", "far1"), 0);
	assert_int_equal(IP("link", "set", "far1", "up"), 0);
	assert_int_equal(IP("link", "set", "isp1", "up"), 0);
	UNTIL(&loop, links_up(links, 0));
	links_hold(links, false);
	assert_int_equal(told.calls, 0);

	/* The dataplane knows sooner; its ports may stand in another order than those of a configuration that
	 * was loaded since. What was told of a port goes on with it. */
	links_set(links, "isp1", false);
	assert_int_equal(told.up[0], 0);
	links_set(links, "isp1", true);
	links_set(links, "isp9", false);
	told.calls = 0;
	cfg.dataplane.ports = swapped;
	assert_int_equal(links_update(links, &cfg), 0);
	assert_true(links_up(links, 1) && !links_up(links, 0));
	links_set(links, "isp1", false);
	assert_int_equal(told.up[1], 0);
	links_set(links, "isp1", true);
	assert_int_equal(told.up[1], 1);
	cfg.dataplane.ports = ports;
	assert_int_equal(links_update(links, &cfg), 0);
	assert_int_equal(told.up[0], 1);
	assert_int_equal(told.calls, 2);

	/* Without a hold it is told after a while. */
	assert_int_equal(IP("link", "set", "isp1", "down"), 0);
	UNTIL(&loop, told.up[0] == 0);
	assert_int_equal(IP("link", "del", "isp1"), 0);
	links_close(links);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static struct {
	unsigned n;
	struct ike_datagram last;
	uint8_t data[64];
} input;

static void receive(void *user, const struct ike_datagram *dg)
{
	(void)user;
	input.n++;
	input.last = *dg;
	memcpy(input.data, dg->data, dg->len < sizeof(input.data) ? dg->len : sizeof(input.data));
}

/* Sends from a socket of its own to a port of 192.0.2.1. */
static void throw(int fd, uint16_t port, const void *data, size_t len)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
	assert_int_equal(sendto(fd, data, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
}

/* H67: keepalives, ESP and short datagrams on 4500 are no IKE; answers leave from where requests arrived. */
static void test_h67_sockets(void **state)
{
	const struct sockets_counters *counters;
	struct sockets *sockets;
	uv_loop_t loop;
	uint8_t buf[64];
	int fd;

	(void)state;
	need_root();
	uv_loop_init(&loop);
	sockets = sockets_create(&loop, receive, NULL);
	assert_int_equal(sockets_update(sockets, &cfg), 0); /* before the addresses exist */
	assert_int_equal(IP("addr", "add", "192.0.2.1/24", "dev", "lo"), 0);
	counters = sockets_counters(sockets);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	throw(fd, 500, "abc", 3);
	UNTIL(&loop, input.n == 1);
	assert_false(input.last.natt);
	assert_int_equal(input.last.local.port, 500);
	assert_memory_equal(input.data, "abc", 3);
	throw(fd, 4500, "\xff", 1);
	throw(fd, 4500, "\0\0\0", 3);
	throw(fd, 4500, "\1\2\3\4esp", 7);
	throw(fd, 4500, "\0\0\0\0ike", 7);
	UNTIL(&loop, input.n == 2);
	assert_true(input.last.natt);
	assert_int_equal(input.last.len, 3);
	assert_memory_equal(input.data, "ike", 3);
	assert_int_equal(counters->keepalives, 1);
	assert_int_equal(counters->too_short, 1);
	assert_int_equal(counters->no_marker, 1);

	sockets_send(sockets, &input.last.local, &input.last.remote, true, (const uint8_t *)"answer", 6);
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), 10);
	assert_memory_equal(buf, "\0\0\0\0answer", 10);
	sockets_send(sockets, &input.last.local, &input.last.remote, false, (const uint8_t *)"\xff", 1);
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), 1); /* a keepalive has no marker (RFC 3948 2.3) */
	assert_int_equal(buf[0], 0xff);
	input.last.local.addr.bytes[3] = 77;
	sockets_send(sockets, &input.last.local, &input.last.remote, true, (const uint8_t *)"x", 1);
	assert_int_equal(counters->send_no_socket, 1);

	cfg.n_uplinks = 1; /* a reload keeps what stays */
	assert_int_equal(sockets_update(sockets, &cfg), 0);
	cfg.n_uplinks = 2;
	throw(fd, 500, "abcd", 4);
	UNTIL(&loop, input.n == 3);
	close(fd);
	sockets_close(sockets);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

/* H33: IKE_SA_INIT requests wait, a bounded number of them; what belongs to an SA does not. */
static void test_h33_newcomers_wait(void **state)
{
	uint8_t init[28] = {[18] = 34, [19] = 0x08}, other[28] = {[18] = 35, [19] = 0x08};
	const struct sockets_counters *counters;
	struct sockets *sockets;
	uv_loop_t loop;
	unsigned turns = 1;
	int fd;

	(void)state;
	need_root();
	memset(&input, 0, sizeof(input));
	uv_loop_init(&loop);
	sockets = sockets_create(&loop, receive, NULL);
	IP("addr", "add", "192.0.2.1/24", "dev", "lo");
	assert_int_equal(sockets_update(sockets, &cfg), 0);
	counters = sockets_counters(sockets);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (unsigned i = 0; i < NEWCOMERS_MAX + 10; i++)
		throw(fd, 500, init, sizeof(init));
	throw(fd, 500, other, sizeof(other));
	UNTIL(&loop, input.n == 1); /* it came last */
	assert_int_equal(input.data[18], 35);
	assert_int_equal(counters->newcomers, 10);
	while (sockets_serve_newcomers(sockets))
		turns++;
	assert_int_equal(input.n, NEWCOMERS_MAX + 1);
	assert_int_equal(turns, NEWCOMERS_MAX / NEWCOMERS_SERVE);
	init[19] = 0x20; /* an answer belongs to an SA of ours */
	throw(fd, 500, init, sizeof(init));
	UNTIL(&loop, input.n == NEWCOMERS_MAX + 2);
	close(fd);
	sockets_close(sockets);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_rules),
	        cmocka_unit_test(test_links),
	        cmocka_unit_test(test_h67_sockets),
	        cmocka_unit_test(test_h33_newcomers_wait),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
