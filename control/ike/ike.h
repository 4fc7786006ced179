/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IKEv2 core (RFC 7296) as the process around it sees it: datagrams, ticks
 * and dataplane events in; everything out through the ops of ops.h. Not thread
 * safe: one thread owns a manager and all that hangs on it.
 *
 * A loop around it:
 *      ike_input() for each datagram, ike_dp_event() for each event, `done` of each
 *      finished job and batch; then next = ike_tick(); sleep until `next`.
 */
#ifndef RG_IKE_IKE_H
#define RG_IKE_IKE_H

#include "control/auth/auth.h"
#include "control/ike/endpoint.h"
#include "control/ike/ops.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ike_manager;
struct ike_sa;
struct child_sa;

#define IKE_NEVER UINT64_MAX

struct ike_params {
	const struct ike_ops *ops;
	void *user;                          /* first argument of every op */
	const struct ike_homing_ops *homing; /* NULL: sessions do not move */
	struct rg_auth *auth;              /* configuration and credentials; the manager takes a reference */
	uint32_t boot_epoch;               /* high half of all AEAD IVs: rises with every start */
	const struct ike_store_ops *store; /* NULL: no records are written, datagrams leave at once */
	void *store_user;
};

struct ike_manager *ike_create(const struct ike_params *params);
/* Frees all sessions without a word to the peers or the dataplane, where their SAs stay
 * (ike_terminate_all() first, for a clean end). Jobs and batches must have been completed by the caller. */
void ike_destroy(struct ike_manager *m);

/*
 * Reads a record that a store was given by an earlier process of this boot. Its session goes on
 * as if nothing had happened; its objects are expected to be in the dataplane. To be called after
 * ike_create() and before the first datagram. 0; -EBADMSG: damaged; -EPROTONOSUPPORT: written by another
 * version; -ENOENT: its connection is not configured any more; -EEXIST: it, or one of its handles, is there
 * already; -EADDRINUSE: its virtual address is somebody else's; -ENOMEM. Each is logged and counted.
 */
int ike_restore(struct ike_manager *m, const uint8_t *data, size_t len);

struct ike_datagram {
	struct ike_endpoint local, remote;
	bool natt; /* it came on port 4500 behind the non-ESP marker, which `data` no longer has */
	const uint8_t *data;
	size_t len;
};

void ike_input(struct ike_manager *m, const struct ike_datagram *dg);

/* Does what is due, and returns when it wants to be called next (ops->now scale)
 * or IKE_NEVER. */
uint64_t ike_tick(struct ike_manager *m);

/* To be an initiator. */
struct ike_initiate {
	unsigned connection; /* index in the configuration */
	struct ike_endpoint local, remote;
	struct rg_auth *auth;          /* whose configuration and credentials; NULL: the manager's */
	const char *own_identity;      /* NULL: that of the configuration */
	const char *remote_identity;   /* NULL: any that the connection's patterns accept */
	bool want_ip4, want_ip6;       /* ask for virtual addresses (CFG_REQUEST) */
	const struct rg_cfg_addr *had; /* those of a session before: asked for again, where they are wanted */
	size_t n_had;                  /* at most one of a family counts */
	const struct child_packet *packet;            /* that asked for it (child_sa.h); NULL: none did */
	const struct rg_cfg_prefix *remote_selectors; /* the responder's side; none: everything */
	size_t n_remote_selectors;
};

/* The session's id, never 0, or a negative errno. */
int64_t ike_initiate(struct ike_manager *m, const struct ike_initiate *req);

/* Asked for by an operator or a test. Session ids are those of ike_session_id();
 * all return 0, -ENOENT or -EBUSY. They only start the exchange. */
int ike_rekey_session(struct ike_manager *m, uint64_t session);
int ike_rekey_children(struct ike_manager *m, uint64_t session);
int ike_terminate(struct ike_manager *m, uint64_t session);
int ike_check_liveness(struct ike_manager *m, uint64_t session);
/* Terminates all sessions, a page of them in a turn, and takes none any more that a peer begins: a client
 * that comes again at once would have one that ends without a word. ike_idle() tells when none is left. */
void ike_terminate_all(struct ike_manager *m);
bool ike_idle(const struct ike_manager *m);

/* Another configuration takes effect for new sessions; those that are there keep
 * (and refer to) the one that they began with, except those whose connection, by name,
 * is gone: they are deleted, a page of them in a turn. Takes a reference of its own. */
void ike_reload(struct ike_manager *m, struct rg_auth *auth);

/* From the EVENTS connection. RG_EVENT_LOST is the caller's to resync. */
void ike_dp_event(struct ike_manager *m, const struct rg_api_event *event);

/*
 * The dataplane came back (another boot id): every session's tunnel, SAs and
 * policies are installed again, outbound SAs at stored + RG_COUNTERS_RESUME,
 * inbound ones above what was accepted, and every Child SA is rekeyed, a few a
 * second. `old` is the mapping of the dead dataplane's memfd; NULL where it is
 * missing or its header's check fails: then Child SAs are deleted and renegotiated.
 */
void ike_dp_restarted(struct ike_manager *m, const struct rg_counters_hdr *old);

/*
 * The connection to the same dataplane was broken and is there again; every batch of before
 * has been completed. Paths and policies are said once more, since a batch that failed may
 * have had its effect or not.
 */
void ike_dp_reconnected(struct ike_manager *m);

/*
 * Objects found in a running dataplane that no session owns (control was killed).
 * They stay until their hard lifetime, or until a client with the same cookie
 * authenticates. To be called once per object, after ike_create() and before the
 * first datagram: it also keeps their handles from being given out.
 */
int ike_adopt_tunnel(struct ike_manager *m, const struct rg_api_tunnel *tunnel);
int ike_adopt_sa(struct ike_manager *m, const struct rg_api_sa_info *sa);
int ike_adopt_policy(struct ike_manager *m, const struct rg_api_policy *policy);

/* For `roamctl`: calls `each` for every session until it returns false. The SA
 * may be looked at (ike_sa.h, child_sa.h) during the call, not changed. */
void ike_for_each(struct ike_manager *m, bool (*each)(struct ike_sa *sa, void *context), void *context);
/* The same page by page, in an order that sessions keep for life: at most `max` and a few; `from` is 0, or
 * what the page before returned. 0: that was the last one. */
uint64_t ike_for_page(struct ike_manager *m, uint64_t from, unsigned max,
                      void (*each)(struct ike_sa *sa, void *context), void *context);
struct ike_sa *ike_find_session(struct ike_manager *m, uint64_t session);
/* The newest session with this peer that is established, one that serves before one that does not any more;
 * where we began it, by our identity of now. `connection`: of that name alone, and only one that serves;
 * NULL: any. NULL: none. Looks at those that share a bucket with it, at no other ones. */
struct ike_sa *ike_find_identity(struct ike_manager *m, const struct rg_id *peer, const char *connection);
uint64_t ike_session_id(const struct ike_sa *sa);

/* Named counters (counters.h), in the order of that table. */
struct ike_counter {
	const char *name;
	uint64_t value;
	bool is_drop;
};
size_t ike_counters(const struct ike_manager *m, struct ike_counter *out, size_t max);

#endif
