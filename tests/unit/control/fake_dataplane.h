/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dataplane for tests of control: it speaks the API over a socket, keeps what
 * it is told in arrays, and fails where it is asked to. One thread: call
 * fake_run() between the turns of the loop under test.
 */
#ifndef RG_TESTS_UNIT_CONTROL_FAKE_DATAPLANE_H
#define RG_TESTS_UNIT_CONTROL_FAKE_DATAPLANE_H

#include "dataplane/api/api.h"

#include <stdbool.h>
#include <stddef.h>

#define FAKE_MAX 256

struct fake_dataplane {
	char path[108];
	int listener, writer, events; /* -1: none */
	uint64_t boot_id;
	int counters_fd;       /* handed out with the greeting; -1: none */
	bool mute;             /* takes requests and answers none */
	int refuse;            /* the next batch is answered with this error */
	uint32_t refuse_index; /* and that record is named */
	uint32_t refuse_run;   /* of a chain, this one of its batches is */

	/* Every batch that came up to one that was refused, in order: its type and count. Some share a
	 * datagram. */
	struct {
		uint16_t type;
		uint32_t count;
		uint32_t first_handle;
	} log[FAKE_MAX];
	size_t n_log;
	unsigned n_datagrams;
	unsigned n_dumps; /* that were asked for */

	struct rg_api_tunnel tunnels[FAKE_MAX];
	struct rg_api_sa_info sas_in[FAKE_MAX], sas_out[FAKE_MAX];
	struct rg_api_policy policies[FAKE_MAX];
	struct rg_api_port ports[4];
	size_t n_tunnels, n_sas_in, n_sas_out, n_policies, n_ports;
};

void fake_open(struct fake_dataplane *f, const char *path, uint64_t boot_id);
/* Closes the connections: what a killed process does. Objects stay until fake_forget(). */
void fake_hang_up(struct fake_dataplane *f);
void fake_close(struct fake_dataplane *f);
/* Handles what has come. */
void fake_run(struct fake_dataplane *f);
void fake_event(struct fake_dataplane *f, const struct rg_api_event *event);

#endif
