/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/reconcile: a dataplane that outlived its control
 * process (H71 without checkpoints). The core is the real one, its ops note
 * what it asks for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/ike/orphans.h"
#include "control/ike/traps.h"
#include "control/reconcile.h"
#include "tests/support/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COOKIE 0xc001

static const char config_text[] =
        "version: 1\n"
        "dataplane: {workers: [0], max-sas: 65536, ports: {p: {device: 'af_packet:veth'}}}\n"
        "uplinks: {u: {port: p, addresses: [192.0.2.1/24], gateways: [192.0.2.254], table: 100, preference: "
        "1}}\n"
        "pools: {road: {ranges: [10.99.0.0/29, \"2001:db8:99::/64\"]}}\n"
        "gateway: {identity: gw.example.net}\n"
        "connections:\n"
        "  roam: {uplinks: {members: [u]}, authentication: {local: psk, remote: psk}, identities: ['*'],\n"
        "    pool: road, selectors: {local: [10.20.0.0/24]}}\n"
        "  site: {uplinks: {members: [u]}, authentication: {local: psk, remote: psk}, identities: "
        "[site.lab],\n"
        "    selectors: {local: [10.20.0.0/24], remote: [10.50.0.0/16]},\n"
        "    initiate: {to: 203.0.113.1, start: on-traffic}}\n"
        "  branch: {uplinks: {members: [u]}, authentication: {local: psk, remote: psk}, identities: "
        "[branch.lab],\n"
        "    selectors: {local: [10.20.0.0/24], remote: [10.50.1.0/24, 10.60.0.0/16]}}\n"
        "secrets: [{identity: '*', file: %s}]\n";

static const struct rg_config nothing;
static struct ike_manager *ike;
static struct rg_auth *auth;
static struct rg_pools *pools;
static uint16_t deleted[32]; /* types of the records that the core sent */
static size_t n_deleted;
static uint32_t last_handle;
static struct rg_api_policy added[16]; /* policies that the core sent */
static size_t n_added;
static int refuse; /* the next batch */

static uint64_t now(void *user)
{
	(void)user;
	return 1000000;
}

static void fill(void *user, void *buf, size_t len)
{
	(void)user;
	memset(buf, 0x5a, len);
}

static void submit(void *user, struct ike_batch *batch)
{
	(void)user;
	for (size_t i = 0; i < batch->n; i++) {
		last_handle = batch->steps[i].handle.handle;
		if (n_deleted < sizeof(deleted) / sizeof(deleted[0]))
			deleted[n_deleted] = (uint16_t)batch->steps[i].type;
		n_deleted++;
		if (batch->steps[i].type == RG_MSG_POLICY_ADD)
			added[n_added++] = batch->steps[i].policy;
	}
	batch->error = refuse;
	refuse = 0;
	batch->applied = batch->error == 0 ? batch->n : 0;
	batch->done(batch);
}

static void ignore_event(void *user, const struct ike_event *event)
{
	(void)user, (void)event;
}

static void ignore_log(void *user, enum ike_log_level level, const char *component, const char *line)
{
	(void)user, (void)level, (void)component, (void)line;
}

static void wake(void *user)
{
	(void)user;
}

static void unreserve(void *user, uint64_t cookie, const struct rg_cfg_addr *addr)
{
	(void)user;
	(void)rg_pools_unreserve(pools, addr, cookie);
}

static const struct ike_ops ops = {.now = now,
                                   .random = fill,
                                   .dp_submit = submit,
                                   .event = ignore_event,
                                   .log = ignore_log,
                                   .wake = wake,
                                   .pool = {.unreserve = unreserve}};

static int setup(void **state)
{
	struct ike_params params = {.ops = &ops};
	struct rg_cfg_error where;
	struct rg_auth_error error;
	struct rg_config *cfg;
	char text[2048], folder[FOLDER_PATH], file[FOLDER_PATH + 8];
	int fd;

	(void)state;
	assert_true(folder_make(folder, "rg-reconcile-test"));
	snprintf(file, sizeof(file), "%s/psk", folder);
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "secret", 6), 6);
	close(fd);
	snprintf(text, sizeof(text), config_text, file);
	cfg = rg_config_parse(text, strlen(text), "test", &where);
	if (!cfg)
		fail_msg("%u:%u: %s", where.line, where.column, where.text);
	auth = rg_auth_load(cfg, &error);
	assert_true(folder_remove(folder));
	if (!auth)
		fail_msg("%s", error.text);
	params.auth = auth;
	ike = ike_create(&params);
	n_deleted = n_added = 0;
	return ike && rg_pools_new(rg_auth_config(auth), NULL, &pools) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	ike_destroy(ike);
	rg_pools_free(pools);
	rg_auth_unref(auth);
	return 0;
}

