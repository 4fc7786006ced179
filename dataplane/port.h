/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port: one DPDK device with a receive and a transmit queue for each worker,
 * and its mirror TAP in the kernel. Main sets it up before any worker runs;
 * afterwards only `up` changes. Benches and stress tests put their own `ops` in
 * place of a device.
 */
#ifndef RG_DATAPLANE_PORT_H
#define RG_DATAPLANE_PORT_H

#include "config/config.h"

#include <net/if.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

#define PORT_MAX      16
#define PORT_NAME_MAX 32
#define PORT_BURST    64

struct port_ops {
	/* As rte_eth_rx_burst() and rte_eth_tx_burst(): queue is the worker's index. */
	uint16_t (*rx)(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
	uint16_t (*tx)(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
};

struct port {
	struct port_ops ops;
	void *ctx;
	uint8_t mac[6];
	uint16_t mtu;        /* bytes of an IP packet */
	uint16_t rx_queues;  /* workers with a higher index do not poll it */
	bool virtual_device; /* peers may hand over partial checksums */
	bool udp_checksum;   /* the device writes those of UDP */
	bool network;        /* on our side: plaintext for policies may come in here */
	_Atomic bool up;     /* main stores, workers load, relaxed: carries no data */

	/* main and the punt thread */
	char name[PORT_NAME_MAX];
	char device[64];
	char netdev[IFNAMSIZ]; /* below af_packet or af_xdp; empty for other devices */
	uint16_t ethdev;
	bool started;
	bool one_pool; /* all packets come from one pool */
	uint64_t rss;  /* what the device spreads packets by (RTE_ETH_RSS_*); 0: as it likes */
	int tap;       /* descriptor, -1: none */
	unsigned tap_ifindex, netdev_ifindex;
};

/* What the workers of a port count; owner: the worker, main reads. */
struct port_counters {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, tx_full;
};

/* A packet pool on a NUMA node (or SOCKET_ID_ANY), sized for so many ports and workers. NULL: rte_errno says
 * why. */
struct rte_mempool *port_pool_new(unsigned n_ports, unsigned n_workers, int socket);

/*
 * Main, before the workers: configures and starts the DPDK device `port->ethdev`
 * with a queue pair for each worker. 0 or a negative errno, with a line in `error`.
 */
int port_open(struct port *port, unsigned n_workers, struct rte_mempool *pool, char *error, size_t error_len);
void port_close(struct port *port);
/* What the device says of its link. Main; for devices without an interface in the kernel. */
bool port_link_is_up(const struct port *port);

/* The name that EAL gives to the device of configured port `index`: a --vdev name or a PCI address. */
void port_device_name(const struct rg_cfg_port *cfg, unsigned index, char *name, size_t len);
/* The kernel interface below an af_packet or af_xdp device; "" for any other. */
const char *port_device_netdev(const struct rg_cfg_port *cfg);

#endif
