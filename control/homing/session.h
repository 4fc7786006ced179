/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What homing keeps of a session: its address transaction, the health of its
 * path, and what is still to be done. It survives rekeys of the IKE SA. Internal
 * to control/homing and control/ike/mobike*.c; core thread only.
 */
#ifndef RG_CONTROL_HOMING_SESSION_H
#define RG_CONTROL_HOMING_SESSION_H

#include "control/homing/address_transaction.h"
#include "control/homing/path_health.h"
#include "control/ike/ike_sa.h"

/* Unanswered retransmissions on the session's own pair before all others are tried (KD-7). */
#define HOMING_PROBE_AFTER 2u
/* Further proofs of an address that did not answer in time, and the pause before the first (H45: bounded). */
#define HOMING_RETRIES  4u
#define HOMING_RETRY_MS 5000u
/* Sessions a millisecond that a dead uplink moves. */
#define HOMING_PACE 2u

struct homing_session {
	struct ike_sa *sa; /* the session's current IKE SA */
	struct address_transaction tx;
	struct path_health health;
	struct task *proof;  /* waiting or on the wire, NULL: none */
	uint64_t epoch;      /* counts IKE SAs: message IDs begin anew with each */
	uint64_t list_order; /* of the peer's newest address list */
	int publish_error;   /* of the last publish */
	unsigned publishes;  /* batches that refer to this; it is freed after the last */

	/* A peer's update whose answer has to leave first (KD-12). */
	bool update_due;
	struct address_move update;

	/* Where the peer's newest update took it away from: what an SA that it has yet to
	 * replace still sends from there is no new mapping of a NAT. Port 0: nowhere. */
	struct ike_endpoint left;

	bool follow_due; /* initiator: the peer's address list asks for a move there */
	struct pair follow;
	unsigned list_tries;
	uint64_t keepalive_ms;  /* behind a NAT: the next look at it; 0: none */
	uint64_t uplink_due_ms; /* the local address may be dead: look then; 0: no */
	uint64_t mtu_due_ms;    /* what a router said of the path's MTU is old: try more; 0: nothing */
	uint64_t doubt_ms;      /* when the path fell in doubt; 0: it is not */
	bool verify;            /* the next answer on one pair ends the doubt */

	/* A peer's update whose proof got no answer is tried again, ever more rarely: a lossy
	 * path must not leave both ends of different minds. */
	struct address_move retry;
	uint64_t retry_ms; /* 0: none */
	unsigned retries;

	/* Initiator: the newest own update, and what to go back to. */
	uint64_t own_order;
	unsigned own_tries;
	struct pair_path own_before;
	/* Behind a NAT: NAT_DETECTION_DESTINATION_IP of the newest answer, and whose SPIs it has in it. */
	uint64_t seen_spis[2];
	uint8_t seen_hash[20];
};

/* A fresh one, the SA's; NULL: no memory. */
struct homing_session *homing_make(struct ike_sa *sa);
/* record.c: its part of a session record, both ways; and what follows from it. */
void homing_record(struct ike_sa *sa, struct record *r);
void homing_restored(struct ike_sa *sa);

/* The connection's policy and the local addresses: */
struct address_policy homing_policy(const struct ike_sa *sa);
/* Local addresses on live uplinks of the session's connection, preferred first. */
void uplinks_local(const struct ike_sa *sa, struct address_set *set);
bool uplinks_is_local(const struct ike_sa *sa, const struct rg_cfg_addr *addr); /* live or not */
bool uplinks_is_ours(const struct ike_sa *sa, const struct rg_cfg_addr *addr);  /* any of the gateway's */
bool uplinks_is_dead(const struct ike_sa *sa, const struct rg_cfg_addr *addr);
/* `nat-traversal: off` on the uplink of a local address (AM-3). */
bool uplinks_forbids_nat(const struct ike_sa *sa, const struct rg_cfg_addr *addr);
void uplinks_port(struct ike_manager *m, unsigned port, bool up);
/* TIMER_HOMING: replaces the session's local address if it is dead. */
void uplinks_check(struct homing_session *hs);

/* Every move comes through here. Returns as address_transaction_request(). */
int homing_request(struct homing_session *hs, enum address_asker asker, const struct pair_path *to,
                   bool needs_proof, uint64_t order);
/* Whether the policy asks for a proof of the peer's address before a move to it. */
bool homing_needs_proof(const struct homing_session *hs, const struct pair_path *to);
/* The path over a pair for what is known of NATs. */
struct pair_path homing_path(const struct ike_sa *sa, const struct pair *pair);
void homing_schedule(struct homing_session *hs, uint64_t at_ms);
/* The pair that IKE uses; requests that were pinned elsewhere follow it. */
void homing_set_pair(struct homing_session *hs, const struct pair *pair);
struct pair homing_pair(const struct ike_sa *sa);
/* RFC 4555 3.5: what is outstanding goes on over the session's pair, and at once,
 * except for a proof of that very pair. */
void homing_follow(struct homing_session *hs);

/* keepalive.c: does what is due, and knows again when to look. Called where a NAT may have come or gone. */
void keepalive_check(struct homing_session *hs);

/* doubt.c */
void doubt_begin(struct homing_session *hs);
void doubt_end(struct homing_session *hs);
void doubt_authenticated(struct ike_sa *sa, const struct ike_endpoint *local,
                         const struct ike_endpoint *remote, bool is_response);
bool doubt_retransmit(struct ike_sa *sa, unsigned n);
bool doubt_gave_up(struct ike_sa *sa);
/* All pairs that may lead to the peer, the present one first. */
unsigned doubt_pairs(const struct homing_session *hs, struct pair pairs[ADDRESS_PAIRS_MAX]);

/* path_mtu.c: a router's word; when it is to be forgotten (from now on, or never); it took effect; what is
 * due. */
void path_mtu_told(struct homing_session *hs, uint64_t mtu);
void path_mtu_watch(struct homing_session *hs);
void path_mtu_applied(struct homing_session *hs, const struct address_move *move);
void path_mtu_due(struct homing_session *hs, uint64_t now);

/* hints.c: what the dataplane tells. */
void hints_event(struct ike_sa *sa, const struct rg_api_event *event);

#endif