/* One client's objects: a tunnel, a pair of SAs, a policy for each family. */
static struct rg_api_tunnel tunnels[1] = {{.handle = RG_SA_HANDLE(3, 1), .cookie = COOKIE}};
static struct rg_api_sa_info sas[2] = {
        {.handle = RG_SA_HANDLE(5, 2), .tunnel = RG_SA_HANDLE(3, 1), .cookie = COOKIE, .direction = RG_OUT},
        {.handle = RG_SA_HANDLE(4, 2), .tunnel = RG_SA_HANDLE(3, 1), .cookie = COOKIE, .direction = RG_IN},
};
static struct rg_api_policy policies[2] = {
        {.handle = RG_SA_HANDLE(1, 1),
         .cookie = COOKIE,
         .family = 4,
         .prefix_len = 32,
         .prefix = {10, 99, 0, 3}},
        {.handle = RG_SA_HANDLE(2, 1),
         .cookie = COOKIE,
         .family = 6,
         .prefix_len = 128,
         .prefix = {0x20, 1, 0xd, 0xb8, 0, 0x99, [15] = 3}},
};

static struct dp_snapshot snapshot(void)
{
	return (struct dp_snapshot){.tunnels = tunnels,
	                            .n_tunnels = 1,
	                            .sas = sas,
	                            .n_sas = 2,
	                            .policies = policies,
	                            .n_policies = 2};
}

static void test_h71_adopts(void **state)
{
	struct rg_cfg_addr v4 = {4, {10, 99, 0, 3}}, other = {4, {10, 99, 0, 4}}, out;
	struct dp_snapshot s = snapshot();
	struct reconcile_result result;

	(void)state;
	reconcile_run(ike, &s, pools, &result);
	assert_int_equal(result.tunnels, 1);
	assert_int_equal(result.sas, 2);
	assert_int_equal(result.policies, 2);
	assert_int_equal(result.missing + result.refused, 0);
	assert_int_equal(orphans_count(ike), 1);
	assert_int_equal(n_deleted, 0); /* they go on forwarding */

	/* Their address is nobody else's, whoever asks for it, and their client's again. */
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(rg_pools_acquire(pools, 0, 4, 100 + i, 100 + i, &v4, &out), 0);
		assert_memory_not_equal(out.bytes, v4.bytes, 4);
	}
	assert_int_equal(rg_pools_acquire(pools, 0, 4, 200, 200, &v4, &out), -ENOSPC);
	assert_int_equal(rg_pools_acquire(pools, 0, 4, COOKIE, COOKIE, &other, &out), 0);
	assert_memory_equal(out.bytes, v4.bytes, 4);

	/* A second look finds nothing new. */
	reconcile_run(ike, &s, pools, &result);
	assert_int_equal(result.tunnels + result.sas + result.policies + result.refused, 0);
}

/* May anybody have the client's address, once all others are taken? */
static bool is_free(void)
{
	const struct rg_cfg_addr v4 = {4, {10, 99, 0, 3}};
	struct rg_cfg_addr out;

	for (uint64_t device = 300; rg_pools_acquire(pools, 0, 4, device, device, NULL, &out) == 0; device++)
		if (memcmp(out.bytes, v4.bytes, 4) == 0)
			return true;
	return false;
}

/* The client comes back to its address and leaves it for good: then another may have it, though none of its
 * SAs ever met its hard lifetime. */
