/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers that others read too, or that leave no room (H63): what those others see does not change.
 */
#include "tests/unit/dataplane/hostile.h"

static struct gateway g;

static int setup(void **state)
{
	(void)state;
	return hostile_open(&g, hostile_usual, HOSTILE_USUAL);
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

static struct rte_mbuf *esp_mbuf(uint32_t *len)
{
	uint8_t frame[GATEWAY_MAX];
	struct rte_mbuf *m = rte_pktmbuf_alloc(g.pool);

	*len = gateway_good(&g, 1, 1, 100, frame);
	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)*len), frame, *len);
	return m;
}

static void H63_shared(void **state)
{
	uint8_t copy[GATEWAY_MAX];
	struct before b;
	uint32_t len;
	struct rte_mbuf *m = esp_mbuf(&len);

	(void)state;
	memcpy(copy, rte_pktmbuf_mtod(m, void *), len);
	rte_mbuf_refcnt_update(m, 1);
	before_take(&b, &g);
	gateway_offer_mbuf(&g, PACKETS_UPLINK, 0, m);
	assert_hostile(&g, &b, DROP_RX_SHARED, 1, 0);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), copy, len);
	assert_int_equal(rte_mbuf_refcnt_read(m), 1);
	rte_pktmbuf_free(m);
}

static void H63_indirect(void **state)
{
	uint8_t copy[GATEWAY_MAX];
	struct before b;
	uint32_t len;
	struct rte_mbuf *m = esp_mbuf(&len);

	(void)state;
	memcpy(copy, rte_pktmbuf_mtod(m, void *), len);
	before_take(&b, &g);
	gateway_offer_mbuf(&g, PACKETS_UPLINK, 0, rte_pktmbuf_clone(m, g.pool));
	assert_hostile(&g, &b, DROP_RX_SHARED, 1, 0);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), copy, len);
	rte_pktmbuf_free(m);
}

static void external_free(void *addr, void *opaque)
{
	(void)addr;
	*(unsigned *)opaque += 1;
}

/* Somebody's own memory, read-only as far as we know; it is given back once. */
static void H63_external(void **state)
{
	static uint8_t memory[GATEWAY_MAX], copy[GATEWAY_MAX];
	struct rte_mbuf *m = rte_pktmbuf_alloc(g.pool);
	struct rte_mbuf_ext_shared_info info = {.free_cb = external_free};
	uint32_t len = gateway_good(&g, 1, 1, 100, memory);
	unsigned freed = 0;
	struct before b;

	(void)state;
	memcpy(copy, memory, sizeof(copy));
	info.fcb_opaque = &freed;
	rte_mbuf_ext_refcnt_set(&info, 1);
	rte_pktmbuf_attach_extbuf(m, memory, 0, sizeof(memory), &info);
	rte_pktmbuf_append(m, (uint16_t)len);
	before_take(&b, &g);
	b.live--;
	gateway_offer_mbuf(&g, PACKETS_UPLINK, 0, m);
	assert_hostile(&g, &b, DROP_RX_SHARED, 1, 0);
	assert_memory_equal(memory, copy, sizeof(copy));
	assert_int_equal(freed, 1);
}

/* From one client's IPv4 to another's IPv6 and UDP: the headers grow, in any room. */
static void H63_room_for_a_hairpin(void **state)
{
	uint8_t clear[GATEWAY_MAX], esp[GATEWAY_MAX], frame[GATEWAY_MAX], *opened;
	const uint32_t to = gateway_client4(2);
	uint64_t seq = 1, got;
	struct before b;

	(void)state;
	for (uint16_t front = 0; front < 64; front++) {
		for (uint16_t behind = 0; behind < 2; behind++, seq++) {
			uint32_t len = gateway_inner(clear, 1, false, 4, 100);
			memcpy(clear + 16, &to, 4);
			packets_set_sum4(clear, 20);
			len = gateway_seal(&g, 1, seq, clear,
			                   gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR), esp);
			len = gateway_wrap(&g, 1, esp, len, frame);
			struct rte_mbuf *m = pool_tight(g.pool, front, (uint16_t)len, behind);
			memcpy(rte_pktmbuf_mtod(m, void *), frame, len);
			before_take(&b, &g);
			gateway_offer_mbuf(&g, PACKETS_UPLINK, 0, m);
			gateway_poll(&g);
			/* 14, 48 and 16 in front instead of 14, 20 and 16; behind it is the same */
			if (front < 28) {
				assert_drops(&g, &b, DROP_OUT_NO_ROOM, 1);
				assert_null(gateway_sent(&g, PACKETS_UPLINK));
				assert_int_equal(pool_live(g.pool), 0);
				continue;
			}
			assert_drops(&g, &b, DROP_NONE, 0);
			m = gateway_sent(&g, PACKETS_UPLINK);
			assert_non_null(m);
			assert_int_not_equal(gateway_unseal(&g, 2, m, &opened, &got), 0);
			gateway_clear(&g);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H63_shared, setup, teardown),
	        cmocka_unit_test_setup_teardown(H63_indirect, setup, teardown),
	        cmocka_unit_test_setup_teardown(H63_external, setup, teardown),
	        cmocka_unit_test_setup_teardown(H63_room_for_a_hairpin, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
