/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outer headers say of what is inside, and the other way round: DSCP copied or set (RFC 4301 5.1.2.1),
 * DF copied, set or cleared (RFC 4301 8.1, RFC 6864 4.3), ECN by the tables of RFC 6040 4.1 and 4.2, over
 * both families outside and inside, through the short way and the other one.
 */
#include "tests/unit/dataplane/hostile.h"

#define CLIENT 1u
#define INNER  100u

static struct gateway g;

static int setup(void **state)
{
	(void)state;
	return gateway_open(&g, 1);
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

static void replace_client(const struct gateway_session *is)
{
	gateway_remove(&g, CLIENT);
	gateway_tick(&g);
	gateway_tick(&g);
	assert_int_equal(gateway_add(&g, CLIENT, is), 0);
}

static uint8_t class_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[1] : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
}

static void set_class(uint8_t *ip, uint8_t class)
{
	if (ip[0] >> 4 == 4) {
		ip[1] = class;
		packets_set_sum4(ip, (ip[0] & 15u) * 4);
	} else {
		ip[0] = (uint8_t)(0x60 | class >> 4);
		ip[1] = (uint8_t)(class << 4 | (ip[1] & 15));
	}
}

static void assert_sum4(const uint8_t *ip)
{
	uint8_t again[20];

	if (ip[0] >> 4 != 4)
		return;
	memcpy(again, ip, 20);
	packets_set_sum4(again, 20);
	assert_memory_equal(again, ip, 20);
}

/* The outer header of what a packet from the LAN became, which the next call overwrites; the inner one, at
 * `*clear`, is as it was sent but for its hop. */
static const uint8_t *sent_as(const uint8_t *frame, uint8_t **clear)
{
	static uint8_t outer[40];
	struct rte_mbuf *m;
	uint64_t seq;

	gateway_clear(&g);
	gateway_offer(&g, PACKETS_LAN, 0, frame, PACKETS_L2 + INNER);
	gateway_poll(&g);
	m = gateway_sent(&g, PACKETS_UPLINK);
	assert_non_null(m);
	memcpy(outer, rte_pktmbuf_mtod_offset(m, uint8_t *, PACKETS_L2), 40);
	assert_sum4(outer);
	assert_int_not_equal(gateway_unseal(&g, CLIENT, m, clear, &seq), 0);
	return outer;
}

