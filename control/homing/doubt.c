/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path in doubt: the outstanding request is sent again over all pairs of
 * addresses, with the same message ID (KD-7, KD-9); the first answer picks a pair,
 * and only a fresh request on it proves it (H46, RFC 4555 3.7). The end of every
 * doubt is the old path, a new path, or the SA deleted. Core thread only.
 */
#include "control/ike/mobike.h"
#include "control/homing/session.h"
#include "control/ike/handlers.h"
#include "control/ike/journal.h"
#include "control/ike/manager.h"

static void add_remote(struct address_set *set, const struct ike_sa *sa, const struct rg_cfg_addr *addr)
{
	/* What the peer calls its address is behind its NAT, if it has one; then the port is
	 * a guess too (RFC 4555 3.4). */
	struct ike_endpoint e = {*addr, sa->natt ? IKE_PORT_NATT : IKE_PORT};

	if (!uplinks_is_ours(sa, addr))
		address_set_add(set, &e);
}

static void peer_addresses(const struct homing_session *hs, struct address_set *set)
{
	const struct ike_sa *sa = hs->sa;

	address_set_clear(set);
	address_set_add(set, &sa->remote);
	address_set_add(set, &hs->tx.current.pair.remote);
	for (unsigned i = 0; i < sa->n_peer_addrs; i++)
		add_remote(set, sa, &sa->peer_addrs[i]);
}

/* A client's own address need not be one that its configuration names: it is taken as it is. */
unsigned doubt_pairs(const struct homing_session *hs, struct pair pairs[ADDRESS_PAIRS_MAX])
{
	const struct ike_sa *sa = hs->sa;
	struct pair present = homing_pair(sa), other[ADDRESS_PAIRS_MAX];
	struct address_set local, remote;
	unsigned n = 0, m;

	uplinks_local(sa, &local);
	if (!uplinks_is_local(sa, &sa->local.addr))
		address_set_add(&local, &sa->local);
	peer_addresses(hs, &remote);
	if (!uplinks_is_dead(sa, &sa->local.addr))
		pairs[n++] = present;
	m = address_set_pairs(&local, &remote, &present, other);
	for (unsigned i = 0; i < m && n < ADDRESS_PAIRS_MAX; i++)
		pairs[n++] = other[i];
	return n;
}

void doubt_begin(struct homing_session *hs)
{
	uint64_t now = ike_sa_now(hs->sa);
	char text[PAIR_TEXT];

	if (hs->doubt_ms != 0)
		return;
	hs->doubt_ms = now ? now : 1;
	journal_path(hs->sa, JOURNAL_PATH_DEAD, 0, 0, &hs->tx.current);
	ike_sa_event(hs->sa, IKE_EVENT_PATH_DEAD, "no answer over %s: trying all paths",
	             pair_path_text(&hs->tx.current, text));
}

void doubt_end(struct homing_session *hs)
{
	char text[PAIR_TEXT];

	hs->verify = false;
	if (hs->doubt_ms == 0)
		return;
	hs->doubt_ms = 0;
	journal_path(hs->sa, JOURNAL_PATH_ALIVE, 0, 0, &hs->tx.current);
	ike_sa_event(hs->sa, IKE_EVENT_PATH_ALIVE, "%s", pair_path_text(&hs->tx.current, text));
}

/* A pair answered. On the pair in use a fresh probe settles it; another one is moved
 * to, after its proof. */
static void verify_pair(struct homing_session *hs, const struct pair *pair)
{
	struct ike_sa *sa = hs->sa;
	struct pair_path to = homing_path(sa, pair);
	bool is_client = sa->session_initiator && (sa->capabilities & IKE_CAP_MOBIKE) != 0;

	homing_set_pair(hs, pair);
	if (pair_equal(pair, &hs->tx.current.pair)) {
		hs->verify = true;
		informational_probe(sa);
	} else if (is_client) {
		mobike_move(hs, pair);
	} else {
		homing_request(hs, ADDRESS_BY_PROBE, &to, true, 0);
	}
}

