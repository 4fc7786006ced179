/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The swarm's sockets: for each address family UDP 500, UDP 4500 (RFC 3948) and raw ESP, shared by
 * all clients. The source address travels with each packet (IP_PKTINFO), so the namespace
 * needs no address of a client, only `ip route add local PREFIX dev lo`. Packets go and come
 * in batches. One thread.
 */
#ifndef RG_BENCH_SWARM_NET_H
#define RG_BENCH_SWARM_NET_H

#include "control/ike/endpoint.h"
#include "control/ike/ike.h"
#include "dataplane/api/api.h"

#define NET_FAMILIES 2u
#define NET_KINDS    3u /* enum net_kind */
#define NET_SOCKETS  (NET_FAMILIES * NET_KINDS)

enum net_kind { NET_IKE, NET_NATT, NET_ESP };

struct net_queue; /* packets of one socket that wait to be sent */

struct net_socket {
	int fd; /* -1: not open */
	uint8_t family;
	enum net_kind kind;
	uint32_t overflowed; /* packets that did not fit into its buffer, as the kernel counts */
	struct net_queue *queue;
};

struct net {
	struct net_socket sockets[NET_SOCKETS];
	uint64_t sent, received, send_failed, too_long;
	int last_error; /* of a failed send; errno */
};

struct net_receiver {
	void (*ike)(void *user, const struct ike_datagram *dg);
	void (*esp)(void *user, uint8_t *data, size_t len);
	void *user;
};

/* Sockets for the families (4, 6) asked for. 0, or a negative errno after a line on stderr. */
int net_open(struct net *net, bool ip4, bool ip6);
void net_close(struct net *net);

/* Reads what is there, up to a bound; true: there may be more. */
bool net_receive(struct net *net, const struct net_receiver *to);
/* Sends what waits. */
void net_flush(struct net *net);

void net_send_ike(struct net *net, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                  bool natt, const uint8_t *data, size_t len);
/* Where the ESP packet of a path is to be written, NET_ESP_ROOM octets; net_send_esp() then sends `len` of
 * them. NULL: no socket. */
#define NET_ESP_ROOM 4096u
uint8_t *net_esp_buffer(struct net *net, const struct rg_api_path *path);
void net_send_esp(struct net *net, const struct rg_api_path *path, size_t len);

uint64_t net_overflowed(const struct net *net);

#endif
