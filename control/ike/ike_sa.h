/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IKE SA and with it the session: everything that a session is made of is
 * in this one structure. A rekeyed IKE SA hands it on to its heir
 * (ike_sa_inherit()). Internal to control/ike and control/homing; roamctl's answers may read it. Core
 * thread only.
 */
#ifndef RG_IKE_IKE_SA_H
#define RG_IKE_IKE_SA_H

#include "control/auth/auth.h"
#include "control/ike/batch.h"
#include "control/ike/child_sa.h"
#include "control/ike/crypto/keymat.h"
#include "control/ike/exchange.h"
#include "control/ike/flow.h"
#include "control/ike/ike.h"
#include "control/ike/ops.h"
#include "control/ike/task.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* X(state, "name"); legal moves between them are in table.h. */
#define IKE_STATES(X)                                                                                        \
	X(NEW, "new")                                                                                        \
	X(INIT_SENT, "init-sent")         /* initiator: IKE_SA_INIT is out */                                \
	X(INIT_ANSWERED, "half-open")     /* responder: answered IKE_SA_INIT, knows nobody */                \
	X(AUTH_SENT, "auth-sent")         /* initiator: IKE_AUTH is out */                                   \
	X(EAP, "eap")                     /* responder: EAP is at work (RFC 7296 2.16) */                    \
	X(EAP_DONE, "eap-done")           /* responder: EAP said Success, AUTH is to come */                 \
	X(EAP_SENT, "eap-sent")           /* initiator: our part of EAP is out */                            \
	X(EAP_AUTH_SENT, "eap-auth-sent") /* initiator: AUTH after EAP is out */                             \
	X(ESTABLISHED, "established")                                                                        \
	X(REKEYED, "rekeyed")   /* an heir has the session; waits for the Delete */                          \
	X(DELETING, "deleting") /* our Delete is out */                                                      \
	X(CLOSED, "closed")     /* keys are gone; lingers to answer the last request again */

enum ike_state {
#define X(name, text) IKE_STATE_##name,
	IKE_STATES(X)
#undef X
	        IKE_N_STATES
};

/* One-shot timers; the handlers are in timers.c. X(name, handler) */
#define IKE_TIMERS(X)                                                                                        \
	X(HALF_OPEN, timer_half_open) /* an SA that is not established in time is forgotten */               \
	X(RETRANSMIT, exchange_retransmit)                                                                   \
	X(TASK, task_run) /* a task that had to wait */                                                      \
	X(DPD, timer_dpd)                                                                                    \
	X(REKEY, timer_rekey)         /* soft lifetime of the IKE SA */                                      \
	X(EXPIRE, timer_expire)       /* hard lifetime of the IKE SA */                                      \
	X(REAUTH, timer_reauth)       /* authentication is to be repeated (RFC 4478) */                      \
	X(CHILD, timer_child)         /* the earliest of all Child SAs' */                                   \
	X(FRAGMENTS, timer_fragments) /* an incomplete message is dropped */                                 \
	X(HOMING, timer_homing)                                                                              \
	X(LINGER, timer_linger) /* end of CLOSED */

enum ike_timer {
#define X(name, handler) TIMER_##name,
	IKE_TIMERS(X)
#undef X
	        IKE_N_TIMERS
};

enum ike_capability {
	IKE_CAP_FRAGMENTATION = 1u << 0, /* both sides (RFC 7383 2.3) */
	IKE_CAP_MOBIKE = 1u << 1,        /* both sides (RFC 4555 3.1) */
	IKE_CAP_SIGNATURE = 1u << 2,     /* the peer sent SIGNATURE_HASH_ALGORITHMS (RFC 7427) */
	IKE_CAP_CHILDLESS = 1u << 3,     /* the responder takes IKE_AUTH without a Child SA (RFC 6023) */
};

#define IKE_MAX_CHILDREN   32u /* whatever their state */
#define IKE_MAX_HEIRS      4u  /* of one flow: a rekey of each side, and one whose Delete is to come */
#define IKE_MAX_QUEUED     8u  /* datagrams that wait while the SA is parked */
#define IKE_MAX_PEER_ADDRS 8u  /* H54 */
#define IKE_MAX_VIPS       2u  /* one IPv4, one IPv6 */

