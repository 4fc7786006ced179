/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAT keepalives: behind a NAT, whoever began the session sends an octet where nothing else left for
 * a while, so that the mapping outlives silence and the peer can send first (RFC 3948 4, RFC 7296 2.23). A
 * responder behind one has a mapping that somebody configured. Core thread only.
 */
#include "control/homing/session.h"
#include "control/ike/manager.h"

#define KEEPALIVE_MS 20000u /* RFC 3948 4: the default */

static bool is_wanted(const struct ike_sa *sa)
{
	return sa->session_initiator && sa->nat_local && sa->natt && sa->state == IKE_STATE_ESTABLISHED;
}

/* When ESP left for the last time, as the dataplane's counters have it. */
static uint64_t last_sent(const struct ike_sa *sa)
{
	const struct ike_manager *m = sa->manager;
	const struct child_sa *child;
	uint64_t newest = 0;

	TAILQ_FOREACH (child, &sa->children, link) {
		const struct rg_counters_sa *c = m->ops->counters(m->user, RG_OUT, child->handle_out);

		if (c != NULL && c->last_ms > newest)
			newest = c->last_ms;
	}
	return newest;
}

void keepalive_check(struct homing_session *hs)
{
	static const uint8_t octet = 0xff;
	struct ike_sa *sa = hs->sa;
	uint64_t now = ike_sa_now(sa), due = now + KEEPALIVE_MS;

	if (!is_wanted(sa)) {
		hs->keepalive_ms = 0;
		return;
	}
	if (hs->keepalive_ms > now)
		return;
	if (hs->keepalive_ms != 0 && last_sent(sa) + KEEPALIVE_MS > now) {
		due = last_sent(sa) + KEEPALIVE_MS;
	} else if (hs->keepalive_ms != 0) {
		IKE_COUNT(sa->manager, keepalives);
		manager_send(sa->manager, &sa->local, &sa->remote, false, &octet, sizeof(octet));
	}
	hs->keepalive_ms = due;
	homing_schedule(hs, due);
}
