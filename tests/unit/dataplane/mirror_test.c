/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The netlink mirror against this machine's kernel, in a network namespace of the test's own: a dump that
 * breaks off, as it does where the kernel's tables change meanwhile, takes nothing away from the workers, and
 * a worker that stands still costs no more memory with each change.
 */
#include "dataplane/core/retire.h"
#include "dataplane/core/writer.h"
#include "dataplane/mirror.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>

#define LO 1u /* ifindex of a namespace's loopback */

static unsigned fail_at; /* the call that fails, counted from 1; 0: none */
static unsigned reads;

ssize_t __real_mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size);

ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size)
{
	if (++reads != fail_at)
		return __real_mnl_socket_recvfrom(socket, buffer, size);
	errno = EINTR;
	return -1;
}

static const struct rg_cfg_prefix ours = {.addr = {.family = 4, .bytes = {192, 0, 2, 1}}, .len = 32};
static struct rg_config cfg;
static struct mirror mirror;
static struct dp dp;

static int setup(void **state)
{
	const struct core_config config = {.n_workers = 1, .max_sas = 64, .key_size = 64};

	(void)state;
	if (unshare(CLONE_NEWNET) != 0)
		return 0; /* not root: the tests are skipped */
	if (core_new(&config, &dp.core) != 0 || nl_open(&mirror.nl) != 0)
		return -1;
	return nl_link_set(&mirror.nl, LO, NULL, 0, true) != 0 || nl_addr_add(&mirror.nl, LO, &ours) != 0 ? -1
	                                                                                                  : 0;
}

static int teardown(void **state)
{
	(void)state;
	if (dp.core == NULL)
		return 0;
	mirror_close(&mirror);
	nl_close(&mirror.nl);
	core_free(dp.core);
	fib_free((struct fib *)(uintptr_t)atomic_load(&dp.fib));
	return 0;
}

static bool is_local(void)
{
	uint32_t addr;

	memcpy(&addr, ours.addr.bytes, 4);
	return fib_is_local4(dp_fib(&dp), addr);
}

/* At the start it is tried again. */
static void a_start_that_is_disturbed(void **state)
{
	(void)state;
	if (dp.core == NULL)
		skip();
	fail_at = 3;
	assert_int_equal(mirror_open(&mirror, &dp, &cfg), 0);
	assert_true(reads > 3);
	assert_true(is_local());
}

static void a_dump_that_breaks_off(void **state)
{
	uint64_t now = 1000;

	(void)state;
	if (dp.core == NULL)
		skip();
	for (unsigned at = 1; at <= 8; at++, now += 1000) {
		reads = 0;
		fail_at = at;
		mirror.resync = mirror.dirty = true;
		mirror_tick(&mirror, now);
		assert_true(mirror.resync);
		assert_true(is_local());
		mirror_tick(&mirror, now + 500);
		assert_false(mirror.resync);
		assert_true(is_local());
	}
}

/* H74: what it may still read is bounded, however often routes change; when it is back, so is what is new. */
static void a_worker_that_does_not_come_round(void **state)
{
	const struct retire *retired;
	uint64_t now = 100000, serial;

	(void)state;
	if (dp.core == NULL)
		skip();
	retired = &dp.core->writer->retire;
	retire_reclaim(dp.core, UINT32_MAX);
	rcu_online(&dp.core->rcu, 0);
	for (unsigned i = 0; i < 100; i++) {
		mirror.dirty = true;
		mirror_tick(&mirror, now += 2000);
	}
	assert_true(retired->n > 0 && retired->n < 50);
	serial = dp_fib(&dp)->serial;
	rcu_quiescent(&dp.core->rcu, 0);
	retire_reclaim(dp.core, UINT32_MAX);
	assert_int_equal(retired->n, 0);
	mirror_tick(&mirror, now += 2000);
	mirror_tick(&mirror, now += 2000);
	assert_int_not_equal(dp_fib(&dp)->serial, serial);
	rcu_offline(&dp.core->rcu, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_start_that_is_disturbed),
	        cmocka_unit_test(a_dump_that_breaks_off),
	        cmocka_unit_test(a_worker_that_does_not_come_round),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
