/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that steer by SPI follow the tables, against a device that this test plays (-Wl,--wrap):
 * SAs come, go, change owner and encapsulation; the device has room, or none, or cannot at all.
 */
#include "dataplane/core/batch.h"
#include "dataplane/core/owner.h"
#include "dataplane/steer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <errno.h>

#include <cmocka.h>
#include <rte_flow.h>

#define ROOM 8u

struct rte_flow {
	bool used;
	uint16_t ethdev, queue;
	uint32_t spi;
	enum rte_flow_item_type ip;
	bool udp;
};

static struct dp dp;
static struct steer steer;
static struct rte_flow device[ROOM];
static bool capable;
static unsigned room;
static struct nexthop hops[2] = {{.port = 0, .mtu = 1500}, {.port = 1, .mtu = 1500}};

int __wrap_rte_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
                             const struct rte_flow_item items[], const struct rte_flow_action actions[],
                             struct rte_flow_error *error);
struct rte_flow *__wrap_rte_flow_create(uint16_t port, const struct rte_flow_attr *attr,
                                        const struct rte_flow_item items[],
                                        const struct rte_flow_action actions[], struct rte_flow_error *error);
int __wrap_rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error);

int __wrap_rte_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
                             const struct rte_flow_item items[], const struct rte_flow_action actions[],
                             struct rte_flow_error *error)
{
	(void)port, (void)attr, (void)items, (void)actions;
	error->message = "the test says no";
	return capable ? 0 : -ENOTSUP;
}

struct rte_flow *__wrap_rte_flow_create(uint16_t port, const struct rte_flow_attr *attr,
                                        const struct rte_flow_item items[],
                                        const struct rte_flow_action actions[], struct rte_flow_error *error)
{
	struct rte_flow f = {.used = true, .ethdev = port, .ip = items[1].type};
	const struct rte_flow_item *esp = &items[2];

	assert_true(attr->ingress);
	f.udp = esp->type == RTE_FLOW_ITEM_TYPE_UDP;
	esp += f.udp;
	assert_int_equal(esp->type, RTE_FLOW_ITEM_TYPE_ESP);
	assert_int_equal(esp[1].type, RTE_FLOW_ITEM_TYPE_END);
	f.spi = ((const struct rte_flow_item_esp *)esp->spec)->hdr.spi;
	f.queue = ((const struct rte_flow_action_queue *)actions[0].conf)->index;
	for (unsigned i = 0; i < room; i++) {
		if (device[i].used)
			continue;
		device[i] = f;
		return &device[i];
	}
	error->message = "full";
	return NULL;
}

int __wrap_rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error)
{
	(void)error;
	assert_true(flow->used && flow->ethdev == port);
	flow->used = false;
	return 0;
}

static uint32_t handle_of(uint32_t i)
{
	return RG_SA_HANDLE(i, 1);
}

static void resolve(void *ctx, struct route *route)
{
	(void)ctx;
	route_set_nexthop(dp.core, route, &hops[route->addr[3] & 1]);
}

static struct rg_api_path path_to(uint8_t last, uint8_t encap)
{
	struct rg_api_path p = {.family = 4, .encap = encap};

	if (encap == RG_ENCAP_UDP)
		p.local_port = p.remote_port = RTE_BE16(4500);
	memcpy(p.local, (const uint8_t[]){203, 0, 113, 2}, 4);
	memcpy(p.remote, (const uint8_t[]){192, 0, 2, last}, 4);
	return p;
}

static void add(uint32_t i)
{
	struct rg_api_tunnel t = {.handle = handle_of(i), .generation = 1, .path = path_to(2, RG_ENCAP_NONE)};
	struct rg_api_sa sa = {.handle = handle_of(i),
	                       .spi = htonl(1u << 28 | handle_of(i)),
	                       .tunnel = handle_of(i),
	                       .suite = RG_SUITE_AES128_GCM16,
	                       .window = 64};
	struct batch_result r;

	sa.local[0] = (struct rg_api_selector){.family = 4, .port_last = 65535, .last = {255, 255, 255, 255}};
	sa.remote[0] = sa.local[0];
	assert_int_equal(batch_tunnel_add(dp.core, &t, 1, &r), 0);
	assert_int_equal(batch_sa_add(dp.core, RG_IN, &sa, 1, &r), 0);
}

