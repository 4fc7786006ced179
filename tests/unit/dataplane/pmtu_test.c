/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pmtu.c: ICMP errors that quote our ESP, cut at every byte, the ring to main, and which of them main tells
 * to control. What is not told is counted.
 */
#include "dataplane/pmtu.h"

#include "tests/unit/core/fixture.h"

#include <arpa/inet.h>
#include <stdlib.h>

static const uint8_t esp_header[8] = {0xc0, 0x00, 0x00, 0x01, 0x00, 0x00, 0x12, 0x34};

static uint32_t make4(uint8_t *f, bool udp)
{
	uint8_t *icmp = f + 14 + 20, *quoted = icmp + 8, *esp = quoted + 20;
	static const uint8_t addresses[8] = {0xcb, 0x00, 0x71, 0x02, 0xc0, 0x00, 0x02, 0x0a};

	memset(f, 0, 128);
	f[14] = 0x45;
	f[14 + 9] = IPPROTO_ICMP;
	icmp[0] = 3;
	icmp[1] = 4;
	icmp[6] = 1300 >> 8;
	icmp[7] = 1300 & 0xff;
	quoted[0] = 0x45;
	quoted[2] = 1400 >> 8;
	quoted[3] = 1400 & 0xff;
	quoted[9] = udp ? IPPROTO_UDP : IPPROTO_ESP;
	memcpy(quoted + 12, addresses, sizeof(addresses));
	if (udp) {
		esp[0] = 4500 >> 8;
		esp[1] = 4500 & 0xff;
		esp += 8;
	}
	memcpy(esp, esp_header, sizeof(esp_header));
	return (uint32_t)(esp + 8 - f);
}

static uint32_t make6(uint8_t *f)
{
	uint8_t *icmp = f + 14 + 40, *quoted = icmp + 8;

	memset(f, 0, 160);
	f[14] = 0x60;
	f[14 + 6] = IPPROTO_ICMPV6;
	icmp[0] = 2;
	icmp[6] = 1280 >> 8;
	quoted[0] = 0x60;
	quoted[6] = IPPROTO_ESP;
	quoted[8] = 0x20;
	quoted[24] = 0x21;
	memcpy(quoted + 40, esp_header, sizeof(esp_header));
	return 14 + 40 + 8 + 40 + 8;
}

static void what_is_quoted(void **state)
{
	uint8_t f[160];
	struct pmtu_hint h;

	(void)state;
	for (int udp = 0; udp <= 1; udp++) {
		assert_true(pmtu_parse(f, make4(f, udp), &h));
		assert_int_equal(h.family, 4);
		assert_int_equal(h.mtu, 1300);
		assert_int_equal(h.length, 1400);
		assert_int_equal(h.header, 20);
		assert_int_equal(ntohl(h.spi), 0xc0000001u);
		assert_int_equal(h.sequence, 0x1234);
		assert_memory_equal(h.local, "\xcb\x00\x71\x02", 4);
		assert_memory_equal(h.remote, "\xc0\x00\x02\x0a", 4);
	}
	assert_true(pmtu_parse(f, make6(f), &h));
	assert_int_equal(h.family, 6);
	assert_int_equal(h.mtu, 1280);
	assert_int_equal(h.local[0], 0x20);
	assert_int_equal(h.remote[0], 0x21);
}

/* Cut anywhere: refused, and nothing behind it is read (run under ASan). */
static void cut_anywhere(void **state)
{
	uint8_t whole[160];
	struct pmtu_hint h;

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		uint32_t len = kind == 2 ? make6(whole) : make4(whole, kind);
		for (uint32_t cut = 0; cut < len; cut++) {
			uint8_t *f = (uint8_t *)malloc(cut + 1);
			memcpy(f, whole, cut);
			assert_false(pmtu_parse(f, cut, &h));
			free(f);
		}
	}
}

static void other_messages(void **state)
{
	uint8_t f[160];
	struct pmtu_hint h;
	uint32_t len = make4(f, false);

	(void)state;
	f[35] = 3; /* port unreachable */
	assert_false(pmtu_parse(f, len, &h));
	len = make4(f, false);
	f[34] = 11;
	assert_false(pmtu_parse(f, len, &h));
	len = make4(f, false);
	f[42 + 9] = IPPROTO_TCP;
	assert_false(pmtu_parse(f, len, &h));
	len = make4(f, true);
	f[62] = 0; /* not from our port */
	assert_false(pmtu_parse(f, len, &h));
	len = make4(f, true);
	memset(f + 70, 0, 4); /* IKE, by its marker */
	assert_false(pmtu_parse(f, len, &h));
}

