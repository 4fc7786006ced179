/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection that the gateway begins needs of the rest: an uplink to the
 * peer's addresses, one identity, authentication that an initiator can do,
 * networks on the other side. One thread a load.
 */
#include "config/addr.h"
#include "config/load.h"

#include <string.h>

struct initiate {
	struct cfg_load *load;
	struct rg_cfg_connection *connection;
	const struct cfg_node *node; /* of the connection */
	const struct cfg_node *section;
};

static const struct cfg_node *address_node(const struct initiate *in, size_t i)
{
	const struct cfg_node *to = cfg_tree_get(in->section, "to");

	return to->kind == CFG_LIST ? cfg_tree_item(to, i) : to;
}

static bool uplink_has(const struct rg_cfg_uplink *uplink, const struct rg_cfg_addr *addr, bool family_only)
{
	for (size_t i = 0; i < uplink->n_addresses; i++) {
		const struct rg_cfg_addr *own = &uplink->addresses[i].addr;

		if (family_only ? own->family == addr->family : rg_addr_compare(own, addr) == 0)
			return true;
	}
	return false;
}

static int address_check(const struct initiate *in, size_t index)
{
	const struct rg_config *cfg = in->load->cfg;
	const struct rg_cfg_connection *c = in->connection;
	const struct rg_cfg_addr *to = &c->initiate.to[index];
	const struct cfg_node *node = address_node(in, index);
	bool reachable = false;

	if (rg_addr_is_link_local(to))
		return cfg_refuse(in->load, node,
		                  "%s is link-local; expected an address that uplinks can reach", node->text);
	for (size_t i = 0; i < index; i++)
		if (rg_addr_compare(&c->initiate.to[i], to) == 0)
			return cfg_refuse(in->load, node, "%s twice", node->text);
	for (size_t i = 0; i < cfg->n_uplinks; i++)
		if (uplink_has(&cfg->uplinks[i], to, false))
			return cfg_refuse(in->load, node,
			                  "%s is an address of our own uplink '%s'; expected the peer's",
			                  node->text, cfg->uplinks[i].name);
	for (size_t i = 0; i < c->n_uplinks && !reachable; i++)
		reachable = uplink_has(&cfg->uplinks[c->uplinks[i]], to, true);
	if (!reachable)
		return cfg_refuse(in->load, node,
		                  "no uplink of connection '%s' has an IPv%u address to reach %s from; "
		                  "expected one, or an address of another family",
		                  c->name, to->family, node->text);
	return 0;
}

static int identity_check(const struct initiate *in)
{
	struct rg_cfg_connection *c = in->connection;
	const struct cfg_node *node = cfg_tree_get(in->section, "identity");

	if (!c->initiate.identity) {
		if (c->n_identities != 1 || !cfg_is_identity(c->identities[0]))
			return cfg_refuse(in->load, in->section,
			                  "whom connection '%s' expects is open, since its 'identities' are "
			                  "not one; expected 'identity'",
			                  c->name);
		c->initiate.identity = c->identities[0];
		return 0;
	}
	for (size_t i = 0; i < c->n_identities; i++)
		if (cfg_pattern_covers(c->identities[i], c->initiate.identity))
			return 0;
	return cfg_refuse(in->load, node,
	                  "'%.80s' is none of the identities of connection '%s'; expected one that its "
	                  "'identities' match",
	                  c->initiate.identity, c->name);
}

static bool reaches(const struct rg_cfg_connection *c, uint8_t family)
{
	for (size_t i = 0; i < c->n_selectors_remote; i++)
		if (c->selectors_remote[i].addr.family == family)
			return true;
	return false;
}

