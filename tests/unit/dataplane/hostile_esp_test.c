/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP that is hostile behind its header: trailers and inner packets (H57), replays (H59), bad
 * packets among good ones (H60), what must not age an SA (H61), the ends of both kinds
 * of sequence numbers (H62), a cipher that fails (H64), selectors (H66).
 */
#include "tests/unit/dataplane/hostile.h"

#include "dataplane/crypto.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define NEXT_IPV6  41
#define NEXT_DUMMY 59
#define MANY       100u

static struct gateway g;

/* In the place of the library's calls to open: the one of that number leaves an ICV that matches nothing. */
static int fail_at = -1;
static crypto_gcm_call *real_open;

static void maybe_open(const struct gcm_key_data *key, struct gcm_context_data *scratch, uint8_t *out,
                       const uint8_t *in, uint64_t len, const uint8_t *nonce, const uint8_t *aad,
                       uint64_t aad_len, uint8_t *icv, uint64_t icv_len)
{
	real_open(key, scratch, out, in, len, nonce, aad, aad_len, icv, icv_len);
	if (fail_at >= 0 && fail_at-- == 0)
		icv[icv_len - 1] ^= 1;
}

/* Client 1 as usual; 2 with extended numbers close to 2^32; 3 with a large window; 4 with a lifetime;
 * 5 close to the end of short numbers; 6 for ports. */
static int setup(void **state)
{
	static const struct gateway_session sessions[] = {
	        {.outer6 = false},
	        {.udp = true, .esn = true, .sequence = UINT32_MAX - 20},
	        {.outer6 = true, .window = 1024},
	        {.lifetime = {.soft_packets = 3, .hard_packets = 6, .hard_bytes = 1000}},
	        {.sequence = UINT32_MAX - 3},
	        {.ports = true},
	};

	(void)state;
	fail_at = -1;
	if (gateway_open(&g, 2) != 0)
		return -1;
	for (unsigned i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++)
		if (gateway_add(&g, 1 + i, &sessions[i]) != 0)
			return -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

static void offer_good(unsigned client, uint64_t seq, unsigned queue)
{
	uint8_t frame[GATEWAY_MAX];

	gateway_offer(&g, PACKETS_UPLINK, queue, frame, gateway_good(&g, client, seq, 100, frame));
}

/* With a wrong ICV. */
static void offer_forged(unsigned client, uint64_t seq)
{
	uint8_t frame[GATEWAY_MAX];
	uint32_t len = gateway_good(&g, client, seq, 100, frame);

	frame[len - 1] ^= 1;
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
}

/* Any plaintext, its trailer included, under the right key. */
static void offer_clear(unsigned client, uint64_t seq, const uint8_t *clear, uint32_t len)
{
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX];

	len = gateway_seal(&g, client, seq, clear, len, esp);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, gateway_wrap(&g, client, esp, len, frame));
}

/* Dropped behind the ICV: the client's own number is used up, and that is all. */
static void assert_dropped_inside(const struct before *before, enum drop why, unsigned client)
{
	struct before b = *before;
	const struct rg_counters_sa *now = gateway_sa(&g, client, RG_IN)->record;

	gateway_poll(&g);
	assert_int_equal(now->sequence, b.sa[RG_IN][client].sequence + 1);
	assert_int_equal(now->packets, b.sa[RG_IN][client].packets + 1);
	b.sa[RG_IN][client] = *now;
	assert_drops(&g, &b, why, 1);
	assert_no_effect(&g, &b);
	assert_sas_unaffected(&g, &b, 0);
}

/* Events of both workers since the last call, of that type (0: of any). */
static unsigned events(uint32_t type)
{
	struct rg_api_event e;
	unsigned n = 0;

	for (unsigned i = 0; i < g.dp.n_workers; i++)
		while (event_take(&g.dp.core->worker[i]->events, &e))
			n += type == 0 || e.type == type;
	return n;
}

/* --- H57 --- */

static uint64_t next_of(unsigned client)
{
	return gateway_sa(&g, client, RG_IN)->record->sequence + 1;
}