/* A virtual address: ours to give as responder, ours to use as initiator. */
struct ike_vip {
	struct rg_cfg_addr addr;
	uint8_t prefix_len; /* 32, 128, or what the peer said */
	bool from_pool;     /* goes back to the pool at the end */
	uint8_t pool;       /* then: its index in the configuration of the session */
};

struct auth_eap;       /* auth_eap.h: from the first IKE_AUTH to AUTH, where EAP lies between */
struct init_context;   /* init.c: until IKE_SA_INIT is over and AUTH computed */
struct journal;        /* journal.h */
struct homing_session; /* control/homing */
struct pad_claims;     /* pad.c */
struct cp_taken;       /* cp.h */

struct queued_datagram {
	STAILQ_ENTRY(queued_datagram) link;
	struct ike_endpoint local, remote;
	bool natt;
	size_t len;
	uint8_t data[];
};

/* What an initiator asks for. Not in every SA: a gateway has a hundred thousand without. */
struct ike_wishes {
	struct rg_id own;              /* type 0: the identity of the configuration */
	struct rg_id peer;             /* type 0: anybody who matches the connection */
	struct child_selectors remote; /* the responder's side; n = 0: everything */
	/* Virtual addresses to ask for, of a session before; family 0: none. Of no use once it is up, so that
	 * no record has them. */
	struct rg_cfg_addr had[IKE_MAX_VIPS];
	bool had_refused; /* a reauthentication that asked for this session's again got none: ask for any */
};

/* Of one message; sk_message.c makes and ends it. */
struct reassembly {
	struct ike_reasm reasm;
	uint8_t digest[32]; /* of fragment 1 */
	uint64_t until_ms;  /* then it is dropped where it is incomplete */
};

struct ike_sa {
	struct ike_manager *manager;
	TAILQ_ENTRY(ike_sa) link;      /* of all, in order of age */
	TAILQ_ENTRY(ike_sa) half_link; /* of the half-open ones */
	struct ike_sa *hash_next;      /* by our own SPI */
	struct ike_sa *init_next;      /* half-open responders, by the peer's SPI */
	struct ike_sa *peer_next;      /* established ones, by cookie */
	struct ike_sa *session_next;   /* by id of the session (index.h) */
	bool in_init_table, in_peer_table, is_half_open;
	uint16_t prefix_bucket;         /* while half-open: where it counts in the manager's by_prefix */
	uint8_t init_digest[32];        /* SHA-256 of the IKE_SA_INIT request that made it */
	size_t heap_index;              /* in the manager's deadline heap; SIZE_MAX: not there */
	uint64_t deadline;              /* the earliest of `timer`; IKE_NEVER */
	bool reap;                      /* to be freed by ike_tick() */
	bool lingers;                   /* CLOSED, and counted as keeping its last answer */
	uint16_t counted;               /* census.h: where; 0: not among the established ones */
	TAILQ_ENTRY(ike_sa) dirty_link; /* while its record is to be written (store.h) */
	bool dirty, stored;             /* is to be written; has been */

	/* Who */
	uint64_t session;       /* for operators; survives rekeys of the IKE SA; never 0 */
	uint64_t spi_i, spi_r;  /* host order */
	bool is_initiator;      /* of this IKE SA (a rekey may swap the roles) */
	bool session_initiator; /* of the first IKE SA: MOBIKE's "initiator" (RFC 4555 3.1) */
	enum ike_state state;
	struct rg_auth *auth; /* reference: configuration and credentials that it began with */
	const struct rg_cfg_connection *connection; /* of `auth`; NULL until the peer is known */
	const struct rg_id *own_id;                 /* that of `auth`, or one of `wishes` */
	struct rg_id peer_id;
	uint64_t peer_cookie;      /* rg_id_cookie() of peer_id (initiator: and of own_id) */
	uint64_t cookie;           /* of the device: its lease's and all its dataplane objects' */
	struct ike_wishes *wishes; /* NULL: of a responder, it has none */

