/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: whole packets through the real worker: classify, esp_in, inner, esp_out and
 * back. The input is a list of steps: raw frames, IP packets whose sums and
 * addresses are put right, ESP around any plaintext with the right key, packets of the LAN
 * and the kernel, cramped and shared buffers, and what control and links do meanwhile.
 * packets_check.h says what must hold. Buffers end where frames end, so that
 * AddressSanitizer sees the first byte that is read too far.
 */
#include "dataplane/crypto.h"
#include "tests/fuzz/packets_check.h"
#include "tests/support/pool.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX   64
#define CLIENTS     4u
#define FRAME_MAX   1800u
#define HELD_MAX    STEPS_MAX
#define ETHERNET    14u
#define SEQUENCE_32 0xfffffff0u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

/* One run of an input. */
struct run {
	struct input in;
	struct gateway *g;
	struct check check;
	uint8_t config, suite, other_suite;
	uint64_t next[CLIENTS + 1]; /* sequence number of the client's next packet */
	struct rte_mbuf *held[HELD_MAX];
	unsigned n_held;
};

static struct gateway gateways[GATEWAY_WORKERS]; /* with one worker, and with two */
static struct run run;

static uint8_t take(struct input *in)
{
	if (in->size == 0)
		return 0;
	in->size--;
	return *in->data++;
}

static uint16_t take16(struct input *in)
{
	uint8_t high = take(in);

	return (uint16_t)(high << 8 | take(in));
}

/* The step's bytes, at most `room`; how many. */
static uint32_t take_bytes(struct input *in, uint8_t *to, uint32_t room)
{
	uint32_t len = take16(in) % room;

	if (len > in->size)
		len = (uint32_t)in->size;
	memcpy(to, in->data, len);
	in->data += len;
	in->size -= len;
	return len;
}

static unsigned queue_of(uint8_t arg)
{
	return arg >> 7 & (run.g->dp.n_workers - 1);
}

/* Lengths and the IPv4 checksum as they should be; `len` bytes. */
static void repair(uint8_t *ip, uint32_t len)
{
	if (len >= 20 && ip[0] >> 4 == 4) {
		uint32_t header = (ip[0] & 15u) * 4;
		if (header < 20 || header > len) {
			ip[0] = 0x45;
			header = 20;
		}
		ip[2] = (uint8_t)(len >> 8);
		ip[3] = (uint8_t)len;
		packets_set_sum4(ip, header);
	} else if (len >= 40 && ip[0] >> 4 == 6) {
		ip[4] = (uint8_t)((len - 40) >> 8);
		ip[5] = (uint8_t)(len - 40);
	}
}

enum whom { ANYBODY, GATEWAY, CLIENT, SERVER };

/* An address of the packet: at 12 and 16, or 8 and 24. */
static void address(uint8_t *ip, uint32_t len, bool destination, enum whom whom, unsigned client)
{
	uint32_t addr4[] = {0, packets_gateway(), gateway_client4(client), packets_server()};
	uint8_t addr6[4][16], remote[16];

	packets_gateway6(addr6[GATEWAY]);
	gateway_client6(client, addr6[CLIENT]);
	gateway_server6(addr6[SERVER]);
	if (run.g->client[client].is.transport) {
		gateway_remote(client, true, addr6[CLIENT]);
		gateway_remote(client, false, remote);
		memcpy(&addr4[CLIENT], remote, 4);
	}
	if (whom == ANYBODY)
		return;
	if (len >= 20 && ip[0] >> 4 == 4)
		memcpy(ip + (destination ? 16 : 12), &addr4[whom], 4);
	else if (len >= 40 && ip[0] >> 4 == 6)
		memcpy(ip + (destination ? 24 : 8), addr6[whom], 16);
}

/* --- steps --- */

static void raw_frame(uint8_t arg)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = take_bytes(&run.in, frame, sizeof(frame));

	gateway_offer(run.g, arg & 1, queue_of(arg), frame, len);
}

