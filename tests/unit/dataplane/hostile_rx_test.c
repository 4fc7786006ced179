/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the unprotected side, a network or the kernel may hand over, up to the ICV: cut
 * anywhere (H56), SPIs (H58), fragments and extension headers (H65), what port 4500
 * carries (H67), and frames of the kernel's that belong into a tunnel (H68).
 */
#include "tests/unit/dataplane/hostile.h"

#include "dataplane/crypto.h"
#include "dataplane/ike_spi.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define KINDS    4u /* of outer packets: client 1 + kind */
#define ICV_LESS (8u + 8u + 2u + 16u)

static struct gateway g;

static int setup(void **state)
{
	(void)state;
	if (gateway_open(&g, 2) != 0)
		return -1;
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct gateway_session is = {.outer6 = kind & 1, .udp = kind >> 1 & 1};
		if (gateway_add(&g, 1 + kind, &is) != 0)
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return gateway_close(&g) == 0 ? 0 : -1;
}

/* ESP of a client around a good packet. */
static uint32_t good_esp(unsigned client, uint64_t seq, uint8_t *esp)
{
	uint8_t clear[GATEWAY_MAX];
	uint32_t len = gateway_trailer(&g, client, clear, gateway_inner(clear, client, false, 4, 100),
	                               GATEWAY_CLEAR);

	return gateway_seal(&g, client, seq, clear, len, esp);
}

static void set16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The frame ends anywhere: its headers announce more than came. */
static void H56_frame_cut_at_every_byte(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (unsigned client = 1; client <= KINDS; client++) {
		uint32_t len = gateway_good(&g, client, 1, 100, frame);
		for (uint32_t cut = 0; cut < len; cut++) {
			before_take(&b, &g);
			gateway_offer(&g, PACKETS_UPLINK, 0, frame, cut);
			assert_hostile(&g, &b, DROP_RX_TRUNCATED, 1, 0);
		}
		assert_passes(&g, client, 1);
	}
}

/* ESP ends anywhere and the headers agree: too short for header, IV, trailer and ICV, or a wrong ICV. */
static void H56_esp_cut_at_every_byte(void **state)
{
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX];
	struct before b;

	(void)state;
	for (unsigned client = 1; client <= KINDS; client++) {
		uint32_t len = good_esp(client, 1, esp);
		for (uint32_t cut = 0; cut < len; cut++) {
			before_take(&b, &g);
			gateway_offer(&g, PACKETS_UPLINK, 0, frame,
			              gateway_wrap(&g, client, esp, cut, frame));
			assert_hostile(&g, &b, cut < ICV_LESS ? DROP_ESP_SHORT : DROP_ESP_AUTH, 1, client);
		}
		assert_passes(&g, client, 1);
	}
}

/* In two buffers, wherever the border is: H63 says the same of plaintext. */
static void H56_several_segments(void **state)
{
	uint8_t frame[GATEWAY_MAX];
	struct before b;
	uint32_t len = gateway_good(&g, 1, 1, 100, frame);

	(void)state;
	for (uint32_t at = 0; at <= len; at++) {
		struct rte_mbuf *head = pool_tight(g.pool, 128, (uint16_t)at, 0);
		struct rte_mbuf *rest = pool_tight(g.pool, 128, (uint16_t)(len - at), 0);
		memcpy(rte_pktmbuf_mtod(head, void *), frame, at);
		memcpy(rte_pktmbuf_mtod(rest, void *), frame + at, len - at);
		before_take(&b, &g);
		b.live -= 2;
		assert_int_equal(rte_pktmbuf_chain(head, rest), 0);
		gateway_offer_mbuf(&g, PACKETS_UPLINK, 0, head);
		assert_hostile(&g, &b, DROP_RX_SEGMENTS, 1, 0);
	}
}

