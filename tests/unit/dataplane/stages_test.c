/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages over ports in memory, for what no wire can produce: shared, indirect
 * and cramped buffers (H63), a pool that runs dry and a transmit queue that sticks (H70),
 * SAs that go away while their packets are handed over. In = out + named drops, always.
 */
#include "dataplane/checksum.h"
#include "dataplane/core/batch.h"
#include "dataplane/crypto.h"
#include "dataplane/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ether.h>

#define QUEUE   512
#define POOL    2047u
#define WORKERS 2
#define NETWORK 0 /* ports */
#define UPLINK  1

struct wire {
	struct rte_mbuf *in[QUEUE], *out[QUEUE];
	unsigned n_in, taken, n_out, room;
};

static struct dp dp;
static struct wire wires[2][WORKERS]; /* by port and queue */
static struct nexthop uplink_hop = {
        .l2 = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0}, .port = UPLINK, .mtu = 1500};

static uint16_t wire_rx(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct wire *w = (struct wire *)ctx + queue;
	uint16_t got = 0;

	while (got < n && w->taken < w->n_in)
		pkts[got++] = w->in[w->taken++];
	if (w->taken == w->n_in)
		w->taken = w->n_in = 0;
	return got;
}

static uint16_t wire_tx(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct wire *w = (struct wire *)ctx + queue;
	uint16_t sent = 0;

	while (sent < n && w->n_out < w->room)
		w->out[w->n_out++] = pkts[sent++];
	return sent;
}

static void route_added(void *ctx, struct route *route)
{
	(void)ctx;
	assert_int_equal(route_set_nexthop(dp.core, route, &uplink_hop), 0);
}

static void make_port(unsigned i, bool network)
{
	struct port *p = &dp.port[i];

	memset(p, 0, sizeof(*p));
	p->ops = (struct port_ops){.rx = wire_rx, .tx = wire_tx};
	p->ctx = wires[i];
	memcpy(p->mac, (const uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(i + 1)}, 6);
	p->mtu = 1500;
	p->rx_queues = WORKERS;
	p->network = network;
	p->tap = -1;
	atomic_store(&p->up, true);
}

static struct rg_api_selector any4(void)
{
	struct rg_api_selector s = {.family = 4, .port_last = 65535};
	memset(s.last, 0xff, 4);
	return s;
}

/* Tunnel, SA pair and policy number `i`; its client is 10.99.0.i. */
static void make_session(uint32_t i)
{
	struct batch_result result;
	const uint32_t handle = RG_SA_HANDLE(i, 1);
	struct rg_api_tunnel tunnel = {
	        .handle = handle,
	        .generation = 1,
	        .path = {.family = 4, .local = {203, 0, 113, 2}, .remote = {192, 0, 2, (uint8_t)i}}};
	struct rg_api_sa sa = {.handle = handle,
	                       .spi = htonl(1u << 28 | handle),
	                       .tunnel = handle,
	                       .suite = RG_SUITE_AES128_GCM16,
	                       .window = 64,
	                       .key = {1, 2, 3, (uint8_t)i},
	                       .local = {any4()},
	                       .remote = {any4()}};
	struct rg_api_policy policy = {.handle = handle,
	                               .sa = handle,
	                               .family = 4,
	                               .prefix_len = 32,
	                               .prefix = {10, 99, 0, (uint8_t)i}};

	assert_int_equal(batch_tunnel_add(dp.core, &tunnel, 1, &result), 0);
	assert_int_equal(batch_sa_add(dp.core, RG_IN, &sa, 1, &result), 0);
	assert_int_equal(batch_sa_add(dp.core, RG_OUT, &sa, 1, &result), 0);
	assert_int_equal(batch_policy_add(dp.core, &policy, 1, &result), 0);
}

