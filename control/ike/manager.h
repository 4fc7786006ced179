/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all IKE SAs of a process share: tables, limits, secrets, counters.
 * Internal to control/ike and control/homing. Core thread only.
 */
#ifndef RG_IKE_MANAGER_H
#define RG_IKE_MANAGER_H

#include "control/ike/claims.h"
#include "control/ike/counters.h"
#include "control/ike/crypto/hash.h"
#include "control/ike/handles.h"
#include "control/ike/ike_sa.h"
#include "control/ike/orphans.h"
#include "control/ike/traps.h"

#define IKE_BUCKETS        65536u
#define IKE_MAX_HALF_OPEN  8192u /* the oldest goes when another comes (H36); 40 MiB */
#define IKE_PREFIX_BUCKETS 4096u
#define IKE_MAX_INIT_JOBS  2048u /* key exchanges of IKE_SA_INIT that wait for a thread */
#define IKE_MAX_SAS        1000000u
#define IKE_MAX_LINGERING  4096u /* closed ones that keep their last answer */
/* Of all unfinished reassemblies (H20): 16 MiB in all, of which peers that nobody knows
 * yet have a share of their own, so that they are in nobody else's way. */
#define IKE_FRAGMENT_BYTES           (14u << 20)
#define IKE_FRAGMENT_BYTES_HALF_OPEN (2u << 20)
#define IKE_COOKIE_HOLD_MS           10000u /* cookie mode stays at least that long (H35) */
#define IKE_COOKIE_LIFE_MS           60000u /* then the secret is replaced */
#define IKE_NOTIFY_PER_S             10u    /* unprotected errors that we send at most (H02) */

TAILQ_HEAD(ike_sa_list, ike_sa);

/* census.h: sessions on one of our addresses, and all of them. */
struct census_address {
	struct rg_cfg_addr addr;
	uint32_t n;
};

struct census {
	uint32_t established, children;
	struct census_address *at;
	unsigned n;
};

struct ike_manager {
	const struct ike_ops *ops;
	void *user;
	const struct ike_homing_ops *homing; /* never NULL, its members may be */
	struct rg_auth *auth;
	uint32_t boot_epoch;
	uint64_t next_session;
	struct ike_batch *spare_batch; /* batch.h */
	bool leaving;                  /* ike_terminate_all() was called: nobody may begin any more */
	bool ending;                   /* ike_destroy() is at work: no batch is submitted any more */

	struct ike_sa_list sas, half_open;
	uint32_t n_sas, n_half_open, n_lingering;
	uint32_t n_init_jobs;                   /* also those of SAs that are closed meanwhile */
	uint16_t by_prefix[IKE_PREFIX_BUCKETS]; /* half-open ones, by the hash of the peer's prefix */
	struct ike_sa **by_spi;                 /* IKE_BUCKETS, by our SPI */
	struct ike_sa **by_init;    /* IKE_BUCKETS: half-open ones of ours as responder, by the peer's SPI */
	uint64_t init_seed;         /* the peer chooses those SPIs: its buckets must not be guessed */
	struct ike_sa **by_peer;    /* IKE_BUCKETS: established sessions, by cookie */
	struct ike_sa **by_tunnel;  /* by index of the tunnel's handle */
	struct ike_sa **by_session; /* index.h */

	const struct ike_store_ops *store; /* NULL: none (store.h) */
	void *store_user;
	struct ike_sa_list dirty;
	bool uncommitted; /* something was put or dropped since the last commit */
	uint8_t *record;  /* RECORD_MAX octets, one at a time */
	uint8_t *held;    /* datagrams that wait for the commit, one behind the other */
	size_t held_len, held_room;

	struct ike_sa **heap; /* by deadline */
	size_t n_heap, heap_capacity;
	uint64_t told_ms; /* deadline that the loop was last told */

	struct ike_cookie_secret cookies;
	bool cookie_mode;
	uint64_t cookie_until_ms, cookie_rotate_ms;
	uint64_t notify_second; /* rate of unprotected errors */
	unsigned notify_count;

	struct ike_frag_budget fragments, half_open_fragments;
	struct handle_space sa_in, sa_out, tunnels, policies;
	uint32_t *policy_tunnel; /* by index of the policy: the tunnel of whoever has it, or had it last */
	struct orphan_list orphans;
	size_t n_orphans; /* of them inbound SAs */
	struct orphan *orphans_by_cookie[ORPHAN_BUCKETS];
	struct orphan *orphans_by_handle[ORPHAN_BUCKETS]; /* those that are SAs */
	struct traps traps;                               /* policies that wait for traffic */
	uint64_t recover_ms;  /* when the next session is rekeyed after a dataplane restart; 0: none */
	uint64_t ports_down;  /* homing: bit n is set while port n of `auth` has no carrier */
	struct claims claims; /* networks that peers speak for */
	struct ike_counter_values counters;
	struct census census;
	void (*sweep)(struct ike_sa *sa); /* sweep.h */
	struct ike_sa *sweep_at;          /* NULL: it is over */
};

/* By our own SPI; NULL: none. */
struct ike_sa *manager_find(struct ike_manager *m, uint64_t own_spi);
/* The half-open SA that this very IKE_SA_INIT request made; NULL: none. */
struct ike_sa *manager_find_init(struct ike_manager *m, uint64_t spi_i, const uint8_t digest[32]);
struct ike_sa *manager_find_tunnel(struct ike_manager *m, uint32_t handle);

/* Table entries of an SA. `manager_remove` is the end of it. */
int manager_insert(struct ike_manager *m, struct ike_sa *sa);
void manager_remove(struct ike_manager *m, struct ike_sa *sa);
void manager_insert_init(struct ike_manager *m, struct ike_sa *sa);
void manager_remove_init(struct ike_manager *m, struct ike_sa *sa);

/* Sessions that are established, or admitted and about to be, by the cookie of their peer. */
/* The first of those that share a bucket with `cookie`, newest first; the next is `peer_next`. */
struct ike_sa *manager_peers(struct ike_manager *m, uint64_t cookie);
void manager_insert_peer(struct ike_manager *m, struct ike_sa *sa);
void manager_remove_peer(struct ike_manager *m, struct ike_sa *sa);

/* Half-open bookkeeping: counts towards cookies and the cap. */
void manager_half_open(struct ike_manager *m, struct ike_sa *sa);
void manager_not_half_open(struct ike_manager *m, struct ike_sa *sa);

/* May this address begin another one while cookies are asked for? (H34) Its prefix may have half as
 * many as are free: alone a third of the table, so that a whole site can come back at once, and of many
 * that flood each gets so little that they never fill it. */
bool manager_has_quota(const struct ike_manager *m, const struct rg_cfg_addr *remote);

/* The SA's deadline changed. */
void manager_schedule(struct ike_manager *m, struct ike_sa *sa);

/* Sends a datagram of an SA or of nobody, and counts it; with a store, after the next commit. */
void manager_send(struct ike_manager *m, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                  bool natt, const uint8_t *data, size_t len);

/* May another unprotected error leave in this second? Counts it if so. */
bool manager_may_notify(struct ike_manager *m);

void manager_log(const struct ike_manager *m, enum ike_log_level level, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* Counts a rejected datagram or payload under a name of ours. */
void manager_count_reject(struct ike_manager *m, enum ike_reject reason);

static inline uint64_t manager_now(const struct ike_manager *m)
{
	return m->ops->now(m->user);
}

#endif
