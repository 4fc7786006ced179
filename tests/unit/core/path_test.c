/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header templates and their sums, refused endpoints (H50 at this layer), routes
 * that paths share and next hops that change below them.
 */
#include "fixture.h"

#include <errno.h>

static struct path *build(struct core *core, const struct rg_api_path *spec)
{
	struct path *path = NULL;

	assert_int_equal(path_build(core, spec, &path), 0);
	assert_true(path_is_whole(path));
	return path;
}

/* Big-endian 16-bit words, summed and folded; the naive way. */
static uint16_t sum_words(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void ipv4_template_and_sum(void **state)
{
	static const uint8_t want[28] = {0x45, 0, 0,   0, 0,   0, 0x40, 0,    64,   17,   0, 0, 192, 0,
	                                 2,    1, 203, 0, 113, 1, 0x11, 0x94, 0x11, 0x94, 0, 0, 0,   0};
	struct core *core = fixture_core(1);
	struct rg_api_path spec = fixture_path(0xcb007101);
	struct path *path = build(core, &spec);

	(void)state;
	assert_int_equal(path->hdr_len, 28);
	assert_memory_equal(path->hdr, want, 28);
	assert_int_equal(ntohs(path->sum), sum_words(want, 20, 0));
	assert_true(path_is_remote4(path, htonl(0xcb007101), htons(4500)));
	assert_false(path_is_remote4(path, htonl(0xcb007102), htons(4500)));
	assert_false(path_is_remote4(path, htonl(0xcb007101), htons(4501)));
	path_free(core, path);
	spec.encap = RG_ENCAP_NONE; /* its ports mean nothing now */
	path = build(core, &spec);
	assert_int_equal(path->hdr_len, 20);
	assert_int_equal(path->hdr[9], 50);
	path_endpoints(path, &spec);
	assert_int_equal(spec.local_port, 0);
	assert_true(path_is_remote4(path, htonl(0xcb007101), 0));
	path_free(core, path);
	core_free(core);
}

static void ipv6_template_and_sum(void **state)
{
	struct core *core = fixture_core(1);
	struct rg_api_path spec = {
	        .family = 6, .encap = RG_ENCAP_UDP, .local_port = htons(4500), .remote_port = htons(61001)};

	(void)state;
	memcpy(spec.local, (uint8_t[16]){0x20, 1, 0xd, 0xb8, [15] = 1}, 16);
	memcpy(spec.remote, (uint8_t[16]){0x20, 1, 0xd, 0xb8, 0xff, [15] = 2}, 16);
	struct path *path = build(core, &spec);
	assert_int_equal(path->hdr_len, 48);
	assert_int_equal(path->hdr[0], 0x60);
	assert_int_equal(path->hdr[6], 17);
	assert_memory_equal(path->hdr + 8, spec.local, 16);
	assert_memory_equal(path->hdr + 24, spec.remote, 16);
	assert_int_equal(ntohs(path->sum), sum_words(path->hdr + 8, 40, 17));
	assert_true(path_is_remote6(path, spec.remote, htons(61001)));
	assert_false(path_is_remote6(path, spec.local, htons(61001)));
	path_free(core, path);
	core_free(core);
}

static void H50_endpoints_that_cannot_be(void **state)
{
	static const uint8_t bad4[][4] = {
	        {0, 0, 0, 0}, {127, 0, 0, 1}, {224, 0, 0, 1}, {255, 255, 255, 255}, {192, 0, 2, 1}};
	static const uint8_t bad6[][16] = {
	        {0}, {[15] = 1}, {0xff, 2, [15] = 1}, {[10] = 0xff, [11] = 0xff, [15] = 1}};
	struct core *core = fixture_core(1);
	struct rg_api_path spec;
	struct path *path = NULL;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		spec = fixture_path(0xcb007101);
		memcpy(spec.remote, bad4[i], 4);
		assert_int_equal(path_build(core, &spec, &path), -EINVAL);
	}
	for (unsigned i = 0; i < 4; i++) {
		spec = (struct rg_api_path){.family = 6};
		memcpy(spec.local, (uint8_t[16]){0x20, 1, [15] = 9}, 16);
		memcpy(spec.remote, bad6[i], 16);
		assert_int_equal(path_build(core, &spec, &path), -EINVAL);
	}
	spec = fixture_path(0xcb007101);
	spec.remote_port = 0;
	assert_int_equal(path_build(core, &spec, &path), -EINVAL);
	spec = fixture_path(0xcb007101);
	spec.encap = 2;
	assert_int_equal(path_build(core, &spec, &path), -EINVAL);
	spec = fixture_path(0xcb007101);
	spec.mtu = 300;
	assert_int_equal(path_build(core, &spec, &path), -EINVAL);
	assert_null(path);
	core_free(core);
}