static int setup(void **state)
{
	const struct core_config config = {.n_workers = WORKERS,
	                                   .max_sas = 64,
	                                   .key_size = CRYPTO_KEY_BYTES,
	                                   .key_align = CRYPTO_KEY_ALIGN,
	                                   .key_expand = crypto_key_expand,
	                                   .route_added = route_added};
	struct fib_item items[] = {{.family = 4, .len = 32, .kind = FIB_LOCAL, .addr = {203, 0, 113, 2}},
	                           {.family = 4, .len = 16, .kind = FIB_POOL, .addr = {10, 99}}};

	(void)state;
	memset(&dp, 0, sizeof(dp));
	memset(wires, 0, sizeof(wires));
	for (unsigned i = 0; i < 2; i++)
		for (unsigned q = 0; q < WORKERS; q++)
			wires[i][q].room = QUEUE;
	dp.pool = rte_pktmbuf_pool_create("stages", POOL, 0, PKT_PRIV, RTE_MBUF_DEFAULT_BUF_SIZE,
	                                  SOCKET_ID_ANY);
	if (dp.pool == NULL || core_new(&config, &dp.core) != 0)
		return -1;
	dp.n_ports = 2;
	dp.n_workers = WORKERS;
	make_port(NETWORK, true);
	make_port(UPLINK, false);
	memcpy(dp.source4, (const uint8_t[]){10, 20, 0, 1}, 4);
	atomic_store(&dp.fib, fib_build(items, 2));
	for (unsigned i = 0; i < WORKERS; i++)
		if (worker_new(&dp, i, false) == NULL)
			return -1;
	for (uint32_t i = 1; i <= 4; i++)
		make_session(i);
	return 0;
}

static void free_out(void)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned q = 0; q < WORKERS; q++) {
			rte_pktmbuf_free_bulk(wires[i][q].out, wires[i][q].n_out);
			wires[i][q].n_out = 0;
		}
}

/* Every buffer is back in the pool: nothing leaked, nothing was freed twice. */
static int teardown(void **state)
{
	int rc = 0;

	(void)state;
	free_out();
	for (unsigned i = 0; i < WORKERS; i++)
		worker_free(dp.worker[i]);
	core_free(dp.core);
	fib_free((struct fib *)(uintptr_t)atomic_load(&dp.fib));
	if (rte_mempool_in_use_count(dp.pool) != 0)
		rc = -1;
	rte_mempool_free(dp.pool);
	return rc;
}

static uint64_t dropped(enum drop why)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		n += counters_read(&dp.worker[i]->counters->drop[why]);
	return n;
}

static uint64_t all_dropped(void)
{
	uint64_t n = 0;

	for (unsigned d = 1; d < DROP_COUNT; d++)
		n += dropped((enum drop)d);
	return n;
}

static unsigned all_out(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 2; i++)
		for (unsigned q = 0; q < WORKERS; q++)
			n += wires[i][q].n_out;
	return n;
}

static void poll_all(void)
{
	for (unsigned round = 0; round < 4; round++)
		for (unsigned i = 0; i < WORKERS; i++)
			worker_poll(dp.worker[i]);
}

/* A UDP packet of the LAN's for client `i`, `len` bytes of IP. */
static struct rte_mbuf *plain(uint8_t i, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp.pool);
	uint8_t *f;
	uint32_t sum = 0;

	assert_non_null(m);
	f = (uint8_t *)(void *)rte_pktmbuf_append(m, (uint16_t)(14 + len));
	assert_non_null(f);
	memset(f, 0, 14u + len);
	memcpy(f, dp.port[NETWORK].mac, 6);
	f[12] = 8;
	f[14] = 0x45;
	f[16] = (uint8_t)(len >> 8);
	f[17] = (uint8_t)len;
	f[20] = 0x40;
	f[22] = 64;
	f[23] = 17;
	memcpy(f + 26, (const uint8_t[]){10, 20, 0, 10, 10, 99, 0, i}, 8);
	for (int k = 14; k < 34; k += 2)
		sum += (uint32_t)f[k] << 8 | f[k + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	f[24] = (uint8_t)(sum >> 8);
	f[25] = (uint8_t)sum;
	return m;
}

static void offer(unsigned port, unsigned queue, struct rte_mbuf *m)
{
	wires[port][queue].in[wires[port][queue].n_in++] = m;
}

