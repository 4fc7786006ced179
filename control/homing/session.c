/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's homing: ties its address transaction to the IKE SA, to the
 * dataplane (one MIGRATE a move) and to the timers (RFC 4555 3.5). Core thread only.
 */
#include "control/homing/session.h"
#include "control/homing/homing.h"
#include "control/ike/census.h"
#include "control/ike/mobike.h"
#include "control/ike/journal.h"
#include "control/ike/manager.h"
#include "control/ike/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct pair homing_pair(const struct ike_sa *sa)
{
	return (struct pair){sa->local, sa->remote};
}

struct pair_path homing_path(const struct ike_sa *sa, const struct pair *pair)
{
	bool udp = (sa->nat_local || sa->nat_remote) && !uplinks_forbids_nat(sa, &pair->local.addr);

	return (struct pair_path){.pair = *pair, .encap = udp ? RG_ENCAP_UDP : RG_ENCAP_NONE};
}

void homing_set_pair(struct homing_session *hs, const struct pair *pair)
{
	hs->sa->local = pair->local;
	hs->sa->remote = pair->remote;
	census_count(hs->sa);
	if (mobike_unpin(hs))
		exchange_resend_on(hs->sa, &pair->local, &pair->remote);
}

void homing_follow(struct homing_session *hs)
{
	(void)mobike_unpin(hs);
	exchange_follow(hs->sa);
}

void homing_schedule(struct homing_session *hs, uint64_t at_ms)
{
	uint64_t now_at = hs->sa->timer[TIMER_HOMING];

	if (at_ms == UINT64_MAX)
		return;
	if (at_ms == 0)
		at_ms = 1;
	if (now_at == 0 || at_ms < now_at)
		ike_sa_timer(hs->sa, TIMER_HOMING, at_ms);
}

struct address_policy homing_policy(const struct ike_sa *sa)
{
	const struct rg_cfg_connection *conn = sa->connection;

	return (struct address_policy){
	        .rr_timeout_ms = conn->mobility.rr_timeout_ms ? conn->mobility.rr_timeout_ms : 5000,
	        .rr_missing_accept = conn->mobility.rr_missing_cookie_accept,
	        .updates = conn->mobility.updates,
	        .updates_period_ms = UINT64_C(1000) * conn->mobility.updates_per_s,
	};
}

bool homing_needs_proof(const struct homing_session *hs, const struct pair_path *to)
{
	if ((hs->sa->capabilities & IKE_CAP_MOBIKE) == 0)
		return false;
	if (pair_equal(&to->pair, &hs->tx.current.pair))
		return false; /* only the encapsulation changes */
	switch (hs->sa->connection->mobility.return_routability) {
	case RG_RR_NEVER:
		return false;
	case RG_RR_FIRST_USE:
		return !address_transaction_is_proven(&hs->tx, &to->pair.remote);
	case RG_RR_ALWAYS:
		break;
	}
	return true;
}

int homing_request(struct homing_session *hs, enum address_asker asker, const struct pair_path *to,
                   bool needs_proof, uint64_t order)
{
	struct address_move move = {.asker = asker, .needs_proof = needs_proof, .order = order, .to = *to};
	int err;

	if (asker == ADDRESS_BY_PEER_UPDATE && hs->tx.state != ADDRESS_IDLE)
		IKE_COUNT(hs->sa->manager, addresses_coalesced);
	err = address_transaction_request(&hs->tx, &move, ike_sa_now(hs->sa));
	homing_schedule(hs, hs->tx.deadline_ms);
	return err;
}

/* The transaction's needs */

static void prove(struct address_transaction *tx)
{
	struct homing_session *hs = tx->user;

	journal_path(hs->sa, JOURNAL_CHECK, tx->active.asker, 0, &tx->active.to);
	IKE_COUNT(hs->sa->manager, rr_started);
	mobike_prove(hs);
}