/* The address that the peer gives is all of our side, and there must be something to send to from it. */
static int virtual_check(const struct initiate *in)
{
	const struct rg_cfg_connection *c = in->connection;
	const struct cfg_node *node = cfg_tree_get(in->section, "virtual-address");
	const struct cfg_node *children = cfg_tree_get(in->node, "children");
	const struct cfg_node *local = cfg_tree_get(cfg_tree_get(in->node, "selectors"), "local");

	if (c->initiate.virtual_address == RG_VIRTUAL_NONE)
		return 0;
	if (c->mode == RG_CFG_TRANSPORT)
		return cfg_refuse(in->load, node,
		                  "connection '%s' is mode: transport, which carries the uplinks' addresses "
		                  "alone; expected mode: tunnel, or none",
		                  c->name);
	for (size_t i = 0; i < c->n_children; i++) {
		const struct cfg_node *child = cfg_tree_item(children, i);

		if (c->children[i].mode == RG_CFG_TRANSPORT)
			return cfg_refuse(in->load, node,
			                  "child '%s' is mode: transport; expected tunnel, or none",
			                  c->children[i].name);
		if (!local && c->children[i].n_selectors_local > 0)
			local = cfg_tree_get(cfg_tree_get(child, "selectors"), "local");
	}
	if (local)
		return cfg_refuse(in->load, local,
		                  "connection '%s' speaks for its virtual-address alone; expected no "
		                  "'selectors' with 'local', or virtual-address: none",
		                  c->name);
	for (uint8_t family = 4; family <= 6; family += 2)
		if ((c->initiate.virtual_address & (family == 4 ? RG_VIRTUAL_IP4 : RG_VIRTUAL_IP6)) &&
		    !reaches(c, family))
			return cfg_refuse(
			        in->load, node,
			        "connection '%s' has no IPv%u network in 'selectors' with 'remote' to "
			        "send to from such an address; expected one, or another family",
			        c->name, family);
	return 0;
}

static int sides_check(const struct initiate *in)
{
	const struct rg_cfg_connection *c = in->connection;
	const struct cfg_node *node = cfg_tree_get(in->section, "retry-max");

	if (c->remote_auth == RG_AUTH_EAP_MSCHAPV2 && c->local_auth != RG_AUTH_EAP_MSCHAPV2)
		return cfg_refuse(
		        in->load, in->section,
		        "connection '%s' says remote: eap-mschapv2, which a responder cannot be asked "
		        "for (RFC 7296 section 2.16); expected certificate or psk",
		        c->name);
	if (c->n_pools > 0)
		return cfg_refuse(
		        in->load, cfg_tree_get(in->node, "pool"),
		        "connection '%s' is begun by this gateway, which gives its peer no addresses; "
		        "expected none",
		        c->name);
	if (c->mode == RG_CFG_TUNNEL && c->n_selectors_remote == 0)
		return cfg_refuse(
		        in->load, in->section,
		        "connection '%s' has no networks behind its peer; expected 'selectors' with "
		        "'remote'",
		        c->name);
	if (c->mode == RG_CFG_TRANSPORT && c->initiate.start == RG_INITIATE_ON_TRAFFIC)
		return cfg_refuse(
		        in->load, cfg_tree_get(in->section, "start"),
		        "connection '%s' is mode: transport, whose packets leave in clear until there is an "
		        "SA; expected at-load or by-command",
		        c->name);
	if (c->initiate.retry_max_s < c->initiate.retry_s)
		return cfg_refuse(
		        in->load, node ? node : in->section,
		        "retry-max of connection '%s' is shorter than retry; expected at least that",
		        c->name);
	return 0;
}

int cfg_initiate_check(struct cfg_load *load, struct rg_cfg_connection *connection,
                       const struct cfg_node *node)
{
	struct initiate in = {load, connection, node, cfg_tree_get(node, "initiate")};
	int rc = 0;

	if (!in.section)
		return 0;
	for (size_t i = 0; i < connection->initiate.n_to && rc == 0; i++)
		rc = address_check(&in, i);
	if (rc == 0)
		rc = identity_check(&in);
	if (rc == 0)
		rc = sides_check(&in);
	return rc == 0 ? virtual_check(&in) : rc;
}