static void H63_several_segments(void **state)
{
	struct rte_mbuf *head = plain(1, 100), *tail = rte_pktmbuf_alloc(dp.pool);

	(void)state;
	rte_pktmbuf_append(tail, 50);
	assert_int_equal(rte_pktmbuf_chain(head, tail), 0);
	offer(NETWORK, 0, head);
	poll_all();
	assert_int_equal(dropped(DROP_RX_SEGMENTS), 1);
	assert_int_equal(all_out(), 0);
}

/* Somebody else still reads the buffer: not a byte of it changes. */
static void H63_shared(void **state)
{
	struct rte_mbuf *m = plain(1, 100);
	uint8_t before[114];

	(void)state;
	memcpy(before, rte_pktmbuf_mtod(m, void *), sizeof(before));
	rte_mbuf_refcnt_update(m, 1);
	offer(NETWORK, 0, m);
	poll_all();
	assert_int_equal(dropped(DROP_RX_SHARED), 1);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), before, sizeof(before));
	rte_pktmbuf_free(m);
}

static void H63_indirect(void **state)
{
	struct rte_mbuf *m = plain(1, 100), *clone = rte_pktmbuf_clone(m, dp.pool);
	uint8_t before[114];

	(void)state;
	memcpy(before, rte_pktmbuf_mtod(m, void *), sizeof(before));
	offer(NETWORK, 0, clone);
	poll_all();
	assert_int_equal(dropped(DROP_RX_SHARED), 1);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), before, sizeof(before));
	rte_pktmbuf_free(m);
}

/* Every headroom from none up: dropped as long as the headers do not fit, then sent. */
static void H63_headroom(void **state)
{
	(void)state;
	for (uint16_t room = 0; room <= RTE_PKTMBUF_HEADROOM; room++) {
		struct rte_mbuf *m = plain(1, 100);
		uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
		memmove((uint8_t *)m->buf_addr + room, data, 114);
		m->data_off = room;
		uint64_t before = dropped(DROP_OUT_NO_ROOM);
		unsigned out = all_out();
		offer(NETWORK, 0, m);
		poll_all();
		/* 14 bytes are the old Ethernet header's; IP, ESP, IV and the new one need 50 */
		if (room + 14 < 20 + 16 + 14)
			assert_int_equal(dropped(DROP_OUT_NO_ROOM), before + 1);
		else
			assert_int_equal(all_out(), out + 1);
		if (all_out() > QUEUE / 2)
			free_out();
	}
}

static void H63_tailroom(void **state)
{
	(void)state;
	for (uint16_t room = 0; room <= 40; room++) {
		struct rte_mbuf *m = plain(1, 100);
		uint64_t before = dropped(DROP_OUT_NO_ROOM);
		unsigned out = all_out();
		m->buf_len = (uint16_t)(m->data_off + m->data_len + room);
		offer(NETWORK, 0, m);
		poll_all();
		/* padding to 104, two bytes of trailer, ICV */
		if (room < 2 + 2 + 16)
			assert_int_equal(dropped(DROP_OUT_NO_ROOM), before + 1);
		else
			assert_int_equal(all_out(), out + 1);
		if (all_out() == out + 1) {
			rte_pktmbuf_free_bulk(wires[UPLINK][0].out, wires[UPLINK][0].n_out);
			rte_pktmbuf_free_bulk(wires[UPLINK][1].out, wires[UPLINK][1].n_out);
			wires[UPLINK][0].n_out = wires[UPLINK][1].n_out = 0;
		}
		m->buf_len = RTE_MBUF_DEFAULT_BUF_SIZE; /* the pool's buffer is whole again */
	}
}

/* Plaintext of four clients on both queues: each SA's owner sends it. */
static void hand_over_loses_nothing(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 16; i++)
			offer(NETWORK, i % 2, plain((uint8_t)(1 + i / 4), 100));
		poll_all();
		assert_int_equal(all_out(), 16);
		free_out();
	}
	assert_int_equal(all_dropped(), 0);
	uint64_t over = counters_read(&dp.worker[0]->counters->count[COUNTER_HANDED_OVER]) +
	                counters_read(&dp.worker[1]->counters->count[COUNTER_HANDED_OVER]);
	assert_int_equal(over, 20 * 8);
}

