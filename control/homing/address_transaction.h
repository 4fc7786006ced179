/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address transaction: the one place that decides where a session's packets
 * go, whoever asks (RFC 4555 3.5 to 3.8; requirements.md, "atomic"). A move names
 * old and new endpoints, who asked and whether it needs proof; it reaches the
 * fast path by one publish under a rising generation, or leaves no trace. Newer
 * cancels older. One of these per session; control loop only. It sends nothing
 * itself: what it needs goes through its ops, so it can be tested alone.
 */
#ifndef RG_CONTROL_HOMING_ADDRESS_TRANSACTION_H
#define RG_CONTROL_HOMING_ADDRESS_TRANSACTION_H

#include "control/homing/address_set.h"
#include "control/homing/pair.h"
#include "control/homing/rate_limit.h"
#include "control/homing/return_routability.h"

/* X(name, text) */
#define ADDRESS_STATES(X)                                                                                    \
	X(IDLE, "idle")                                                                                      \
	X(HELD, "held by the rate limit")                                                                    \
	X(WAITING, "waiting for our own outstanding request")                                                \
	X(PROVING, "waiting for the proof")                                                                  \
	X(PUBLISHING, "being published")

/* Who asked for a move. */
#define ADDRESS_ASKERS(X)                                                                                    \
	X(PEER_UPDATE, "the peer's update")                                                                  \
	X(UPLINK_DOWN, "a dead local address")                                                               \
	X(NAT_MAPPING, "a changed NAT mapping")                                                              \
	X(PROBE, "a probe's answer")                                                                         \
	X(PMTU, "a smaller path MTU")                                                                        \
	X(OWN_UPDATE, "our own update") /* initiator: its policy, or an operator */                          \
	X(PMTU_AGE, "a path MTU that is old")

/* How a move ended. */
#define ADDRESS_OUTCOMES(X)                                                                                  \
	X(APPLIED, "applied")                                                                                \
	X(UNCHANGED, "nothing to change")                                                                    \
	X(SUPERSEDED, "cancelled by a newer one")                                                            \
	X(UNPROVEN, "the answer proved nothing")                                                             \
	X(TIMED_OUT, "no answer from the new address")                                                       \
	X(FORGED, "a wrong COOKIE2 came back")                                                               \
	X(REFUSED, "the dataplane refused it")                                                               \
	X(ABANDONED, "the session ended or gave it up")

enum address_state {
#define X(name, text) ADDRESS_##name,
	ADDRESS_STATES(X)
#undef X
	        ADDRESS_N_STATES
};

enum address_asker {
#define X(name, text) ADDRESS_BY_##name,
	ADDRESS_ASKERS(X)
#undef X
};

enum address_outcome {
#define X(name, text) ADDRESS_END_##name,
	ADDRESS_OUTCOMES(X)
#undef X
};

struct address_move {
	enum address_asker asker;
	bool needs_proof;
	/* Of the request that asked, rising: older peer updates are refused (H47). */
	uint64_t order;
	struct pair_path from, to; /* `from` is filled in when the move begins */
	uint32_t generation;       /* filled in when it is published */
	uint64_t asked_ms;
};

/* The same pair, with another path MTU. */
static inline bool address_move_is_of_mtu(const struct address_move *move)
{
	return move->asker == ADDRESS_BY_PMTU || move->asker == ADDRESS_BY_PMTU_AGE;
}

struct address_transaction;

struct address_ops {
	/* Send tx->rr's request on exactly tx->rr.pair as soon as the window
	 * allows; tell by address_transaction_sent(). */
	void (*prove)(struct address_transaction *tx);
	/* Publish tx->active.to under tx->active.generation: one MIGRATE. Later,
	 * never from inside, comes address_transaction_published(). Returns 0 or
	 * a negative errno (nothing was submitted). */
	int (*publish)(struct address_transaction *tx);
	/* A move ended; tx->state is already that of what follows. */
	void (*ended)(struct address_transaction *tx, const struct address_move *move,
	              enum address_outcome outcome);
	void (*random)(struct address_transaction *tx, uint8_t *buf, size_t len);
};

struct address_policy {
	uint64_t rr_timeout_ms;
	bool rr_missing_accept; /* rr-missing-cookie: accept */
	uint32_t updates;       /* moves the peer may cause per `updates_period_ms`; 0: no limit */
	uint64_t updates_period_ms;
};

struct address_transaction {
	const struct address_ops *ops;
	void *user;
	struct address_policy policy;
	enum address_state state; /* written by set_state() only */
	struct pair_path current; /* what the fast path uses */
	uint32_t generation;      /* of `current`, or of the publish in flight */
	struct address_move active;
	struct address_move next; /* came while a publish was in flight */
	bool has_next;
	uint64_t newest_order; /* of the peer's updates */
	uint64_t deadline_ms;  /* HELD, PROVING; UINT64_MAX otherwise */
	struct rate_limit limit;
	struct return_routability rr;
	bool rr_outstanding;       /* a proof request is on its way, perhaps of a cancelled move */
	struct address_set proven; /* remote addresses once proven */
};

void address_transaction_init(struct address_transaction *tx, const struct address_ops *ops, void *user,
                              const struct address_policy *policy, uint64_t now_ms);
/* What the fast path was given when the tunnel was added, or found to have. */
void address_transaction_set_current(struct address_transaction *tx, const struct pair_path *current,
                                     uint32_t generation);

/* Asks for a move; cancels an older one, except where that has the same end: then the
 * newer one takes over its proof. 0, -EINVAL (families differ), or -ESTALE for a
 * peer's update that is older than one seen before. */
int address_transaction_request(struct address_transaction *tx, const struct address_move *move,
                                uint64_t now_ms);
/* Would a change of the path MTU be in nobody's way? What is held goes on after it. */
bool address_transaction_takes_mtu(const struct address_transaction *tx);
/* Gives up whatever is not published yet. The answer to a proof's request that is on its
 * way is still waited for: until then no other is sent (window 1). */
void address_transaction_abandon(struct address_transaction *tx);
/* The proof's request was given up: as abandon, and no answer will come. */
void address_transaction_unanswered(struct address_transaction *tx);

/* The proof's request ended without an answer (its IKE SA was replaced); it is asked anew. */
void address_transaction_lost(struct address_transaction *tx);
/* A copy of the proof's request left on `pair`. */
void address_transaction_sent(struct address_transaction *tx, const struct pair *pair, uint64_t now_ms);
/* Its answer arrived (`cookie` NULL: without COOKIE2). With RR_MISMATCH the
 * caller closes the IKE SA (RFC 4555 3.7). */
enum rr_verdict address_transaction_answered(struct address_transaction *tx, const uint8_t *cookie,
                                             size_t len, uint64_t now_ms);
/* `generation` is that of the publish; `error` 0 or a negative errno. */
void address_transaction_published(struct address_transaction *tx, uint32_t generation, int error,
                                   uint64_t now_ms);
/* Does what is due at `now_ms`; returns the next deadline or UINT64_MAX. */
uint64_t address_transaction_tick(struct address_transaction *tx, uint64_t now_ms);

/* Was this remote address proven in this session (return-routability: first-use)? */
bool address_transaction_is_proven(const struct address_transaction *tx, const struct ike_endpoint *remote);

const char *address_state_text(enum address_state state);
const char *address_asker_text(enum address_asker asker);
const char *address_outcome_text(enum address_outcome outcome);

#endif