	bool auth_is_given;       /* initiator: `auth` came with the wish, and no reload changes it */
	bool superseded;          /* a newer session of the device has its addresses (succession.h) */
	bool announced;           /* operators have been told that it is up */
	uint64_t reauthenticates; /* initiator: our SPI of the IKE SA that it is to follow; 0: none */
	uint64_t followed_by;     /* initiator: our SPI of the one that is to follow it; 0: none */
	uint32_t peer_lifetime_s; /* AUTH_LIFETIME of the peer; UINT32_MAX: it sent none */

	/* Keys and capabilities */
	bool has_keys;
	struct ike_keys keys;      /* closed: wiped; a refused one lingers with the peer's key to send with */
	uint32_t capabilities;     /* enum ike_capability */
	uint16_t peer_hashes;      /* IKE_HASH_BITs (RFC 7427 4) */
	struct init_context *init; /* NULL once established */
	struct auth_eap *eap;      /* likewise */

	/* Where: the pair that IKE uses and ESP follows (RFC 7296 2.23, RFC 4555 3.5) */
	struct ike_endpoint local, remote;
	struct rg_cfg_addr origin;  /* responder: where IKE_SA_INIT came from, all that the peer has shown to
	                               be its own */
	bool natt;                  /* port 4500 with the marker */
	bool nat_local, nat_remote; /* a NAT was detected before us, before the peer */
	struct rg_cfg_addr peer_addrs[IKE_MAX_PEER_ADDRS]; /* ADDITIONAL_*_ADDRESS of the peer */
	unsigned n_peer_addrs;
	struct homing_session *homing;

	/* Messages */
	uint32_t send_id;                 /* of our next request */
	uint32_t recv_id;                 /* the lowest of the peer's requests that has not come yet */
	struct outstanding_list requests; /* ours on the wire */
	struct response_list answers;     /* ours that are kept, by message ID */
	uint8_t peer_window;              /* requests that we may have on the wire; 0: as 1 */
	bool window_said;                 /* the peer knows ours */
	uint64_t id_told_ms;              /* INVALID_MESSAGE_ID is not sent before */
	struct exchange *at_work;         /* the message that a handler parked */
	bool parked;                      /* no message is handled, no task started */
	unsigned pending;                 /* jobs and batches that refer to this SA */
	STAILQ_HEAD(, queued_datagram) queue;
	unsigned n_queued;
	struct task_list tasks;
	struct reassembly *fragments[2]; /* of the peer's request, of its response; NULL: none came */

	/* What it carries */
	struct child_list children;
	struct child_packet *packet; /* that waits for a Child SA; NULL: none, or nobody knows it */
	struct ike_vip vips[IKE_MAX_VIPS];
	unsigned n_vips;
	struct cp_taken *taken;     /* initiator: what the peer's CFG_REPLY said; NULL: nothing */
	uint16_t cp_asked;          /* responder: what the CFG_REQUEST in work asks for: bits of cp.c */
	struct pad_claims *claims;  /* networks that it speaks for; NULL: none */
	uint32_t tunnel;            /* handle; 0: not in the dataplane yet */
	uint32_t tunnel_generation; /* of the last path sent; the next is one more */
	bool tunnel_installed;
	struct flow_list flows; /* in order of age: the first is that of IKE_AUTH */

	bool want_ip4, want_ip6; /* initiator: a virtual address */

	/* When */
	uint64_t timer[IKE_N_TIMERS]; /* ms; 0: off */
	uint64_t created_ms, established_ms;
	uint64_t last_in_ms; /* newest authenticated IKE message */
	const char *down_reason;
	uint8_t rekey_nonce[32]; /* of the rekey that made it: the lower of both (RFC 7296 2.8.2) */
	size_t rekey_nonce_len;
	uint64_t refused_ms;   /* since when the peer answers TEMPORARY_FAILURE; 0: it does not */
	uint64_t ancestor_spi; /* our SPI of the IKE SA that it was heir of; 0: none */
	uint64_t heir_spi;     /* our SPI of the one that has the session now; 0: none */
	bool heir_has_it;      /* REKEYED: the session is the heir's, nothing is left to undo */

