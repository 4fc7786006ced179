/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the API server: connections, and what its files call of each other.
 */
#ifndef RG_DATAPLANE_API_SERVER_CONN_H
#define RG_DATAPLANE_API_SERVER_CONN_H

#include "dataplane/api_server.h"

#include <stddef.h>
#include <sys/types.h>

#define CONN_MAX        64u
#define CONN_ACKS       64u    /* requests of one connection that may wait for their reply */
#define CONN_STUCK_MS   10000u /* without HELLO, or without taking what it asked for */
#define ACCEPT_AGAIN_MS 1000u  /* after there was no descriptor for a peer */
#define GRACE_LIMIT_MS  100u   /* then the answer is "published, not quiescent" (design: MIGRATE) */
#define GRACE_YOUNG_MS  2u     /* until then main polls for it */
#define DUMP_BYTES      65536u /* of one datagram of a dump */

/* X(name, "kebab-case name") */
#define SERVER_COUNTERS(X)                                                                                   \
	X(REQUESTS, "api-requests")                                                                          \
	X(REFUSED, "api-refused")                                                                            \
	X(PEERS_REFUSED, "api-peers-refused")                                                                \
	X(PEERS_WAITED, "api-peers-waited")                                                                  \
	X(PEERS_DROPPED, "api-peers-dropped")                                                                \
	X(NOT_QUIESCENT, "api-not-quiescent")                                                                \
	X(EVENTS_SENT, "events-sent")                                                                        \
	X(EVENTS_LOST, "events-lost")

enum server_counter {
#define X(name, kebab) SERVER_##name,
	SERVER_COUNTERS(X)
#undef X
	        SERVER_COUNTER_COUNT
};

/* A reply on its way. */
struct ack {
	struct rg_api_reply reply;
	uint32_t seq;
	bool waits;    /* for a grace period */
	bool counters; /* the memfd goes with it */
	uint64_t token, since_ms;
};

/* A dump under way: resumed when the peer has read. */
struct dump {
	bool active;
	uint16_t type;
	uint32_t seq;
	uint32_t at, end; /* indexes */
	uint32_t handle;  /* 0: all */
};

struct conn {
	struct conn *next;
	int fd;
	uint32_t mask; /* what epoll watches for */
	uint32_t role; /* enum rg_api_role; 0: HELLO has not come */
	pid_t pid;
	char name[RG_API_NAME_MAX];
	bool ready, closing, gone;
	uint64_t stuck_ms; /* since when; 0: not */
	struct ack acks[CONN_ACKS];
	uint32_t first_ack, n_acks;
	struct dump dump;
	uint64_t lost; /* events that did not reach it and that it was not told of */
};

struct api_server {
	struct api_server_config config;
	struct core *core;
	int epoll_fd, listen_fd;
	bool bound;
	struct conn *conns;
	uint32_t n_conns;
	uint64_t now_ms;
	uint64_t full_ms; /* since when there is no descriptor for another peer; 0: there are */
	uint64_t count[SERVER_COUNTER_COUNT];
	_Alignas(64) uint8_t in[RG_API_MAX_MSG];
	_Alignas(64) uint8_t out[DUMP_BYTES];
};

struct conn *server_writer(const struct api_server *server);
const char *server_counter_name(enum server_counter what);

/* api_server_conn.c */
/* 0; -EAGAIN: the peer does not read, it is noted as stuck; else the peer is gone. */
int conn_send(struct api_server *server, struct conn *conn, uint16_t type, uint32_t seq, const void *records,
              uint32_t count, int fd);
/* Reads, answers and goes on with what was left, until that would wait. */
void conn_run(struct api_server *server, struct conn *conn);
/* A place in the queue of replies; there is one for every request that is read. */
struct ack *conn_ack(struct conn *conn, uint32_t seq);

/* api_server_request.c: one checked datagram. */
void request_handle(struct api_server *server, struct conn *conn, const struct rg_api_hdr *hdr,
                    const void *records);

/* The same of a RG_MSG_CHAIN, of which only the header is checked: `len` octets behind it, 8-aligned. */
void request_chain(struct api_server *server, struct conn *conn, const struct rg_api_hdr *hdr,
                   const void *runs, size_t len);

/* api_server_dump.c */
void dump_begin(struct api_server *server, struct conn *conn, const struct rg_api_hdr *hdr,
                const struct rg_api_dump *request);
/* Sends until it is done (the reply is queued then) or the peer does not read. */
void dump_continue(struct api_server *server, struct conn *conn);

#endif
