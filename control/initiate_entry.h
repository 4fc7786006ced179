/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection that this gateway begins, as initiate.c runs it and initiate_load.c makes it. Event loop's
 * thread.
 */
#ifndef RG_CONTROL_INITIATE_ENTRY_H
#define RG_CONTROL_INITIATE_ENTRY_H

#include "control/ike/child_sa.h"
#include "control/initiate.h"

struct entry {
	char *name, *identity;
	unsigned connection; /* index in the configuration */
	enum rg_cfg_start start;
	enum initiate_state state;
	bool terminated;   /* by an operator */
	bool said_blocked; /* that no uplink has carrier */
	unsigned pair;     /* the next one of the round */
	unsigned rounds;   /* that failed */
	uint64_t session;  /* TRYING, UP */
	uint64_t since_ms; /* of the state */
	uint64_t due_ms;   /* of the next look */
	unsigned port;     /* TRYING: of the uplink in use */
	struct ike_endpoint remote;
	char reason[INITIATE_TEXT];
	struct rg_cfg_addr had[INITIATE_MAX_HAD]; /* virtual addresses of the last session */
	size_t n_had;
	struct child_packet packet; /* that began it, until it is up */
};

struct initiate {
	const struct initiate_ops *ops;
	void *user;
	const struct rg_config *cfg;
	struct entry *entries;
	size_t n;
};

static inline void set_state(struct entry *e, enum initiate_state state, uint64_t now, uint64_t due)
{
	e->state = state;
	e->since_ms = now;
	e->due_ms = due;
	if (state != INITIATE_TRYING && state != INITIATE_UP)
		e->session = 0;
}

/* Until somebody asks. */
static inline bool sleeps(const struct entry *e)
{
	return e->state == INITIATE_HELD || e->state == INITIATE_READY;
}

#endif
