/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the dataplane connection share: dp.c (connecting), dp_queue.c
 * (batches), dp_flight.c (their datagrams), dp_dump.c (snapshots). Event loop's thread.
 */
#ifndef RG_CONTROL_DP_INTERNAL_H
#define RG_CONTROL_DP_INTERNAL_H

#include "control/dp.h"

#include <sys/queue.h>

#define DP_RUNS 8u /* of a chain: what begins a session has four */

/* A batch on its way: steps before `sent` are in datagrams, those before `applied` have had their effect. */
struct dp_entry {
	TAILQ_ENTRY(dp_entry) link;
	struct ike_batch *batch;
	size_t sent, applied;
};

TAILQ_HEAD(dp_entries, dp_entry);

/* A datagram that waits for its reply, and whose steps are in it. */
struct dp_flight {
	TAILQ_ENTRY(dp_flight) link; /* among those that fly, or of the free ones */
	struct dp_entries entries;   /* in the order of their records */
	struct dp_run {
		uint16_t type;
		uint32_t count;
	} runs[DP_RUNS]; /* what its datagram consists of */
	uint32_t n_runs;
	uint32_t seq;
	uint64_t sent_ms;
};

TAILQ_HEAD(dp_flights, dp_flight);

struct dp_conn {
	uv_poll_t poll; /* first: what uv_close() gives back */
	struct dp *dp;
	struct rg_client *client;
};

enum dp_state { DP_DOWN, DP_HELLO, DP_DUMPING, DP_UP };

struct dp {
	uv_loop_t *loop;
	char *path;
	const struct dp_hooks *hooks;
	void *user;
	enum dp_state state;
	struct dp_conn *writer, *events;
	uv_timer_t timer;  /* retries, and the watchdog of answers */
	uint64_t since_ms; /* of the state */
	int told_error;    /* the last connect error that was logged */
	bool closing;

	struct rg_counters_map counters, old_counters;
	int counters_fd;
	uint64_t boot_id, next_boot_id;
	enum dp_start start; /* what the dump under way is for */

	struct dp_entries waiting, failed; /* not sent, to be completed */
	struct dp_flights flying, grounded;
	struct dp_flight flights[DP_IN_FLIGHT];
	size_t n_pending;
	bool blocked;     /* the socket is full: wait for POLLOUT */
	uint8_t *records; /* where a datagram's records are put together */
	size_t records_bytes;

	struct dp_snapshot snapshot;
	unsigned dump_step;
	uint32_t dump_seq;
	struct rg_api_port *ports; /* of the dataplane that was dumped last */
	size_t n_ports;
	bool missed; /* events were lost: dump when it is time and nothing flies */

	struct dp_status status;
};

/* dp.c */
void dp_lost(struct dp *dp, const char *why); /* NULL: it has been said */
void dp_set_events(struct dp *dp);            /* POLLIN, with POLLOUT while blocked */
void dp_dumped(struct dp *dp);

/* dp_queue.c: */
void queue_init(struct dp *dp);
void queue_send(struct dp *dp);
bool queue_complete_failed(struct dp *dp);
/* The reply of a datagram; false: of none that flies. */
bool queue_reply(struct dp *dp, uint32_t seq, const struct rg_api_reply *reply);
/* Nothing will be answered any more. */
void queue_fail_all(struct dp *dp);
/* When the oldest datagram that flies was sent; 0: none. */
uint64_t queue_oldest(const struct dp *dp);

/* dp_flight.c: */
/* The next datagram of its batches. 0, or a negative errno: nothing was sent. */
int flight_send(struct dp *dp, struct dp_flight *flight);
void flight_unsend(struct dp_flight *flight);
/* Has it steps that its datagram has no room for? */
bool flight_unfinished(const struct dp_flight *flight);
/* The dataplane refused this one of the datagram's runs and has carried out those before it. The steps of
 * that run are then those that are sent and not applied. */
void flight_settle(struct dp_flight *flight, uint32_t refused_run);

/* dp_dump.c: */
void dump_begin(struct dp *dp);
/* A record datagram, or the reply that ends one dump. */
void dump_message(struct dp *dp, const struct rg_client_msg *msg);
void dump_free(struct dp_snapshot *snapshot);

#endif