static void H58_spi(void **state)
{
	static const uint32_t reserved[] = {0, 1, 2, 254, 255};
	const uint32_t ours = ntohl(gateway_spi(&g, 1, RG_IN));
	const uint32_t unknown[] = {256,
	                            UINT32_MAX,
	                            ours ^ 1,
	                            ours + (60u << 7),
	                            ours + (1u << 20),
	                            ours ^ 3u << 28,
	                            0x80000000,
	                            ntohl(gateway_spi(&g, 1, RG_OUT))};
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX];
	uint32_t len = good_esp(1, 1, esp), spi;
	struct before b;

	(void)state;
	for (unsigned client = 1; client <= KINDS; client++) {
		for (unsigned i = 0; i < sizeof(reserved) / 4; i++) {
			if (reserved[i] == 0 && g.client[client].is.udp) /* the non-ESP marker: H67 */
				continue;
			spi = htonl(reserved[i]);
			memcpy(esp, &spi, 4);
			before_take(&b, &g);
			gateway_offer(&g, PACKETS_UPLINK, 0, frame,
			              gateway_wrap(&g, client, esp, len, frame));
			assert_hostile(&g, &b, DROP_ESP_SPI_RESERVED, 1, 0);
		}
		for (unsigned i = 0; i < sizeof(unknown) / 4; i++) {
			spi = htonl(unknown[i]);
			memcpy(esp, &spi, 4);
			before_take(&b, &g);
			gateway_offer(&g, PACKETS_UPLINK, 0, frame,
			              gateway_wrap(&g, client, esp, len, frame));
			assert_hostile(&g, &b, DROP_ESP_NO_SA, 1, 0);
		}
	}
	/* another client's: its key does not fit, and its SA notes no more than that */
	spi = gateway_spi(&g, 2, RG_IN);
	memcpy(esp, &spi, 4);
	before_take(&b, &g);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, gateway_wrap(&g, 1, esp, len, frame));
	assert_hostile(&g, &b, DROP_ESP_AUTH, 1, 2);
	assert_int_equal(gateway_sa(&g, 2, RG_IN)->record->auth_failed, 1);
	assert_passes(&g, 1, 1);
	assert_passes(&g, 2, 1);
}

/* --- fragments and extension headers --- */

static void offer6(unsigned port, const uint8_t *to, uint8_t protocol, const uint8_t *payload, uint32_t len)
{
	uint8_t frame[GATEWAY_MAX],
	        from[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

	packets_put_l2(frame, RTE_ETHER_TYPE_IPV6);
	packets_put_ipv6(frame + 14, from, to, protocol, 40 + len);
	memcpy(frame + 54, payload, len);
	gateway_offer(&g, port, 0, frame, 54 + len);
}

static void set_fragment4(uint8_t *ip, uint16_t field)
{
	uint32_t sum = 0;

	set16(ip + 6, field);
	set16(ip + 10, 0);
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	set16(ip + 10, ~(sum + (sum >> 16)));
}

/* A client's ESP as an IPv4 fragment; its bytes. */
static uint32_t fragment_of(uint8_t *frame, unsigned client, const uint8_t *esp, uint32_t len, uint16_t field)
{
	uint32_t n = gateway_wrap(&g, client, esp, len, frame);

	set_fragment4(frame + 14, field);
	return n;
}

/* What waits for the rest of its packet has waited long enough. */
static void give_up_fragments(void)
{
	gateway_poll(&g);
	for (unsigned i = 0; i < g.dp.n_workers; i++)
		reassembly_expire(g.dp.worker[i], true);
}

/* Fragments of raw ESP that never become a packet. */
static void H65_esp_in_fragments(void **state)
{
	static const uint16_t fields[] = {0x2000, 0x2001, 0x2005, 0x0005, 0x0001, 0x1fff, 0x3fff, 0x6000};
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX], chain[GATEWAY_MAX] = {IPPROTO_ESP}, local6[16];
	uint32_t len = good_esp(1, 1, esp);
	struct before b;

	(void)state;
	packets_gateway6(local6);
	memcpy(chain + 8, esp, len);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < sizeof(fields) / 2; i++) {
			before_take(&b, &g);
			uint32_t n = gateway_wrap(&g, 1, esp, len, frame);
			set_fragment4(frame + 14, fields[i]);
			gateway_offer(&g, PACKETS_UPLINK, 0, frame, n);
			give_up_fragments();
			assert_hostile(&g, &b, DROP_RX_FRAGMENT, 1, 0);
			before_take(&b, &g);
			set16(chain + 2, (uint32_t)(fields[i] & 0x1fff) << 3 | fields[i] >> 13);
			if ((chain[2] | (chain[3] & 0xf9)) == 0)
				continue;
			offer6(PACKETS_UPLINK, local6, IPPROTO_FRAGMENT, chain, 8 + len);
			give_up_fragments();
			assert_hostile(&g, &b, DROP_RX_FRAGMENT, 1, 0);
		}
	}
	assert_passes(&g, 1, 1);
}

