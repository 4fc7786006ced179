/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/inner against a kernel: in a network namespace of the test's own, with a TUN and the dataplane's
 * routes on it. It needs root and is skipped without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/addr.h"
#include "control/inner.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TUN "rgtun0"

static struct inner_set have, want;

/* A kernel that sends all of its tables, and one that changes them after so many datagrams; 0: neither. */
static unsigned changes_after;

int __wrap_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf, socklen_t len);
int __real_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf, socklen_t len);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t len);
ssize_t __real_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t len);

/* What a command says; "" where it fails. */
static const char *says(const char *command)
{
	static char output[8192];
	FILE *f = popen(command, "r");
	size_t n;

	assert_non_null(f);
	n = fread(output, 1, sizeof(output) - 1, f);
	output[n] = '\0';
	return pclose(f) == 0 ? output : "";
}

static void must(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

int __wrap_mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf, socklen_t len)
{
	return changes_after > 0 ? -1 : __real_mnl_socket_setsockopt(nl, type, buf, len);
}

ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t len)
{
	ssize_t n = __real_mnl_socket_recvfrom(nl, buf, len);

	if (changes_after > 0 && --changes_after == 0)
		must("ip addr add 10.99.0.1/32 dev lo");
	return n;
}

static int setup(void **state)
{
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return 0;
	must("ip link set lo up");
	must("ip tuntap add " TUN " mode tun && ip link set " TUN " up");
	must("ip addr add 10.30.0.1/24 dev lo && ip addr add 2001:db8:30::1/64 dev lo nodad");
	must("ip route add 10.20.0.0/24 dev " TUN " proto 82 src 10.30.0.1 scope link");
	must("ip -6 route add 2001:db8:20::/64 dev " TUN " proto 82 src 2001:db8:30::1");
	return 0;
}

static void need_root(void)
{
	if (says("ip link show " TUN)[0] == '\0')
		skip();
	want.n = have.n = 0;
}

static void want_from(const char *net, const char *source)
{
	struct rg_cfg_prefix to;
	struct rg_cfg_addr addr;

	assert_int_equal(rg_prefix_parse(net, &to), 0);
	assert_int_equal(rg_addr_parse(source, &addr), 0);
	assert_true(inner_want_address(&want, &addr));
	assert_true(inner_want_route(&want, &to, &addr));
}

static void want_both(const char *source4, const char *source6)
{
	want_from("10.20.0.0/24", source4);
	want_from("2001:db8:20::/64", source6);
}

static void leaves_from(const char *target, const char *source)
{
	char command[128], expected[128];

	snprintf(command, sizeof(command), "ip route get %s", target);
	snprintf(expected, sizeof(expected), "dev " TUN "%s src %s ", strchr(target, ':') ? " proto 82" : "",
	         source);
	if (!strstr(says(command), expected))
		fail_msg("%s: %s", expected, says(command));
}

static void only_the_dataplanes(void)
{
	assert_null(strstr(says("ip addr show dev " TUN), "10.77"));
	assert_null(strstr(says("ip addr show dev " TUN), "2001:db8:77"));
	leaves_from("10.20.0.10", "10.30.0.1");
	leaves_from("2001:db8:20::10", "2001:db8:30::1");
	assert_null(strstr(says("ip -6 route show dev " TUN), "metric 512"));
}

static void comes_and_goes(void **state)
{
	(void)state;
	need_root();
	want_both("10.77.0.1", "2001:db8:77::1");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(inner_apply(&have, &want, false, TUN), 0);
		assert_int_equal(have.n, 4);
		leaves_from("10.20.0.10", "10.77.0.1");
		leaves_from("2001:db8:20::10", "2001:db8:77::1");
	}
	want.n = 0;
	assert_int_equal(inner_apply(&have, &want, false, TUN), 0);
	assert_int_equal(have.n, 0);
	only_the_dataplanes();
	assert_non_null(strstr(says("ip route show dev " TUN), "10.20.0.0/24"));
}

/* A session that follows another one has other addresses: for a while there are both, and the new one sends.
 */
static void another_one_takes_over(void **state)
{
	(void)state;
	need_root();
	want_both("10.77.0.1", "2001:db8:77::1");
	assert_int_equal(inner_apply(&have, &want, false, TUN), 0);
	want.n = 0;
	want_both("10.77.0.2", "2001:db8:77::2");
	want_both("10.77.0.1", "2001:db8:77::1");
	assert_int_equal(want.n, 6); /* one route to a network */
	assert_int_equal(inner_apply(&have, &want, false, TUN), 0);
	assert_int_equal(have.n, 6);
	leaves_from("10.20.0.10", "10.77.0.2");
	leaves_from("2001:db8:20::10", "2001:db8:77::2");
	want.n = 0;
	want_both("10.77.0.2", "2001:db8:77::2");
	assert_int_equal(inner_apply(&have, &want, false, TUN), 0);
	leaves_from("10.20.0.10", "10.77.0.2");
	leaves_from("2001:db8:20::10", "2001:db8:77::2");
	assert_null(strstr(says("ip addr show dev " TUN), "10.77.0.1/"));
	want.n = 0;
	assert_int_equal(inner_apply(&have, &want, false, TUN), 0);
	only_the_dataplanes();
}

