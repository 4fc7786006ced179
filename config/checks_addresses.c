/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses against each other: used twice, gateways out of reach, pools that
 * overlap; and the prefixes that a pool's ranges come to. One thread a load.
 */
#include "config/addr.h"
#include "config/load.h"

#include <errno.h>
#include <string.h>

/* The `addresses` of an uplink or a network, and where they were written. */
struct holder {
	const char *what, *name;
	const struct rg_cfg_prefix *addresses;
	size_t n_addresses;
	const struct cfg_node *list;
};

/* Uplinks first, then networks; false after the last. */
static bool holder_at(const struct cfg_load *load, const struct cfg_node *root, size_t i, struct holder *out)
{
	const struct rg_config *cfg = load->cfg;

	if (i < cfg->n_uplinks) {
		const struct rg_cfg_uplink *uplink = &cfg->uplinks[i];

		*out = (struct holder){
		        "uplink", uplink->name, uplink->addresses, uplink->n_addresses,
		        cfg_tree_get(cfg_tree_item(cfg_tree_get(root, "uplinks"), i), "addresses")};
		return true;
	}
	i -= cfg->n_uplinks;
	if (i < cfg->n_networks) {
		const struct rg_cfg_network *network = &cfg->networks[i];

		*out = (struct holder){
		        "network", network->name, network->addresses, network->n_addresses,
		        cfg_tree_get(cfg_tree_item(cfg_tree_get(root, "networks"), i), "addresses")};
		return true;
	}
	return false;
}

/* The first address of a prefix is the network (RFC 4291 2.6.1: the routers' anycast address), the last of an
 * IPv4 one is its broadcast. */
static int host_check(struct cfg_load *load, const struct cfg_node *node, const struct rg_cfg_prefix *prefix)
{
	struct rg_cfg_range all = rg_prefix_range(prefix);
	unsigned host_bits = rg_addr_bits(&prefix->addr) - prefix->len;

	if (host_bits < 2)
		return 0;
	if (rg_addr_compare(&prefix->addr, &all.first) == 0)
		return cfg_refuse(load, node, "%s is the network itself; expected an address in it",
		                  node->text);
	if (prefix->addr.family == 4 && rg_addr_compare(&prefix->addr, &all.last) == 0)
		return cfg_refuse(load, node, "%s is the broadcast address; expected an address of a host",
		                  node->text);
	return 0;
}

/* Is the address that of an earlier holder, or an earlier one of the same? */
static int twice_check(struct cfg_load *load, const struct cfg_node *root, size_t last, size_t position,
                       const struct rg_cfg_addr *addr, const struct cfg_node *node)
{
	struct holder other;

	for (size_t i = 0; i <= last && holder_at(load, root, i, &other); i++) {
		size_t n = i == last ? position : other.n_addresses;

		for (size_t j = 0; j < n; j++)
			if (rg_addr_compare(&other.addresses[j].addr, addr) == 0)
				return cfg_refuse(load, node, "%s is an address of %s '%s' already (line %u)",
				                  node->text, other.what, other.name,
				                  cfg_tree_item(other.list, j)->line);
	}
	return 0;
}