/* The owner does not poll: its ring fills, the rest is counted, and all is well when it is back. */
static void H74_stalled_owner(void **state)
{
	unsigned owner = sa_owner(sa_by_handle(dp.core, RG_OUT, RG_SA_HANDLE(1, 1))), other = 1 - owner;
	unsigned offered = 0;

	(void)state;
	for (unsigned round = 0; round < CORE_HANDOVER_SIZE / WORKER_BURST_GCM + 4; round++) {
		for (unsigned i = 0; i < WORKER_BURST_GCM; i++, offered++)
			offer(NETWORK, other, plain(1, 60));
		worker_poll(dp.worker[other]);
	}
	assert_int_equal(all_out(), 0);
	assert_int_equal(dropped(DROP_HANDOVER_FULL), offered - CORE_HANDOVER_SIZE);
	wires[UPLINK][owner].room = QUEUE;
	unsigned out = 0;
	for (unsigned i = 0; i < 80; i++) {
		worker_poll(dp.worker[owner]);
		out += all_out();
		free_out();
	}
	assert_int_equal(out, CORE_HANDOVER_SIZE);
	assert_int_equal(out + all_dropped(), offered);
}

/* Deleted while its packets are in the ring: dropped by name, by handle and not by pointer. */
static void stale_handle(void **state)
{
	struct batch_result result;
	const struct rg_api_handle handle = {.handle = RG_SA_HANDLE(1, 1)};
	unsigned owner = sa_owner(sa_by_handle(dp.core, RG_OUT, handle.handle)), other = 1 - owner;

	(void)state;
	offer(NETWORK, other, plain(1, 100));
	worker_poll(dp.worker[other]);
	assert_int_equal(batch_sa_del(dp.core, RG_OUT, &handle, 1, &result), 0);
	worker_poll(dp.worker[owner]);
	assert_int_equal(dropped(DROP_HANDOVER_STALE), 1);
	assert_int_equal(all_out(), 0);
}

static void H70_transmit_queue_sticks(void **state)
{
	(void)state;
	for (unsigned q = 0; q < WORKERS; q++)
		wires[UPLINK][q].room = 3;
	for (unsigned i = 0; i < 64; i++)
		offer(NETWORK, 0, plain((uint8_t)(1 + i % 4), 100));
	poll_all();
	assert_int_equal(all_out() + dropped(DROP_TX_FULL), 64);
	assert_in_range(all_out(), 1, 6);
	free_out();
	for (unsigned q = 0; q < WORKERS; q++)
		wires[UPLINK][q].room = QUEUE;
	for (unsigned i = 0; i < 64; i++)
		offer(NETWORK, 0, plain((uint8_t)(1 + i % 4), 100));
	poll_all();
	assert_int_equal(all_out(), 64);
}

/* No buffer for fragments: the packet is dropped by name, and the next one passes. */
static void H70_pool_runs_dry(void **state)
{
	struct rte_mbuf *hoard[POOL];
	struct rte_mbuf *big = plain(1, 1500);
	uint8_t *f = rte_pktmbuf_mtod(big, uint8_t *);
	unsigned n = 0;

	(void)state;
	/* may be cut: DF away, checksum follows */
	f[20] = 0;
	uint16_t sum = (uint16_t)(f[24] << 8 | f[25]);
	sum = (uint16_t)(sum + 0x4000 > 0xffff ? sum + 0x4000 + 1 : sum + 0x4000);
	f[24] = (uint8_t)(sum >> 8);
	f[25] = (uint8_t)sum;
	while ((hoard[n] = rte_pktmbuf_alloc(dp.pool)) != NULL)
		n++;
	offer(NETWORK, 0, big);
	poll_all();
	assert_int_equal(dropped(DROP_NO_BUFFER), 1);
	rte_pktmbuf_free_bulk(hoard, n);
	offer(NETWORK, 0, plain(1, 100));
	poll_all();
	assert_int_equal(all_out(), 1);
}

static void port_down(void **state)
{
	(void)state;
	atomic_store(&dp.port[UPLINK].up, false);
	offer(NETWORK, 0, plain(1, 100));
	poll_all();
	assert_int_equal(dropped(DROP_TX_PORT_DOWN), 1);
	assert_int_equal(all_out(), 0);
}

