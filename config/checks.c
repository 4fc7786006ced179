/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one key alone cannot show: interfaces that collide, routing tables,
 * what authentication needs, references. Works out the defaults that follow
 * from other keys. One thread a load.
 */
#include "config/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIRST_TABLE 101

/* The Linux interface behind a device, or "" where there is none. */
static const char *device_interface(const char *device)
{
	if (strncmp(device, "af_packet:", 10) == 0)
		return device + 10;
	return strncmp(device, "af_xdp:", 7) == 0 ? device + 7 : "";
}

static int ports_check(struct cfg_load *load, const struct cfg_node *root)
{
	const struct rg_cfg_dataplane *dp = &load->cfg->dataplane;
	const struct cfg_node *dataplane = cfg_tree_get(root, "dataplane");
	const struct cfg_node *ports = cfg_tree_get(dataplane, "ports");

	for (size_t i = 0; i < dp->n_ports; i++) {
		const struct cfg_node *node = cfg_tree_item(ports, i);
		const struct cfg_node *device = cfg_tree_get(node, "device");

		if (strcmp(dp->ports[i].name, dp->tun) == 0)
			return cfg_refuse(load, node->key,
			                  "port '%s' has the name of dataplane.tun; expected another one",
			                  dp->tun);
		for (size_t j = 0; j < dp->n_ports; j++) {
			if (strcmp(device_interface(dp->ports[i].device), dp->ports[j].name) == 0)
				return cfg_refuse(load, device,
				                  "the interface '%s' has the name of a port, whose TAP "
				                  "would collide with it; "
				                  "expected another port name",
				                  dp->ports[j].name);
			if (j < i && strcmp(dp->ports[i].device, dp->ports[j].device) == 0)
				return cfg_refuse(load, device, "%s is the device of port '%s' already",
				                  dp->ports[i].device, dp->ports[j].name);
		}
		if (strcmp(device_interface(dp->ports[i].device), dp->tun) == 0)
			return cfg_refuse(load, device, "the interface '%s' has the name of dataplane.tun",
			                  dp->tun);
	}
	return 0;
}

/* Workers may share a CPU only where they sleep: a spinning one would starve the other. */
static int workers_check(struct cfg_load *load, const struct cfg_node *root)
{
	const struct rg_cfg_dataplane *dp = &load->cfg->dataplane;
	const struct cfg_node *list = cfg_tree_get(cfg_tree_get(root, "dataplane"), "workers");

	for (size_t i = 0; i < dp->n_workers && dp->idle == RG_IDLE_SPIN; i++)
		for (size_t j = 0; j < i; j++)
			if (dp->workers[i] == dp->workers[j])
				return cfg_refuse(load, cfg_tree_item(list, i),
				                  "CPU %u twice; with 'idle: spin' each worker needs its own",
				                  dp->workers[i]);
	return 0;
}

static int tables_derive(struct cfg_load *load, const struct cfg_node *root)
{
	struct rg_config *cfg = load->cfg;
	const struct cfg_node *uplinks = cfg_tree_get(root, "uplinks");

	for (size_t i = 0; i < cfg->n_uplinks; i++) {
		struct rg_cfg_uplink *uplink = &cfg->uplinks[i];

		if (uplink->table == 0)
			uplink->table = FIRST_TABLE + (unsigned)i;
		if (uplink->preference == 0)
			uplink->preference = 10 * ((unsigned)i + 1);
	}
	for (size_t i = 0; i < cfg->n_uplinks; i++) {
		const struct cfg_node *node = cfg_tree_item(uplinks, i);
		const struct cfg_node *table = cfg_tree_get(node, "table");

		if (cfg->uplinks[i].table >= 253 && cfg->uplinks[i].table <= 255)
			return cfg_refuse(
			        load, table ? table : node,
			        "table %u is one of the kernel's own (253 to 255); expected another one",
			        cfg->uplinks[i].table);
		for (size_t j = 0; j < i; j++)
			if (cfg->uplinks[i].table == cfg->uplinks[j].table)
				return cfg_refuse(
				        load, table ? table : node,
				        "table %u is that of uplink '%s' already; expected one of its own",
				        cfg->uplinks[i].table, cfg->uplinks[j].name);
	}
	return 0;
}

/* All uplinks by preference, in the order of the file among equals. */
static int members_default(struct cfg_load *load, struct rg_cfg_connection *connection)
{
	const struct rg_config *cfg = load->cfg;
	unsigned *members = cfg_alloc(load, cfg->n_uplinks * sizeof(*members));

	if (!members)
		return -ENOMEM;
	for (size_t i = 0; i < cfg->n_uplinks; i++) {
		size_t at = i;

		for (; at > 0 && cfg->uplinks[members[at - 1]].preference > cfg->uplinks[i].preference; at--)
			members[at] = members[at - 1];
		members[at] = (unsigned)i;
	}
	connection->uplinks = members;
	connection->n_uplinks = cfg->n_uplinks;
	return 0;
}

