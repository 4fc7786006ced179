/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The new IKE SA of a rekey: its life until it has the session, or never gets
 * it (RFC 7296 2.8.2). Core thread only.
 */
#include "control/ike/rekey_heir.h"
#include "control/ike/rekey_child.h"
#include "control/ike/timers.h"

void rekey_heir_prepare(struct ike_sa *heir, const struct ike_sa *old)
{
	heir->local = old->local;
	heir->remote = old->remote;
	heir->natt = old->natt;
	heir->connection = old->connection;
	heir->peer_id = old->peer_id;
	heir->capabilities = old->capabilities & ~(uint32_t)IKE_CAP_MOBIKE; /* that is the session's */
	heir->heir_has_it = true; /* nothing to give back, should it end now */
}

void rekey_heir_bare(struct ike_sa *heir, const struct ike_sa *old)
{
	heir->local = old->local;
	heir->remote = old->remote;
	ike_set_state(heir, IKE_STATE_ESTABLISHED);
	ike_sa_timer(heir, TIMER_EXPIRE, ike_sa_now(heir) + TIMER_OLD_CHILD_MS);
}

void rekey_heir_inherit(struct ike_sa *heir, struct ike_sa *old)
{
	heir->heir_has_it = false;
	ike_sa_timer(heir, TIMER_EXPIRE, 0);
	ike_sa_inherit(heir, old);
}

bool rekey_heir_loses(const struct ike_sa *heir, const struct ike_sa *other)
{
	struct ike_view ours = {heir->rekey_nonce, heir->rekey_nonce_len};
	struct ike_view theirs = {other->rekey_nonce, other->rekey_nonce_len};

	return rekey_compare_nonces(ours, theirs) <= 0;
}