static void published(struct ike_batch *batch, bool gone)
{
	struct homing_session *hs = batch->context;
	uint32_t generation = batch->n > 0 ? batch->steps[0].migrate.generation : 0;

	(void)gone;
	hs->publishes--;
	if (hs->sa == NULL) {
		if (hs->publishes == 0)
			free(hs);
		return;
	}
	if (batch->error != 0) {
		IKE_COUNT(hs->sa->manager, moves_failed);
		ike_sa_log(hs->sa, IKE_LOG_WARN, "the dataplane refused a move: %s", batch->text);
	}
	hs->publish_error = batch->error;
	address_transaction_published(&hs->tx, generation ? generation : hs->tx.active.generation,
	                              batch->error, ike_sa_now(hs->sa));
	homing_schedule(hs, hs->tx.deadline_ms);
}

/* One MIGRATE: all Child SAs, both directions, in one store. A session that has no
 * tunnel yet gets an empty batch, so that the move ends later in the same way. */
static int publish(struct address_transaction *tx)
{
	struct homing_session *hs = tx->user;
	struct ike_sa *sa = hs->sa;
	struct ike_batch *batch = batch_new(sa->manager, NULL, published, hs);
	struct ike_dp_step *step;

	if (batch == NULL)
		return -ENOMEM;
	if (tx->active.generation <= sa->tunnel_generation)
		tx->active.generation = tx->generation = sa->tunnel_generation + 1;
	sa->tunnel_generation = tx->generation;
	if (sa->tunnel_installed) {
		step = batch_add(batch, RG_MSG_MIGRATE);
		step->migrate.handle = sa->tunnel;
		step->migrate.generation = tx->generation;
		pair_path_to_api(&tx->active.to, &step->migrate.path);
	}
	hs->publishes++;
	batch_submit(batch);
	store_touch(sa);
	return 0;
}

/* The old path stays: IKE goes back to it too, unless its local end is dead. */
static void stay(struct homing_session *hs)
{
	if (!uplinks_is_dead(hs->sa, &hs->tx.current.pair.local.addr))
		homing_set_pair(hs, &hs->tx.current.pair);
}

static void applied(struct homing_session *hs, const struct address_move *move)
{
	struct ike_sa *sa = hs->sa;
	char from[PAIR_TEXT], to[PAIR_TEXT];

	store_touch(sa);
	if (address_move_is_of_mtu(move)) { /* the same pair, of which it proves nothing */
		path_mtu_applied(hs, move);
		return;
	}
	sa->counters.moves++;
	IKE_COUNT(sa->manager, moves);
	journal_path(sa, JOURNAL_MOVED, move->asker, ike_sa_now(sa) - move->asked_ms, &move->to);
	ike_sa_event(sa, IKE_EVENT_MOVED, "%s: from %s to %s, generation %u, %llu ms after it was asked for",
	             address_asker_text(move->asker), pair_path_text(&move->from, from),
	             pair_path_text(&move->to, to), move->generation,
	             (unsigned long long)(ike_sa_now(sa) - move->asked_ms));
	doubt_end(hs);
	hs->retry_ms = 0;
	if (move->asker == ADDRESS_BY_PEER_UPDATE &&
	    !endpoint_equal(&move->from.pair.remote, &move->to.pair.remote))
		hs->left = move->from.pair.remote;
	/* An update has set it already, perhaps to something newer still. */
	if ((move->asker != ADDRESS_BY_PEER_UPDATE || !hs->update_due) &&
	    move->asker != ADDRESS_BY_OWN_UPDATE && !hs->tx.has_next)
		homing_set_pair(hs, &move->to.pair);
	/* RFC 4555 3.6: the peer hears which of our addresses are left. */
	if ((move->asker == ADDRESS_BY_UPLINK_DOWN || move->asker == ADDRESS_BY_PROBE) &&
	    (sa->capabilities & IKE_CAP_MOBIKE) != 0 &&
	    !addr_equal(&move->from.pair.local.addr, &move->to.pair.local.addr))
		mobike_send_list(hs);
}

static void refused(struct homing_session *hs, const struct address_move *move, enum address_outcome outcome)
{
	char to[PAIR_TEXT];

	journal_path(hs->sa, JOURNAL_REFUSED, move->asker, outcome, &move->to);
	ike_sa_event(hs->sa, IKE_EVENT_MOVE_REFUSED, "%s: to %s: %s", address_asker_text(move->asker),
	             pair_path_text(&move->to, to), address_outcome_text(outcome));
}

