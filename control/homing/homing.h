/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Homing as the rest of control sees it: the ops for ike_create(), and what
 * operators and clients may ask for. Core thread only.
 */
#ifndef RG_CONTROL_HOMING_HOMING_H
#define RG_CONTROL_HOMING_HOMING_H

#include "control/ike/ike.h"

extern const struct ike_homing_ops homing_ops;

/* Initiator: goes on over another pair of addresses, and says so to the peer
 * (RFC 4555 3.5). Ports are those of the session. 0, -ENOENT (no such session),
 * -EINVAL (families differ, or an address that is not usable), -EPERM (the peer
 * lacks MOBIKE, or began the session). */
int homing_move(struct ike_manager *m, uint64_t session, const struct rg_cfg_addr *local,
                const struct rg_cfg_addr *remote);

/* What the fast path uses, or is to be given when it is back: never an address that is
 * still to be proven. */
void homing_current_path(const struct ike_sa *sa, struct rg_api_path *path);

/* When the session's path is due for a probe, given the newest ESP that arrived (0: none) and
 * the interval of dead peer detection. */
uint64_t homing_probe_ms(struct ike_sa *sa, uint64_t in_ms, uint64_t interval_ms);

/* For `roamctl`: one line about a session's address transaction; returns `text`. */
const char *homing_describe(const struct ike_sa *sa, char *text, size_t size);

#endif