/* A flood of first fragments: what is kept of it is bounded, the oldest goes first, and ESP passes. */
static void H65_endless_fragments(void **state)
{
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX];
	uint32_t len = good_esp(1, 1, esp), live = pool_live(g.pool);
	struct before b;

	(void)state;
	before_take(&b, &g);
	for (uint16_t id = 0; id < 10 * REASSEMBLY_SLOTS; id++) {
		uint32_t n = gateway_wrap(&g, 1, esp, len, frame);
		memcpy(frame + 14 + 4, &id, 2);
		set_fragment4(frame + 14, 0x2000);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, n);
		gateway_poll(&g);
		assert_true(pool_live(g.pool) <= live + REASSEMBLY_SLOTS);
	}
	assert_passes(&g, 1, 1);
	give_up_fragments();
	assert_int_equal(pool_live(g.pool), live);
	assert_drops(&g, &b, DROP_RX_FRAGMENT, 10 * REASSEMBLY_SLOTS);
}

/* A fragment of UDP has ports only in the first. What is no ESP is the kernel's, all of it, policed. */
static void H65_udp_in_fragments(void **state)
{
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX];
	uint32_t len = good_esp(3, 1, esp);
	struct handover item;
	struct before b;

	(void)state;
	for (uint16_t field = 0x2000; field < 0x2003; field++) {
		before_take(&b, &g);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, fragment_of(frame, 3, esp, len, field));
		give_up_fragments();
		assert_hostile(&g, &b, DROP_RX_FRAGMENT, 1, 0);
	}
	memset(esp, 0, 4); /* the non-ESP marker */
	for (uint16_t field = 0x2000; field < 0x2003; field++) {
		before_take(&b, &g);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, fragment_of(frame, 3, esp, len, field));
		gateway_poll(&g);
		assert_drops(&g, &b, DROP_NONE, 0);
		assert_true(gateway_punted(&g, &item));
		assert_int_equal(item.data, PUNT_CLASS_OTHER);
		rte_pktmbuf_free(item.packet);
		b.punted++;
		assert_no_effect(&g, &b);
		assert_sas_unaffected(&g, &b, 0);
	}
}

/* Up to four headers are skipped; an atomic fragment is whole (RFC 8200 4.5). */
static void H65_extension_chains(void **state)
{
	static const uint8_t kinds[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS, IPPROTO_FRAGMENT};
	uint8_t esp[GATEWAY_MAX], chain[GATEWAY_MAX], local6[16];
	uint32_t len = good_esp(2, 1, esp);
	struct before b;

	(void)state;
	packets_gateway6(local6);
	for (unsigned n = 1; n < 12; n++) {
		for (unsigned i = 0; i < n; i++) {
			memset(chain + i * 8, 0, 8);
			chain[i * 8] = i + 1 == n ? IPPROTO_ESP : kinds[(i + 1) % 4];
		}
		memcpy(chain + n * 8, esp, len);
		before_take(&b, &g);
		offer6(PACKETS_UPLINK, local6, kinds[0], chain, n * 8 + len);
		gateway_poll(&g);
		if (n > 4) {
			assert_hostile(&g, &b, DROP_RX_EXTENSIONS, 1, 0);
			continue;
		}
		/* n = 1 is accepted, the others are its replays */
		assert_drops(&g, &b, DROP_ESP_REPLAY_SEEN, n != 1);
		assert_int_equal(gateway_clear(&g), n == 1);
	}
}