static void answered(struct homing_session *hs, const struct pair *pair)
{
	const struct outstanding *request = exchange_answered(hs->sa);

	if (hs->doubt_ms == 0 || hs->tx.state == ADDRESS_PUBLISHING)
		return;
	if (hs->verify && request != NULL && !request->several_pairs) {
		doubt_end(hs);
		return;
	}
	/* A proof that is on trial elsewhere goes on by itself. */
	if (hs->tx.state == ADDRESS_IDLE || pair_equal(pair, &hs->tx.active.to.pair))
		verify_pair(hs, pair);
}

/* RFC 7296 2.23: a peer without MOBIKE is followed where a NAT stands before it and
 * none before us. The message is new: its ID was in the window. */
static void follow(struct homing_session *hs, const struct pair *pair)
{
	struct ike_sa *sa = hs->sa;
	struct pair present = homing_pair(sa);
	struct pair_path to;

	if ((sa->capabilities & IKE_CAP_MOBIKE) != 0 || !sa->nat_remote || sa->nat_local)
		return;
	if (pair_equal(&present, pair) || !pair_addr_usable(&pair->remote.addr))
		return;
	homing_set_pair(hs, pair);
	to = homing_path(sa, pair);
	homing_request(hs, ADDRESS_BY_NAT_MAPPING, &to, false, 0);
}

void doubt_authenticated(struct ike_sa *sa, const struct ike_endpoint *local,
                         const struct ike_endpoint *remote, bool is_response)
{
	struct homing_session *hs = sa->homing;
	struct pair pair = {*local, *remote}, present = homing_pair(sa);

	if (hs == NULL)
		return;
	if (pair_equal(&pair, &present))
		path_health_ike(&hs->health, ike_sa_now(sa));
	else if (!is_response && (sa->capabilities & IKE_CAP_MOBIKE) != 0)
		IKE_COUNT(sa->manager, foreign_address); /* H44: answered there, nothing moves */
	if (is_response)
		answered(hs, &pair);
	else
		follow(hs, &pair);
}

/* Bounded: at most ADDRESS_PAIRS_MAX copies, at the intervals of the backoff. */
bool doubt_retransmit(struct ike_sa *sa, unsigned n)
{
	struct homing_session *hs = sa->homing;
	struct pair pairs[ADDRESS_PAIRS_MAX];
	unsigned count;
	bool replacing;

	if (hs == NULL)
		return false;
	/* With a dead local address there is no old pair to be patient with. */
	replacing = hs->tx.state == ADDRESS_PROVING && hs->tx.active.asker == ADDRESS_BY_UPLINK_DOWN;
	if (hs->doubt_ms == 0 && n <= HOMING_PROBE_AFTER && !replacing)
		return false;
	count = doubt_pairs(hs, pairs);
	if (count == 0 || (count == 1 && exchange_all_on(sa, &pairs[0].local, &pairs[0].remote)))
		return false;
	if (hs->tx.state == ADDRESS_PROVING && !replacing)
		return false; /* the proof has its own time limit */
	doubt_begin(hs);
	hs->verify = false;
	for (unsigned i = 0; i < count; i++)
		exchange_resend_on(sa, &pairs[i].local, &pairs[i].remote);
	return true;
}

bool doubt_gave_up(struct ike_sa *sa)
{
	struct homing_session *hs = sa->homing;
	const struct outstanding *oldest = exchange_waiting(sa);
	uint64_t now = ike_sa_now(sa), patience = (uint64_t)sa->connection->lifetimes.unanswered_s * 1000;

	/* RFC 4555 3.11: time enough for the initiator to recover; KD-8 */
	if (hs == NULL || (oldest != NULL && now - oldest->first_ms >= patience))
		return false;
	doubt_begin(hs);
	if (now - hs->doubt_ms >= patience)
		return false;
	exchange_restart(sa);
	return true;
}
