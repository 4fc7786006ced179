/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAPs, TUN, addresses, routes and sysctls of the gateway. Main, once.
 */
#include "dataplane/kernel.h"
#include "dataplane/range.h"
#include "dataplane/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <net/if.h>

#define TUN_MTU         1400u
#define DEFAULT_METRIC  4096u /* of our default route in main: any other one is preferred */
#define PREFIXES_OF_ONE 256   /* at the most: a range of IPv6 addresses has 2 x 128 */

static void write_sysctl(const char *interface, const char *family, const char *key, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, interface, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fprintf(stderr, "kernel: %s = %s: %s\n", path, value, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/*
 * Ours answers, and nobody tells it addresses or routes. Sources are checked loosely (RFC 3704 2.4): what
 * comes over the TUN from a client's outer address, or over the second uplink, the kernel itself would send
 * elsewhere. It takes the higher of this and `all`, so 0 is strict where `all` is 1; but without an IPv4
 * address there is no loose check.
 */
static void set_sysctls(const char *interface, bool address4)
{
	write_sysctl(interface, "ipv4", "rp_filter", address4 ? "2" : "0");
	write_sysctl(interface, "ipv4", "arp_ignore", "1");
	write_sysctl(interface, "ipv6", "disable_ipv6", "0");
	write_sysctl(interface, "ipv6", "accept_ra", "0");
	write_sysctl(interface, "ipv6", "accept_dad", "0");
	write_sysctl(interface, "ipv6", "router_solicitations", "0");
}

static bool any_of4(const struct rg_cfg_prefix *addresses, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (addresses[i].addr.family == 4)
			return true;
	return false;
}

static bool has_address4(const struct rg_config *cfg, unsigned port)
{
	for (size_t i = 0; i < cfg->n_networks; i++)
		if (cfg->networks[i].port == port &&
		    any_of4(cfg->networks[i].addresses, cfg->networks[i].n_addresses))
			return true;
	for (size_t i = 0; i < cfg->n_uplinks; i++)
		if (cfg->uplinks[i].port == port &&
		    any_of4(cfg->uplinks[i].addresses, cfg->uplinks[i].n_addresses))
			return true;
	return false;
}

static int fail(int rc, char *error, size_t error_len, const char *what, const char *name)
{
	snprintf(error, error_len, "%s of %s: %s", what, name, strerror(-rc));
	return rc;
}

static int setup_tap(struct nl *nl, struct port *p, bool address4, char *error, size_t error_len)
{
	int rc;

	p->tap = tap_open(p->name, false, error, error_len);
	if (p->tap < 0)
		return p->tap;
	p->tap_ifindex = if_nametoindex(p->name);
	if (p->netdev[0] != '\0') {
		p->netdev_ifindex = if_nametoindex(p->netdev);
		/* the kernel must not speak where the port does */
		write_sysctl(p->netdev, "ipv6", "disable_ipv6", "1");
		rc = nl_link_set(nl, p->netdev_ifindex, NULL, 0, true);
		if (rc != 0)
			return fail(rc, error, error_len, "interface below port", p->name);
	}
	set_sysctls(p->name, address4);
	rc = nl_link_set(nl, p->tap_ifindex, p->mac, p->mtu, true);
	/* up for the time being, or the kernel would put routes off */
	if (rc == 0)
		rc = tap_set_carrier(p->tap, true);
	return rc == 0 ? 0 : fail(rc, error, error_len, "MAC address and MTU", p->name);
}

static int add_addresses(struct nl *nl, const struct port *p, const struct rg_cfg_prefix *addresses, size_t n,
                         char *error, size_t error_len)
{
	for (size_t i = 0; i < n; i++) {
		int rc = nl_addr_add(nl, p->tap_ifindex, &addresses[i]);
		if (rc != 0)
			return fail(rc, error, error_len, "addresses", p->name);
	}
	return 0;
}

static int add_uplink_routes(struct nl *nl, const struct port *p, const struct rg_cfg_uplink *u, bool main,
                             char *error, size_t error_len)
{
	int rc = 0;

	for (size_t i = 0; i < u->n_addresses && rc == 0; i++)
		rc = nl_route_add(nl, p->tap_ifindex, u->table, &u->addresses[i], NULL, &u->addresses[i].addr,
		                  0);
	for (size_t i = 0; i < u->n_gateways && rc == 0; i++) {
		const struct rg_cfg_prefix all = {.addr = {.family = u->gateways[i].family}};
		rc = nl_route_add(nl, p->tap_ifindex, u->table, &all, &u->gateways[i], NULL, 0);
		if (rc == 0 && main)
			rc = nl_route_add(nl, p->tap_ifindex, MIRROR_MAIN_TABLE, &all, &u->gateways[i], NULL,
			                  DEFAULT_METRIC);
	}
	return rc == 0 ? 0 : fail(rc, error, error_len, "routes of uplink", u->name);
}

/* Addresses and routes of one port, or of all with PORT_MAX. */
static int setup_addresses(struct nl *nl, struct dp *dp, const struct rg_config *cfg, unsigned port,
                           char *error, size_t error_len)
{
	size_t first = 0;
	int rc = 0;

	for (size_t i = 0; i < cfg->n_networks && rc == 0; i++)
		if (port == PORT_MAX || cfg->networks[i].port == port)
			rc = add_addresses(nl, &dp->port[cfg->networks[i].port], cfg->networks[i].addresses,
			                   cfg->networks[i].n_addresses, error, error_len);
	for (size_t i = 1; i < cfg->n_uplinks; i++)
		if (cfg->uplinks[i].preference < cfg->uplinks[first].preference)
			first = i;
	for (size_t i = 0; i < cfg->n_uplinks && rc == 0; i++) {
		const struct rg_cfg_uplink *u = &cfg->uplinks[i];
		const struct port *p = &dp->port[u->port];
		if (port != PORT_MAX && u->port != port)
			continue;
		rc = add_addresses(nl, p, u->addresses, u->n_addresses, error, error_len);
		if (rc == 0)
			rc = add_uplink_routes(nl, p, u, i == first, error, error_len);
	}
	return rc;
}

/* The first address of a network, for the kernel's packets to clients and for our ICMP errors. */
static const struct rg_cfg_addr *network_address(const struct rg_config *cfg, uint8_t family)
{
	for (size_t i = 0; i < cfg->n_networks; i++)
		for (size_t k = 0; k < cfg->networks[i].n_addresses; k++)
			if (cfg->networks[i].addresses[k].addr.family == family)
				return &cfg->networks[i].addresses[k].addr;
	return NULL;
}

static int add_pool_routes(struct kernel *k, struct nl *nl, const struct rg_config *cfg, char *error,
                           size_t error_len)
{
	struct rg_cfg_prefix *prefix = (struct rg_cfg_prefix *)malloc(PREFIXES_OF_ONE * sizeof(*prefix));
	int rc = prefix == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < cfg->n_pools; i++)
		for (size_t j = 0; j < cfg->pools[i].n_ranges && rc == 0; j++) {
			const struct rg_cfg_range *range = &cfg->pools[i].ranges[j];
			size_t n = range_prefixes(range, prefix, PREFIXES_OF_ONE);
			for (size_t x = 0; x < n && rc == 0; x++)
				rc = nl_route_add(nl, k->tun_ifindex, MIRROR_MAIN_TABLE, &prefix[x], NULL,
				                  network_address(cfg, range->first.family), 0);
		}
	for (size_t i = 0; i < cfg->n_behind && rc == 0; i++)
		rc = nl_route_add(nl, k->tun_ifindex, MIRROR_MAIN_TABLE, &cfg->behind[i], NULL,
		                  network_address(cfg, cfg->behind[i].addr.family), 0);
	free(prefix);
	return rc == 0 ? 0
	               : fail(rc, error, error_len, "routes of pools and of networks behind peers",
	                      cfg->dataplane.tun);
}

static int setup_tun(struct kernel *k, struct nl *nl, const struct rg_config *cfg, char *error,
                     size_t error_len)
{
	const char *name = cfg->dataplane.tun;
	int rc;

	k->tun = tap_open(name, true, error, error_len);
	if (k->tun < 0)
		return k->tun;
	k->tun_ifindex = if_nametoindex(name);
	set_sysctls(name, true);
	write_sysctl(name, "ipv6", "addr_gen_mode", "1");
	/* no groups there, not even that of routers, or the kernel would send reports of them to clients */
	write_sysctl(name, "ipv6", "forwarding", "0");
	rc = nl_link_no_multicast(nl, k->tun_ifindex);
	/* what has no neighbour yet goes through the kernel, which then finds it; IPv6 has only the one
	 * switch */
	write_sysctl(name, "ipv4", "forwarding", "1");
	write_sysctl("all", "ipv6", "forwarding", "1");
	if (rc == 0)
		rc = nl_link_set(nl, k->tun_ifindex, NULL, TUN_MTU, true);
	if (rc == 0)
		rc = nl_addr_add_dummy(nl, k->tun_ifindex);
	if (rc != 0)
		return fail(rc, error, error_len, "MTU and dummy address", name);
	return add_pool_routes(k, nl, cfg, error, error_len);
}

static void set_icmp_sources(struct dp *dp, const struct rg_config *cfg)
{
	const struct rg_cfg_addr *a4 = network_address(cfg, 4), *a6 = network_address(cfg, 6);

	for (size_t i = 0; i < cfg->n_uplinks; i++)
		for (size_t k = 0; k < cfg->uplinks[i].n_addresses; k++) {
			const struct rg_cfg_addr *a = &cfg->uplinks[i].addresses[k].addr;
			if (a->family == 4 && a4 == NULL)
				a4 = a;
			else if (a->family == 6 && a6 == NULL)
				a6 = a;
		}
	if (a4 != NULL)
		memcpy(dp->source4, a4->bytes, 4);
	if (a6 != NULL)
		memcpy(dp->source6, a6->bytes, 16);
}

int kernel_setup(struct kernel *k, struct nl *nl, struct dp *dp, const struct rg_config *cfg, char *error,
                 size_t error_len)
{
	int rc = 0;

	for (unsigned i = 0; i < dp->n_ports && rc == 0; i++)
		rc = setup_tap(nl, &dp->port[i], has_address4(cfg, i), error, error_len);
	if (rc == 0)
		rc = setup_addresses(nl, dp, cfg, PORT_MAX, error, error_len);
	if (rc == 0)
		rc = setup_tun(k, nl, cfg, error, error_len);
	if (rc == 0)
		set_icmp_sources(dp, cfg);
	return rc;
}

int kernel_restore(struct nl *nl, struct dp *dp, const struct rg_config *cfg, unsigned port, char *error,
                   size_t error_len)
{
	set_sysctls(dp->port[port].name, has_address4(cfg, port));
	return setup_addresses(nl, dp, cfg, port, error, error_len);
}

void kernel_teardown(struct kernel *k, struct dp *dp)
{
	for (unsigned i = 0; i < dp->n_ports; i++) {
		if (dp->port[i].tap >= 0)
			close(dp->port[i].tap);
		dp->port[i].tap = -1;
	}
	if (k->tun >= 0)
		close(k->tun);
	k->tun = -1;
}