static void ring_to_main(void **state)
{
	static struct pmtu_ring ring;
	struct pmtu_hint h = {0};
	struct counters counters = {0};

	(void)state;
	assert_false(pmtu_take(&ring, &h));
	for (uint32_t i = 0; i < PMTU_RING + 10; i++) {
		h.mtu = i;
		pmtu_put(&ring, &h, &counters);
	}
	assert_int_equal(counters.count[COUNTER_PMTU_FULL], 10);
	for (uint32_t i = 0; i < PMTU_RING; i++) {
		assert_true(pmtu_take(&ring, &h));
		assert_int_equal(h.mtu, i);
	}
	assert_false(pmtu_take(&ring, &h));
}

static struct route *added;

static void on_added(void *ctx, struct route *route)
{
	(void)ctx;
	added = route;
}

#define SENT 100000u

static const uint8_t local6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1},
                     remote6[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};

/* An outbound SA, 0x10000002 to 203.0.113.1 or to remote6, that has sent so many over a port of 1500. */
static struct core *core_with_sa_of(const struct core_config *config, uint32_t handle, uint8_t family)
{
	struct nexthop nh = {.l2 = {2, 0, 0, 0, 0, 1}, .port = 1, .mtu = 1500};
	struct rg_api_tunnel tunnel = fixture_tunnel(1);
	struct rg_api_sa sa = fixture_sa(handle, 1, 0x0a630001);
	struct batch_result result;
	struct core *core = NULL;

	if (family == 6) {
		tunnel.path.family = 6;
		memcpy(tunnel.path.local, local6, 16);
		memcpy(tunnel.path.remote, remote6, 16);
	}
	assert_int_equal(core_new(config, &core), 0);
	core_tick(core, 1000);
	assert_int_equal(batch_tunnel_add(core, &tunnel, 1, &result), 0);
	sa.sequence = SENT;
	assert_int_equal(batch_sa_add(core, RG_OUT, &sa, 1, &result), 0);
	assert_int_equal(route_set_nexthop(core, added, &nh), 0);
	return core;
}

static struct core *core_with_sa(void)
{
	const struct core_config config = {
	        .n_workers = 1, .max_sas = 64, .key_size = 64, .route_added = on_added};

	return core_with_sa_of(&config, 2, 4);
}

static struct core *core_with_sa6(void)
{
	const struct core_config config = {
	        .n_workers = 1, .max_sas = 64, .key_size = 64, .route_added = on_added};

	return core_with_sa_of(&config, 2, 6);
}

static struct pmtu_hint good_hint(void)
{
	return (struct pmtu_hint){.spi = htonl(0x10000002),
	                          .sequence = SENT - 10,
	                          .mtu = 1400,
	                          .family = 4,
	                          .local = {192, 0, 2, 1},
	                          .remote = {203, 0, 113, 1}};
}

static struct pmtu_hint good_hint6(void)
{
	struct pmtu_hint hint = good_hint();

	hint.family = 6;
	memcpy(hint.local, local6, 16);
	memcpy(hint.remote, remote6, 16);
	return hint;
}

static struct pmtu_ring ring;
static struct pmtu_search search;

/* Main's ticks until it has looked for all of them. */
static void look_for(struct core *core, const struct pmtu_hint *hints, unsigned n, struct counters *counters)
{
	for (unsigned i = 0; i < n; i++)
		pmtu_put(&ring, &hints[i], counters);
	do
		pmtu_tick(&search, &ring, core, counters);
	while (search.n > 0);
}

static void what_main_tells(void **state)
{
	struct core *core = core_with_sa();
	struct pmtu_hint good = good_hint();
	struct counters counters = {0};
	struct rg_api_event e;

	(void)state;
	look_for(core, &good, 1, &counters);
	assert_int_equal(event_take(core_main_events(core), &e), 1);
	assert_int_equal(e.type, RG_EVENT_PMTU);
	assert_int_equal(e.value, 1400);
	assert_int_equal(e.handle, 2);
	assert_int_equal(counters.count[COUNTER_PMTU_TOLD], 1);
	assert_int_equal(counters.count[COUNTER_PMTU_REFUSED], 0);
	core_free(core);
}

/* H41: an SPI, a sequence number and addresses that somebody has guessed, and sizes that cannot be or are no
 * news. */
