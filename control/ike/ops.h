/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the IKE core asks of the process around it. The core does no I/O, reads
 * no clock and starts no thread; it calls these functions, all of them on the
 * thread that drives it (except where a comment says "any thread").
 *
 * Completion callbacks (`done`) are called on that same thread, from the main
 * loop, never from inside the submitting call. Every submitted job and batch
 * is completed exactly once, and before ike_destroy() is called.
 *
 * Identities, signatures and certificates are not here: the core uses
 * control/auth/auth.h, which is pure, in jobs of its own.
 */
#ifndef RG_IKE_OPS_H
#define RG_IKE_OPS_H

#include "control/auth/id.h"
#include "control/ike/endpoint.h"
#include "dataplane/api/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ike_manager;
struct ike_sa;
struct record;

/* Which jobs go first where not all can: who is up, then who has shown that it is there, then who knocks. */
enum ike_job_lane { IKE_JOB_ESTABLISHED, IKE_JOB_AUTH, IKE_JOB_INIT, IKE_JOB_LANES };

/* Work for the thread pool: DH, signatures, certificates. `work` runs on any
 * thread and touches nothing but the job; `done` runs on the core's thread. The
 * memory belongs to the core. Jobs may finish in any order. */
struct ike_job {
	void (*work)(struct ike_job *job);
	void (*done)(struct ike_job *job);
	enum ike_job_lane lane;
	struct ike_job *next; /* whoever runs it may use this from submission to `done` */
	/* The core's own: see ike_sa_submit() */
	struct ike_sa *sa;
	void (*finish)(struct ike_job *job, bool gone);
};

/* One record for the dataplane. */
struct ike_dp_step {
	enum rg_api_type type; /* RG_MSG_TUNNEL_ADD to RG_MSG_SUSPEND */
	union {
		struct rg_api_tunnel tunnel;
		struct rg_api_handle handle;
		struct rg_api_sa sa;
		struct rg_api_policy policy;
		struct rg_api_policy_set policy_set;
		struct rg_api_migrate migrate;
	};
};

/* Steps in order; batches take effect in the order of submission (FIFO).
 * Neighbours of one type travel in one datagram, which is all or nothing; the
 * first error ends the batch, and earlier datagrams have had their effect. `done`
 * gets the error and how many steps were applied. The transport wipes the key
 * bytes of its own copies, the core those of the steps. */
struct ike_batch {
	void (*done)(struct ike_batch *batch);
	bool removal;   /* deletions: what is gone already (-ENOENT) is passed over */
	int error;      /* out: 0 or negative errno; -ENOTCONN: no dataplane */
	size_t applied; /* out */
	bool quiescent; /* out: of the last reply (api.h) */
	char text[96];  /* out: of the refusal */
	size_t n, capacity;
	struct ike_dp_step *steps;
	/* The core's own: see batch.h */
	int failed; /* it could not be built: completes with this, nothing is sent */
	struct ike_manager *manager;
	struct ike_sa *sa;
	void (*finish)(struct ike_batch *batch, bool gone);
	void *context;
};

struct ike_pool_ops {
	/* An address of `family` (4 or 6) from pool `pool` (index in the configuration in force) for the
	 * device `cookie` of `identity` (rg_id_cookie()): the one that it has or had, or a static one of the
	 * identity's, if it can be had; else `wanted` if set and free; else another. 0, -ENOENT (the pool has
	 * no such family) or -ENOSPC. */
	int (*acquire)(void *user, unsigned pool, uint64_t identity, uint64_t cookie, uint8_t family,
	               const struct rg_cfg_addr *wanted, struct rg_cfg_addr *out);
	void (*release)(void *user, uint64_t cookie, const struct rg_cfg_addr *addr);
	/* An orphan that had the address (orphans.h) is gone: what kept the address for its device may give
	 * it up. May be NULL. */
	void (*unreserve)(void *user, uint64_t cookie, const struct rg_cfg_addr *addr);
};

/* control/homing: decides where a session's packets go. Called by the core at
 * the moments named; each may be NULL (then a session keeps the addresses of its
 * first exchange). */