static void test_address_of_a_client_that_came_back(void **state)
{
	struct rg_cfg_addr v4 = {4, {10, 99, 0, 3}}, out;
	struct dp_snapshot s = snapshot();
	struct reconcile_result result;

	(void)state;
	reconcile_run(ike, &s, pools, &result);
	assert_int_equal(rg_pools_acquire(pools, 0, 4, COOKIE, COOKIE, NULL, &out), 0);
	assert_memory_equal(out.bytes, v4.bytes, 4);
	orphans_replace(ike, COOKIE);
	assert_int_equal(orphans_count(ike), 0);
	assert_int_equal(n_deleted, 5);
	assert_int_equal(rg_pools_release(pools, &v4, COOKIE), 0);
	assert_true(is_free());
}

/* The hard lifetime ends what is left of a client, and its addresses are free again. */
static void test_hard_lifetime_ends_orphans(void **state)
{
	const struct rg_api_event event = {.type = RG_EVENT_HARD_LIFETIME,
	                                   .handle = RG_SA_HANDLE(4, 2),
	                                   .tunnel = RG_SA_HANDLE(3, 1),
	                                   .direction = RG_IN,
	                                   .cookie = COOKIE};
	struct dp_snapshot s = snapshot();
	struct reconcile_result result;

	(void)state;
	reconcile_run(ike, &s, pools, &result);
	assert_false(is_free());
	ike_dp_event(ike, &event);
	assert_int_equal(orphans_count(ike), 0);
	assert_int_equal(n_deleted, 5);
	assert_int_equal(deleted[0], RG_MSG_POLICY_DEL); /* nothing points at what is gone */
	assert_int_equal(deleted[4], RG_MSG_TUNNEL_DEL);
	assert_true(is_free());
}

#define CLIENTS 20000u
#define STRIDE  7919u /* a prime: each of them once, in no order */

/* Each has an inbound SA with the index that the outbound one of another has. */
static void adopt_many(void)
{
	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct rg_api_sa_info in = {.handle = RG_SA_HANDLE(1 + i, 3), .cookie = i};
		struct rg_api_sa_info out = {.handle = RG_SA_HANDLE(CLIENTS - i, 3), .cookie = i};

		in.direction = RG_IN;
		out.direction = RG_OUT;
		assert_int_equal(ike_adopt_sa(ike, &in), 0);
		assert_int_equal(ike_adopt_sa(ike, &out), 0);
	}
}

/* Thousands meet their hard lifetimes: each event ends its client, and nobody else. */
static void test_hard_lifetimes_of_many(void **state)
{
	struct rg_api_event event = {.type = RG_EVENT_HARD_LIFETIME};

	(void)state;
	adopt_many();
	for (uint32_t n = 0; n < CLIENTS; n++) {
		uint32_t i = n * STRIDE % CLIENTS;

		event.direction = n % 2 == 0 ? RG_IN : RG_OUT;
		event.handle = RG_SA_HANDLE(n % 2 == 0 ? 1 + i : CLIENTS - i, 2);
		ike_dp_event(ike, &event); /* of one that had the index before */
		assert_true(orphans_exist(ike, i));
		event.handle = RG_SA_HANDLE(n % 2 == 0 ? 1 + i : CLIENTS - i, 3);
		ike_dp_event(ike, &event);
		assert_false(orphans_exist(ike, i));
		assert_int_equal(orphans_count(ike), CLIENTS - 1 - n);
		ike_dp_event(ike, &event);
		assert_int_equal(n_deleted, 2 * (n + 1));
	}
}

/* The same where that event was lost: the next comparison finds its SA gone. */
static void test_lost_hard_lifetime(void **state)
{
	struct rg_api_sa_info out = {.handle = RG_SA_HANDLE(5, 2), .direction = RG_OUT, .cookie = COOKIE};
	struct dp_snapshot s = snapshot();
	struct reconcile_result result;

	(void)state;
	reconcile_run(ike, &s, pools, &result);
	s.sas = &out;
	s.n_sas = 1;
	reconcile_run(ike, &s, pools, &result);
	assert_int_equal(result.tunnels + result.sas + result.policies + result.missing + result.refused, 0);
	assert_int_equal(orphans_count(ike), 0);
	assert_int_equal(n_deleted, 5);
	assert_true(is_free());
}

/* A dataplane that was started anew has none of them. */
static void test_restart_forgets_orphans(void **state)
{
	struct dp_snapshot s = snapshot();
	struct reconcile_result result;

	(void)state;
	reconcile_run(ike, &s, pools, &result);
	ike_dp_restarted(ike, NULL);
	assert_int_equal(orphans_count(ike), 0);
	assert_true(is_free());
	assert_int_equal(n_deleted, 0);
}

