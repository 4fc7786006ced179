/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets up DPDK devices as ports: a queue pair for each worker, small rings, small
 * packet pool, so that the packets in flight stay in the cache (they are what a
 * worker misses most). Main, before the workers.
 */
#include "dataplane/port.h"
#include "dataplane/pkt.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_ethdev.h>

#define RING_SIZE  512 /* descriptors of one queue */
#define POOL_CACHE 256
/* Clients differ in address, port (UDP encapsulation) or SPI: what the device can tell of it. */
#define RSS_WANTED (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_ESP)

_Static_assert(PORT_NAME_MAX == RG_API_NAME_MAX, "names fit the API's records");

struct rte_mempool *port_pool_new(unsigned n_ports, unsigned n_workers, int socket)
{
	char name[24];
	/* rings of every queue both ways, hand-over and punt rings, caches, bursts under way */
	unsigned n = n_ports * n_workers * RING_SIZE * 2 + n_workers * n_workers * CORE_HANDOVER_SIZE +
	             (n_workers + 2) * (POOL_CACHE * 2 + 2048);

	snprintf(name, sizeof(name), "packets%d", socket);
	return rte_pktmbuf_pool_create(name, n, POOL_CACHE, PKT_PRIV, RTE_MBUF_DEFAULT_BUF_SIZE, socket);
}

const char *port_device_netdev(const struct rg_cfg_port *cfg)
{
	if (strncmp(cfg->device, "af_packet:", 10) == 0)
		return cfg->device + 10;
	if (strncmp(cfg->device, "af_xdp:", 7) == 0)
		return cfg->device + 7;
	return "";
}

void port_device_name(const struct rg_cfg_port *cfg, unsigned index, char *name, size_t len)
{
	if (strncmp(cfg->device, "af_packet:", 10) == 0)
		snprintf(name, len, "net_af_packet%u", index);
	else if (strncmp(cfg->device, "af_xdp:", 7) == 0)
		snprintf(name, len, "net_af_xdp%u", index);
	else if (strncmp(cfg->device, "vdev:", 5) == 0)
		snprintf(name, len, "%.*s", (int)strcspn(cfg->device + 5, ","), cfg->device + 5);
	else
		snprintf(name, len, "%s", cfg->device);
}

static uint16_t device_rx(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	return rte_eth_rx_burst(((const struct port *)ctx)->ethdev, queue, pkts, n);
}

static uint16_t device_tx(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	return rte_eth_tx_burst(((const struct port *)ctx)->ethdev, queue, pkts, n);
}

static int setup_queues(struct port *port, unsigned n, const struct rte_eth_dev_info *info,
                        struct rte_mempool *pool)
{
	uint16_t rx = RING_SIZE, tx = RING_SIZE;
	struct rte_eth_conf conf = {.txmode = {.offloads = 0}};
	int socket = rte_eth_dev_socket_id(port->ethdev), rc;

	port->rss = n > 1 ? RSS_WANTED & info->flow_type_rss_offloads : 0;
	if (port->rss != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = port->rss;
	}
	/* it promises that all packets are of one pool */
	if (port->one_pool && (info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE))
		conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	/* ESP in UDP over IPv6 has one over all its bytes (RFC 8200 8.1) */
	port->udp_checksum = (info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0;
	if (port->udp_checksum)
		conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	rc = rte_eth_dev_configure(port->ethdev, (uint16_t)n, (uint16_t)n, &conf);
	if (rc == 0)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->ethdev, &rx, &tx);
	for (uint16_t q = 0; q < n && rc == 0; q++) {
		rc = rte_eth_rx_queue_setup(port->ethdev, q, rx, (unsigned)socket, NULL, pool);
		if (rc == 0)
			rc = rte_eth_tx_queue_setup(port->ethdev, q, tx, (unsigned)socket, NULL);
	}
	return rc;
}

/* af_packet and af_xdp know nothing of the MTU of the interface below them. */
static int netdev_mtu(const char *name, uint16_t *mtu)
{
	struct ifreq ifr = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFMTU, &ifr) != 0)
		rc = -errno;
	close(fd);
	/* a frame has to fit one buffer, and one slot of the ring */
	if (rc == 0)
		*mtu = ifr.ifr_mtu < RTE_ETHER_MTU ? (uint16_t)ifr.ifr_mtu : RTE_ETHER_MTU;
	return rc;
}

static int read_facts(struct port *port)
{
	struct rte_ether_addr mac;
	int rc = rte_eth_macaddr_get(port->ethdev, &mac);

	if (rc == 0)
		rc = port->netdev[0] != '\0' ? netdev_mtu(port->netdev, &port->mtu)
		                             : rte_eth_dev_get_mtu(port->ethdev, &port->mtu);
	if (rc != 0)
		return rc;
	/* devices in memory may have none */
	if (rte_is_zero_ether_addr(&mac))
		rte_eth_random_addr(mac.addr_bytes);
	memcpy(port->mac, mac.addr_bytes, 6);
	if (port->mtu > RTE_MBUF_DEFAULT_DATAROOM - RTE_ETHER_HDR_LEN)
		port->mtu = RTE_ETHER_MTU;
	return 0;
}

int port_open(struct port *port, unsigned n_workers, struct rte_mempool *pool, char *error, size_t error_len)
{
	struct rte_eth_dev_info info;
	const char *what = "is not there";
	int rc = rte_eth_dev_info_get(port->ethdev, &info);

	if (rc != 0)
		goto fail;
	what = "has fewer queues than there are workers: take workers away, or add queues to the device";
	rc = -ENOSPC;
	if (info.max_rx_queues < n_workers || info.max_tx_queues < n_workers)
		goto fail;
	what = "does not take its queues";
	rc = setup_queues(port, n_workers, &info, pool);
	if (rc != 0)
		goto fail;
	what = "does not tell its MAC address and MTU";
	rc = read_facts(port);
	if (rc != 0)
		goto fail;
	what = "does not start";
	rc = rte_eth_dev_start(port->ethdev);
	if (rc != 0)
		goto fail;
	/* frames for groups have to reach the kernel; not every device can be told */
	rte_eth_allmulticast_enable(port->ethdev);
	port->started = true;
	port->rx_queues = (uint16_t)n_workers;
	port->ops = (struct port_ops){.rx = device_rx, .tx = device_tx};
	port->ctx = port;
	return 0;
fail:
	snprintf(error, error_len, "port %s: device \"%s\" %s (%s)", port->name, port->device, what,
	         strerror(-rc));
	return rc;
}

bool port_link_is_up(const struct port *port)
{
	struct rte_eth_link link = {0};

	return rte_eth_link_get_nowait(port->ethdev, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

void port_close(struct port *port)
{
	if (!port->started)
		return;
	rte_eth_dev_stop(port->ethdev);
	rte_eth_dev_close(port->ethdev);
	port->started = false;
}
