/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-swarm: thousands of clients of an IKEv2 gateway in one process. Their IKE is the product's own
 * core as initiator (control/ike), their ESP is intel-ipsec-mb; a scenario says what they do
 * (scenario.h, docs/swarm.md).
 *
 *     bench-swarm SCENARIO.yaml [--json FILE] [--watch NAME=PID]... [--quiet]
 *
 * One thread, one loop: datagrams in, jobs and batches of the core, the phases' next steps, datagrams out.
 */
#ifndef RG_BENCH_SWARM_SWARM_H
#define RG_BENCH_SWARM_SWARM_H

#include "bench/swarm/net.h"
#include "bench/swarm/phases.h"
#include "bench/swarm/sad.h"
#include "bench/swarm/scenario.h"
#include "bench/swarm/traffic.h"
#include "bench/swarm/watch.h"
#include "control/ike/ike_sa.h"

/* X(enumerator, "what it is doing") */
#define CLIENT_ACTS(X)                                                                                       \
	X(NOTHING, "nothing")                                                                                \
	X(CONNECTING, "connecting")                                                                          \
	X(MOVING, "moving")                                                                                  \
	X(REKEYING_CHILD, "rekeying its Child SA")                                                           \
	X(REKEYING_IKE, "rekeying its IKE SA")                                                               \
	X(LEAVING, "leaving")

enum client_act {
#define X(name, text) CLIENT_##name,
	CLIENT_ACTS(X)
#undef X
};

struct client {
	struct ike_sa *sa; /* the current one of an established session; NULL: down */
	uint64_t begun_us; /* what it is doing */
	uint32_t moves;
	uint8_t act;   /* enum client_act */
	uint8_t phase; /* that it does it for: index */
};

/* What the core submitted and the loop has yet to do: a ring that grows. */
struct todo {
	void **items;
	size_t head, n, capacity;
};

struct credentials;

struct swarm {
	struct scenario *scenario;
	struct credentials *credentials;
	struct ike_manager *ike;
	struct net net;
	struct sad sad;
	struct todo jobs, first_jobs, batches; /* first_jobs: for a client's first message */
	struct client *clients;
	unsigned n_up;
	uint32_t *by_session; /* client + 1 by session id; 0: none */
	size_t sessions;      /* length of by_session */
	struct phases phases;
	struct traffic traffic;
	struct watch watch;
	uint64_t now_us, begun_us; /* of this turn of the loop; CLOCK_MONOTONIC */
	bool verbose;              /* the core's own warnings go to stderr */
};

uint64_t swarm_clock_us(void);

/* core.c: the ops of control/ike/ops.h, whose `user` is the swarm. */
extern const struct ike_ops core_ops;
/* Does some of what was submitted; true: there is more. */
bool core_work(struct swarm *s);

/* clients.c */
/* The core's homing, which tells us besides who is up. */
const struct ike_homing_ops *clients_homing(void);
int clients_open(struct swarm *s);
void clients_close(struct swarm *s);
/* The client of an IKE SA; NULL: of none (its session has a successor). */
struct client *clients_of(struct swarm *s, const struct ike_sa *sa);
/* Each starts an exchange of an idle client: 0 or a negative errno. The end is told to phases_ended(). */
int clients_connect(struct swarm *s, struct client *c);
int clients_move(struct swarm *s, struct client *c);
int clients_rekey(struct swarm *s, struct client *c, bool ike);
int clients_leave(struct swarm *s, struct client *c);
/* Its session ends now, and the gateway is told nothing. */
void clients_forget(struct swarm *s, struct client *c);
/* What the core tells of a session. */
void clients_event(struct swarm *s, const struct ike_event *event);

#endif
