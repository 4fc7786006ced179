/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mover's sockets: for each local address UDP 500, UDP 4500 (RFC 3948) and raw ESP, so
 * that packets leave from the address that is meant and all addresses receive. One thread.
 */
#ifndef RG_TESTS_MOVER_NET_H
#define RG_TESTS_MOVER_NET_H

#include "control/ike/endpoint.h"
#include "control/ike/ike.h"
#include "dataplane/api/api.h"

#include <poll.h>

#define NET_ADDRESSES 8u
#define NET_KINDS     3u /* enum net_kind */
#define NET_SOCKETS   (NET_ADDRESSES * NET_KINDS)

enum net_kind { NET_IKE, NET_NATT, NET_ESP };

struct net_socket {
	struct ike_endpoint local; /* port 0: raw ESP */
	enum net_kind kind;
	int fd;
};

struct net {
	struct net_socket sockets[NET_SOCKETS];
	unsigned n;
	int spoofing; /* raw IPv4 socket for datagrams with another source; 0: not open yet */
	uint64_t send_failed;
};

/* Opens the sockets of a local address; once more: nothing. 0 or a negative errno. */
int net_listen(struct net *net, const struct rg_cfg_addr *local);
void net_close(struct net *net);

/* One of them has something to read: IKE goes to `ike`, an ESP packet (without outer headers)
 * to `esp`, which may overwrite it. */
struct net_receiver {
	void (*ike)(void *user, const struct ike_datagram *dg);
	void (*esp)(void *user, uint8_t *data, size_t len);
	void *user;
};
void net_receive(struct net_socket *s, const struct net_receiver *to);

void net_send_ike(struct net *net, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                  bool natt, const uint8_t *data, size_t len);
void net_send_esp(struct net *net, const struct rg_api_path *path, const uint8_t *data, size_t len);
/* An IKE datagram with the marker, from a source that need not be ours. IPv4 only. */
int net_send_spoofed(struct net *net, const struct ike_endpoint *source, const struct ike_endpoint *remote,
                     const uint8_t *data, size_t len);

#endif