static struct {
	unsigned added, removed;
	struct route *last;
} seen;

static void on_added(void *ctx, struct route *route)
{
	(void)ctx;
	seen.added++;
	seen.last = route;
}

static void on_removed(void *ctx, struct route *route)
{
	(void)ctx;
	(void)route;
	seen.removed++;
}

static int table_of(void *ctx, uint8_t family, const uint8_t *addr, uint32_t *table)
{
	(void)ctx;
	*table = 101;
	return family == 4 && addr[3] == 1 ? 0 : -EADDRNOTAVAIL;
}

static void count_route(void *ctx, struct route *route)
{
	(void)route;
	++*(unsigned *)ctx;
}

static void routes_are_shared_and_resolved(void **state)
{
	struct core_config config = {.n_workers = 1,
	                             .max_sas = 64,
	                             .local_table = table_of,
	                             .route_added = on_added,
	                             .route_removed = on_removed};
	struct rg_api_path spec = fixture_path(0xcb007101);
	struct nexthop nh = {.l2 = {2, 0, 0, 0, 0, 1}, .port = 1, .mtu = 1500};
	struct core *core = NULL;
	unsigned n = 0;

	(void)state;
	assert_int_equal(core_new(&config, &core), 0);
	struct path *a = build(core, &spec), *b = build(core, &spec);
	assert_ptr_equal(a->nexthop, b->nexthop);
	assert_int_equal(seen.added, 1);
	assert_int_equal(seen.last->table, 101);
	assert_null(nexthop_load(a->nexthop));
	assert_int_equal(route_set_nexthop(core, seen.last, &nh), 0);
	assert_int_equal(nexthop_load(b->nexthop)->port, 1);
	assert_int_equal(path_outer_mtu(a, nexthop_load(a->nexthop)), 1500);
	const struct nexthop *first = nexthop_load(a->nexthop);
	assert_int_equal(route_set_nexthop(core, seen.last, &nh), 0); /* the same: nothing to do */
	assert_ptr_equal(nexthop_load(a->nexthop), first);
	nh.port = 2;
	rcu_online(&core->rcu, 0);
	assert_int_equal(route_set_nexthop(core, seen.last, &nh), 0);
	assert_int_equal(nexthop_load(a->nexthop)->port, 2);
	nexthops_reclaim(core);
	assert_int_equal(first->port, 1); /* a worker may still read it */
	rcu_quiescent(&core->rcu, 0);
	nexthops_reclaim(core);
	assert_null(core->writer->nexthops.idle);
	rcu_offline(&core->rcu, 0);
	route_foreach(core, 101, count_route, &n);
	route_foreach(core, 102, count_route, &n);
	assert_int_equal(n, 1);
	path_free(core, a);
	assert_int_equal(seen.removed, 0);
	path_free(core, b);
	assert_int_equal(seen.removed, 1);
	spec.local[3] = 2;
	assert_int_equal(path_build(core, &spec, &a), -EADDRNOTAVAIL);
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ipv4_template_and_sum),
	        cmocka_unit_test(ipv6_template_and_sum),
	        cmocka_unit_test(H50_endpoints_that_cannot_be),
	        cmocka_unit_test(routes_are_shared_and_resolved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
