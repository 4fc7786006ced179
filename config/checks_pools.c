/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools among themselves: their names, who may use which, and the addresses
 * that belong to one identity. One thread a load.
 */
#include "config/addr.h"
#include "config/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int cfg_pool_list_check(struct cfg_load *load, struct rg_cfg_connection *connection,
                        const struct cfg_node *list)
{
	for (size_t i = 0; i < connection->n_pools; i++) {
		const struct cfg_node *node = list && list->kind == CFG_LIST ? cfg_tree_item(list, i) : list;

		if (connection->pools[i] < 0 && connection->n_pools > 1)
			return cfg_refuse(load, node, "'none' beside other pools; expected it alone");
		for (size_t j = 0; j < i; j++)
			if (connection->pools[j] == connection->pools[i])
				return cfg_refuse(load, node, "pool '%s' twice",
				                  load->cfg->pools[connection->pools[i]].name);
	}
	if (connection->n_pools == 1 && connection->pools[0] < 0)
		connection->n_pools = 0;
	return 0;
}

static bool pool_holds(const struct rg_cfg_pool *pool, const struct rg_cfg_addr *address)
{
	for (size_t i = 0; i < pool->n_ranges; i++) {
		struct rg_cfg_range hosts = rg_range_hosts(&pool->ranges[i]);

		if (rg_range_contains(&hosts, address))
			return true;
	}
	return false;
}

int cfg_lease_put(struct cfg_load *load, struct rg_cfg_pool *pool, const struct rg_cfg_lease *lease)
{
	size_t n = pool->n_leases;
	struct rg_cfg_lease *grown;

	if ((n & (n - 1)) == 0) { /* the array has room for the next power of two */
		grown = cfg_alloc(load, (n ? 2 * n : 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		if (n > 0)
			memcpy(grown, pool->leases, n * sizeof(*grown));
		pool->leases = grown;
	}
	pool->leases[pool->n_leases++] = *lease;
	return 0;
}

int cfg_lease_check(struct cfg_load *load, const struct rg_cfg_pool *pool, const struct rg_cfg_addr *address,
                    const struct cfg_node *node)
{
	char text[RG_ADDR_TEXT_MAX];

	if (pool_holds(pool, address))
		return 0;
	return cfg_refuse(load, node, "%s is no client's address of pool '%s'; expected one of its ranges",
	                  rg_addr_format(address, text), pool->name);
}

int cfg_lease_add(struct cfg_load *load, const struct rg_cfg_connection *connection, const char *identity,
                  const struct rg_cfg_addr *address, const struct cfg_node *node)
{
	struct rg_cfg_lease lease = {.address = *address, .line = node->line, .column = node->column};

	for (size_t i = 0; i < connection->n_pools; i++) {
		struct rg_cfg_pool *pool = &load->cfg->pools[connection->pools[i]];

		if (!pool_holds(pool, address))
			continue;
		lease.identity = cfg_text(load, identity, strlen(identity));
		return lease.identity ? cfg_lease_put(load, pool, &lease) : -ENOMEM;
	}
	return cfg_refuse(load, node,
	                  "%s lies in no range of the rule's pools; expected an address of one of them",
	                  node->text);
}

static int by_address(const void *a, const void *b)
{
	const struct rg_cfg_lease *left = a, *right = b;
	int order = rg_addr_compare(&left->address, &right->address);

	if (order == 0 && left->in_file != right->in_file)
		order = left->in_file ? 1 : -1;
	if (order == 0)
		order = left->line < right->line ? -1 : left->line > right->line;
	if (order == 0)
		order = left->column < right->column ? -1 : left->column > right->column;
	return order;
}

int cfg_leases_sort(struct cfg_load *load, struct rg_cfg_pool *pool)
{
	char text[RG_ADDR_TEXT_MAX];
	size_t kept = 0;

	if (pool->n_leases == 0)
		return 0;
	qsort(pool->leases, pool->n_leases, sizeof(*pool->leases), by_address);
	for (size_t i = 0; i < pool->n_leases; i++) {
		const struct rg_cfg_lease *lease = &pool->leases[i], *last = &pool->leases[kept - (kept > 0)];
		struct cfg_node at = {.line = lease->line, .column = lease->column};

		if (kept == 0 || rg_addr_compare(&last->address, &lease->address) != 0) {
			pool->leases[kept++] = *lease;
			continue;
		}
		if (strcasecmp(last->identity, lease->identity) == 0)
			continue;
		if (lease->in_file)
			cfg_error_in(load, pool->leases_file);
		return cfg_refuse(load, &at, "%s belongs to '%.80s' already (line %u%s)",
		                  rg_addr_format(&lease->address, text), last->identity, last->line,
		                  lease->in_file && !last->in_file ? " of the configuration" : "");
	}
	pool->n_leases = kept;
	return 0;
}

/* What `leases` said, in an array that can grow. */
static int leases_begin(struct cfg_load *load, struct rg_cfg_pool *pool, const struct cfg_node *list)
{
	struct rg_cfg_lease *written = pool->leases;
	size_t n = pool->n_leases;

	pool->leases = NULL;
	pool->n_leases = 0;
	for (size_t i = 0; i < n; i++) {
		const struct cfg_node *node = cfg_tree_get(cfg_tree_item(list, i), "address");
		int rc = cfg_lease_check(load, pool, &written[i].address, node);

		written[i].line = node->line;
		written[i].column = node->column;
		if (rc == 0)
			rc = cfg_lease_put(load, pool, &written[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int cfg_check_pools(struct cfg_load *load, const struct cfg_node *root)
{
	const struct cfg_node *pools = cfg_tree_get(root, "pools");

	for (size_t i = 0; i < load->cfg->n_pools; i++) {
		struct rg_cfg_pool *pool = &load->cfg->pools[i];
		const struct cfg_node *node = cfg_tree_item(pools, i);
		int rc;

		if (strcmp(pool->name, "none") == 0)
			return cfg_refuse(load, node->key, "'none' means no pool; expected another name");
		if (pool->n_domains > 0 && pool->n_dns == 0)
			return cfg_refuse(
			        load, cfg_tree_get(node, "domains"),
			        "domains without a name server for them; expected 'dns' in pool '%s'",
			        pool->name);
		rc = leases_begin(load, pool, cfg_tree_get(node, "leases"));
		if (rc < 0)
			return rc;
	}
	return 0;
}