/* Ethernet in front; by arg: port, destination, sums. */
static void ip_packet(uint8_t arg)
{
	uint8_t frame[ETHERNET + FRAME_MAX] = {0};
	uint32_t len = take_bytes(&run.in, frame + ETHERNET, FRAME_MAX);

	packets_put_l2(frame, frame[ETHERNET] >> 4 == 6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	address(frame + ETHERNET, len, true, arg >> 1 & 3, 1 + (arg >> 3) % CLIENTS);
	if ((arg & 0x40) == 0)
		repair(frame + ETHERNET, len);
	gateway_offer(run.g, arg & 1, queue_of(arg), frame, ETHERNET + len);
}

/* Where a client's packet stands in its numbers: mostly the next, else anywhere around the window. */
static uint64_t number(unsigned client, uint8_t how)
{
	uint64_t seq = run.next[client];

	if (how < 128)
		run.next[client]++;
	else if (how < 192)
		seq -= how - 127u;
	else if (how == 255)
		seq += 1ull << 31;
	else
		seq += how - 190u;
	return seq;
}

/* Any plaintext under the right key, and perhaps damage behind it. */
static void esp_packet(uint8_t arg)
{
	const unsigned client = 1 + arg % CLIENTS;
	uint8_t clear[FRAME_MAX + 300], esp[FRAME_MAX + 400], frame[GATEWAY_MAX + 600];
	uint8_t how = take(&run.in), damage = (arg & 0x10) != 0 ? take(&run.in) : 0;
	uint64_t seq = number(client, how);
	uint32_t len = take_bytes(&run.in, clear, 1600), sealed;

	if (!run.g->client[client].present)
		return;
	if ((arg & 4) != 0) {
		address(clear, len, false, CLIENT, client);
		address(clear, len, true, how & 3, 1 + (how >> 2) % CLIENTS);
		repair(clear, len);
	}
	/* the cipher takes whole blocks, whoever seals */
	if ((arg & 8) == 0 || len % rg_suite_info(run.g->client[client].is.suite)->block != 0 || len == 0)
		len = gateway_trailer(run.g, client, clear, len, len != 0 && clear[0] >> 4 == 6 ? 41 : 4);
	sealed = gateway_seal(run.g, client, seq, clear, len, esp);
	len = gateway_wrap(run.g, client, esp, sealed, frame);
	if ((arg & 0x20) != 0 && !run.g->client[client].is.outer6) { /* congestion on the way */
		frame[ETHERNET + 1] = 3;
		packets_set_sum4(frame + ETHERNET, 20);
	}
	frame[len - 1 - damage % len] ^= damage;
	if (damage == 0 || damage % len >= sealed) /* what is outside is not protected */
		run.check.genuine++;
	gateway_offer(run.g, PACKETS_UPLINK, queue_of(arg), frame, len);
}

/* A good packet of a client or for one, of any size, with a few bytes changed. */
static uint32_t good_inner(uint8_t *ip, uint8_t arg, bool to_client)
{
	const uint8_t family = (arg & 4) != 0 ? 6 : 4;
	uint32_t len = 48 + take16(&run.in) % 1500;
	uint8_t changes = take(&run.in) % 8;

	gateway_inner(ip, 1 + arg % CLIENTS, to_client, family, len);
	for (; changes > 0; changes--) {
		uint8_t at = take(&run.in);
		ip[at % len] ^= take(&run.in);
	}
	if ((arg & 8) != 0)
		address(ip, len, true, CLIENT, 1 + (arg >> 4) % (CLIENTS + 1));
	repair(ip, len);
	return len;
}

static void from_client(uint8_t arg)
{
	const unsigned client = 1 + arg % CLIENTS;
	uint8_t clear[GATEWAY_MAX], esp[GATEWAY_MAX], frame[GATEWAY_MAX];
	uint32_t len = good_inner(clear, arg, false);

	if (!run.g->client[client].present)
		return;
	len = gateway_trailer(run.g, client, clear, len, clear[0] >> 4 == 6 ? 41 : 4);
	len = gateway_seal(run.g, client, number(client, 0), clear, len, esp);
	run.check.genuine++;
	gateway_offer(run.g, PACKETS_UPLINK, queue_of(arg), frame,
	              gateway_wrap(run.g, client, esp, len, frame));
}

static void from_lan(uint8_t arg)
{
	uint8_t frame[GATEWAY_MAX];
	uint32_t len = good_inner(frame + ETHERNET, arg, true);

	packets_put_l2(frame, frame[ETHERNET] >> 4 == 6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	gateway_offer(run.g, PACKETS_LAN, queue_of(arg), frame, ETHERNET + len);
}

static void from_kernel(uint8_t arg)
{
	uint8_t frame[GATEWAY_MAX] = {0};
	uint32_t len;

	if ((arg & 0x40) != 0) { /* the TUN */
		len = (arg & 0x20) != 0 ? take_bytes(&run.in, frame, FRAME_MAX)
		                        : good_inner(frame, arg, true);
		if (len != 0)
			gateway_from_kernel(run.g, HAND_TUN, 0, frame, len);
		return;
	}
	len = take_bytes(&run.in, frame + ETHERNET, FRAME_MAX);
	packets_put_l2(frame, frame[ETHERNET] >> 4 == 6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	address(frame + ETHERNET, len, true, arg >> 1 & 3, 1 + (arg >> 3) % CLIENTS);
	if ((arg & 0x20) != 0) {
		address(frame + ETHERNET, len, false, GATEWAY, 0);
		repair(frame + ETHERNET, len);
	} else if (len > 2) {
		memcpy(frame + 12, frame + ETHERNET, 2); /* any EtherType */
	}
	check_mark_kernel(frame);
	gateway_from_kernel(run.g, HAND_FRAME, arg & 1, frame, ETHERNET + len);
}

/* Buffers as no port of ours should give them (H63). */
static void odd_buffer(uint8_t arg)
{
	uint8_t frame[GATEWAY_MAX], front = take(&run.in), behind = take(&run.in);
	uint32_t len = ETHERNET + good_inner(frame + ETHERNET, arg & 0x0f, true);
	/* a clone finds its original by its buffer, so that one has its own */
	const bool own = (arg >> 4 & 3) == 3;
	struct rte_mbuf *other = NULL, *m = own ? rte_pktmbuf_alloc(run.g->pool)
	                                        : pool_tight(run.g->pool, front, (uint16_t)len, behind);

	if (m == NULL || (own && rte_pktmbuf_append(m, (uint16_t)len) == NULL))
		abort();
	packets_put_l2(frame, frame[ETHERNET] >> 4 == 6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	memcpy(rte_pktmbuf_mtod(m, void *), frame, len);
	switch (arg >> 4 & 3) {
	case 1: /* somebody else still reads it */
		rte_mbuf_refcnt_update(m, 1);
		run.held[run.n_held++] = m;
		break;
	case 2: /* several segments */
		other = rte_pktmbuf_alloc(run.g->pool);
		if (other != NULL && rte_pktmbuf_append(other, 1 + behind) != NULL &&
		    rte_pktmbuf_chain(m, other) == 0)
			run.check.extra++;
		break;
	case 3: /* somebody else's buffer */
		other = rte_pktmbuf_clone(m, run.g->pool);
		if (other == NULL)
			abort();
		run.check.extra++;
		run.held[run.n_held++] = m;
		m = other;
		break;
	default:
		break;
	}
	gateway_offer_mbuf(run.g, PACKETS_LAN, queue_of(arg), m);
}

static const struct gateway_session sessions[CLIENTS + 1] = {
        [1] = {.simple = true},
        [2] = {.udp = true, .esn = true, .suite = RG_SUITE_AES256_GCM16, .window = 128},
        [3] = {.outer6 = true, .mtu = 1280},
        [4] = {.outer6 = true, .udp = true, .ports = true, .window = 1024},
};

static void add_client(unsigned client)
{
	struct gateway_session is = sessions[client];

	const uint8_t suite = client % 2 != 0 ? run.suite : run.other_suite;

	if (suite != 0) {
		is.suite = 1 + suite % (RG_SUITE_END - 1);
		is.df = suite % 3;
		is.dscp = (suite & 0x80) != 0 ? RG_DSCP_SET | 46 : RG_DSCP_COPY;
	}
	is.transport = client == CLIENTS && (run.config & 0x40) != 0;
	if (is.transport)
		is.ports = (run.config & 0x80) != 0;
	if ((run.config & 8) != 0)
		is.sequence = SEQUENCE_32;
	if ((run.config & 16) != 0)
		is.mtu = 1280;
	if ((run.config & 32) != 0)
		is.lifetime =
		        (struct rg_api_lifetime){.soft_packets = 3, .hard_packets = 6, .hard_bytes = 4000};
	if (gateway_add(run.g, client, &is) != 0)
		abort();
	run.next[client] = is.sequence + 1;
	check_client(&run.check, run.g, client);
}

/* What is in the rings is the old SA's; control would take another handle. */
static void replace_client(unsigned client)
{
	gateway_poll(run.g);
	check_collect(&run.check, run.g);
	gateway_remove(run.g, client);
	gateway_tick(run.g);
	gateway_tick(run.g);
	add_client(client);
}

static void control(uint8_t arg)
{
	const unsigned client = 1 + arg % CLIENTS;
	const uint8_t value = take(&run.in);

	switch (arg >> 2 & 7) {
	case 0:
		gateway_move(run.g, client, value & 1, value >> 1 & 1);
		return;
	case 1:
		gateway_suspend(run.g, client);
		return;
	case 2:
		gateway_policy(run.g, client, value & 1);
		return;
	case 3:
		replace_client(client);
		return;
	case 4:
		atomic_store(&run.g->dp.port[value & 1].up, value >> 1 & 1);
		return;
	case 5:
		run.g->wire[value & 1][queue_of(value)].room = value >> 1;
		return;
	case 6:
		pool_limit(run.g->pool, pool_live(run.g->pool) + value / 4);
		run.check.pool_limited = true;
		return;
	default:
		run.g->dp.mss_clamp = value & 1;
		run.g->dp.port[PACKETS_LAN].virtual_device = value >> 1 & 1;
		run.g->dp.port[PACKETS_UPLINK].virtual_device = value >> 2 & 1;
	}
}

static void poll_some(uint8_t arg)
{
	if ((arg & 1) != 0)
		worker_poll(run.g->dp.worker[queue_of(arg)]);
	else
		gateway_poll(run.g);
	check_collect(&run.check, run.g);
}

static void step(void)
{
	static void (*const steps[])(uint8_t arg) = {raw_frame,   ip_packet, esp_packet,
	                                             from_client, from_lan,  from_kernel,
	                                             odd_buffer,  control,   poll_some};
	const uint8_t kind = take(&run.in), arg = take(&run.in);

	/* a generator that finds no buffer would have nothing to offer */
	if (run.check.pool_limited && kind % 9 < 7) {
		pool_limit(run.g->pool, GATEWAY_BUFFERS);
		steps[kind % 9](arg);
		pool_limit(run.g->pool, pool_live(run.g->pool));
		return;
	}
	steps[kind % 9](arg);
}

static void finish(void)
{
	for (unsigned p = 0; p < 2; p++) {
		atomic_store(&run.g->dp.port[p].up, true);
		run.g->dp.port[p].virtual_device = false;
		for (unsigned q = 0; q < GATEWAY_WORKERS; q++)
			run.g->wire[p][q].room = WIRE_QUEUE;
	}
	gateway_poll(run.g);
	check_collect(&run.check, run.g);
	for (unsigned i = 0; i < run.n_held; i++)
		rte_pktmbuf_free(run.held[i]);
	check_end(&run.check, run.g);
	pool_limit(run.g->pool, GATEWAY_BUFFERS);
	for (unsigned i = 1; i <= CLIENTS; i++)
		gateway_remove(run.g, i);
	gateway_tick(run.g);
	gateway_tick(run.g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&run, 0, sizeof(run));
	run.in = (struct input){data, size};
	run.config = take(&run.in);
	run.suite = take(&run.in);
	run.other_suite = take(&run.in);
	run.g = &gateways[run.config & 1];
	run.g->dp.mss_clamp = (run.config & 2) != 0;
	check_begin(&run.check, run.g);
	for (unsigned i = 1; i <= CLIENTS; i++)
		add_client(i);
	for (unsigned i = 0; i < STEPS_MAX && run.in.size != 0; i++)
		step();
	finish();
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (crypto_init() != 0)
		abort();
	for (unsigned i = 0; i < GATEWAY_WORKERS; i++)
		if (gateway_open(&gateways[i], i + 1) != 0)
			abort();
	return 0;
}