static void what_main_refuses(void **state)
{
	struct core *core = core_with_sa();
	struct pmtu_hint bad[] = {good_hint(), good_hint(), good_hint(), good_hint(),
	                          good_hint(), good_hint(), good_hint(), good_hint()};
	const unsigned n = sizeof(bad) / sizeof(bad[0]);
	struct counters counters = {0};
	struct rg_api_event e;

	(void)state;
	bad[0].spi = htonl(0x10000003);
	bad[1].remote[3] = 2;
	bad[2].local[3] = 2;
	bad[3].family = 6;
	bad[4].sequence = SENT - PMTU_SEQUENCE;
	bad[5].sequence = SENT + 1;
	bad[6].mtu = 1500;
	bad[7].mtu = 575; /* too small, and of no packet of ours */
	bad[7].spi = htonl(0x10000003);
	for (unsigned i = 0; i < n; i++) {
		look_for(core, &bad[i], 1, &counters);
		assert_int_equal(counters.count[COUNTER_PMTU_REFUSED], i + 1);
	}
	assert_int_equal(event_take(core_main_events(core), &e), 0);
	assert_int_equal(counters.count[COUNTER_PMTU_TOLD], 0);
	assert_int_equal(counters.count[COUNTER_PMTU_TOO_SMALL], 0);
	core_free(core);
}

/* H41: who can see our packets may forge an answer to them, but not one that leaves nothing of the tunnel. */
static void what_is_too_small(void **state)
{
	static const uint32_t mtus[] = {0, 67, 68, 575};
	struct core *core = core_with_sa();
	struct pmtu_hint hint = good_hint();
	struct counters counters = {0};
	struct rg_api_event e;

	(void)state;
	for (unsigned i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
		hint.mtu = mtus[i];
		look_for(core, &hint, 1, &counters);
		assert_int_equal(counters.count[COUNTER_PMTU_TOO_SMALL], i + 1);
	}
	assert_int_equal(event_take(core_main_events(core), &e), 0);
	assert_int_equal(counters.count[COUNTER_PMTU_TOLD] + counters.count[COUNTER_PMTU_REFUSED], 0);
	hint.mtu = 576;
	look_for(core, &hint, 1, &counters);
	assert_int_equal(event_take(core_main_events(core), &e), 1);
	assert_int_equal(e.value, 576);
	core_free(core);
}

/* The SA's path takes less now. */
static void lower_path(struct core *core, uint16_t mtu)
{
	struct rg_api_migrate move = {.handle = 1, .generation = 2, .path = fixture_tunnel(1).path};
	struct batch_result result;

	move.path.mtu = mtu;
	assert_int_equal(batch_migrate(core, &move, 1, &result), 0);
}

/* RFC 1191 5: routers that do not say their MTU. */
static void what_old_routers_tell(void **state)
{
	static const struct {
		uint16_t path, length, header, mtu; /* 0: nothing is told */
	} cases[] =
	        {
	                {0, 1500, 20, 1492},    {0, 1493, 20, 1492},
	                {0, 1492, 20, 1006},    {0, 1007, 20, 1006},
	                {0, 1006, 20, 576},     {0, 577, 20, 576},
	                {0, 1520, 20, 1492}, /* 4.2BSD */
	                {0, 1516, 24, 1006},    {0, 1512, 20, 1006},
	                {1492, 1500, 20, 0}, /* under way when the path's MTU was lowered */
	                {1492, 1492, 20, 1006}, {1492, 1512, 20, 1006},
	                {1006, 1400, 20, 0},    {576, 600, 20, 0},
	                {0, 65535, 20, 0}, /* no packet of ours */
	        };
	struct rg_api_event e;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct core *core = core_with_sa();
		struct pmtu_hint hint = good_hint();
		struct counters counters = {0};
		const bool told = cases[i].mtu != 0;

		if (cases[i].path != 0)
			lower_path(core, cases[i].path);
		hint.mtu = 0;
		hint.length = cases[i].length;
		hint.header = cases[i].header;
		look_for(core, &hint, 1, &counters);
		assert_int_equal(event_take(core_main_events(core), &e), told);
		assert_int_equal(told ? e.value : 0, cases[i].mtu);
		assert_int_equal(counters.count[COUNTER_PMTU_TOLD], told);
		assert_int_equal(counters.count[COUNTER_PMTU_REFUSED], !told);
		core_free(core);
	}
}

/* H41: it names no MTU, but has to name a packet of ours as every other, and a length above the least. */
static void what_old_routers_may_not_tell(void **state)
{
	struct core *core = core_with_sa();
	struct pmtu_hint hint = good_hint();
	struct counters counters = {0};
	struct rg_api_event e;

	(void)state;
	hint.mtu = 0;
	hint.header = 20;
	hint.length = 576;
	look_for(core, &hint, 1, &counters);
	assert_int_equal(counters.count[COUNTER_PMTU_TOO_SMALL], 1);
	hint.length = 1500;
	hint.sequence = SENT + 1;
	look_for(core, &hint, 1, &counters);
	hint.sequence = SENT;
	hint.remote[3]++;
	look_for(core, &hint, 1, &counters);
	assert_int_equal(counters.count[COUNTER_PMTU_REFUSED], 2);
	assert_int_equal(event_take(core_main_events(core), &e), 0);
	core_free(core);
}

