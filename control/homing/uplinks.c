/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's own addresses as a session may use them: which are live, in
 * which order, and what happens to sessions whose local address died (RFC 4555
 * 3.5, last paragraph; design.md, "Homing"). Core thread only.
 */
#include "control/homing/session.h"
#include "control/ike/mobike.h"
#include "control/ike/manager.h"

#include <limits.h>
#include <string.h>

static const struct rg_config *config_of(const struct ike_sa *sa)
{
	return rg_auth_config(sa->auth);
}

static bool port_is_down(const struct ike_manager *m, unsigned port)
{
	return port < 64 && (m->ports_down >> port & 1) != 0;
}

/* The port of an uplink of the session's configuration, whose place in the one in force may be another: that
 * one counts the ports. No number at all where it is gone. */
static unsigned port_of(const struct ike_sa *sa, const struct rg_cfg_uplink *uplink)
{
	const struct rg_config *own = config_of(sa), *now = rg_auth_config(sa->manager->auth);
	unsigned port = 0;

	if (own == now)
		return uplink->port;
	while (port < now->dataplane.n_ports &&
	       strcmp(now->dataplane.ports[port].name, own->dataplane.ports[uplink->port].name) != 0)
		port++;
	return port < now->dataplane.n_ports ? port : UINT_MAX;
}

static const struct rg_cfg_uplink *uplink_of(const struct ike_sa *sa, const struct rg_cfg_addr *addr)
{
	const struct rg_config *cfg = config_of(sa);

	for (size_t u = 0; u < cfg->n_uplinks; u++)
		for (size_t a = 0; a < cfg->uplinks[u].n_addresses; a++)
			if (addr_equal(&cfg->uplinks[u].addresses[a].addr, addr))
				return &cfg->uplinks[u];
	return NULL;
}

/* KD-3: with `spread: hash` each client begins at another uplink, always the same. */
static size_t first_uplink(const struct ike_sa *sa)
{
	const struct rg_cfg_connection *conn = sa->connection;

	if (conn->spread != RG_SPREAD_HASH || conn->n_uplinks == 0)
		return 0;
	return sa->cookie % conn->n_uplinks;
}

static void add_uplink(const struct ike_sa *sa, const struct rg_cfg_uplink *uplink, struct address_set *set)
{
	for (size_t a = 0; a < uplink->n_addresses; a++) {
		struct ike_endpoint e = {uplink->addresses[a].addr, sa->local.port};

		address_set_add(set, &e);
	}
}

static void collect(const struct ike_sa *sa, bool live_only, struct address_set *set)
{
	const struct rg_cfg_connection *conn = sa->connection;
	const struct rg_config *cfg = config_of(sa);

	address_set_clear(set);
	if (conn == NULL)
		return;
	for (size_t i = 0; i < conn->n_uplinks; i++) {
		unsigned index = conn->uplinks[(first_uplink(sa) + i) % conn->n_uplinks];
		const struct rg_cfg_uplink *uplink = &cfg->uplinks[index];

		if (!live_only || !port_is_down(sa->manager, port_of(sa, uplink)))
			add_uplink(sa, uplink, set);
	}
}

void uplinks_local(const struct ike_sa *sa, struct address_set *set)
{
	collect(sa, true, set);
}

bool uplinks_is_local(const struct ike_sa *sa, const struct rg_cfg_addr *addr)
{
	struct address_set set;
	struct ike_endpoint e = {.addr = *addr};

	collect(sa, false, &set);
	return address_set_find(&set, &e) >= 0;
}

bool uplinks_is_ours(const struct ike_sa *sa, const struct rg_cfg_addr *addr)
{
	const struct rg_config *cfg = config_of(sa);

	if (uplink_of(sa, addr) != NULL)
		return true;
	for (size_t n = 0; n < cfg->n_networks; n++)
		for (size_t a = 0; a < cfg->networks[n].n_addresses; a++)
			if (addr_equal(&cfg->networks[n].addresses[a].addr, addr))
				return true;
	return false;
}

bool uplinks_is_dead(const struct ike_sa *sa, const struct rg_cfg_addr *addr)
{
	const struct rg_cfg_uplink *uplink = uplink_of(sa, addr);

	return uplink != NULL && port_is_down(sa->manager, port_of(sa, uplink));
}

bool uplinks_forbids_nat(const struct ike_sa *sa, const struct rg_cfg_addr *addr)
{
	const struct rg_cfg_uplink *uplink = uplink_of(sa, addr);

	return uplink != NULL && !uplink->nat_traversal;
}

/* Which sessions a port's carrier concerns is asked again when their turn comes:
 * until then it may have changed back. */
void uplinks_port(struct ike_manager *m, unsigned port, bool up)
{
	uint64_t now = manager_now(m), n = 0;
	struct ike_sa *sa;

	if (port >= 64 || port_is_down(m, port) == !up)
		return;
	m->ports_down ^= UINT64_C(1) << port;
	TAILQ_FOREACH (sa, &m->sas, link) {
		struct homing_session *hs = sa->homing;

		if (hs == NULL || hs->sa != sa || sa->state != IKE_STATE_ESTABLISHED)
			continue;
		hs->uplink_due_ms = now + n++ / HOMING_PACE;
		if (hs->uplink_due_ms == 0)
			hs->uplink_due_ms = 1;
		homing_schedule(hs, hs->uplink_due_ms);
	}
}

/* The initiator decides by itself, and says so; a responder proves the new pair first. */
static void replace(struct homing_session *hs)
{
	struct pair pairs[ADDRESS_PAIRS_MAX];
	unsigned n = doubt_pairs(hs, pairs);
	struct pair_path to;
	char text[PAIR_TEXT];

	ike_sa_event(hs->sa, IKE_EVENT_PATH_DEAD, "local address of %s is gone, %u other paths",
	             pair_path_text(&hs->tx.current, text), n);
	if (n == 0)
		return;
	if (hs->sa->session_initiator && (hs->sa->capabilities & IKE_CAP_MOBIKE) != 0) {
		mobike_move(hs, &pairs[0]);
		return;
	}
	to = homing_path(hs->sa, &pairs[0]);
	homing_set_pair(hs, &pairs[0]);
	(void)homing_request(hs, ADDRESS_BY_UPLINK_DOWN, &to, true, 0);
	homing_follow(hs);
}

void uplinks_check(struct homing_session *hs)
{
	const struct pair_path held = hs->tx.active.to;
	struct address_set local;
	bool moving =
	        hs->tx.state != ADDRESS_IDLE && !uplinks_is_dead(hs->sa, &hs->tx.active.to.pair.local.addr);

	hs->uplink_due_ms = 0;
	if (uplinks_is_dead(hs->sa, &hs->tx.current.pair.local.addr)) {
		if (!moving)
			replace(hs);
		else if (hs->tx.state == ADDRESS_HELD) /* what the peer asked for is needed now */
			(void)homing_request(hs, ADDRESS_BY_UPLINK_DOWN, &held, hs->tx.active.needs_proof, 0);
	}
	/* Without any uplink there is nothing to say, and no way to say it. */
	uplinks_local(hs->sa, &local);
	if ((hs->sa->capabilities & IKE_CAP_MOBIKE) != 0 && local.count > 0)
		mobike_send_list(hs);
}