/* Puts a trailer by hand behind a good packet of `size` bytes: `pad` of the last byte but one. */
static void offer_padded(uint32_t size, uint32_t padding, const uint8_t *bytes, uint8_t pad, uint8_t next)
{
	uint8_t clear[GATEWAY_MAX];
	uint32_t len = gateway_inner(clear, 1, false, 4, size);

	memcpy(clear + len, bytes, padding);
	clear[len + padding] = pad;
	clear[len + padding + 1] = next;
	offer_clear(1, next_of(1), clear, len + padding + 2);
}

static void H57_padding(void **state)
{
	static const uint8_t wrong[][4] = {{1, 2, 3, 5}, {0, 0, 0, 0}, {2, 3, 4, 5}, {4, 3, 2, 1}};
	static const uint8_t right[4] = {1, 2, 3, 4};
	struct before b;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		before_take(&b, &g);
		offer_padded(102, 4, wrong[i], 4, GATEWAY_CLEAR);
		assert_dropped_inside(&b, DROP_ESP_PADDING, 1);
	}
	/* longer than the payload, by one and by all */
	for (unsigned pad = 107; pad < 256; pad++) {
		before_take(&b, &g);
		offer_padded(102, 4, right, (uint8_t)pad, GATEWAY_CLEAR);
		assert_dropped_inside(&b, DROP_ESP_PADDING, 1);
	}
	/* an empty payload */
	before_take(&b, &g);
	offer_clear(1, next_of(1), (const uint8_t[]){1, GATEWAY_CLEAR}, 2);
	assert_dropped_inside(&b, DROP_ESP_PADDING, 1);
	before_take(&b, &g);
	offer_clear(1, next_of(1), (const uint8_t[]){0, GATEWAY_CLEAR}, 2);
	assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
	assert_passes(&g, 1, next_of(1));
}

static void H57_next_header(void **state)
{
	struct before b;

	(void)state;
	for (unsigned next = 0; next < 256; next++) {
		if (next == GATEWAY_CLEAR)
			continue;
		before_take(&b, &g);
		offer_padded(102, 0, (const uint8_t *)"", 0, (uint8_t)next);
		assert_dropped_inside(&b,
		                      next == NEXT_IPV6    ? DROP_ESP_INNER_BAD
		                      : next == NEXT_DUMMY ? DROP_ESP_DUMMY
		                                           : DROP_ESP_NEXT_HEADER,
		                      1);
	}
	/* a dummy packet may hold anything, also nothing (RFC 4303 2.6) */
	before_take(&b, &g);
	offer_clear(1, next_of(1), (const uint8_t[]){0, NEXT_DUMMY}, 2);
	assert_dropped_inside(&b, DROP_ESP_DUMMY, 1);
}

static void set_sum4(uint8_t *ip, uint32_t header)
{
	uint32_t sum = 0;

	ip[10] = ip[11] = 0;
	for (uint32_t i = 0; i < header; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = (uint8_t)(~sum >> 8);
	ip[11] = (uint8_t)~sum;
}

/* The inner packet's own idea of its length: beyond the plaintext, below its header; its checksum. */
static void H57_inner_length(void **state)
{
	uint8_t clear[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (uint32_t total = 0; total < 65536; total += total < 120 ? 1 : 777) {
		if (total >= 20 && total <= 102)
			continue;
		uint32_t len = gateway_inner(clear, 1, false, 4, 102);
		clear[2] = (uint8_t)(total >> 8);
		clear[3] = (uint8_t)total;
		set_sum4(clear, 20);
		before_take(&b, &g);
		offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR));
		assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
	}
	for (unsigned first = 0; first < 256; first++) {
		if (first >> 4 == 4 && (first & 15) >= 5)
			continue;
		uint32_t len = gateway_inner(clear, 1, false, 4, 102);
		clear[0] = (uint8_t)first;
		set_sum4(clear, 20);
		before_take(&b, &g);
		offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR));
		assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
	}
	/* a header that reaches beyond the packet */
	uint32_t len = gateway_inner(clear, 1, false, 4, 40);
	clear[0] = 0x4f;
	set_sum4(clear, 60);
	before_take(&b, &g);
	offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR));
	assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
	len = gateway_inner(clear, 1, false, 4, 102);
	clear[10] ^= 1;
	before_take(&b, &g);
	offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len, GATEWAY_CLEAR));
	assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
}

