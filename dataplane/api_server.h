/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dataplane's API socket (dataplane/api/api.h): main thread only. Needs no EAL.
 * Nothing here waits for a peer: a peer that does not read is parked, then
 * dropped. Main's loop:
 *
 *     epoll_wait(..., api_server_timeout(server, now) at most) with api_server_fd() in the set
 *     core_tick(core, now); api_server_dispatch(server, now);
 *
 * Events reach their readers at each dispatch, so call it every few milliseconds.
 */
#ifndef RG_DATAPLANE_API_SERVER_H
#define RG_DATAPLANE_API_SERVER_H

#include "dataplane/core/batch.h"

struct api_server;

/* What only the process around the tables knows; each may be NULL. Main thread.
 * `index` runs from 0 until one returns false. */
struct api_server_config {
	const char *path; /* of the socket; NULL: none, connections come by api_server_adopt() */
	struct core *core;
	bool (*port)(void *ctx, uint32_t index, struct rg_api_port *out);
	/* Adds to what the tables know of worker `index`: its CPU. */
	void (*worker)(void *ctx, uint32_t index, struct rg_api_worker *inout);
	/* Counters beside those of the workers. */
	bool (*counter)(void *ctx, uint32_t index, struct rg_api_counter *out);
	/* Adds ports, uptime, crypto. */
	void (*status)(void *ctx, struct rg_api_status *inout);
	void *ctx;
};

/* -EADDRINUSE: another dataplane answers there; or bind(2)'s errors. `config` is copied. */
int api_server_new(const struct api_server_config *config, struct api_server **server);
/* Removes the socket. */
void api_server_free(struct api_server *server);

/* Readable when a dispatch has something to do. */
int api_server_fd(const struct api_server *server);
/* Milliseconds until a dispatch is due even if nothing is readable; -1: none. 0 while a grace period is
 * young. */
int api_server_timeout(const struct api_server *server, uint64_t now_ms);
/* Does what can be done now. `now_ms`: CLOCK_MONOTONIC, as core_tick() had it. */
void api_server_dispatch(struct api_server *server, uint64_t now_ms);
/* Takes over a connected SOCK_SEQPACKET socket as if it had been accepted. */
int api_server_adopt(struct api_server *server, int fd, uint64_t now_ms);

#endif