static void del(uint32_t i)
{
	const struct rg_api_handle h = {.handle = handle_of(i)};
	struct batch_result r;

	assert_int_equal(batch_sa_del(dp.core, RG_IN, &h, 1, &r), 0);
}

/* The device's rule for SA `i`, after a whole pass; NULL: none. */
static const struct rte_flow *rule_of(uint32_t i)
{
	const struct rte_flow *found = NULL;

	for (unsigned tick = 0; tick < 110; tick++)
		steer_tick(&steer);
	for (unsigned k = 0; k < ROOM; k++) {
		if (!device[k].used || device[k].spi != htonl(1u << 28 | handle_of(i)))
			continue;
		assert_null(found);
		found = &device[k];
	}
	return found;
}

static int setup(void **state)
{
	const struct core_config config = {
	        .n_workers = 2, .max_sas = 256, .key_size = 64, .route_added = resolve};

	(void)state;
	memset(&dp, 0, sizeof(dp));
	memset(device, 0, sizeof(device));
	capable = true;
	room = ROOM;
	dp.n_ports = 3;
	dp.n_workers = 2;
	for (unsigned i = 0; i < 3; i++)
		dp.port[i].ethdev = (uint16_t)(10 + i);
	dp.port[2].network = true;
	return core_new(&config, &dp.core);
}

static int teardown(void **state)
{
	(void)state;
	steer_close(&steer);
	for (unsigned i = 0; i < ROOM; i++)
		assert_false(device[i].used);
	core_free(dp.core);
	return 0;
}

static void a_rule_follows_its_sa(void **state)
{
	struct rg_api_migrate m = {.handle = handle_of(1), .generation = 2, .path = path_to(3, RG_ENCAP_UDP)};
	const struct rte_flow *rule;
	struct batch_result r;
	unsigned owner;

	(void)state;
	assert_int_equal(steer_open(&steer, &dp), 0);
	assert_false(steer.port[2]);
	add(1);
	owner = sa_owner(sa_by_handle(dp.core, RG_IN, handle_of(1)));
	rule = rule_of(1);
	assert_non_null(rule);
	assert_true(rule->queue == owner && rule->ethdev == 10 && rule->ip == RTE_FLOW_ITEM_TYPE_IPV4);
	assert_false(rule->udp);
	/* another path: behind the other uplink, in UDP */
	assert_int_equal(batch_migrate(dp.core, &m, 1, &r), 0);
	rule = rule_of(1);
	assert_true(rule != NULL && rule->udp && rule->ethdev == 11);
	/* another owner */
	const struct rg_api_owner order = {.tunnel = handle_of(1), .worker = 1 - owner};
	assert_int_equal(batch_owner(dp.core, &order, 1, &r), 0);
	owner_obey(dp.core, owner);
	rule = rule_of(1);
	assert_true(rule != NULL && rule->queue == 1 - owner);
	del(1);
	assert_null(rule_of(1));
	assert_int_equal(steer.count, 0);
}

static void a_full_device_keeps_what_it_has(void **state)
{
	(void)state;
	room = 2;
	assert_int_equal(steer_open(&steer, &dp), 0);
	for (uint32_t i = 1; i <= 4; i++)
		add(i);
	assert_non_null(rule_of(1));
	assert_non_null(rule_of(2));
	assert_null(rule_of(3));
	assert_true(steer.full);
	del(1);
	assert_null(rule_of(1));
	assert_non_null(rule_of(3));
	assert_int_equal(steer.count, 2);
}

static void a_device_that_cannot_is_left_alone(void **state)
{
	(void)state;
	capable = false;
	assert_int_equal(steer_open(&steer, &dp), 0);
	add(1);
	assert_null(rule_of(1));
	assert_null(steer.rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(a_rule_follows_its_sa, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_full_device_keeps_what_it_has, setup, teardown),
	        cmocka_unit_test_setup_teardown(a_device_that_cannot_is_left_alone, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