/* A chain that leads beyond the packet, one step or 255 of them. */
static void H65_extension_beyond_the_packet(void **state)
{
	uint8_t chain[64] = {0}, local6[16];
	struct before b;

	(void)state;
	packets_gateway6(local6);
	for (uint32_t len = 0; len < 40; len++) {
		for (unsigned more = 0; more < 256; more += 5) {
			chain[0] = IPPROTO_ESP;
			chain[1] = (uint8_t)more;
			before_take(&b, &g);
			offer6(PACKETS_UPLINK, local6, IPPROTO_DSTOPTS, chain, len);
			if (len >= 8 && (more + 1) * 8 <= len)
				assert_hostile(&g, &b,
				               len < (more + 1) * 8 + 8 ? DROP_ESP_SHORT
				                                        : DROP_ESP_SPI_RESERVED,
				               1, 0);
			else
				assert_hostile(&g, &b, DROP_RX_TRUNCATED, 1, 0);
		}
	}
}

/* --- port 4500 --- */

/* UDP to port 4500 with a length field of its own choosing. */
static void offer_udp(bool outer6, uint16_t port, const uint8_t *payload, uint32_t len, uint32_t udp_len)
{
	uint8_t frame[GATEWAY_MAX], udp[GATEWAY_MAX] = {0}, local6[16];

	set16(udp, 10001);
	set16(udp + 2, port);
	set16(udp + 4, udp_len);
	memcpy(udp + 8, payload, len);
	if (outer6) {
		packets_gateway6(local6);
		offer6(PACKETS_UPLINK, local6, IPPROTO_UDP, udp, 8 + len);
		return;
	}
	packets_put_l2(frame, RTE_ETHER_TYPE_IPV4);
	packets_put_ipv4(frame + 14, htonl(0xc0000203), packets_gateway(), IPPROTO_UDP, 28 + len);
	memcpy(frame + 34, udp, 8 + len);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, 42 + len);
}

/* Where the frame just offered went: its class if to the kernel, whole. */
static void assert_punted(const struct before *b, enum punt_class class, uint32_t len)
{
	struct handover item;

	gateway_poll(&g);
	assert_drops(&g, b, DROP_NONE, 0);
	assert_true(gateway_punted(&g, &item));
	assert_int_equal(item.data, class);
	assert_int_equal(item.kind, HAND_FRAME);
	assert_int_equal(rte_pktmbuf_data_len((struct rte_mbuf *)item.packet), len);
	rte_pktmbuf_free(item.packet);
	assert_false(gateway_punted(&g, &item));
	assert_int_equal(pool_live(g.pool), b->live);
	assert_sas_unaffected(&g, b, 0);
}

static void H67_marker_keepalive_and_esp(void **state)
{
	static const uint8_t ike[4 + IKE_HEADER] = {
	        [4] = 1, [12] = 2, [4 + 17] = 0x20, [4 + 18] = 37, [4 + 19] = 8};
	static const uint8_t ff[4] = {0xff, 0xff, 0xff, 0xff}, one[8] = {0, 0, 0, 1};
	struct before b;

	(void)state;
	for (unsigned six = 0; six < 2; six++) {
		const uint32_t head = six ? 62 : 42;
		/* one byte of 0xff is a keepalive, nothing else is */
		before_take(&b, &g);
		offer_udp(six, 4500, ff, 1, 9);
		assert_hostile(&g, &b, DROP_RX_KEEPALIVE, 1, 0);
		for (unsigned n = 0; n < 4; n++) {
			before_take(&b, &g);
			offer_udp(six, 4500, n == 1 ? one : ff, n, 8 + n);
			assert_hostile(&g, &b, DROP_ESP_SHORT, 1, 0);
		}
		/* four zeros are the marker, with or without a message behind it */
		for (unsigned n = 4; n <= sizeof(ike); n++) {
			before_take(&b, &g);
			offer_udp(six, 4500, ike, n, 8 + n);
			assert_punted(&b, PUNT_CLASS_IKE_NEW, head + n);
		}
		/* almost the marker is a reserved SPI; too short for one is no ESP */
		before_take(&b, &g);
		offer_udp(six, 4500, one, 8, 16);
		assert_hostile(&g, &b, DROP_ESP_SPI_RESERVED, 1, 0);
		for (unsigned n = 4; n < 8; n++) {
			before_take(&b, &g);
			offer_udp(six, 4500, one, n, 8 + n);
			assert_hostile(&g, &b, DROP_ESP_SHORT, 1, 0);
		}
	}
}

