/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What initiate.c asks for, given to it by the IKE core and the other parts of this
 * process. Event loop's thread.
 */
#include "control/initiate_ops.h"

#include "control/ike/ike_sa.h"
#include "control/ike/takeover.h"
#include "control/log.h"

#include <string.h>

static bool op_ready(void *user)
{
	const struct control *c = user;
	struct dp_status s;

	dp_status(c->dp, &s);
	return c->listening && !c->stopping && s.connected;
}

static bool op_uplink_up(void *user, unsigned port)
{
	const struct control *c = user;

	return links_up(c->links, port);
}

static uint64_t op_find(void *user, const struct rg_cfg_connection *connection)
{
	struct control *c = user;
	const struct ike_sa *sa = NULL;
	struct rg_id peer;

	if (rg_id_parse(&peer, connection->initiate.identity) == 0)
		sa = ike_find_identity(c->ike, &peer, connection->name);
	if (sa && !sa->session_initiator && connection->initiate.virtual_address)
		return 0; /* it gives us none */
	return sa ? ike_session_id(sa) : 0;
}

/* In transport mode the ends of the tunnel are all that it carries. */
static int64_t op_start(void *user, unsigned connection, const struct ike_endpoint *local,
                        const struct ike_endpoint *remote, const struct rg_cfg_addr *had, size_t n_had,
                        const struct child_packet *packet)
{
	struct control *c = user;
	const struct rg_cfg_connection *cfg = &rg_auth_config(c->auth)->connections[connection];
	struct ike_initiate request = {.connection = connection,
	                               .local = *local,
	                               .remote = *remote,
	                               .remote_identity = cfg->initiate.identity,
	                               .want_ip4 = cfg->initiate.virtual_address & RG_VIRTUAL_IP4,
	                               .want_ip6 = cfg->initiate.virtual_address & RG_VIRTUAL_IP6,
	                               .had = had,
	                               .n_had = n_had,
	                               .packet = packet,
	                               .remote_selectors = cfg->selectors_remote,
	                               .n_remote_selectors = cfg->n_selectors_remote};

	return ike_initiate(c->ike, &request);
}

static enum initiate_look op_look(void *user, uint64_t session)
{
	struct control *c = user;
	const struct ike_sa *sa = ike_find_session(c->ike, session);

	if (!sa || sa->superseded) /* the session that stays is there to be found */
		return INITIATE_LOOK_GONE;
	return sa->state == IKE_STATE_ESTABLISHED ? INITIATE_LOOK_UP : INITIATE_LOOK_UNDER_WAY;
}

static void op_end(void *user, uint64_t session, const char *reason)
{
	struct control *c = user;
	struct ike_sa *sa = ike_find_session(c->ike, session);

	if (sa)
		takeover_delete(sa, reason);
}

static uint32_t op_random(void *user)
{
	uint32_t value;

	core_ops.random(user, &value, sizeof(value));
	return value;
}

static void op_say(void *user, const char *type, uint64_t session, const char *text)
{
	struct control *c = user;

	events_log_add(c->events, type, session, "", text);
	log_info("event", "%s: %s", type, text);
}

const struct initiate_ops initiate_ops = {
        .ready = op_ready,
        .uplink_up = op_uplink_up,
        .find = op_find,
        .start = op_start,
        .look = op_look,
        .end = op_end,
        .random = op_random,
        .say = op_say,
};