static void H57_inner_length6(void **state)
{
	uint8_t clear[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (uint32_t payload = 61; payload < 65536; payload += 997) {
		uint32_t len = gateway_inner(clear, 1, false, 6, 100);
		clear[4] = (uint8_t)(payload >> 8);
		clear[5] = (uint8_t)payload;
		before_take(&b, &g);
		offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len, NEXT_IPV6));
		assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
	}
	for (uint32_t cut = 0; cut < 40; cut++) {
		gateway_inner(clear, 1, false, 6, 100);
		before_take(&b, &g);
		offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, cut, NEXT_IPV6));
		assert_dropped_inside(&b, DROP_ESP_INNER_BAD, 1);
	}
}

/* Padding for traffic flow confidentiality is no error, and goes (RFC 4303 2.7). */
static void H57_inner_shorter_than_plaintext(void **state)
{
	uint8_t clear[GATEWAY_MAX] = {0};
	uint32_t len = gateway_inner(clear, 1, false, 4, 100);
	struct rte_mbuf *m;

	(void)state;
	memset(clear + len, 0xaa, 200);
	offer_clear(1, 1, clear, gateway_trailer(&g, 1, clear, len + 200, GATEWAY_CLEAR));
	gateway_poll(&g);
	m = gateway_sent(&g, PACKETS_LAN);
	assert_non_null(m);
	assert_int_equal(rte_pktmbuf_data_len(m), 14 + 100);
}

/* --- H59 and H60 --- */

static void H59_duplicates_within_a_burst(void **state)
{
	struct before b;

	(void)state;
	before_take(&b, &g);
	for (unsigned i = 0; i < 64; i++)
		offer_good(1, 1 + i % 4, 0);
	gateway_poll(&g);
	assert_drops(&g, &b, DROP_ESP_REPLAY_SEEN, 60);
	assert_int_equal(gateway_clear(&g), 4);
	assert_int_equal(gateway_sa(&g, 1, RG_IN)->record->replayed, 60);
}

/* Owner or not: the packet is accepted once, wherever its copies land. */
static void H59_duplicates_across_workers(void **state)
{
	struct before b;

	(void)state;
	for (uint64_t seq = 1; seq <= MANY; seq++) {
		before_take(&b, &g);
		for (unsigned i = 0; i < 6; i++)
			offer_good(1 + 2 * (i & 1), seq, i / 2 & 1);
		gateway_poll(&g);
		assert_drops(&g, &b, DROP_ESP_REPLAY_SEEN, 4);
		assert_int_equal(gateway_clear(&g), 2);
	}
}

static void H59_window_edges(void **state)
{
	static const unsigned clients[] = {1, 3};
	static const uint64_t windows[] = {64, 1024};
	struct before b;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const unsigned c = clients[i];
		const uint64_t window = windows[i];
		assert_passes(&g, c, 5000);
		assert_passes(&g, c, 5000 - window + 1);
		before_take(&b, &g);
		offer_good(c, 5000 - window, 0);
		offer_good(c, 1, 0);
		offer_good(c, 0, 0);
		assert_hostile(&g, &b, DROP_ESP_REPLAY_OLD, 3, c);
		before_take(&b, &g);
		offer_good(c, 5000, 0);
		offer_good(c, 5000 - window + 1, 0);
		assert_hostile(&g, &b, DROP_ESP_REPLAY_SEEN, 2, c);
		assert_passes(&g, c, 5001);
		before_take(&b, &g);
		offer_good(c, 5001 - window, 0);
		assert_hostile(&g, &b, DROP_ESP_REPLAY_OLD, 1, c);
		assert_passes(&g, c, 4999);
	}
}

