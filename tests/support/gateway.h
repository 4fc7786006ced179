/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole gateway in one thread, for hostile packets: the real workers over two ports in
 * memory, tables by batches, the kernel's rings in the caller's hands, buffers from pool.h.
 * One process may have several; a gateway belongs to one thread, unless a test
 * polls its workers in threads of their own.
 *
 *     client i: 10.99.0.i, 2001:db8:99::i; outer 192.0.2.i, 2001:db8:ff::i
 *     gateway: 203.0.113.2, 2001:db8:1::2; behind it 10.20.0.0/16 and 2001:db8:20::/64
 */
#ifndef RG_TESTS_SUPPORT_GATEWAY_H
#define RG_TESTS_SUPPORT_GATEWAY_H

#include "dataplane/core/batch.h"
#include "dataplane/crypto.h"
#include "dataplane/worker.h"
#include "tests/support/packets.h"
#include "tests/support/wire.h"

#define GATEWAY_WORKERS 2u
#define GATEWAY_CLIENTS 8u /* numbered from 1 */
#define GATEWAY_BUFFERS 4096u
#define GATEWAY_CLEAR   4u    /* next header of an inner IPv4 packet */
#define GATEWAY_MAX     2048u /* bytes of any frame that is made here */

/* What a client's tunnel and SAs are; zeros are AES-128, outer IPv4 without UDP, window 64. */
struct gateway_session {
	bool outer6, udp, esn;
	bool simple;    /* one selector for each side: any port, IPv4 only */
	bool transport; /* between the gateway's address and the client's outer one, any protocol */
	bool ports;     /* only UDP to port 80 of this side */
	uint32_t suite, window;
	uint8_t df, dscp;  /* as in struct rg_api_sa */
	uint64_t sequence; /* used before, both ways */
	uint16_t mtu;
	struct rg_api_lifetime lifetime; /* of both SAs */
};

struct gateway_client {
	bool present;
	struct gateway_session is;
	uint32_t life;       /* how often it was removed: another handle, other keys, other SPIs */
	bool made6;          /* the SA's selectors are of the family that its path had first */
	uint32_t generation; /* of its path */
	uint8_t salt[2][4];  /* by enum rg_direction */
	alignas(64) uint8_t key[2][1024]; /* the peer's expansion */
};

struct gateway {
	struct dp dp;
	struct rte_mempool *pool;
	struct crypto_batch *crypto;          /* the clients' */
	struct wire wire[2][GATEWAY_WORKERS]; /* by port and queue */
	struct gateway_client client[GATEWAY_CLIENTS + 1];
	uint64_t now_ms;
};

/* 0 or a negative errno. crypto_init() comes first. */
int gateway_open(struct gateway *g, unsigned n_workers);
/* How many buffers were not given back: 0, or something leaks. */
uint32_t gateway_close(struct gateway *g);

/* Another snapshot of the same routes, addresses and pools. NULL: no memory. */
struct fib *gateway_fib(void);

/* Main's part: a client with tunnel, SA pair and policies for both of its addresses. 0 or a negative errno.
 */
int gateway_add(struct gateway *g, unsigned client, const struct gateway_session *is);
void gateway_remove(struct gateway *g, unsigned client);
/* As after a crash: SAs with the same keys are made again, `sequence` used before (H69). */
int gateway_restore(struct gateway *g, unsigned client, uint64_t sequence);
/* The policies' SA: the client's, or none. */
void gateway_policy(struct gateway *g, unsigned client, bool with_sa);
/* Moves the tunnel: other kind of path, or suspended. 0 or a negative errno. */
int gateway_move(struct gateway *g, unsigned client, bool outer6, bool udp);
int gateway_suspend(struct gateway *g, unsigned client);
/* Reclaims what was retired, a while later each time. */
void gateway_tick(struct gateway *g);

uint32_t gateway_handle(const struct gateway *g, unsigned client);
/* Network byte order. */
uint32_t gateway_spi(const struct gateway *g, unsigned client, enum rg_direction direction);
/* The client that an outbound SPI is of, in which of its lives; 0: none. */
unsigned gateway_client_of(uint32_t spi, uint32_t *life);
struct sa *gateway_sa(struct gateway *g, unsigned client, enum rg_direction direction);
/* What it has counted up to now, but for the time of its last packet. All zero where there is no SA. */
struct rg_counters_sa gateway_counters(struct gateway *g, unsigned client, enum rg_direction direction);
uint32_t gateway_client4(unsigned client); /* network byte order */
void gateway_client6(unsigned client, uint8_t addr[16]);
void gateway_server6(uint8_t addr[16]);
/* The client's outer address, IPv4 in the first 4 bytes. */
void gateway_remote(unsigned client, bool outer6, uint8_t addr[16]);

/* --- packets into flat buffers of GATEWAY_MAX; all return the length --- */

/* UDP from the client to the server (10.20.0.10), or the way back; `len` of the IP packet, 28 or 48 at least.
 */
uint32_t gateway_inner(uint8_t *ip, unsigned client, bool to_client, uint8_t family, uint32_t len);
/* Padding and trailer behind a clear packet of `len` bytes, to the client's blocks (RFC 4303 2.4). */
uint32_t gateway_trailer(const struct gateway *g, unsigned client, uint8_t *clear, uint32_t len,
                         uint8_t next_header);
/* ESP of the client around clear bytes that have their trailer. */
uint32_t gateway_seal(struct gateway *g, unsigned client, uint64_t seq, const uint8_t *clear, uint32_t len,
                      uint8_t *esp);
/* Ethernet, outer IP and UDP around `len` bytes of ESP, as the client's path says. */
uint32_t gateway_wrap(struct gateway *g, unsigned client, const uint8_t *esp, uint32_t len, uint8_t *frame);
/* All of it: a good UDP packet of `len` bytes from the client. */
uint32_t gateway_good(struct gateway *g, unsigned client, uint64_t seq, uint32_t len, uint8_t *frame);

/* --- in and out --- */

/* Puts it on the wire, in a buffer that ends where the frame ends plus `tailroom`. */
void gateway_offer(struct gateway *g, unsigned port, unsigned queue, const uint8_t *frame, uint32_t len);
void gateway_offer_mbuf(struct gateway *g, unsigned port, unsigned queue, struct rte_mbuf *m);
/* The kernel's: a frame for a port (HAND_FRAME) or a packet on the TUN (HAND_TUN). False: ring full. */
bool gateway_from_kernel(struct gateway *g, enum hand_kind kind, unsigned port, const uint8_t *data,
                         uint32_t len);
/* Polls every worker until nothing moves. */
void gateway_poll(struct gateway *g);
/* The next frame that left through the port since the last one; NULL: none. Stays the gateway's. */
struct rte_mbuf *gateway_sent(struct gateway *g, unsigned port);
/* Frees what left. How many frames that were, on all ports. */
unsigned gateway_clear(struct gateway *g);
/* Takes what is for the kernel; the buffer is then the caller's. False: nothing. */
bool gateway_punted(struct gateway *g, struct handover *item);

/* What the client makes of a frame on the uplink: length of the clear bytes with their trailer, which are
 * then at `*clear`, and the number; 0 if it is not ESP of that client's SA with a good ICV. */
uint32_t gateway_unseal(struct gateway *g, unsigned client, struct rte_mbuf *m, uint8_t **clear,
                        uint64_t *seq);

/* --- counters, of all workers --- */

uint64_t gateway_dropped(const struct gateway *g, enum drop why);
uint64_t gateway_count(const struct gateway *g, enum counter what);
uint64_t gateway_drops(const struct gateway *g); /* for all reasons */

#endif