static int holders_check(struct cfg_load *load, const struct cfg_node *root)
{
	struct holder holder;
	int rc;

	for (size_t i = 0; holder_at(load, root, i, &holder); i++) {
		for (size_t j = 0; j < holder.n_addresses; j++) {
			const struct cfg_node *node = cfg_tree_item(holder.list, j);

			rc = host_check(load, node, &holder.addresses[j]);
			if (rc == 0)
				rc = twice_check(load, root, i, j, &holder.addresses[j].addr, node);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int gateway_check(struct cfg_load *load, const struct rg_cfg_uplink *uplink, size_t index,
                         const struct cfg_node *node)
{
	const struct rg_cfg_addr *gateway = &uplink->gateways[index];
	bool on_link = gateway->family == 6 && rg_addr_is_link_local(gateway);

	for (size_t i = 0; i < uplink->n_addresses; i++) {
		if (rg_addr_compare(&uplink->addresses[i].addr, gateway) == 0)
			return cfg_refuse(load, node,
			                  "%s is the gateway's own address; expected that of the next router",
			                  node->text);
		on_link |= rg_prefix_contains(&uplink->addresses[i], gateway);
	}
	if (!on_link)
		return cfg_refuse(load, node,
		                  "%s is in no prefix of the addresses of uplink '%s'; expected a router on "
		                  "the same link",
		                  node->text, uplink->name);
	for (size_t i = 0; i < index; i++)
		if (uplink->gateways[i].family == gateway->family)
			return cfg_refuse(load, node,
			                  "a second IPv%u gateway; expected at most one of each family",
			                  gateway->family);
	return 0;
}

static int gateways_check(struct cfg_load *load, const struct cfg_node *root)
{
	const struct rg_config *cfg = load->cfg;

	for (size_t i = 0; i < cfg->n_uplinks; i++) {
		const struct cfg_node *uplink = cfg_tree_item(cfg_tree_get(root, "uplinks"), i);
		const struct cfg_node *list = cfg_tree_get(uplink, "gateways");

		for (size_t j = 0; j < cfg->uplinks[i].n_gateways; j++) {
			int rc = gateway_check(load, &cfg->uplinks[i], j, cfg_tree_item(list, j));

			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static const struct cfg_node *range_node(const struct cfg_node *root, size_t pool, size_t range)
{
	const struct cfg_node *node = cfg_tree_item(cfg_tree_get(root, "pools"), pool);

	return cfg_tree_item(cfg_tree_get(node, "ranges"), range);
}

/* One range against every range that was written before it. */
static int range_against_ranges(struct cfg_load *load, const struct cfg_node *root, size_t pool, size_t range)
{
	const struct rg_config *cfg = load->cfg;
	const struct cfg_node *node = range_node(root, pool, range);

	for (size_t i = 0; i <= pool; i++) {
		size_t n = i == pool ? range : cfg->pools[i].n_ranges;

		for (size_t j = 0; j < n; j++) {
			const struct cfg_node *other = range_node(root, i, j);

			if (rg_ranges_overlap(&cfg->pools[pool].ranges[range], &cfg->pools[i].ranges[j]))
				return cfg_refuse(
				        load, node,
				        "%s overlaps %s of pool '%s' (line %u); expected ranges apart",
				        node->text, other->text, cfg->pools[i].name, other->line);
		}
	}
	return 0;
}

static int range_against_links(struct cfg_load *load, const struct cfg_node *root, size_t pool, size_t range)
{
	const struct cfg_node *node = range_node(root, pool, range);
	struct holder holder;

	for (size_t i = 0; holder_at(load, root, i, &holder); i++) {
		for (size_t j = 0; j < holder.n_addresses; j++) {
			struct rg_cfg_range link = rg_prefix_range(&holder.addresses[j]);

			if (rg_ranges_overlap(&load->cfg->pools[pool].ranges[range], &link))
				return cfg_refuse(
				        load, node,
				        "%s overlaps %s of %s '%s' (line %u); expected a range apart from it",
				        node->text, cfg_tree_item(holder.list, j)->text, holder.what,
				        holder.name, cfg_tree_item(holder.list, j)->line);
		}
	}
	return 0;
}

static size_t prefixes_write(const struct rg_cfg_pool *pool, struct rg_cfg_prefix *out)
{
	size_t n = 0;

	for (size_t i = 0; i < pool->n_ranges; i++) {
		struct rg_cfg_range rest = pool->ranges[i];
		struct rg_cfg_prefix prefix;
		bool more;

		do {
			more = rg_range_split(&rest, &prefix, &rest);
			if (out)
				out[n] = prefix;
			n++;
		} while (more);
	}
	return n;
}

static int prefixes_derive(struct cfg_load *load, struct rg_cfg_pool *pool)
{
	pool->n_prefixes = prefixes_write(pool, NULL);
	pool->prefixes = cfg_alloc(load, pool->n_prefixes * sizeof(*pool->prefixes));
	if (!pool->prefixes)
		return -ENOMEM;
	prefixes_write(pool, pool->prefixes);
	return 0;
}

int cfg_check_addresses(struct cfg_load *load, const struct cfg_node *root)
{
	struct rg_config *cfg = load->cfg;
	int rc = holders_check(load, root);

	if (rc == 0)
		rc = gateways_check(load, root);
	for (size_t i = 0; i < cfg->n_pools && rc == 0; i++) {
		for (size_t j = 0; j < cfg->pools[i].n_ranges && rc == 0; j++) {
			rc = range_against_ranges(load, root, i, j);
			if (rc == 0)
				rc = range_against_links(load, root, i, j);
		}
		if (rc == 0)
			rc = prefixes_derive(load, &cfg->pools[i]);
	}
	return rc;
}
