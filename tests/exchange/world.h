/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world for exchange tests: two IKE peers in one process, a virtual
 * clock, a network that loses, doubles and reorders by a seeded generator, and a
 * fake dataplane for each. Nothing sleeps; everything is reproducible.
 *
 * What went over the network is a trace, one line a datagram:
 *      "c>g IKE_SA_INIT ?0"   c to g, request, message ID 0
 *      "g>c IKE_SA_INIT !0"   the answer
 *      "c-x INFORMATIONAL ?2" sent by c, lost
 */
#ifndef RG_TESTS_WORLD_H
#define RG_TESTS_WORLD_H

#include "control/auth/auth.h"
#include "control/ike/ike.h"
#include "control/ike/ike_sa.h"
#include "control/ike/manager.h"
#include "control/pools/pools.h"
#include "tests/exchange/fake_dataplane.h"
#include "tests/exchange/nat_box.h"

#include <stdbool.h>
#include <stdint.h>

#define WORLD_TRACE     8192u
#define WORLD_PACKETS   1024u
#define WORLD_MAX_EVENT 512u

struct world;

struct datagram {
	uint64_t at_ms; /* delivery */
	uint64_t order; /* among those of one time */
	struct peer *from;
	struct ike_endpoint local, remote; /* as the sender sees them */
	bool natt;
	size_t len;
	uint8_t *data; /* of test_malloc() */
};

struct peer {
	struct world *world;
	char letter; /* in the trace */
	struct ike_manager *m;
	struct rg_auth *auth;
	struct fake_dataplane *dp;
	struct ike_job *jobs[256];
	unsigned n_jobs;
	struct ike_batch *batches[256];
	unsigned n_batches;
	bool hold_jobs, hold_batches; /* a test completes them itself */
	uint64_t next_ms;             /* what ike_tick() said */
	unsigned keepalives;          /* of a NAT's mapping, that it sent */
	unsigned events[IKE_N_EVENTS];
	char last_event[IKE_N_EVENTS][256];
	void (*on_event)(struct peer *p, const struct ike_event *event); /* a test's own; NULL */
	struct rg_cfg_addr pool_next4, pool_next6; /* addresses that it gives to clients */
	bool pool_full;
	struct rg_pools *pools; /* the real ones instead; NULL */
	unsigned last_pool;     /* that it took an address from */
	struct {
		uint64_t cookie;
		struct rg_cfg_addr addr;
		unsigned users;
	} leases[64]; /* it remembers whose they were */
	unsigned n_leases;
	struct kept_record {
		uint64_t key;
		uint8_t *data; /* NULL: free */
		size_t len;
	} records[32];   /* its store */
	bool store_full; /* nothing more fits in */
	unsigned puts, uncommitted;
	uint32_t boot_epoch;
	uint64_t seed;
};

struct world_options {
	const char *gateway_yaml; /* instead of the default's "connections" section; NULL: default */
	const char *client_yaml;
	const char *
	        gateway_extra; /* lines more for the default connection, e.g. "    lifetimes: {ike: 60s}\n" */
	const char *client_extra;
	/* Instead of "gateway: {identity: ...}\n" of either side: names certificates by absolute paths. */
	const char *gateway_self, *client_self;
	const char *control; /* the gateway's "control:" section, e.g. "control: {cookie-threshold: 0}\n" */
	const struct ike_homing_ops *homing;
	bool store; /* session records are kept */
	bool real_pools;
	uint64_t seed;
};

struct world {
	uint64_t now_ms;
	uint64_t seed, order;
	struct peer peers[2]; /* [0]: the client, 'c'; [1]: the gateway, 'g' */
	struct datagram net[WORLD_PACKETS];
	unsigned n_net;
	/* The network's nature */
	unsigned delay_ms;
	unsigned loss_percent, duplicate_percent, jitter_ms;
	bool (*filter)(struct world *w, struct datagram *dg); /* may change it; false: it is lost */
	void *filter_context;
	void (*watch)(struct world *w, bool before); /* before and after each event */
	struct rg_cfg_addr nat; /* the client's address as the gateway sees it; family 0: no NAT */
	uint16_t nat_port_offset;
	struct nat_box nat_box; /* another one, which has a memory; outside.family 0: none */
	bool record;
	char trace[WORLD_TRACE];
	size_t trace_len;
	struct world_options options;
	struct datagram last[2]; /* the last datagram of each peer, kept for replays */
};