static int members_check(struct cfg_load *load, struct rg_cfg_connection *connection,
                         const struct cfg_node *node)
{
	const struct cfg_node *members = cfg_tree_get(cfg_tree_get(node, "uplinks"), "members");

	if (load->cfg->n_uplinks == 0)
		return cfg_refuse(load, node->key,
		                  "connection '%s' has no uplink; expected at least one under 'uplinks'",
		                  connection->name);
	if (connection->n_uplinks == 0)
		return members_default(load, connection);
	for (size_t i = 0; i < connection->n_uplinks; i++)
		for (size_t j = 0; j < i; j++)
			if (connection->uplinks[i] == connection->uplinks[j])
				return cfg_refuse(load, cfg_tree_item(members, i), "uplink '%s' twice",
				                  load->cfg->uplinks[connection->uplinks[i]].name);
	return 0;
}

/* What the two sides' authentication needs of the other sections. */
static int authentication_check(struct cfg_load *load, const struct rg_cfg_connection *connection,
                                const struct cfg_node *node, const struct cfg_node *root)
{
	const struct rg_cfg_gateway *gateway = &load->cfg->gateway;
	const struct cfg_node *section = cfg_tree_get(root, "gateway");
	const struct cfg_node *at = section ? section->key : node->key;

	if (!gateway->identity)
		return cfg_refuse(load, at, "connection '%s' needs 'gateway' with an identity",
		                  connection->name);
	if (connection->local_auth == RG_AUTH_CERTIFICATE &&
	    (!gateway->own.certificate || !gateway->own.private_key))
		return cfg_refuse(load, at,
		                  "connection '%s' says local: certificate; expected 'certificate' and "
		                  "'private-key' in 'gateway'",
		                  connection->name);
	if (connection->remote_auth == RG_AUTH_CERTIFICATE && gateway->n_authorities == 0)
		return cfg_refuse(
		        load, at,
		        "connection '%s' says remote: certificate; expected 'authorities' in 'gateway'",
		        connection->name);
	if ((connection->local_auth == RG_AUTH_PSK || connection->remote_auth == RG_AUTH_PSK) &&
	    load->cfg->n_secrets == 0)
		return cfg_refuse(load, node->key,
		                  "connection '%s' uses a pre-shared key; expected an entry in 'secrets'",
		                  connection->name);
	return 0;
}

/* The initiator is EAP's peer, the responder its server: we may be either, but not half of both. */
static int eap_check(struct cfg_load *load, const struct rg_cfg_connection *connection,
                     const struct cfg_node *node, const struct cfg_node *root)
{
	const struct cfg_node *section = cfg_tree_get(root, "eap");

	if (connection->local_auth != RG_AUTH_EAP_MSCHAPV2 && connection->remote_auth != RG_AUTH_EAP_MSCHAPV2)
		return 0;
	if (!load->cfg->eap.users)
		return cfg_refuse(load, section ? section->key : node->key,
		                  "connection '%s' says eap-mschapv2; expected 'users' in 'eap'",
		                  connection->name);
	if (connection->remote_auth == RG_AUTH_EAP_MSCHAPV2 && connection->local_auth == RG_AUTH_PSK)
		return cfg_refuse(load, node->key,
		                  "connection '%s' says remote: eap-mschapv2 and local: psk; expected local: "
		                  "certificate or eap-mschapv2 (RFC 7296 section 2.16)",
		                  connection->name);
	return 0;
}

static int connections_check(struct cfg_load *load, const struct cfg_node *root)
{
	const struct cfg_node *connections = cfg_tree_get(root, "connections");

	for (size_t i = 0; i < load->cfg->n_connections; i++) {
		struct rg_cfg_connection *connection = &load->cfg->connections[i];
		const struct cfg_node *node = cfg_tree_item(connections, i);
		int rc = members_check(load, connection, node);

		if (rc == 0)
			rc = cfg_pool_list_check(load, connection, cfg_tree_get(node, "pool"));
		if (rc == 0)
			rc = authentication_check(load, connection, node, root);
		if (rc == 0)
			rc = eap_check(load, connection, node, root);
		if (rc == 0)
			rc = cfg_initiate_check(load, connection, node);
		if (rc < 0)
			return rc;
		if (connection->lifetimes.dpd_s > connection->lifetimes.ike_s)
			return cfg_refuse(load, node->key,
			                  "lifetimes.dpd of connection '%s' is longer than lifetimes.ike; "
			                  "expected less",
			                  connection->name);
	}
	return 0;
}

static int control_check(struct cfg_load *load, const struct cfg_node *root)
{
	const struct cfg_node *control = cfg_tree_get(root, "control");
	const struct cfg_node *socket = cfg_tree_get(control, "socket");

	if (strcmp(load->cfg->control.socket, load->cfg->dataplane.socket) != 0)
		return 0;
	if (!socket)
		socket = cfg_tree_get(cfg_tree_get(root, "dataplane"), "socket");
	return cfg_refuse(load, socket,
	                  "control.socket and dataplane.socket are the same; expected two paths");
}

int cfg_check(struct cfg_load *load, const struct cfg_node *root)
{
	static int (*const checks[])(struct cfg_load *, const struct cfg_node *) = {
	        ports_check,     workers_check,     tables_derive,   cfg_check_addresses,
	        cfg_check_pools, connections_check, cfg_check_peers, control_check};
	int rc = 0;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && rc == 0; i++)
		rc = checks[i](load, root);
	return rc;
}