static void retry_later(struct homing_session *hs, const struct address_move *move)
{
	if (move->asker != ADDRESS_BY_PEER_UPDATE || hs->retries == HOMING_RETRIES)
		return;
	hs->retry = *move;
	hs->retry_ms = ike_sa_now(hs->sa) + ((uint64_t)HOMING_RETRY_MS << hs->retries++);
	homing_schedule(hs, hs->retry_ms);
}

static void ended(struct address_transaction *tx, const struct address_move *move,
                  enum address_outcome outcome)
{
	struct homing_session *hs = tx->user;
	struct ike_sa *sa = hs->sa;

	switch (outcome) {
	case ADDRESS_END_APPLIED:
		applied(hs, move);
		return;
	case ADDRESS_END_UNCHANGED:
		doubt_end(hs);
		return;
	case ADDRESS_END_SUPERSEDED:
		return;
	case ADDRESS_END_ABANDONED:
		stay(hs);
		return;
	case ADDRESS_END_UNPROVEN:
		IKE_COUNT(sa->manager, rr_missing);
		stay(hs);
		break;
	case ADDRESS_END_TIMED_OUT:
		IKE_COUNT(sa->manager, rr_timeout);
		retry_later(hs, move);
		(void)mobike_unpin(hs);
		stay(hs);
		doubt_begin(hs);
		/* Try all paths now, not when the backoff says so. */
		if (exchange_waiting(sa) != NULL)
			(void)doubt_retransmit(sa, HOMING_PROBE_AFTER + 1);
		break;
	case ADDRESS_END_FORGED:
		IKE_COUNT(sa->manager, rr_mismatch);
		break;
	case ADDRESS_END_REFUSED:
		if (hs->publish_error != -ENOTCONN) {
			stay(hs);
			break;
		}
		/* Without a dataplane nothing was refused: it gets this path when it is back. */
		address_transaction_set_current(tx, &move->to, move->generation);
		if (address_move_is_of_mtu(move))
			path_mtu_watch(hs);
		return;
	}
	refused(hs, move, outcome);
}

static void random_bytes(struct address_transaction *tx, uint8_t *buf, size_t len)
{
	const struct homing_session *hs = tx->user;

	ike_sa_random(hs->sa, buf, len);
}

static const struct address_ops transaction_ops = {
        .prove = prove,
        .publish = publish,
        .ended = ended,
        .random = random_bytes,
};

/* Life */

struct homing_session *homing_make(struct ike_sa *sa)
{
	struct homing_session *hs = calloc(1, sizeof(*hs));
	struct address_policy policy = homing_policy(sa);

	if (hs == NULL)
		return NULL;
	hs->sa = sa;
	sa->homing = hs;
	address_transaction_init(&hs->tx, &transaction_ops, hs, &policy, ike_sa_now(sa));
	return hs;
}

static void established(struct ike_sa *sa)
{
	struct homing_session *hs;
	struct pair pair = homing_pair(sa);
	struct pair_path path;
	uint64_t now = ike_sa_now(sa);

	if (sa->homing != NULL || sa->connection == NULL)
		return;
	hs = homing_make(sa);
	if (hs == NULL)
		return; /* the session keeps its first addresses */
	path = homing_path(sa, &pair);
	address_transaction_set_current(&hs->tx, &path, sa->tunnel_generation);
	address_set_add(&hs->tx.proven, &sa->remote); /* IKE_AUTH came from there and was answered there */
	path_health_ike(&hs->health, now);
	keepalive_check(hs);
	if (uplinks_is_dead(sa, &sa->local.addr)) {
		hs->uplink_due_ms = now + 1;
		homing_schedule(hs, hs->uplink_due_ms);
	}
}

static void release(struct homing_session *hs)
{
	hs->sa = NULL;
	if (hs->publishes == 0)
		free(hs);
}

static void closed(struct ike_sa *sa, struct ike_sa *heir)
{
	struct homing_session *hs = sa->homing;

	if (hs == NULL || hs->sa != sa)
		return;
	sa->homing = NULL;
	if (heir == NULL) {
		mobike_leave(hs, sa);
		release(hs);
		return;
	}
	heir->homing = hs;
	hs->sa = heir;
	hs->epoch++;
	mobike_leave(hs, sa);
	homing_schedule(hs, ike_sa_now(heir));
}

