/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Homing's part of a session record: where packets go, what was proven, what was
 * seen of the path, and doubts. A move that had begun is not recorded: it is asked for
 * again. Core thread only.
 */
#include "control/homing/session.h"
#include "control/ike/record_io.h"

#include <errno.h>

static void pair_of(struct record *r, struct pair *pair)
{
	record_endpoint(r, &pair->local);
	record_endpoint(r, &pair->remote);
}

static void proven(struct record *r, struct address_set *set)
{
	record_uint(r, &set->count, ADDRESS_SET_MAX);
	for (unsigned i = 0; i < set->count; i++)
		record_endpoint(r, &set->items[i]);
}

void homing_record(struct ike_sa *sa, struct record *r)
{
	struct homing_session *hs = record_reads(r) ? homing_make(sa) : sa->homing;

	if (hs == NULL) {
		record_fail(r, -ENOMEM);
		return;
	}
	pair_of(r, &hs->tx.current.pair);
	record_u8(r, &hs->tx.current.encap);
	record_u16(r, &hs->tx.current.mtu);
	record_u32(r, &hs->tx.generation);
	record_u64(r, &hs->tx.newest_order);
	proven(r, &hs->tx.proven);
	record_u64(r, &hs->health.in_ms);
	record_u64(r, &hs->health.ike_ms);
	record_u64(r, &hs->health.foreign_ms);
	record_bool(r, &hs->health.silent);
	record_u64(r, &hs->epoch);
	record_u64(r, &hs->list_order);
	record_endpoint(r, &hs->left);
	record_u64(r, &hs->doubt_ms);
	record_u64(r, &hs->own_order);
	if (hs->tx.current.encap > RG_ENCAP_UDP)
		record_fail(r, -EBADMSG);
}

/* IKE was elsewhere already: the move that was under way is asked for again, with its proof. */
void homing_restored(struct ike_sa *sa)
{
	struct homing_session *hs = sa->homing;
	struct pair pair = homing_pair(sa);
	uint64_t now = ike_sa_now(sa);

	if (uplinks_is_dead(sa, &sa->local.addr)) {
		hs->uplink_due_ms = now + 1;
		homing_schedule(hs, hs->uplink_due_ms);
	}
	keepalive_check(hs);
	path_mtu_watch(hs);
	if (sa->state != IKE_STATE_ESTABLISHED || pair_equal(&pair, &hs->tx.current.pair))
		return;
	hs->retry = (struct address_move){.asker = sa->session_initiator ? ADDRESS_BY_OWN_UPDATE
	                                                                 : ADDRESS_BY_PEER_UPDATE,
	                                  .to = homing_path(sa, &pair),
	                                  .order = hs->tx.newest_order};
	hs->retry_ms = now + 1;
	homing_schedule(hs, hs->retry_ms);
}
