/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that this gateway begins: which are to be up, when the next try is and
 * over which pair of addresses. Knows no clock, socket or IKE SA: the ops do. Event
 * loop's thread.
 *
 * One round is every address of the peer from every uplink that has carrier; rounds that fail are further
 * and further apart. A session that the peer began meanwhile is taken for ours.
 */
#ifndef RG_CONTROL_INITIATE_H
#define RG_CONTROL_INITIATE_H

#include "config/config.h"
#include "control/ike/endpoint.h"

#define INITIATE_ATTEMPT_MS 15000u /* for one pair of addresses, from IKE_SA_INIT to the session */
#define INITIATE_SPACING_MS 500u   /* between the pairs of a round */
#define INITIATE_AGAIN_MS   1000u  /* after a session that had lasted */
#define INITIATE_LASTED_MS  30000u /* one that went down sooner counts as a failed round */
#define INITIATE_TEXT       160
#define INITIATE_MAX_HAD    2u /* virtual addresses that are asked for again: one of each family */

/* X(enumerator, "name") */
#define INITIATE_STATES(X)                                                                                   \
	X(HELD, "down")       /* until an operator asks */                                                   \
	X(READY, "ready")     /* until traffic asks */                                                       \
	X(WAITING, "waiting") /* for the next try, or for an uplink */                                       \
	X(TRYING, "trying")                                                                                  \
	X(UP, "up")

enum initiate_state {
#define X(name, text) INITIATE_##name,
	INITIATE_STATES(X)
#undef X
};

enum initiate_look { INITIATE_LOOK_GONE, INITIATE_LOOK_UNDER_WAY, INITIATE_LOOK_UP };

struct child_packet;

struct initiate_ops {
	bool (*ready)(void *user); /* is there a dataplane, and are the IKE sockets open? */
	bool (*uplink_up)(void *user, unsigned port);
	/* An established session with the connection's peer, whoever began it; 0: none. */
	uint64_t (*find)(void *user, const struct rg_cfg_connection *connection);
	/* The session's id, or a negative errno. `had`: virtual addresses of the session before, `n_had`.
	 * `packet`: what asked for it; NULL: nothing did, or nobody knows. */
	int64_t (*start)(void *user, unsigned connection, const struct ike_endpoint *local,
	                 const struct ike_endpoint *remote, const struct rg_cfg_addr *had, size_t n_had,
	                 const struct child_packet *packet);
	enum initiate_look (*look)(void *user, uint64_t session);
	void (*end)(void *user, uint64_t session, const char *reason); /* `reason` is static */
	uint32_t (*random)(void *user);
	void (*say)(void *user, const char *type, uint64_t session, const char *text);
};

struct initiate;

struct initiate *initiate_create(const struct initiate_ops *ops, void *user);
void initiate_free(struct initiate *in);

/* This configuration from now on; it must outlive the next call. Sessions of connections that it does not
 * begin any more, or with another peer, are ended. 0 or -ENOMEM: then it begins nothing. */
int initiate_load(struct initiate *in, const struct rg_config *cfg, uint64_t now);

/* Does what is due; returns when it wants to be called next, or UINT64_MAX. */
uint64_t initiate_run(struct initiate *in, uint64_t now);

/* Something was said of a session: the text is the reason where it is gone next time. */
void initiate_note(struct initiate *in, uint64_t session, const char *text);

/* A session has come to its end that had these virtual addresses: those are asked for when it is begun again.
 * One that came up and had none leaves nothing to be asked for. */
void initiate_had(struct initiate *in, uint64_t session, const struct rg_cfg_addr *had, size_t n);

/* An operator asks. 0, -ENOENT (this gateway does not begin it), -EALREADY (it is up). */
int initiate_ask(struct initiate *in, const char *name, uint64_t now);
/* There is a packet for the connection (index in the configuration), NULL where it is not known; a pause
 * after a failure is kept. */
void initiate_traffic(struct initiate *in, unsigned connection, const struct child_packet *packet,
                      uint64_t now);
/* An operator ends a session, which he terminates himself: it stays down until asked for. */
void initiate_hold(struct initiate *in, uint64_t session);
/* The same by the connection's name, its session included. 0 or -ENOENT. */
int initiate_hold_named(struct initiate *in, const char *name);

struct initiate_status {
	const char *connection, *state, *reason; /* of the last failure, or "" */
	uint64_t session;                        /* 0: none */
	uint64_t next_ms;                        /* of the next try while waiting; 0: not waiting */
	unsigned rounds;                         /* that failed, one after the other */
};
/* The n-th connection; false: there are fewer. */
bool initiate_status(const struct initiate *in, size_t n, struct initiate_status *out);

#endif