static void H67_known_ike(void **state)
{
	static const uint8_t ours[IKE_HEADER] = {
	        [0] = 7, [8] = 9, [16] = 46 /* SK */, [17] = 0x20, [18] = 37};
	uint8_t message[4 + IKE_HEADER] = {0};
	struct before b;

	(void)state;
	ike_spi_learn(ours, sizeof(ours));
	memcpy(message + 4, ours, IKE_HEADER);
	message[4 + 19] = 8; /* from the initiator: the responder's SPI is ours */
	for (unsigned n = 0; n <= IKE_HEADER; n++) {
		enum punt_class want = n == IKE_HEADER ? PUNT_CLASS_IKE_KNOWN : PUNT_CLASS_IKE_NEW;
		before_take(&b, &g);
		offer_udp(false, 500, message + 4, n, 8 + n);
		assert_punted(&b, want, 42 + n);
		before_take(&b, &g);
		offer_udp(true, 4500, message, 4 + n, 12 + n);
		assert_punted(&b, want, 66 + n);
	}
}

/* The length that UDP announces rules what is behind it, for IKE and for ESP alike. */
static void H67_udp_length(void **state)
{
	uint8_t esp[GATEWAY_MAX], longer[GATEWAY_MAX], marker[64] = {0};
	uint32_t len = good_esp(3, 1, esp);
	struct before b;

	(void)state;
	for (unsigned port = 0; port < 2; port++) {
		const uint16_t number = port ? 4500 : 500;
		for (uint32_t udp_len = 0; udp_len < 8; udp_len++) {
			before_take(&b, &g);
			offer_udp(false, number, esp, len, udp_len);
			assert_hostile(&g, &b, DROP_RX_BAD_UDP, 1, 0);
		}
		for (uint32_t udp_len = 8 + len + 1; udp_len < 65536; udp_len += 4001) {
			before_take(&b, &g);
			offer_udp(true, number, esp, len, udp_len);
			assert_hostile(&g, &b, DROP_RX_BAD_UDP, 1, 0);
		}
	}
	/* a UDP header that is cut */
	for (uint32_t n = 0; n < 8; n++) {
		uint8_t frame[64] = {0};
		packets_put_l2(frame, RTE_ETHER_TYPE_IPV4);
		packets_put_ipv4(frame + 14, htonl(0xc0000203), packets_gateway(), IPPROTO_UDP, 20 + n);
		set16(frame + 36, 4500);
		before_take(&b, &g);
		gateway_offer(&g, PACKETS_UPLINK, 0, frame, 34 + n);
		assert_hostile(&g, &b, DROP_RX_BAD_UDP, 1, 0);
	}
	/* bytes behind the datagram are no part of the ICV's place, or of a marker that is cut */
	before_take(&b, &g);
	offer_udp(false, 4500, marker, 64, 8 + 3);
	assert_hostile(&g, &b, DROP_ESP_SHORT, 1, 0);
	memcpy(longer, esp, len);
	memset(longer + len, 0xee, 9);
	before_take(&b, &g);
	offer_udp(false, 4500, longer, len + 9, 8 + len);
	gateway_poll(&g);
	assert_drops(&g, &b, DROP_NONE, 0);
	assert_int_equal(gateway_clear(&g), 1);
}