	struct journal *journal; /* what it has been through; NULL: nothing yet */
	struct {
		uint64_t moves, rekeys, retransmissions;
	} counters;
};

const char *ike_state_name(enum ike_state state);

/* The only writer of `state`; refuses (-EPERM, logged, counted) moves that table.h does not list. */
int ike_set_state(struct ike_sa *sa, enum ike_state state);

/* A new one in state NEW, with our SPI chosen and entered in the tables; NULL: no memory, or full. */
struct ike_sa *ike_sa_create(struct ike_manager *m, struct rg_auth *auth, bool is_initiator);

/* The same with a given SPI: one that is read from a record. NULL also where it is taken. */
struct ike_sa *ike_sa_create_as(struct ike_manager *m, struct rg_auth *auth, bool is_initiator, uint64_t spi);

/* An initiator's; the copy is the SA's. 0 or -ENOMEM. */
int ike_sa_wish(struct ike_sa *sa, const struct ike_wishes *wishes);

/* A packet asks for a Child SA: its selectors come first in what is offered for it (RFC 7296 2.9). NULL, or
 * where memory is short: none does. */
void ike_sa_asked(struct ike_sa *sa, const struct child_packet *packet);

/* Our SPI and the peer's. */
uint64_t ike_sa_own_spi(const struct ike_sa *sa);

/* Ends it now: children leave the dataplane, addresses go back to the pool,
 * tasks are abandoned, keys wiped; the memory follows when nothing refers to it. Tells the
 * peer nothing. `reason` is a static string for operators. Idempotent. */
void ike_sa_close(struct ike_sa *sa, const char *reason);

/* The end of the memory; only ike_tick() and ike_destroy() call it. */
void ike_sa_free(struct ike_sa *sa);

/* Queues a Delete of the IKE SA; it closes when the answer came or the peer is given up. */
void ike_sa_delete(struct ike_sa *sa, const char *reason);

/* Moves the session from a rekeyed IKE SA to its heir: children, tunnel, policies,
 * virtual addresses, identities, addresses, homing, session id, waiting tasks. `old` is
 * REKEYED after it. (RFC 7296 2.8) */
void ike_sa_inherit(struct ike_sa *heir, struct ike_sa *old);

/* Sets (at_ms 0: clears) a timer; the manager's deadline follows. */
void ike_sa_timer(struct ike_sa *sa, enum ike_timer timer, uint64_t at_ms);

/* Submits a job that belongs to the SA: `work` on any thread, then `finish` here, with
 * `gone` where the SA was closed meanwhile: then it only frees. */
void ike_sa_submit(struct ike_sa *sa, struct ike_job *job, void (*work)(struct ike_job *job),
                   void (*finish)(struct ike_job *job, bool gone));

/* While parked, datagrams wait and no task starts. resume() goes on with both. */
void ike_sa_park(struct ike_sa *sa);
void ike_sa_resume(struct ike_sa *sa);

/* After an authenticated message or ESP: liveness is known, the DPD timer starts anew. */
void ike_sa_alive(struct ike_sa *sa);

uint64_t ike_sa_now(const struct ike_sa *sa);
void ike_sa_random(const struct ike_sa *sa, void *buf, size_t len);

/* To operators: it is up. What was never said to be up does not go down for them either. */
void ike_sa_announce(struct ike_sa *sa);
/* One line to the event sink or the log, with the session's name before it. */
void ike_sa_event(struct ike_sa *sa, enum ike_event_type type, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
void ike_sa_log(const struct ike_sa *sa, enum ike_log_level level, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* The path that the dataplane is to use for the SA's current pair; encap where a NAT is between or the peer
 * floats to 4500 with one faked (strongSwan's userspace ESP does). */
void ike_sa_path(const struct ike_sa *sa, struct rg_api_path *path);

#endif
