/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one negotiated Child SA carries, over all its rekeys: a flow has the
 * dataplane policies of the peer's side, which point at the outbound SA that is current.
 * A session has one flow for each of its Child SAs (RFC 4301 4.4.1). Core thread only.
 */
#ifndef RG_IKE_FLOW_H
#define RG_IKE_FLOW_H

#include "control/ike/child_sa.h"

struct ike_manager;

/* A dataplane policy: one prefix of the peer's side. */
struct ike_policy {
	uint32_t handle;
	uint8_t family, prefix_len;
	bool installed; /* handed to the dataplane */
	uint8_t prefix[16];
};

struct flow {
	TAILQ_ENTRY(flow) link;
	struct ike_sa *sa;
	const struct rg_cfg_child *cfg; /* of the session's connection */
	bool keep;                      /* stays without a Child SA: another is made in its place */
	uint32_t sa_out;                /* handle of the outbound SA that the policies point at; 0: none */
	uint32_t priority;              /* of the policies: what selects less goes first */
	unsigned n_policies;
	struct ike_policy policies[RG_API_MAX_SELECTORS];
};

TAILQ_HEAD(flow_list, flow);

/* Notes whose policy it is: events of the dataplane name a policy without an SA by its handle alone. */
void flow_own(const struct flow *flow, const struct ike_policy *policy);
/* The session that has the policy; NULL: none. */
struct ike_sa *flow_session(struct ike_manager *m, uint32_t policy);

/* Gives the Child SA its flow if it has none yet: one that has lost its own, or a new one, whose
 * policies' handles are taken. One that it has gets those that it needs beside. 0, -ENOSPC (handles),
 * -ENOMEM. */
int flow_prepare(struct child_sa *child);

/* Policies for what is not the flow's yet: from the session before, or new ones. 0 or -ENOSPC. */
int flow_take_policies(struct flow *flow, const struct child_selectors *remote);

/* Appends what makes `sa_out` (0: none) the SA of all policies: added the first time, swapped later. */
void flow_steps(struct flow *flow, uint32_t sa_out, struct ike_batch *batch);

/* The Child SA is about to go: policies that use it point at nothing after that. */
void flow_steps_leave(struct child_sa *child, struct ike_batch *batch);

/* The Child SA is gone: a flow without any is removed, unless it is to be kept and is the last one. */
void flow_left(struct flow *flow, struct ike_batch *batch);

/* Appends the removal of its policies, and frees it. */
void flow_remove(struct flow *flow, struct ike_batch *batch);
/* Frees it without a word to the dataplane. */
void flow_forget(struct flow *flow);

/* How many Child SAs it has, those that only receive what is late aside. */
unsigned flow_children(const struct flow *flow);
/* The one that sends; NULL: none. */
struct child_sa *flow_current(const struct flow *flow);

/* Flows with a Child SA that is not on its way out. */
unsigned flow_count(const struct ike_sa *sa);

#endif
