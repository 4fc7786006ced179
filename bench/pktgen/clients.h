/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients that a traffic generator plays: who they are (clients.c), how the gateway
 * comes to know them (install.c), and the frames that the generator replays
 * (frames.c). One thread; nothing here runs beside the measurement.
 *
 * Client i has the inner address 10.99.0.0 + i + 1 and sits behind 198.18.0.0 + i + 1; the
 * server is 10.20.0.10, the gateway 203.0.113.2: config/examples/bench-*.yaml and the Lua
 * scripts say the same.
 */
#ifndef RG_BENCH_PKTGEN_CLIENTS_H
#define RG_BENCH_PKTGEN_CLIENTS_H

#include "dataplane/api/client.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CLIENTS_MAX      60000u /* what 10.99.0.0/16 has room for */
#define CLIENTS_KEY_LEN  16u    /* AES-128-GCM (RFC 4106 8.1) ... */
#define CLIENTS_SALT_LEN 4u     /* ... and its salt */
#define CLIENTS_IMIX     0u     /* instead of a size: 7 packets of 64 bytes, 4 of 594, 1 of 1400 */

/* ---- clients.c; addresses and SPIs in network byte order */

uint32_t clients_inner(uint32_t client);
uint32_t clients_outer(uint32_t client);
uint32_t clients_server(void);
uint32_t clients_gateway(void);
uint32_t clients_handle(uint32_t client);
uint32_t clients_spi(uint32_t client);
/* A key and salt that no other client has, the same in each run. 0 or -EIO. */
int clients_key(uint32_t client, uint8_t key[CLIENTS_KEY_LEN + CLIENTS_SALT_LEN]);

void clients_fill_tunnel(struct rg_api_tunnel *tunnel, uint32_t client);
int clients_fill_sa(struct rg_api_sa *sa, uint32_t client);
void clients_fill_policy(struct rg_api_policy *policy, uint32_t client);

/* ---- install.c: as the one writer of the dataplane that listens at `socket` */

/* Tunnels, SAs of both directions and policies of clients 0 to `n` - 1. Prints how long it took.
 * 0 or a negative errno after a line on stderr. */
int install_all(const char *socket, uint32_t n);
/* The inbound SAs are deleted and added again, with fresh replay windows and the same keys, so
 * that frames which were sent once may be sent once more. */
int install_renew(const char *socket, uint32_t n);

/* ---- frames.c: a pcap file */

struct frames {
	bool decrypt;    /* ESP of the clients for the gateway; otherwise plaintext of the server for them */
	uint32_t size;   /* bytes of the inner IP packet, or CLIENTS_IMIX */
	uint32_t n;      /* clients */
	uint32_t rounds; /* each has one packet of every client, in an order of its own */
	uint8_t to[6], from[6];
};

/* 0 or a negative errno. */
int frames_write(FILE *file, const struct frames *what);

#endif
