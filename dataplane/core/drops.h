/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every reason for which a packet can be dropped, and every other thing that a
 * worker counts: one list each for the whole dataplane. A drop reason is what
 * a stage returns; DROP_NONE is "go on". Counters are written by their worker
 * only, and read by main with relaxed loads.
 */
#ifndef RG_DATAPLANE_CORE_DROPS_H
#define RG_DATAPLANE_CORE_DROPS_H

#include <stdalign.h>
#include <stdint.h>

/* X(NAME, "kebab-case name", "what happened") */
#define DROP_REASONS(X)                                                                                      \
	X(RX_TRUNCATED, "rx-truncated", "frame shorter than the headers that it announces")                  \
	X(RX_BAD_IP, "rx-bad-ip", "outer IP header is malformed")                                            \
	X(RX_BAD_UDP, "rx-bad-udp", "UDP length does not fit its IP packet")                                 \
	X(RX_GSO, "rx-gso", "frame larger than the port's MTU: a peer veth has segmentation offload on")     \
	X(RX_SEGMENTS, "rx-segments", "frame in several buffers")                                            \
	X(RX_SHARED, "rx-shared", "buffer that somebody else may read")                                      \
	X(RX_NOT_OURS, "rx-not-ours", "unicast frame for another MAC address")                               \
	X(RX_FRAGMENT, "rx-fragment", "fragment of ESP that did not become a whole packet")                  \
	X(RX_EXTENSIONS, "rx-extensions", "too long a chain of IPv6 extension headers")                      \
	X(RX_KEEPALIVE, "rx-keepalive", "NAT keepalive (RFC 3948 2.3): expected, no error")                  \
	X(RX_VLAN, "rx-vlan", "VLAN tag or unknown EtherType")                                               \
	X(FORWARD_CLEAR, "forward-clear", "packet for a pool or policy from where it may not come in clear") \
	X(TRANSPORT_CLEAR, "transport-clear",                                                                \
	  "packet in clear that a transport mode policy wants encrypted")                                    \
	X(NO_FORWARD, "no-forward", "packet that no policy and no local address asks for")                   \
	X(ESP_SHORT, "esp-short", "ESP packet too short for header, IV, trailer and ICV")                    \
	X(ESP_SPI_RESERVED, "esp-spi-reserved", "SPI 0 to 255 (RFC 4303 2.1)")                               \
	X(ESP_NO_SA, "esp-no-sa", "unknown SPI")                                                             \
	X(ESP_SA_DEAD, "esp-sa-dead", "SA is past its hard lifetime or being deleted")                       \
	X(ESP_REPLAY_OLD, "esp-replay-old", "sequence number below the replay window")                       \
	X(ESP_REPLAY_SEEN, "esp-replay-seen", "sequence number seen before")                                 \
	X(ESP_AUTH, "esp-auth", "integrity check failed")                                                    \
	X(ESP_BLOCKS, "esp-blocks", "cipher text is no whole number of the cipher's blocks")                 \
	X(ESP_PADDING, "esp-padding", "padding longer than the payload, or wrong pad bytes")                 \
	X(ESP_NEXT_HEADER, "esp-next-header", "decrypted packet is not IPv4 or IPv6")                        \
	X(ESP_DUMMY, "esp-dummy", "dummy packet (RFC 4303 2.6): expected, no error")                         \
	X(ESP_INNER_BAD, "esp-inner-bad", "inner IP header is malformed or longer than the plaintext")       \
	X(ESP_SELECTORS, "esp-selectors", "inner packet outside the SA's selectors")                         \
	X(ESP_ECN, "esp-ecn", "congestion mark outside, no ECN inside (RFC 6040 4.2)")                       \
	X(INNER_TTL, "inner-ttl", "inner hop limit exhausted")                                               \
	X(INNER_BAD, "inner-bad", "plaintext packet is malformed")                                           \
	X(OUT_NO_POLICY, "out-no-policy", "no policy's selectors match")                                     \
	X(OUT_NO_SA, "out-no-sa", "the policy has no SA")                                                    \
	X(OUT_SA_DEAD, "out-sa-dead", "SA is past its hard lifetime or being deleted")                       \
	X(OUT_SUSPENDED, "out-suspended", "tunnel is suspended")                                             \
	X(OUT_SEQUENCE, "out-sequence", "sequence numbers exhausted (RFC 4303 3.3.3)")                       \
	X(OUT_TOO_BIG, "out-too-big", "does not fit the path; the sender was told")                          \
	X(OUT_FRAGMENT_OFFSET, "out-fragment-offset",                                                        \
	  "fragment that reaches beyond the largest packet, to be cut again (RFC 791 3.2)")                  \
	X(TRANSPORT_FRAGMENT, "transport-fragment",                                                          \
	  "fragment of the kernel's for a transport mode SA, which takes whole packets (RFC 4303 3.3.4)")    \
	X(TRANSPORT_PATH, "transport-path",                                                                  \
	  "addresses of a transport mode packet are not those of the path")                                  \
	X(OUT_NO_ROOM, "out-no-room", "no room in the buffer for the headers or the trailer")                \
	X(OUT_NO_ROUTE, "out-no-route", "no route, next hop or MAC address for the remote address")          \
	X(CRYPTO_ERROR, "crypto-error", "the crypto library refused or failed the packet")                   \
	X(HANDOVER_FULL, "handover-full", "ring to the owning worker is full")                               \
	X(HANDOVER_STALE, "handover-stale", "SA went away while the packet was handed over")                 \
	X(PUNT_IKE, "punt-ike", "policer: IKE for known SPIs")                                               \
	X(PUNT_IKE_NEW, "punt-ike-new", "policer: other IKE")                                                \
	X(PUNT_ARP_ND, "punt-arp-nd", "policer: ARP and neighbour discovery")                                \
	X(PUNT_ICMP, "punt-icmp", "policer: ICMP errors")                                                    \
	X(PUNT_OTHER, "punt-other", "policer: everything else for the kernel")                               \
	X(PUNT_FULL, "punt-full", "ring to the kernel is full")                                              \
	X(PUNT_WRITE, "punt-write", "the kernel refused the packet")                                         \
	X(NO_BUFFER, "no-buffer", "packet pool exhausted")                                                   \
	X(TX_FULL, "tx-full", "the port's transmit queue stayed full")                                       \
	X(TX_PORT_DOWN, "tx-port-down", "port is down")