/* The window moves only behind the ICV, however far a forged number jumps. */
static void H59_forged_far_jump(void **state)
{
	static const uint64_t jumps[] = {65, 1025, 1u << 20, 1u << 31, UINT32_MAX - 1000};
	struct before b;

	(void)state;
	for (unsigned c = 1; c <= 3; c++) {
		const uint64_t first = gateway_sa(&g, c, RG_IN)->record->sequence;
		assert_passes(&g, c, first + 10);
		for (unsigned i = 0; i < sizeof(jumps) / 8; i++) {
			before_take(&b, &g);
			offer_forged(c, first + 10 + jumps[i]);
			assert_hostile(&g, &b, DROP_ESP_AUTH, 1, c);
		}
		/* older ones are still in the window */
		for (uint64_t seq = first + 1; seq < first + 10; seq++)
			assert_passes(&g, c, seq);
	}
}

/* A bad packet at each place of a burst: all others pass, in order. */
static void H60_bad_packet_anywhere_in_a_burst(void **state)
{
	uint64_t seq = 1;
	struct before b;

	(void)state;
	for (unsigned bad = 0; bad < 64; bad++) {
		before_take(&b, &g);
		for (unsigned i = 0; i < 64; i++) {
			if (i == bad)
				offer_forged(1, seq);
			else
				offer_good(1, seq++, 0);
		}
		gateway_poll(&g);
		assert_drops(&g, &b, DROP_ESP_AUTH, 1);
		assert_int_equal(gateway_clear(&g), 63);
	}
	assert_int_equal(gateway_sa(&g, 1, RG_IN)->record->packets, 64 * 63);
}

/* --- H61 and H62 --- */

static void H61_forged_and_replayed_age_nothing(void **state)
{
	struct before b;

	(void)state;
	assert_passes(&g, 4, 1);
	events(0);
	before_take(&b, &g);
	for (unsigned i = 0; i < MANY; i++)
		offer_forged(4, 2 + i);
	assert_hostile(&g, &b, DROP_ESP_AUTH, MANY, 4);
	before_take(&b, &g);
	for (unsigned i = 0; i < MANY; i++)
		offer_good(4, 1, i & 1);
	assert_hostile(&g, &b, DROP_ESP_REPLAY_SEEN, MANY, 4);
	assert_int_equal(gateway_sa(&g, 4, RG_IN)->record->auth_failed, MANY);
	assert_int_equal(gateway_sa(&g, 4, RG_IN)->record->replayed, MANY);
	assert_int_equal(events(0), 0);
	/* good ones do, at the packet that the lifetime says */
	assert_passes(&g, 4, 2);
	assert_int_equal(events(RG_EVENT_SOFT_LIFETIME), 0);
	assert_passes(&g, 4, 3);
	assert_int_equal(events(RG_EVENT_SOFT_LIFETIME), 1);
	assert_passes(&g, 4, 4);
	assert_passes(&g, 4, 5);
	assert_int_equal(events(0), 0);
	assert_passes(&g, 4, 6);
	assert_int_equal(events(RG_EVENT_HARD_LIFETIME), 1);
	before_take(&b, &g);
	offer_good(4, 7, 0);
	assert_hostile(&g, &b, DROP_ESP_SA_DEAD, 1, 0);
}

/* Forged packets from anywhere do not ask control for a move either. */
static void H61_forged_source_raises_nothing(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	struct before b;

	(void)state;
	assert_passes(&g, 1, 1);
	events(0);
	before_take(&b, &g);
	for (unsigned i = 0; i < MANY; i++) {
		uint32_t len = gateway_good(&g, 1, 1 + i % 2, 100, frame);
		frame[len - 1] ^= i % 2; /* odd: forged; even: a replay */
		frame[14 + 15] = (uint8_t)(100 + i % 100);
		set_sum4(frame + 14, 20);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
	}
	gateway_poll(&g);
	assert_int_equal(gateway_drops(&g), MANY);
	assert_int_equal(gateway_dropped(&g, DROP_ESP_AUTH), MANY / 2);
	assert_int_equal(gateway_dropped(&g, DROP_ESP_REPLAY_SEEN), MANY / 2);
	assert_no_effect(&g, &b);
	assert_sas_unaffected(&g, &b, 1);
	assert_int_equal(events(0), 0);
	assert_int_equal(gateway_count(&g, COUNTER_UNEXPECTED_SOURCE), 0);
}

