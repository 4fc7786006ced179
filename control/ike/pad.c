/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An authenticated peer's rights (pad.h). RFC 4301 4.4.3, RFC 7296 2.9; H30,
 * AM-6, IM-17. Core thread only.
 */
#include "control/ike/pad.h"

#include "control/homing/pair.h"
#include "control/homing/session.h"
#include "control/ike/claims.h"
#include "control/ike/manager.h"
#include "control/ike/ts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CLAIMS 32u /* of one session, over all its Child SAs */

struct pad_claims {
	unsigned n;
	struct claim claim[];
};

const char *pad_admit(struct ike_sa *sa)
{
	const struct rg_cfg_rule *rule;
	char text[160];

	sa->connection = rg_auth_rights(sa->auth, sa->connection, &sa->peer_id, sa->peer_cookie);
	rule = sa->connection->rule;
	if (rule == NULL || !rule->deny)
		return NULL;
	IKE_COUNT(sa->manager, denied_by_rule);
	ike_sa_log(sa, IKE_LOG_WARN, "it proved who it is, but is denied by %s",
	           pad_describe(sa, text, sizeof(text)));
	return "a rule denies this identity access (connections.NAME.peers)";
}

const struct rg_cfg_connection *pad_connection_now(const struct ike_sa *sa)
{
	const struct rg_config *now = rg_auth_config(sa->manager->auth);

	for (size_t i = 0; i < now->n_connections; i++) {
		if (strcmp(now->connections[i].name, sa->connection->name) == 0)
			return &now->connections[i];
	}
	return NULL;
}

const char *pad_objection(const struct ike_sa *sa)
{
	const struct rg_auth *now = sa->manager->auth;
	const struct rg_cfg_connection *c;

	if (sa->connection == NULL || sa->auth == now)
		return NULL;
	c = pad_connection_now(sa);
	if (c == NULL)
		return "its connection is no longer configured";
	if (sa->session_initiator || sa->peer_id.type == 0)
		return NULL;
	c = rg_auth_rights(now, c, &sa->peer_id, sa->peer_cookie);
	return c->rule != NULL && c->rule->deny ? "a rule denies its identity access now" : NULL;
}

/* Those of its own device, which it is to follow or has met, are not others (succession.h). */
bool pad_has_room(const struct ike_sa *sa)
{
	const struct ike_sa *other = manager_peers(sa->manager, sa->peer_cookie);
	unsigned n = 0, max = sa->connection->max_sessions;

	for (; max != 0 && other != NULL; other = other->peer_next)
		n += other != sa && other->peer_cookie == sa->peer_cookie && other->cookie != sa->cookie &&
		     !other->superseded && other->state <= IKE_STATE_ESTABLISHED; /* admitted, or up */
	if (max == 0 || n < max)
		return true;
	IKE_COUNT(sa->manager, too_many_sessions);
	return false;
}

char *pad_describe(const struct ike_sa *sa, char *buf, size_t size)
{
	const struct rg_cfg_connection *c = sa->connection;

	if (c == NULL)
		snprintf(buf, size, "no connection");
	else if (c->rule == NULL)
		snprintf(buf, size, "connection %s", c->name);
	else
		snprintf(buf, size, "connection %s, rule %s (line %u)", c->name, c->rule->name,
		         c->rule->line);
	return buf;
}

void pad_local(const struct ike_sa *sa, struct child_selectors *out)
{
	const struct rg_cfg_connection *c = sa->connection;

	*out = (struct child_selectors){0};
	for (size_t i = 0; i < c->n_selectors_local; i++) {
		struct rg_api_selector s = ts_prefix(&c->selectors_local[i]);

		ts_add(out, &s);
	}
}

void pad_remote(const struct ike_sa *sa, struct child_selectors *out)
{
	const struct rg_cfg_connection *c = sa->connection;
	struct rg_api_selector s;

	*out = (struct child_selectors){0};
	for (unsigned i = 0; i < sa->n_vips; i++) {
		s = ts_host(&sa->vips[i].addr);
		ts_add(out, &s);
	}
	/* The outer address at which it got the answer to IKE_SA_INIT: the source of a later message may be
	 * anybody's. It stays the same when the peer moves, as virtual addresses do. */
	if (c->n_pools == 0 && pair_addr_usable(&sa->origin) && !uplinks_is_ours(sa, &sa->origin)) {
		s = ts_host(&sa->origin);
		ts_add(out, &s);
	}
	for (size_t i = 0; i < c->n_selectors_remote; i++) {
		s = ts_prefix(&c->selectors_remote[i]);
		ts_add(out, &s);
	}
}