/* A policy that waits for traffic was taken by the dataplane, but the connection broke before it could say
 * so: it is asked for when it is back, found there, and goes with its connection. */
static void test_trap_over_a_broken_connection(void **state)
{
	(void)state;
	refuse = -ENOTCONN;
	traps_load(ike, rg_auth_config(auth));
	assert_int_equal(n_added, 4);
	refuse = -EEXIST;
	traps_again(ike, false);
	assert_int_equal(n_added, 5);
	assert_int_equal(added[4].handle, added[0].handle);
	traps_again(ike, false); /* it is known to be there now */
	assert_int_equal(n_deleted, 5);
	traps_load(ike, &nothing);
	assert_int_equal(n_deleted, 9);
	assert_int_equal(deleted[8], RG_MSG_POLICY_DEL);
}

/* What is for clients alone has a policy without an SA (H68), once: a network inside another one is the wider
 * one's. A reload leaves no moment without. */
static void test_H68_guards(void **state)
{
	static const struct {
		uint8_t family, len, prefix[5];
	} want[4] = {{4, 16, {10, 50}},
	             {4, 16, {10, 60}},
	             {4, 29, {10, 99}},
	             {6, 64, {0x20, 0x01, 0x0d, 0xb8, 0}}};

	(void)state;
	traps_load(ike, rg_auth_config(auth));
	assert_int_equal(n_added, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(added[i].family, want[i].family);
		assert_int_equal(added[i].prefix_len, want[i].len);
		assert_memory_equal(added[i].prefix, want[i].prefix, 5);
		assert_int_equal(added[i].sa, 0);
		assert_int_equal(traps_find(ike, added[i].handle), i == 0 ? 1 : -1);
	}
	traps_load(ike, rg_auth_config(auth));
	assert_int_equal(n_added, 8);
	for (unsigned i = 4; i < 12; i++)
		assert_int_equal(deleted[i], i < 8 ? RG_MSG_POLICY_ADD : RG_MSG_POLICY_DEL);
	assert_int_not_equal(added[4].handle, added[0].handle);
	traps_load(ike, &nothing);
}

/* The same the other way round: nobody knows of its removal, which is asked for again. */
static void test_removal_of_a_trap_over_a_broken_connection(void **state)
{
	struct rg_api_policy trap = {.family = 4, .prefix_len = 16, .prefix = {10, 50}};
	struct dp_snapshot s = {.policies = &trap, .n_policies = 1};
	struct reconcile_result result;

	(void)state;
	traps_load(ike, rg_auth_config(auth));
	trap.handle = last_handle;
	trap.cookie = TRAP_COOKIE;
	refuse = -ENOTCONN;
	traps_load(ike, &nothing);
	n_deleted = 0;
	reconcile_run(ike, &s, pools, &result);
	traps_again(ike, false);
	assert_int_equal(n_deleted, 1);
	assert_int_equal(deleted[0], RG_MSG_POLICY_DEL);
	assert_int_equal(last_handle, trap.handle);
}

/* What does not fit is said and left alone. */
static void test_refuses_foreign_handles(void **state)
{
	struct rg_api_sa_info foreign = {.handle = RG_SA_HANDLE(2000000, 1), .direction = RG_IN, .cookie = 1};
	struct dp_snapshot s = {.sas = &foreign, .n_sas = 1};
	struct reconcile_result result;

	(void)state;
	reconcile_run(ike, &s, pools, &result);
	assert_int_equal(result.refused, 1);
	assert_int_equal(result.sas, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_h71_adopts, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_hard_lifetime_ends_orphans, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_hard_lifetimes_of_many, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_lost_hard_lifetime, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_address_of_a_client_that_came_back, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_restart_forgets_orphans, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_trap_over_a_broken_connection, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_H68_guards, setup, teardown),
	        cmocka_unit_test_setup_teardown(test_removal_of_a_trap_over_a_broken_connection, setup,
	                                        teardown),
	        cmocka_unit_test_setup_teardown(test_refuses_foreign_handles, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