/* ESP on a port that is not for it is the kernel's; raw ESP of an SA in UDP is that SA's. */
static void H67_wrong_port(void **state)
{
	uint8_t frame[GATEWAY_MAX], esp[GATEWAY_MAX];
	uint32_t len = good_esp(3, 1, esp);
	struct before b;

	(void)state;
	before_take(&b, &g);
	offer_udp(false, 4501, esp, len, 8 + len);
	assert_punted(&b, PUNT_CLASS_OTHER, 42 + len);
	before_take(&b, &g);
	offer_udp(false, 500, esp, len, 8 + len);
	assert_punted(&b, PUNT_CLASS_IKE_NEW, 42 + len);
	gateway_offer(&g, PACKETS_UPLINK, 0, frame, gateway_wrap(&g, 1, esp, len, frame));
	gateway_poll(&g);
	assert_int_equal(gateway_sa(&g, 3, RG_IN)->record->packets, 1);
	assert_int_equal(gateway_clear(&g), 1);
}

/* --- the kernel's own frames --- */

struct from_kernel {
	uint8_t frame[200];
	uint32_t len;
};

/* UDP from an address of the gateway to client 1's inner address. */
static struct from_kernel kernel_udp4(uint16_t source_port, uint16_t fragment)
{
	struct from_kernel k = {.len = 14 + 28 + 40};

	packets_put_l2(k.frame, RTE_ETHER_TYPE_IPV4);
	packets_put_ipv4(k.frame + 14, packets_gateway(), gateway_client4(1), IPPROTO_UDP, 28 + 40);
	set16(k.frame + 34, source_port);
	set16(k.frame + 36, 4500);
	set16(k.frame + 38, 8 + 40);
	set_fragment4(k.frame + 14, fragment);
	return k;
}

static void assert_kernel_frame(const struct from_kernel *k, enum drop why)
{
	struct before b;

	before_take(&b, &g);
	assert_true(gateway_from_kernel(&g, HAND_FRAME, PACKETS_UPLINK, k->frame, k->len));
	if (why != DROP_NONE) {
		assert_hostile(&g, &b, why, 1, 0);
		return;
	}
	gateway_poll(&g);
	assert_drops(&g, &b, DROP_NONE, 0);
	assert_int_equal(gateway_clear(&g), 1);
}

/* Only what can be seen to be IKE goes beside the policies; a later fragment has no ports. */
static void H68_kernel_frame_that_looks_like_ike(void **state)
{
	struct from_kernel k;

	(void)state;
	k = kernel_udp4(4500, 0);
	assert_kernel_frame(&k, DROP_NONE);
	k = kernel_udp4(500, 0x2000);
	assert_kernel_frame(&k, DROP_NONE);
	for (uint16_t offset = 1; offset < 0x2000; offset = (uint16_t)(offset * 2)) {
		k = kernel_udp4(4500, offset);
		assert_kernel_frame(&k, DROP_FORWARD_CLEAR);
		k = kernel_udp4(500, 0x2000 | offset);
		assert_kernel_frame(&k, DROP_FORWARD_CLEAR);
	}
	k = kernel_udp4(4501, 0);
	assert_kernel_frame(&k, DROP_FORWARD_CLEAR);
	/* the ports of a header that is cut, or too short to be one */
	k = kernel_udp4(4500, 0);
	for (k.len = 14 + 20; k.len < 14 + 28; k.len++)
		assert_kernel_frame(&k, DROP_FORWARD_CLEAR);
	for (uint8_t words = 0; words < 5; words++) {
		k = kernel_udp4(4500, 0);
		k.frame[14] = 0x40 | words;
		set16(k.frame + 14 + 4, 4500); /* where a header of one word would end */
		assert_kernel_frame(&k, DROP_FORWARD_CLEAR);
	}
}