/* Two managers, configured to connect with a shared key. Fails the test if it cannot. */
struct world *world_new(const struct world_options *options);
/* Also checks that no dataplane saw anything out of order. */
void world_free(struct world *w);

static inline struct peer *world_client(struct world *w)
{
	return &w->peers[0];
}

static inline struct peer *world_gateway(struct world *w)
{
	return &w->peers[1];
}

/* Runs until nothing is left to do within `ms` of virtual time. */
void world_run(struct world *w, uint64_t ms);
/* Runs until `done` or `ms` have passed; says which. */
bool world_run_until(struct world *w, bool (*done)(struct world *w), uint64_t ms);
/* Jobs and batches of both, now. */
void world_local(struct world *w);
/* Delivers the datagram with this index in `net` now, and what follows from it here; drops it instead. */
void world_deliver(struct world *w, unsigned index);
void world_drop(struct world *w, unsigned index);
/* Runs what is in flight at this moment (jobs, batches, datagrams), no timers beyond `ms`. */
void world_settle(struct world *w);

/* Of this exchange, request or response? */
bool datagram_is(const struct datagram *dg, uint8_t exchange);
/* Filters: responses are lost; CREATE_CHILD_SA is; INFORMATIONAL is. */
bool world_lose_responses(struct world *w, struct datagram *dg);
bool world_lose_creations(struct world *w, struct datagram *dg);
bool world_lose_informationals(struct world *w, struct datagram *dg);

/* Starts the client; asks for an IPv4 and an IPv6 address. Returns its session id. */
uint64_t world_connect(struct world *w);
/* A condition to run for: both ends are established. */
bool world_is_up(struct world *w);
/* world_connect() and a run; both ends must be established. */
void world_up(struct world *w);
/* After an attack on the gateway: its one session is there, and traffic. */
void world_unharmed(struct world *w);

/* The peer's process is killed, and comes back with an empty manager (and its dataplane). */
void peer_restart(struct peer *p);
/* And with its records: 0, or the first error. */
int peer_restore(struct peer *p);
/* Both; nothing may be in the way. */
void peer_come_back(struct peer *p);

/* The initiator says that it is somebody. */
void world_claim(struct ike_sa *sa, const char *identity);

/* The only session of a peer that is established; NULL: none. */
struct ike_sa *peer_session(struct peer *p);
/* The id of that one, which there must be. */
uint64_t peer_session_id(struct peer *p);
/* How many IKE SAs it has that are not closed. */
unsigned peer_sas(struct peer *p);
uint64_t peer_counter(struct peer *p, const char *name);
/* One session with one Child SA, and what belongs to that in the dataplane: nothing is left of others. */
void peer_has_one_of_everything(struct peer *p);

/* An endpoint: "192.0.2.1" and a port. */
struct ike_endpoint endpoint(const char *addr, uint16_t port);
struct rg_cfg_addr address(const char *text);

/* Sends one "ESP packet" by the sender's policies and the receiver's SAs: true if there is a
 * way, the keys fit and the sequence number is new. The first one of an SA raises the event. */
bool world_esp(struct world *w, struct peer *from, struct peer *to, const struct rg_cfg_addr *inner_to);
/* The same where the source decides too (several Child SAs); selectors of both ends are checked. */
bool world_esp_pair(struct world *w, struct peer *from, struct peer *to, const struct rg_cfg_addr *inner_from,
                    const struct rg_cfg_addr *inner_to);
/* Both ways, between the client's first virtual address and 10.20.0.9. */
bool world_traffic(struct world *w);

/* Puts a raw datagram into a peer, as if it came from `remote`. */
void peer_inject(struct peer *p, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                 bool natt, const uint8_t *data, size_t len);

/* The trace since the last call, compared; on a difference both are printed and the test fails. */
void world_expect(struct world *w, const char *trace);
void world_trace_clear(struct world *w);

/* Completes held jobs and batches. */
void peer_run_jobs(struct peer *p);
void peer_run_batches(struct peer *p);

#endif