static void put(uint8_t *frame, uint8_t family, uint8_t class)
{
	packets_put_l2(frame, family == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	gateway_inner(frame + PACKETS_L2, CLIENT, true, family, INNER);
	set_class(frame + PACKETS_L2, class);
}

/* RFC 6040 4.1, normal mode: ECN is copied, whatever becomes of DSCP. */
static void outer_class(void **state)
{
	static const uint8_t dscp[] = {RG_DSCP_COPY, RG_DSCP_SET, RG_DSCP_SET | 10, RG_DSCP_SET | 63};
	uint8_t frame[GATEWAY_MAX], *clear;

	(void)state;
	for (unsigned i = 0; i < 4 * 8; i++) {
		const struct gateway_session is = {
		        .outer6 = i & 1, .udp = i & 2, .simple = i & 4, .dscp = dscp[i / 8]};

		replace_client(&is);
		for (uint8_t family = 4; family <= (is.simple ? 4 : 6); family += 2) {
			for (unsigned class = 0; class < 256; class ++) {
				put(frame, family, (uint8_t) class);
				const uint8_t seen = class_of(sent_as(frame, &clear));

				assert_int_equal(class_of(clear), class);
				assert_int_equal(
				        seen,
				        is.dscp == RG_DSCP_COPY ? class : (is.dscp & 63u) << 2 | (class & 3));
			}
		}
	}
	assert_int_equal(gateway_drops(&g), 0);
}

static void outer_df(void **state)
{
	uint8_t frame[GATEWAY_MAX], *clear;

	(void)state;
	for (unsigned i = 0; i < 3 * 4; i++) {
		const struct gateway_session is = {.udp = i & 1, .simple = i & 2, .df = (uint8_t)(i / 4)};

		replace_client(&is);
		for (unsigned kind = 0; kind < (is.simple ? 2u : 3u); kind++) { /* without, with, IPv6 */
			bool want = is.df == RG_DF_COPY ? kind != 0 : is.df == RG_DF_SET;
			uint32_t last = 0;

			for (unsigned n = 0; n < 3; n++) {
				put(frame, kind == 2 ? 6 : 4, 0);
				if (kind != 2)
					packets_set_fragment4(frame + PACKETS_L2, kind == 1 ? 0x4000 : 0);
				const uint8_t *outer = sent_as(frame, &clear);
				const uint32_t id = (uint32_t)outer[4] << 8 | outer[5];

				assert_int_equal(outer[6] << 8 | outer[7], want ? 0x4000 : 0);
				/* what may be cut has an identification of its own */
				if (want)
					assert_int_equal(id, 0);
				else
					assert_true(n == 0 || id != last);
				last = id;
				assert_true(kind == 2 || (clear[6] & 0x40) == (kind == 1 ? 0x40 : 0));
			}
		}
	}
	assert_int_equal(gateway_drops(&g), 0);
}

/* RFC 6040 4.2, figure 4: [inner][outer], both Not-ECT, ECT(1), ECT(0), CE by their numbers; -1: dropped. */
static const int figure4[4][4] = {
        {0, 0, 0, -1},
        {1, 1, 1, 3},
        {2, 1, 2, 3},
        {3, 3, 3, 3},
};

static void inner_class(void **state)
{
	uint8_t clear[GATEWAY_MAX], esp[GATEWAY_MAX], frame[GATEWAY_MAX], *outer = frame + PACKETS_L2;
	uint64_t seq, drops = 0;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		const struct gateway_session is = {.outer6 = i & 1, .udp = i & 2, .simple = i & 4};

		replace_client(&is);
		seq = 0;
		/* twice: an SA's first packet never takes the short way */
		for (unsigned n = 0; n < 2 * 2 * 16; n++) {
			const uint8_t family = is.simple || n & 1 ? 4 : 6;
			const unsigned in = n >> 1 & 3, out = n >> 3 & 3;
			const int want = figure4[in][out];
			uint32_t len = gateway_inner(clear, CLIENT, false, family, INNER);
			struct rte_mbuf *m;

			set_class(clear, (uint8_t)(0xb8 | in));
			len = gateway_trailer(&g, CLIENT, clear, len, family == 4 ? GATEWAY_CLEAR : 41);
			len = gateway_seal(&g, CLIENT, ++seq, clear, len, esp);
			len = gateway_wrap(&g, CLIENT, esp, len, frame);
			set_class(outer, (uint8_t)(0x48 | out));
			gateway_offer(&g, PACKETS_UPLINK, 0, frame, len);
			gateway_poll(&g);
			m = gateway_sent(&g, PACKETS_LAN);
			if (want < 0) {
				assert_null(m);
				drops++;
			} else {
				assert_non_null(m);
				const uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, PACKETS_L2);

				assert_int_equal(class_of(ip), 0xb8 | want);
				assert_sum4(ip);
				/* the rest of it is as it was, but for the hop */
				assert_int_equal(rte_pktmbuf_data_len(m), PACKETS_L2 + INNER);
				assert_memory_equal(ip + 12, clear + 12, INNER - 12);
			}
			gateway_clear(&g);
		}
	}
	assert_int_equal(gateway_dropped(&g, DROP_ESP_ECN), drops);
	assert_int_equal(gateway_drops(&g), drops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(outer_class, setup, teardown),
	        cmocka_unit_test_setup_teardown(outer_df, setup, teardown),
	        cmocka_unit_test_setup_teardown(inner_class, setup, teardown),
	};

	return cmocka_run_group_tests(tests, hostile_begin, hostile_end);
}