/* Out of order by up to a window across 2^32, each number once. */
static void H62_esn_across_the_wrap(void **state)
{
	const uint64_t first = UINT32_MAX - 19;
	uint64_t random = 1;
	uint8_t order[40];
	struct before b;

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		order[i] = (uint8_t)i;
	for (unsigned i = 39; i > 0; i--) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		unsigned k = (unsigned)(random >> 33) % (i + 1);
		uint8_t x = order[i];
		order[i] = order[k];
		order[k] = x;
	}
	for (unsigned i = 0; i < 40; i++)
		assert_passes(&g, 2, first + order[i]);
	assert_int_equal(gateway_sa(&g, 2, RG_IN)->record->sequence, first + 39);
	before_take(&b, &g);
	for (unsigned i = 0; i < 40; i++)
		offer_good(2, first + i, 0);
	assert_hostile(&g, &b, DROP_ESP_REPLAY_SEEN, 40, 2);
	/* the same low halves of the epoch before and after are no numbers of this one */
	before_take(&b, &g);
	offer_good(2, first + 40 - (1ull << 32), 0);
	offer_good(2, first + 41 + (1ull << 32), 0);
	assert_hostile(&g, &b, DROP_ESP_AUTH, 2, 2);
}

static void H62_esn_outbound_wraps_rightly(void **state)
{
	(void)state;
	for (uint64_t seq = UINT32_MAX - 19; seq < UINT32_MAX + 20ull; seq++)
		assert_int_equal(assert_reaches(&g, 2), seq);
}

/* Without extended numbers the SA stops at 2^32 - 1, and asks for a rekey once. */
static void H62_exhaustion(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	struct before b;

	(void)state;
	events(0);
	for (uint64_t seq = UINT32_MAX - 2ull; seq <= UINT32_MAX; seq++)
		assert_int_equal(assert_reaches(&g, 5), seq);
	assert_int_equal(events(RG_EVENT_SEQUENCE), 1);
	before_take(&b, &g);
	packets_put_l2(frame, RTE_ETHER_TYPE_IPV4);
	for (unsigned i = 0; i < MANY; i++)
		gateway_offer(&g, PACKETS_LAN, i & 1, frame, 14 + gateway_inner(frame + 14, 5, true, 4, 100));
	assert_hostile(&g, &b, DROP_OUT_SEQUENCE, MANY, 0);
	assert_int_equal(events(0), 0);
	/* inbound, the last number is good and nothing follows it */
	assert_passes(&g, 5, UINT32_MAX);
	before_take(&b, &g);
	offer_good(5, 1ull << 32, 0);
	offer_good(5, (1ull << 32) + 1, 0);
	assert_hostile(&g, &b, DROP_ESP_REPLAY_OLD, 2, 5);
}

/* --- H64 --- */

static void H64_the_cipher_fails(void **state)
{
	uint64_t seq = 1;
	struct before b;

	(void)state;
	for (int bad = 0; bad < 64; bad++) {
		for (unsigned i = 0; i < 64; i++)
			offer_good(1, seq++, 0);
		before_take(&b, &g);
		fail_at = bad;
		gateway_poll(&g);
		assert_drops(&g, &b, DROP_ESP_AUTH, 1);
		assert_int_equal(gateway_clear(&g), 63);
		assert_int_equal(pool_live(g.pool), 0);
	}
	/* its number is not used up: the peer may send it again */
	fail_at = 0;
	offer_good(1, seq, 0);
	gateway_poll(&g);
	assert_passes(&g, 1, seq);
}

/* --- H66 --- */

static void offer_from(unsigned client, uint32_t from, uint32_t to)
{
	uint8_t clear[GATEWAY_MAX];
	uint32_t len = gateway_inner(clear, client, false, 4, 100);

	memcpy(clear + 12, &from, 4);
	memcpy(clear + 16, &to, 4);
	set_sum4(clear, 20);
	offer_clear(client, next_of(client), clear, gateway_trailer(&g, client, clear, len, GATEWAY_CLEAR));
}