struct ike_homing_ops {
	/* IKE_AUTH is done on both sides; peer lists and flags are in the SA. */
	void (*established)(struct ike_sa *sa);
	/* The SA is about to be freed, or its children moved to `heir` (a
	 * rekeyed IKE SA, NULL otherwise): homing state goes along. */
	void (*closed)(struct ike_sa *sa, struct ike_sa *heir);
	/* A message passed its integrity check; `local` and `remote` are those
	 * of its datagram. Called before its handler. */
	void (*authenticated)(struct ike_sa *sa, const struct ike_endpoint *local,
	                      const struct ike_endpoint *remote, bool is_response);
	/* The outstanding request is about to be sent for the n-th time (n = 1
	 * is the first retransmission). Homing may send it itself on other
	 * paths (exchange_resend_on) and returns true then. */
	bool (*retransmit)(struct ike_sa *sa, unsigned n);
	/* The outstanding request was given up. true: homing keeps the SA and
	 * has restarted it. */
	bool (*gave_up)(struct ike_sa *sa);
	/* NEW_ADDRESS, NO_ANSWER and PMTU events of the session's tunnel. */
	void (*event)(struct ike_sa *sa, const struct rg_api_event *event);
	/* A port's carrier, once for the whole process. */
	void (*port)(struct ike_manager *m, unsigned port, bool up);
	/* TIMER_HOMING of the SA fired. */
	void (*timer)(struct ike_sa *sa);
	/* Address lists for IKE_AUTH: writes the local addresses other than
	 * the one in use to `out` (ADDITIONAL_*_ADDRESS, RFC 4555 3.4). */
	size_t (*additional)(struct ike_sa *sa, struct rg_cfg_addr *out, size_t max);
	/* What the fast path uses, or is to be given when it is back (never an address that is
	 * still to be proven). Without it: the SA's present pair. */
	void (*path)(const struct ike_sa *sa, struct rg_api_path *path);
	/* The session record's part of homing, both ways; read, it is the SA's. */
	void (*record)(struct ike_sa *sa, struct record *r);
	/* The SA was read from a record, whole. */
	void (*restored)(struct ike_sa *sa);
	/* The dataplane was lost and is back: paths have been reinstalled. */
	void (*resynced)(struct ike_sa *sa);
};

/* Where session records go, so that a process that is killed comes back with every session
 * (design.md). Within one turn of the event loop each changed session is put or dropped, then all
 * is committed, then datagrams leave. `key` is our SPI. 0 or a negative errno, which is counted and
 * does not stop the session. */
struct ike_store_ops {
	int (*put)(void *user, uint64_t key, const uint8_t *record, size_t len);
	int (*drop)(void *user, uint64_t key);
	int (*commit)(void *user);
};

enum ike_log_level { IKE_LOG_ERROR, IKE_LOG_WARN, IKE_LOG_INFO, IKE_LOG_DEBUG };

/* What `roamctl events` and the demo's timeline show: X(enumerator, "name") */
#define IKE_EVENTS(X)                                                                                        \
	X(SESSION_UP, "session-up")                                                                          \
	X(SESSION_DOWN, "session-down")                                                                      \
	X(SESSIONS_CROSSED, "sessions-crossed")                                                              \
	X(REAUTHENTICATED, "reauthenticated")                                                                \
	X(REAUTHENTICATION_FAILED, "reauthentication-failed")                                                \
	X(IKE_REKEYED, "ike-rekeyed")                                                                        \
	X(CHILD_UP, "child-up")                                                                              \
	X(CHILD_REKEYED, "child-rekeyed")                                                                    \
	X(CHILD_DOWN, "child-down")                                                                          \
	X(CHILD_REFUSED, "child-refused")                                                                    \
	X(AUTH_FAILED, "authentication-failed")                                                              \
	X(ADDRESS_UPDATE, "address-update")                                                                  \
	X(RETURN_ROUTABLE, "return-routable")                                                                \
	X(MOVED, "moved")                                                                                    \
	X(MOVE_REFUSED, "move-refused")                                                                      \
	X(PATH_DEAD, "path-dead")                                                                            \
	X(PATH_ALIVE, "path-alive")                                                                          \
	X(ADDRESS_LIST, "address-list")                                                                      \
	X(PEER_UNREACHABLE, "peer-unreachable")                                                              \
	X(RESYNCED, "resynced")

enum ike_event_type {
#define X(name, text) IKE_EVENT_##name,
	IKE_EVENTS(X)
#undef X
	        IKE_N_EVENTS
};

struct ike_event {
	enum ike_event_type type;
	struct ike_sa *sa; /* may be NULL; valid during the call only */
	const char *text;  /* one line, already escaped; never secret */
};

struct ike_ops {
	/* Milliseconds of CLOCK_MONOTONIC; never goes back. */
	uint64_t (*now)(void *user);
	/* Cryptographically random bytes. */
	void (*random)(void *user, void *buf, size_t len);
	/* One IKE datagram. With `natt` the socket layer puts the non-ESP
	 * marker before it (RFC 3948 2.2). Losses are not reported. */
	void (*send)(void *user, const struct ike_endpoint *local, const struct ike_endpoint *remote,
	             bool natt, const uint8_t *data, size_t len);
	void (*submit_job)(void *user, struct ike_job *job);
	void (*dp_submit)(void *user, struct ike_batch *batch);
	/* The counters of an SA (api.h), or NULL while none can be trusted. */
	const struct rg_counters_sa *(*counters)(void *user, enum rg_direction direction, uint32_t handle);
	/* The next deadline came closer than the last ike_tick() said. */
	void (*wake)(void *user);
	void (*event)(void *user, const struct ike_event *event);
	void (*log)(void *user, enum ike_log_level level, const char *component, const char *text);

	struct ike_pool_ops pool;
};

#endif