/* What one session sends another one of the same key takes: both directions, each length. */
static void out_and_in_again(void **state)
{
	(void)state;
	for (uint16_t len = 28; len < 1400; len = (uint16_t)(len + 61)) {
		struct rte_mbuf *m = plain(1, len), *esp;
		uint8_t *f;
		offer(NETWORK, 0, m);
		poll_all();
		assert_int_equal(all_out(), 1);
		unsigned q = wires[UPLINK][0].n_out != 0 ? 0 : 1;
		esp = wires[UPLINK][q].out[0];
		wires[UPLINK][q].n_out = 0;
		f = rte_pktmbuf_mtod(esp, uint8_t *);
		memcpy(f, dp.port[UPLINK].mac, 6);
		/* turned round: source and destination change places, the checksum stays */
		uint8_t turned[8];
		memcpy(turned, f + 30, 4);
		memcpy(turned + 4, f + 26, 4);
		memcpy(f + 26, turned, 8);
		uint64_t before = counters_read(&dp.worker[0]->counters->count[COUNTER_DECRYPTED]) +
		                  counters_read(&dp.worker[1]->counters->count[COUNTER_DECRYPTED]);
		offer(UPLINK, 1, esp);
		poll_all();
		assert_int_equal(counters_read(&dp.worker[0]->counters->count[COUNTER_DECRYPTED]) +
		                         counters_read(&dp.worker[1]->counters->count[COUNTER_DECRYPTED]),
		                 before + 1);
		/* for client 1 it is, so it leaves through its tunnel again: hairpin */
		assert_int_equal(all_out(), 1);
		free_out();
	}
	assert_int_equal(all_dropped(), 0);
}

/* Flags and offset of the packet's header, and its checksum. */
static struct rte_mbuf *with_fragment_field(struct rte_mbuf *m, uint16_t field)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, 14);
	uint32_t sum = 0;

	ip[6] = (uint8_t)(field >> 8);
	ip[7] = (uint8_t)field;
	ip[10] = ip[11] = 0;
	for (int k = 0; k < 20; k += 2)
		sum += (uint32_t)ip[k] << 8 | ip[k + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	return m;
}

/* A late fragment that must be cut again: no piece of it may wrap round to offset 0. */
static void fragment_offset_does_not_wrap(void **state)
{
	(void)state;
	offer(NETWORK, 0, with_fragment_field(plain(1, 1480), 0));
	poll_all();
	assert_int_equal(all_out(), 2);
	free_out();
	offer(NETWORK, 0, with_fragment_field(plain(1, 1480), 8000));
	poll_all();
	assert_int_equal(all_out(), 2);
	free_out();
	assert_int_equal(all_dropped(), 0);
	offer(NETWORK, 0, with_fragment_field(plain(1, 1480), 8100));
	poll_all();
	assert_int_equal(all_out(), 0);
	assert_int_equal(dropped(DROP_OUT_FRAGMENT_OFFSET), 1);
	assert_int_equal(all_dropped(), 1);
}

/* A tunnel over IPv6 with UDP for the client 10.99.0.5. */
static void make_session6(void)
{
	struct batch_result result;
	const uint32_t handle = RG_SA_HANDLE(5, 1);
	struct rg_api_tunnel tunnel = {.handle = handle,
	                               .generation = 1,
	                               .path = {.family = 6,
	                                        .encap = RG_ENCAP_UDP,
	                                        .local_port = RTE_BE16(4500),
	                                        .remote_port = RTE_BE16(4500),
	                                        .local = {0x20, 1, [15] = 2},
	                                        .remote = {0x20, 1, [15] = 9}}};
	struct rg_api_sa sa = {.handle = handle,
	                       .spi = htonl(0x1000),
	                       .tunnel = handle,
	                       .suite = RG_SUITE_AES128_GCM16,
	                       .key = {5},
	                       .local = {any4()},
	                       .remote = {any4()}};
	struct rg_api_policy policy = {
	        .handle = handle, .sa = handle, .family = 4, .prefix_len = 32, .prefix = {10, 99, 0, 5}};

	assert_int_equal(batch_tunnel_add(dp.core, &tunnel, 1, &result), 0);
	assert_int_equal(batch_sa_add(dp.core, RG_OUT, &sa, 1, &result), 0);
	assert_int_equal(batch_policy_add(dp.core, &policy, 1, &result), 0);
}