static void H68_kernel_frame6(void **state)
{
	struct from_kernel k = {.len = 14 + 48 + 40};
	uint8_t local[16], client[16];

	(void)state;
	packets_gateway6(local);
	gateway_client6(1, client);
	packets_put_l2(k.frame, RTE_ETHER_TYPE_IPV6);
	packets_put_ipv6(k.frame + 14, local, client, IPPROTO_UDP, 48 + 40);
	set16(k.frame + 54, 4500);
	assert_kernel_frame(&k, DROP_NONE);
	k.frame[14 + 6] = IPPROTO_FRAGMENT;
	k.frame[54] = IPPROTO_UDP;
	assert_kernel_frame(&k, DROP_FORWARD_CLEAR);
}

/* A VLAN tag hides the destination from the question whose it is. */
static void H68_kernel_frame_with_a_tag(void **state)
{
	struct from_kernel k = kernel_udp4(53, 0);

	(void)state;
	memmove(k.frame + 18, k.frame + 14, k.len - 14);
	set16(k.frame + 12, RTE_ETHER_TYPE_VLAN);
	set16(k.frame + 14, 100);
	set16(k.frame + 16, RTE_ETHER_TYPE_IPV4);
	k.len += 4;
	assert_kernel_frame(&k, DROP_RX_VLAN);
	set16(k.frame + 12, RTE_ETHER_TYPE_QINQ);
	assert_kernel_frame(&k, DROP_RX_VLAN);
	/* ARP and the like are nobody's but the kernel's */
	set16(k.frame + 12, RTE_ETHER_TYPE_ARP);
	assert_kernel_frame(&k, DROP_NONE);
}

/* On the TUN: a header that lies about its length, or is none. */
static void H68_kernel_packet_that_is_malformed(void **state)
{
	uint8_t ip[200];
	struct before b;

	(void)state;
	for (uint32_t len = 1; len < 60; len++) {
		gateway_inner(ip, 1, true, 4, 60);
		before_take(&b, &g);
		assert_true(gateway_from_kernel(&g, HAND_TUN, 0, ip, len));
		assert_hostile(&g, &b, DROP_INNER_BAD, 1, 0);
	}
	for (uint8_t first = 0; first < 0x45; first++) {
		gateway_inner(ip, 1, true, 4, 60);
		ip[0] = first;
		before_take(&b, &g);
		assert_true(gateway_from_kernel(&g, HAND_TUN, 0, ip, 60));
		assert_hostile(&g, &b, DROP_INNER_BAD, 1, 0);
	}
	gateway_inner(ip, 1, true, 4, 60);
	before_take(&b, &g);
	assert_true(gateway_from_kernel(&g, HAND_TUN, 0, ip, 60));
	gateway_poll(&g);
	assert_drops(&g, &b, DROP_NONE, 0);
	assert_int_equal(gateway_clear(&g), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(H56_frame_cut_at_every_byte, setup, teardown),
	        cmocka_unit_test_setup_teardown(H56_esp_cut_at_every_byte, setup, teardown),
	        cmocka_unit_test_setup_teardown(H56_several_segments, setup, teardown),
	        cmocka_unit_test_setup_teardown(H58_spi, setup, teardown),
	        cmocka_unit_test_setup_teardown(H65_esp_in_fragments, setup, teardown),
	        cmocka_unit_test_setup_teardown(H65_endless_fragments, setup, teardown),
	        cmocka_unit_test_setup_teardown(H65_udp_in_fragments, setup, teardown),
	        cmocka_unit_test_setup_teardown(H65_extension_chains, setup, teardown),
	        cmocka_unit_test_setup_teardown(H65_extension_beyond_the_packet, setup, teardown),
	        cmocka_unit_test_setup_teardown(H67_marker_keepalive_and_esp, setup, teardown),
	        cmocka_unit_test_setup_teardown(H67_known_ike, setup, teardown),
	        cmocka_unit_test_setup_teardown(H67_udp_length, setup, teardown),
	        cmocka_unit_test_setup_teardown(H67_wrong_port, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_kernel_frame_that_looks_like_ike, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_kernel_frame6, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_kernel_frame_with_a_tag, setup, teardown),
	        cmocka_unit_test_setup_teardown(H68_kernel_packet_that_is_malformed, setup, teardown),
	};

	if (crypto_init() != 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	crypto_fini();
	return failed;
}