/* A route that the kernel refuses has not taken the place of the one that is there: that one is known still,
 * and goes. */
static void a_route_that_is_refused(void **state)
{
	struct rg_cfg_prefix to;
	struct rg_cfg_addr nobodys;

	(void)state;
	need_root();
	want_from("2001:db8:20::/64", "2001:db8:77::1");
	assert_int_equal(inner_apply(&have, &want, false, TUN), 0);
	assert_int_equal(have.n, 2);
	want.n = 0;
	assert_int_equal(rg_prefix_parse("2001:db8:20::/64", &to), 0);
	assert_int_equal(rg_addr_parse("2001:db8:77::2", &nobodys), 0);
	assert_true(inner_want_route(&want, &to, &nobodys));
	assert_int_equal(inner_apply(&have, &want, false, TUN), -EINVAL);
	assert_int_equal(have.n, 0);
	only_the_dataplanes();
}

/* What a process left that was killed is found, and nothing that is not ours; it goes unless it is asked for.
 */
static void what_was_left_is_found(void **state)
{
	(void)state;
	need_root();
	must("ip addr add 10.77.9.9/32 dev " TUN);
	want_both("10.77.0.1", "2001:db8:77::1");
	assert_int_equal(inner_apply(&have, &want, false, TUN), 0);
	assert_int_equal(inner_find(&have, TUN), 0);
	assert_int_equal(have.n, 4);
	want.n = 0;
	want_from("10.20.0.0/24", "10.77.0.1");
	assert_int_equal(inner_apply(&have, &want, true, TUN), 0);
	assert_int_equal(have.n, 4);
	leaves_from("2001:db8:20::10", "2001:db8:77::1");
	assert_int_equal(inner_apply(&have, &want, false, TUN), 0);
	assert_int_equal(have.n, 2);
	leaves_from("10.20.0.10", "10.77.0.1");
	leaves_from("2001:db8:20::10", "2001:db8:30::1");
	want.n = 0;
	assert_int_equal(inner_apply(&have, &want, true, TUN), 0); /* it had been asked for meanwhile */
	assert_non_null(strstr(says("ip addr show dev " TUN), "10.77.9.9/32"));
	must("ip addr del 10.77.9.9/32 dev " TUN);
	only_the_dataplanes();
}

static void somebody_else_took_it_away(void **state)
{
	(void)state;
	need_root();
	want_both("10.77.0.1", "2001:db8:77::1");
	assert_int_equal(inner_apply(&have, &want, false, TUN), 0);
	must("ip addr del 10.77.0.1/32 dev " TUN);
	want.n = 0;
	assert_int_equal(inner_apply(&have, &want, false, TUN), 0);
	assert_int_equal(have.n, 0);
	only_the_dataplanes();
}

static void no_such_interface(void **state)
{
	(void)state;
	need_root();
	want_both("10.77.0.1", "2001:db8:77::1");
	assert_int_equal(inner_find(&have, "rgtun9"), -ENODEV);
	assert_int_equal(inner_apply(&have, &want, false, "rgtun9"), -ENODEV);
	want.n = 0;
	assert_int_equal(inner_apply(&have, &want, false, "rgtun9"), 0);
}

/* The kernel says so in the middle of its answer, and sends the rest all the same. */
static void what_changes_meanwhile(void **state)
{
	(void)state;
	need_root();
	must("for i in 0 1 2 3 4 5 6 7; do seq -f \"addr add 10.98.$i.%g/32 dev lo\" 250; done | ip -batch "
	     "-");
	want_both("10.77.0.1", "2001:db8:77::1");
	assert_int_equal(inner_apply(&have, &want, false, TUN), 0);
	changes_after = 1;
	assert_int_equal(inner_find(&have, TUN), 0);
	assert_int_equal(changes_after, 0);
	assert_int_equal(have.n, 4);
	want.n = 0;
	assert_int_equal(inner_apply(&have, &want, false, TUN), 0);
	only_the_dataplanes();
}

/* As many as there is room for. */
static void a_full_table(void **state)
{
	struct rg_cfg_addr addr = {.family = 4, .bytes = {10, 77}};

	(void)state;
	want.n = 0;
	for (unsigned i = 0; i < INNER_MAX; i++) {
		addr.bytes[2] = (uint8_t)(i >> 8);
		addr.bytes[3] = (uint8_t)i;
		assert_true(inner_want_address(&want, &addr));
		assert_true(inner_want_address(&want, &addr));
	}
	addr.bytes[2] = 9;
	assert_false(inner_want_address(&want, &addr));
	assert_int_equal(want.n, INNER_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(comes_and_goes),          cmocka_unit_test(another_one_takes_over),
	        cmocka_unit_test(what_was_left_is_found),  cmocka_unit_test(somebody_else_took_it_away),
	        cmocka_unit_test(no_such_interface),       cmocka_unit_test(a_full_table),
	        cmocka_unit_test(a_route_that_is_refused), cmocka_unit_test(what_changes_meanwhile),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