/* X(NAME, "kebab-case name", "what is counted"): no drop. */
#define EVENT_COUNTERS(X)                                                                                    \
	X(RX_PACKETS, "rx-packets", "packets that ports gave")                                               \
	X(RX_BYTES, "rx-bytes", "their bytes")                                                               \
	X(TX_PACKETS, "tx-packets", "packets that ports took")                                               \
	X(TX_BYTES, "tx-bytes", "their bytes")                                                               \
	X(DECRYPTED, "decrypted", "packets that came out of an SA")                                          \
	X(ENCRYPTED, "encrypted", "packets that went into an SA")                                            \
	X(HAIRPINNED, "hairpinned", "from one client to another")                                            \
	X(FORWARDED, "forwarded", "decrypted packets that went on to a network")                             \
	X(PUNTED, "punted", "packets for the kernel")                                                        \
	X(FROM_KERNEL, "from-kernel", "packets from the kernel")                                             \
	X(CHECKSUM_COMPLETED, "checksum-completed", "partial checksums of a peer veth, completed")           \
	X(MSS_CLAMPED, "mss-clamped", "TCP handshakes whose MSS was lowered")                                \
	X(TOO_BIG_SENT, "too-big-sent", "answers that say fragmentation needed or packet too big")           \
	X(TIME_EXCEEDED_SENT, "time-exceeded-sent", "answers that say hop limit exceeded")                   \
	X(FRAGMENTED, "fragmented", "inner packets sent in fragments")                                       \
	X(OUTER_FRAGMENTED, "outer-fragmented",                                                              \
	  "ESP packets sent in fragments: no sender could make them smaller")                                \
	X(REASSEMBLED, "reassembled",                                                                        \
	  "outer fragments of ESP that were joined to the first of their packet")                            \
	X(UNEXPECTED_SOURCE, "unexpected-source",                                                            \
	  "authenticated packets from elsewhere than the path's remote address")                             \
	X(HANDED_OVER, "handed-over", "packets given to the worker that owns their SA")                      \
	X(RECEIVED_OVER, "received-over", "packets taken from other workers")                                \
	X(PASSED_ON, "passed-on", "of those, packets whose SA had another owner by then")                    \
	X(SAS_GRANTED, "sas-granted", "SAs given to another worker")                                         \
	X(PMTU_TOLD, "pmtu-told", "ICMP errors about our ESP: a smaller path MTU, told to control")          \
	X(PMTU_REFUSED, "pmtu-refused",                                                                      \
	  "ICMP errors about ESP that name no packet of ours, or an MTU that is known")                      \
	X(PMTU_TOO_SMALL, "pmtu-too-small",                                                                  \
	  "ICMP errors about our ESP with an MTU below 576 (IPv4) or 1280 (IPv6), which is not believed")    \
	X(PMTU_FULL, "pmtu-full", "ICMP errors about ESP that came faster than they are looked at")          \
	X(EVENTS_RAISED, "events-raised", "what the worker told control")                                    \
	X(POLLS, "polls", "rounds of the loop")                                                              \
	X(EMPTY_POLLS, "empty-polls", "rounds that found nothing")                                           \
	X(SLEEPS, "sleeps", "naps")

/* clang-format off */
enum drop {
	DROP_NONE = 0,
#define X(name, kebab, text) DROP_##name,
	DROP_REASONS(X)
#undef X
	DROP_COUNT
};

enum counter {
#define X(name, kebab, text) COUNTER_##name,
	EVENT_COUNTERS(X)
#undef X
	COUNTER_COUNT
};
/* clang-format on */

/* One for each worker (and one for the punt thread); owner writes, main reads. */
struct counters {
	alignas(64) uint64_t drop[DROP_COUNT];
	uint64_t count[COUNTER_COUNT];
};

/* Owner only. The store is atomic so that a reader never sees half of it; no
 * read-modify-write is needed with one writer. */
static inline void counters_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline uint64_t counters_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline void drop_count(struct counters *c, enum drop reason)
{
	counters_add(&c->drop[reason], 1);
}

static inline void count_add(struct counters *c, enum counter what, uint64_t n)
{
	counters_add(&c->count[what], n);
}

const char *drop_name(enum drop reason); /* "esp-auth"; any thread */
const char *drop_text(enum drop reason); /* one line for an operator; any thread */
const char *counter_name(enum counter what);
const char *counter_text(enum counter what);

#endif