/* Packet too big of IPv6 always says it. */
static void no_plateaus_for_ipv6(void **state)
{
	struct core *core = core_with_sa6();
	struct pmtu_hint hint = good_hint6();
	struct counters counters = {0};
	struct rg_api_event e;

	(void)state;
	hint.mtu = 0;
	hint.length = 1500;
	look_for(core, &hint, 1, &counters);
	assert_int_equal(event_take(core_main_events(core), &e), 0);
	assert_int_equal(counters.count[COUNTER_PMTU_TOO_SMALL], 1);
	core_free(core);
}

/* RFC 8201 4: below 1280 it must be discarded. */
static void what_is_too_small_for_ipv6(void **state)
{
	struct core *core = core_with_sa6();
	struct pmtu_hint hint = good_hint6();
	struct counters counters = {0};
	struct rg_api_event e;

	(void)state;
	hint.mtu = 1279;
	look_for(core, &hint, 1, &counters);
	assert_int_equal(event_take(core_main_events(core), &e), 0);
	assert_int_equal(counters.count[COUNTER_PMTU_TOO_SMALL], 1);
	hint.mtu = 1280;
	look_for(core, &hint, 1, &counters);
	assert_int_equal(event_take(core_main_events(core), &e), 1);
	assert_int_equal(e.value, 1280);
	core_free(core);
}

/* H41: who makes up as many as fit delays the true one among them by a walk through the table, and main does
 * the same little in each tick. */
static void many_that_name_nobody(void **state)
{
	struct core_config config = {
	        .n_workers = 1, .max_sas = 4 * PMTU_LEAST, .key_size = 64, .route_added = on_added};
	struct core *core = core_with_sa_of(&config, RG_SA_HANDLE(3 * PMTU_LEAST + 5, 0), 4);
	struct pmtu_hint hint = good_hint();
	struct counters counters = {0};
	struct rg_api_event e;

	(void)state;
	hint.spi = htonl(0x10000000u | RG_SA_HANDLE(3 * PMTU_LEAST + 5, 0));
	pmtu_put(&ring, &hint, &counters);
	for (uint32_t i = 1; i < PMTU_RING; i++) {
		hint.spi = htonl(0x20000000u + i);
		pmtu_put(&ring, &hint, &counters);
	}
	for (unsigned tick = 0; tick < 3; tick++) {
		pmtu_tick(&search, &ring, core, &counters);
		assert_int_equal(search.at, (tick + 1) * PMTU_LEAST);
		assert_int_equal(event_take(core_main_events(core), &e), 0);
	}
	pmtu_tick(&search, &ring, core, &counters);
	assert_int_equal(search.n, 0);
	assert_int_equal(event_take(core_main_events(core), &e), 1);
	assert_int_equal(counters.count[COUNTER_PMTU_TOLD], 1);
	assert_int_equal(counters.count[COUNTER_PMTU_REFUSED], PMTU_RING - 1);
	assert_int_equal(counters.count[COUNTER_PMTU_FULL], 0);
	core_free(core);
}

/* Two peers behind one NAT chose the same SPI: each hears of its own packets (RFC 4301 4.1). */
static void one_spi_of_two_peers(void **state)
{
	struct core *core = core_with_sa();
	struct rg_api_sa sa = fixture_sa(RG_SA_HANDLE(7, 0), 1, 0x0a630002);
	struct pmtu_hint hints[2] = {good_hint(), good_hint()};
	struct counters counters = {0};
	struct batch_result result;
	struct rg_api_event e;

	(void)state;
	sa.spi = hints[0].spi;
	sa.sequence = 3 * SENT;
	assert_int_equal(batch_sa_add(core, RG_OUT, &sa, 1, &result), 0);
	hints[0].sequence = 3 * SENT - 10;
	look_for(core, hints, 2, &counters);
	assert_int_equal(counters.count[COUNTER_PMTU_TOLD], 2);
	assert_int_equal(event_take(core_main_events(core), &e), 1);
	assert_int_equal(e.handle, 2);
	assert_int_equal(event_take(core_main_events(core), &e), 1);
	assert_int_equal(e.handle, RG_SA_HANDLE(7, 0));
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_quoted),
	        cmocka_unit_test(cut_anywhere),
	        cmocka_unit_test(other_messages),
	        cmocka_unit_test(ring_to_main),
	        cmocka_unit_test(what_main_tells),
	        cmocka_unit_test(what_main_refuses),
	        cmocka_unit_test(many_that_name_nobody),
	        cmocka_unit_test(one_spi_of_two_peers),
	        cmocka_unit_test(what_is_too_small),
	        cmocka_unit_test(what_old_routers_tell),
	        cmocka_unit_test(what_old_routers_may_not_tell),
	        cmocka_unit_test(no_plateaus_for_ipv6),
	        cmocka_unit_test(what_is_too_small_for_ipv6),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