static void apply_update(struct homing_session *hs)
{
	struct address_move update = hs->update;

	hs->update_due = false;
	hs->retry_ms = 0;
	hs->retries = 0;
	(void)homing_request(hs, update.asker, &update.to, update.needs_proof, update.order);
	homing_follow(hs);
}

static void timer(struct ike_sa *sa)
{
	struct homing_session *hs = sa->homing;
	uint64_t now = ike_sa_now(sa);

	if (hs == NULL || sa->state != IKE_STATE_ESTABLISHED)
		return;
	if (hs->update_due)
		apply_update(hs);
	if (hs->follow_due) {
		hs->follow_due = false;
		mobike_move(hs, &hs->follow);
	}
	if (hs->uplink_due_ms != 0 && hs->uplink_due_ms <= now)
		uplinks_check(hs);
	if (hs->retry_ms != 0 && hs->retry_ms <= now) {
		hs->retry_ms = 0;
		(void)homing_request(hs, hs->retry.asker, &hs->retry.to, true, hs->retry.order);
	}
	path_mtu_due(hs, now);
	keepalive_check(hs);
	homing_schedule(hs, hs->mtu_due_ms != 0 ? hs->mtu_due_ms : UINT64_MAX);
	homing_schedule(hs, hs->keepalive_ms != 0 ? hs->keepalive_ms : UINT64_MAX);
	homing_schedule(hs, hs->uplink_due_ms != 0 ? hs->uplink_due_ms : UINT64_MAX);
	homing_schedule(hs, hs->retry_ms != 0 ? hs->retry_ms : UINT64_MAX);
	homing_schedule(hs, address_transaction_tick(&hs->tx, now));
}

void homing_current_path(const struct ike_sa *sa, struct rg_api_path *path)
{
	struct pair pair = homing_pair(sa);
	struct pair_path now = homing_path(sa, &pair);

	pair_path_to_api(sa->homing != NULL ? &sa->homing->tx.current : &now, path);
}

uint64_t homing_probe_ms(struct ike_sa *sa, uint64_t in_ms, uint64_t interval_ms)
{
	path_health_traffic(&sa->homing->health, in_ms);
	return path_health_probe_ms(&sa->homing->health, interval_ms);
}

/* A restarted dataplane was given the path of the session's IKE addresses. */
static void resynced(struct ike_sa *sa)
{
	struct homing_session *hs = sa->homing;

	if (hs != NULL && sa->tunnel_generation > hs->tx.generation)
		hs->tx.generation = sa->tunnel_generation;
}

int homing_move(struct ike_manager *m, uint64_t session, const struct rg_cfg_addr *local,
                const struct rg_cfg_addr *remote)
{
	struct ike_sa *sa = ike_find_session(m, session);
	struct pair pair;

	if (sa == NULL || sa->homing == NULL)
		return -ENOENT;
	if (!sa->session_initiator || (sa->capabilities & IKE_CAP_MOBIKE) == 0)
		return -EPERM;
	if (local->family != remote->family || !pair_addr_usable(local) || !pair_addr_usable(remote))
		return -EINVAL;
	pair.local = (struct ike_endpoint){*local, sa->local.port};
	pair.remote = (struct ike_endpoint){*remote, sa->remote.port};
	mobike_move(sa->homing, &pair);
	return 0;
}

const char *homing_describe(const struct ike_sa *sa, char *text, size_t size)
{
	const struct homing_session *hs = sa->homing;
	char current[PAIR_TEXT];

	if (hs == NULL)
		snprintf(text, size, "fixed");
	else
		snprintf(text, size, "%s, generation %u, %s%s", pair_path_text(&hs->tx.current, current),
		         hs->tx.generation, address_state_text(hs->tx.state),
		         hs->doubt_ms != 0 ? ", in doubt" : "");
	return text;
}

const struct ike_homing_ops homing_ops = {
        .record = homing_record,
        .restored = homing_restored,
        .established = established,
        .closed = closed,
        .authenticated = doubt_authenticated,
        .retransmit = doubt_retransmit,
        .gave_up = doubt_gave_up,
        .event = hints_event,
        .port = uplinks_port,
        .timer = timer,
        .additional = mobike_additional,
        .resynced = resynced,
};