/* A virtual address is nobody else's: the pools see to that. */
static bool is_virtual(const struct ike_sa *sa, const struct claim *claim)
{
	struct rg_cfg_addr addr = {.family = claim->family};

	if (claim->len != (claim->family == 4 ? 32 : 128))
		return false;
	memcpy(addr.bytes, claim->prefix, sizeof(addr.bytes));
	for (unsigned i = 0; i < sa->n_vips; i++) {
		if (addr_equal(&sa->vips[i].addr, &addr))
			return true;
	}
	return false;
}

static struct claim claim_of(const struct rg_api_selector *selector)
{
	struct claim claim = {.family = selector->family};

	claim.len = ts_cover(selector, claim.prefix);
	return claim;
}

static struct claim claim_of_policy(const struct ike_policy *policy)
{
	struct claim claim = {.family = policy->family, .len = policy->prefix_len};

	memcpy(claim.prefix, policy->prefix, sizeof(claim.prefix));
	return claim;
}

static bool has_claim(const struct pad_claims *claims, const struct claim *claim)
{
	for (unsigned i = 0; claims != NULL && i < claims->n; i++) {
		if (memcmp(&claims->claim[i], claim, sizeof(*claim)) == 0)
			return true;
	}
	return false;
}

static bool take(struct ike_sa *sa, const struct claim *claim)
{
	unsigned n = sa->claims != NULL ? sa->claims->n : 0;
	struct pad_claims *more =
	        n < MAX_CLAIMS ? realloc(sa->claims, sizeof(*more) + (n + 1) * sizeof(*claim)) : NULL;

	if (more == NULL)
		return false;
	more->n = n;
	sa->claims = more;
	if (claims_take(&sa->manager->claims, claim, sa->peer_cookie) < 0)
		return false;
	more->claim[more->n++] = *claim;
	return true;
}

static bool claim_one(struct ike_sa *sa, const struct claim *claim)
{
	if (is_virtual(sa, claim) || has_claim(sa->claims, claim) || take(sa, claim))
		return true;
	IKE_COUNT(sa->manager, claimed_by_another);
	ike_sa_log(sa, IKE_LOG_WARN,
	           "it asks for an address or a network that a client of another identity speaks for");
	return false;
}

bool pad_claim(struct ike_sa *sa, const struct child_selectors *remote)
{
	for (size_t i = 0; i < remote->n && !sa->session_initiator; i++) {
		struct claim claim = claim_of(&remote->s[i]);

		if (!claim_one(sa, &claim))
			return false;
	}
	return true;
}

bool pad_claim_carried(struct ike_sa *sa)
{
	const struct child_sa *child;
	const struct flow *flow;

	TAILQ_FOREACH (child, &sa->children, link) {
		if (!pad_claim(sa, &child->remote))
			return false;
	}
	TAILQ_FOREACH (flow, &sa->flows, link) {
		for (unsigned i = 0; i < flow->n_policies && !sa->session_initiator; i++) {
			struct claim claim = claim_of_policy(&flow->policies[i]);

			if (!claim_one(sa, &claim))
				return false;
		}
	}
	return true;
}

/* Does a Child SA, or a policy that waits for one, still need it? */
static bool is_carried(const struct ike_sa *sa, const struct claim *claim)
{
	const struct child_sa *child;
	const struct flow *flow;
	struct claim other;

	TAILQ_FOREACH (child, &sa->children, link) {
		for (size_t i = 0; i < child->remote.n; i++) {
			other = claim_of(&child->remote.s[i]);
			if (memcmp(&other, claim, sizeof(other)) == 0)
				return true;
		}
	}
	TAILQ_FOREACH (flow, &sa->flows, link) {
		for (unsigned i = 0; i < flow->n_policies; i++) {
			other = claim_of_policy(&flow->policies[i]);
			if (memcmp(&other, claim, sizeof(other)) == 0)
				return true;
		}
	}
	return false;
}

void pad_settle(struct ike_sa *sa)
{
	struct pad_claims *claims = sa->claims;

	for (unsigned i = claims != NULL ? claims->n : 0; i-- > 0;) {
		if (is_carried(sa, &claims->claim[i]))
			continue;
		claims_give(&sa->manager->claims, &claims->claim[i]);
		claims->claim[i] = claims->claim[--claims->n];
	}
	if (claims == NULL || claims->n > 0)
		return;
	free(claims);
	sa->claims = NULL;
}

void pad_release(struct ike_sa *sa)
{
	for (unsigned i = 0; sa->claims != NULL && i < sa->claims->n; i++)
		claims_give(&sa->manager->claims, &sa->claims->claim[i]);
	free(sa->claims);
	sa->claims = NULL;
}
