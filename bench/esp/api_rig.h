/* SPDX-License-Identifier: Apache-2.0 */
/* The API server on a thread, for what bench/esp measures through it. One calling thread. */
#ifndef RG_BENCH_ESP_API_RIG_H
#define RG_BENCH_ESP_API_RIG_H

#include "dataplane/api/client.h"
#include "dataplane/api_server.h"
#include "dataplane/core/core.h"

#include <pthread.h>

#define API_RIG_OUTSTANDING 4u /* batches on their way */

struct api_rig {
	pthread_t thread;
	struct core *core;
	struct api_server *api;
	struct rg_client *client;
	uint32_t outstanding; /* sent by api_rig_send(), not answered */
	_Atomic bool stop;
};

/* Seconds of CLOCK_MONOTONIC. */
double api_rig_now(void);
/* 0 or a negative errno; api_rig_close() either way. */
int api_rig_open(struct api_rig *rig, const struct core_config *config);
void api_rig_close(struct api_rig *rig);
/* The next datagram, as a worker would wait for it: quiescent all the time. */
int api_rig_await(struct api_rig *rig, struct rg_client_msg *msg);
/* The next datagram must be a reply: its error, after a line on stderr. */
int api_rig_await_reply(struct api_rig *rig);
/* Sends a batch, after waiting for replies where too many are on their way. The first error of a reply. */
int api_rig_send(struct api_rig *rig, uint16_t type, const void *records, uint32_t n);
/* Waits for all replies. */
int api_rig_drain(struct api_rig *rig);

#endif