static void H66_addresses_outside_the_selectors(void **state)
{
	const uint32_t own = gateway_client4(1), server = packets_server();
	const uint32_t pairs[][2] = {
	        {gateway_client4(2), server}, /* another client's */
	        {server, server},             /* ours, mirrored */
	        {packets_gateway(), server},  /* the gateway's */
	        {htonl(0x7f000001), server},  /* nobody's */
	        {0, server},
	        {own, htonl(0x08080808)}, /* beyond what was agreed on */
	        {own, packets_gateway()},
	        {own, htonl(0xe0000001)},
	};
	struct before b;

	(void)state;
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		before_take(&b, &g);
		offer_from(1, pairs[i][0], pairs[i][1]);
		assert_dropped_inside(&b, DROP_ESP_SELECTORS, 1);
		assert_int_equal(sa_rare(gateway_sa(&g, 1, RG_IN))->selector_mismatch, i + 1);
	}
	assert_passes(&g, 1, next_of(1));
}

static void H66_ports_and_families(void **state)
{
	uint8_t clear[GATEWAY_MAX];
	struct before b;
	uint32_t len;

	(void)state;
	/* another client's IPv6 address */
	len = gateway_inner(clear, 2, false, 6, 100);
	before_take(&b, &g);
	offer_clear(1, next_of(1), clear, gateway_trailer(&g, 1, clear, len, NEXT_IPV6));
	assert_dropped_inside(&b, DROP_ESP_SELECTORS, 1);
	/* client 6 may reach one port by UDP: another port, another protocol, no ports at all */
	for (unsigned i = 0; i < 3; i++) {
		len = gateway_inner(clear, 6, false, 4, 100);
		if (i == 0)
			clear[23] = 81;
		else if (i == 1)
			clear[9] = IPPROTO_TCP;
		else
			clear[7] = 1; /* a later fragment (RFC 4301 7) */
		set_sum4(clear, 20);
		before_take(&b, &g);
		offer_clear(6, next_of(6), clear, gateway_trailer(&g, 6, clear, len, GATEWAY_CLEAR));
		assert_dropped_inside(&b, DROP_ESP_SELECTORS, 6);
	}
	assert_passes(&g, 6, next_of(6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H57_padding, setup, teardown),
	        cmocka_unit_test_setup_teardown(H57_next_header, setup, teardown),
	        cmocka_unit_test_setup_teardown(H57_inner_length, setup, teardown),
	        cmocka_unit_test_setup_teardown(H57_inner_length6, setup, teardown),
	        cmocka_unit_test_setup_teardown(H57_inner_shorter_than_plaintext, setup, teardown),
	        cmocka_unit_test_setup_teardown(H59_duplicates_within_a_burst, setup, teardown),
	        cmocka_unit_test_setup_teardown(H59_duplicates_across_workers, setup, teardown),
	        cmocka_unit_test_setup_teardown(H59_window_edges, setup, teardown),
	        cmocka_unit_test_setup_teardown(H59_forged_far_jump, setup, teardown),
	        cmocka_unit_test_setup_teardown(H60_bad_packet_anywhere_in_a_burst, setup, teardown),
	        cmocka_unit_test_setup_teardown(H61_forged_and_replayed_age_nothing, setup, teardown),
	        cmocka_unit_test_setup_teardown(H61_forged_source_raises_nothing, setup, teardown),
	        cmocka_unit_test_setup_teardown(H62_esn_across_the_wrap, setup, teardown),
	        cmocka_unit_test_setup_teardown(H62_esn_outbound_wraps_rightly, setup, teardown),
	        cmocka_unit_test_setup_teardown(H62_exhaustion, setup, teardown),
	        cmocka_unit_test_setup_teardown(H64_the_cipher_fails, setup, teardown),
	        cmocka_unit_test_setup_teardown(H66_addresses_outside_the_selectors, setup, teardown),
	        cmocka_unit_test_setup_teardown(H66_ports_and_families, setup, teardown),
	};

	if (crypto_init() != 0)
		return 1;
	real_open = crypto_gcm[RG_SUITE_AES128_GCM16].open;
	crypto_gcm[RG_SUITE_AES128_GCM16].open = maybe_open;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_fini();
	return failed;
}
