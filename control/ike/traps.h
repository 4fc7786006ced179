/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies without an SA, behind those of every session: the dataplane drops what meets one, and
 * tells. Some stand for connections that this gateway begins when traffic asks (`start: on-traffic`). All
 * others only guard: what is for a client's address or for a network behind a peer stays in while there is no
 * session (H68), also where a reload brought the pool or network, of which the dataplane's own configuration
 * knows nothing. Core thread only.
 */
#ifndef RG_IKE_TRAPS_H
#define RG_IKE_TRAPS_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRAP_COOKIE UINT64_C(0x726f616d74726170) /* of all of them, in the dataplane */

struct ike_manager;
struct trap;

struct traps {
	struct trap *list;
	size_t n;
};

/* Those of the configuration in place of those before, also of a former process, whose objects must have been
 * adopted: their handles are taken. */
void traps_load(struct ike_manager *m, const struct rg_config *cfg);

/* The dataplane is there again: says those that it has not, all of them where it began anew. */
void traps_again(struct ike_manager *m, bool anew);

/* The connection (index in the configuration) that the policy stands for; -1: none, or it only guards. */
int traps_find(const struct ike_manager *m, uint32_t policy);

/* Frees them without a word to the dataplane, which has them until another process comes: it may be that it
 * knows from nobody else what is to be kept in (H68). */
void traps_forget(struct ike_manager *m);

#endif