static struct rte_mbuf *only_one_out(unsigned port)
{
	assert_int_equal(all_out(), 1);
	return wires[port][wires[port][0].n_out != 0 ? 0 : 1].out[0];
}

/* RFC 8200 8.1: by the worker, or by the port that offers it: what is on the wire is the same. */
static void udp_checksum_over_ipv6(void **state)
{
	(void)state;
	make_session6();
	for (unsigned offload = 0; offload < 2; offload++) {
		dp.port[UPLINK].udp_checksum = offload != 0;
		for (uint16_t len = 60; len < 70; len++) {
			offer(NETWORK, 0, plain(5, len));
			poll_all();
			struct rte_mbuf *m = only_one_out(UPLINK);
			uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, 14), *udp = ip + 40;
			uint32_t udp_len = rte_pktmbuf_data_len(m) - 14 - 40;
			uint16_t field, pseudo = checksum_fold(checksum_pseudo(ip, 17, udp_len));
			memcpy(&field, udp + 6, 2);
			assert_int_equal((m->ol_flags & RTE_MBUF_F_TX_UDP_CKSUM) != 0, offload);
			if (offload) {
				assert_true((m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0);
				assert_int_equal(m->l2_len, 14);
				assert_int_equal(m->l3_len, 40);
				assert_int_equal(field, pseudo);
				field = (uint16_t)~checksum_fold(
				        checksum_bytes(udp, udp_len)); /* the port's part */
				memcpy(udp + 6, &field, 2);
			}
			assert_int_not_equal(field, 0);
			assert_int_equal(checksum_fold((uint64_t)pseudo + checksum_bytes(udp, udp_len)),
			                 0xffff);
			free_out();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H63_several_segments, setup, teardown),
	        cmocka_unit_test_setup_teardown(H63_shared, setup, teardown),
	        cmocka_unit_test_setup_teardown(H63_indirect, setup, teardown),
	        cmocka_unit_test_setup_teardown(H63_headroom, setup, teardown),
	        cmocka_unit_test_setup_teardown(H63_tailroom, setup, teardown),
	        cmocka_unit_test_setup_teardown(hand_over_loses_nothing, setup, teardown),
	        cmocka_unit_test_setup_teardown(H74_stalled_owner, setup, teardown),
	        cmocka_unit_test_setup_teardown(stale_handle, setup, teardown),
	        cmocka_unit_test_setup_teardown(H70_transmit_queue_sticks, setup, teardown),
	        cmocka_unit_test_setup_teardown(H70_pool_runs_dry, setup, teardown),
	        cmocka_unit_test_setup_teardown(port_down, setup, teardown),
	        cmocka_unit_test_setup_teardown(out_and_in_again, setup, teardown),
	        cmocka_unit_test_setup_teardown(fragment_offset_does_not_wrap, setup, teardown),
	        cmocka_unit_test_setup_teardown(udp_checksum_over_ipv6, setup, teardown),
	};
	char arguments[][64] = {
	        "stages_test",    "--no-huge",           "--no-shconf", "-m", "64", "--no-pci", "",
	        "--no-telemetry", "--log-level=warning", "-l",          "0"};
	char *argv[sizeof(arguments) / sizeof(arguments[0])];

	for (size_t i = 0; i < sizeof(argv) / sizeof(argv[0]); i++)
		argv[i] = arguments[i];
	snprintf(arguments[6], sizeof(arguments[6]), "--file-prefix=stages-%ld", (long)getpid());
	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])), argv) < 0 || crypto_init() != 0) {
		fprintf(stderr, "DPDK or the crypto library does not start: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	rmdir(rte_eal_get_runtime_dir());
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_fini();
	rte_eal_cleanup();
	return failed;
}
