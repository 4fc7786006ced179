/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A roaming client on our own IKE core, for namespace tests: it speaks raw ESP and
 * ESP in UDP from a small userspace implementation of its own, and moves its SAs in
 * place (RFC 4555), which no packaged client does without a kernel's ESP.
 *
 *     mover --config FILE --tun NAME
 *
 * One command a line on stdin, one JSON object a line on stdout: {"answer":COMMAND, ...}
 * with "error" where it failed, and {"event":TYPE, "ms":CLOCK_MONOTONIC, ...} as things happen.
 *
 *     connect LOCAL REMOTE IDENTITY    IKE_SA_INIT and IKE_AUTH; asks for IPv4 and IPv6
 *     move LOCAL REMOTE                UPDATE_SA_ADDRESSES
 *     rekey child | ike
 *     status                           SPIs, fingerprints of keys, sequence numbers, path
 *     probe ADDRESS PORT RATE          numbered UDP echo requests through the tunnel, RATE a second
 *     probe stop                       what was sent, came back and was lost
 *     request empty | update LOCAL REMOTE    hostile: an INFORMATIONAL on that pair, nothing else changes
 *     spoof ADDRESS COUNT              hostile: that many IKE datagrams leave with this IPv4 source
 *     cookie keep | omit | alter       hostile: COOKIE2 in our answers
 *     quit                             Delete, then the end
 *
 * Whoever starts it gives the TUN its addresses and routes. One thread.
 */
#ifndef RG_TESTS_MOVER_H
#define RG_TESTS_MOVER_H

#include "control/homing/homing.h"
#include "control/ike/ike.h"
#include "tests/net/mover/hostile.h"
#include "tests/net/mover/net.h"
#include "tests/net/mover/probe.h"
#include "tests/net/mover/sad.h"

#include <jansson.h>

#define MOVER_QUEUE 64u

struct mover {
	struct rg_auth *auth;
	struct ike_manager *ike;
	uint64_t session; /* 0: none yet */
	struct ike_job *jobs[MOVER_QUEUE];
	struct ike_batch *batches[MOVER_QUEUE];
	unsigned n_jobs, n_batches;
	struct net net;
	struct sad sad;
	struct probe probe;
	struct hostile hostile;
	int tun;
	bool quitting, input_closed;
	uint64_t quit_ms; /* when patience ends */
	struct {
		uint64_t no_policy, unknown_spi, malformed, tun_failed;
	} dropped;
};

/* core.c: the ops of control/ike/ops.h. */
extern const struct ike_ops mover_ops;
uint64_t mover_now(void);
/* Completes what the core submitted, until nothing is left. */
void mover_run_submitted(struct mover *mv);

/* commands.c */
void mover_command(struct mover *mv, char *line);
/* Prints and frees one JSON object. */
void mover_say(json_t *object);

/* status.c */
json_t *mover_status(struct mover *mv);

/* traffic.c */
int traffic_open_tun(const char *name);
/* Plaintext from the TUN; ESP from the network (`data` is overwritten). */
void traffic_out(struct mover *mv);
void traffic_in(struct mover *mv, uint8_t *data, size_t len);

#endif
