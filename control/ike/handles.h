/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles of dataplane objects (api.h): an index and a generation. The index
 * of a freed handle rests behind all others before it is given out again, with
 * the next generation: so a late packet or event never names a successor. Core
 * thread only.
 */
#ifndef RG_IKE_HANDLES_H
#define RG_IKE_HANDLES_H

#include <stddef.h>
#include <stdint.h>

struct handle_space {
	uint32_t capacity; /* indices 1 to capacity - 1 are used */
	uint32_t fresh;    /* the first index that was never given out */
	uint8_t *generation;
	uint8_t *taken;
	uint8_t *resting; /* it is in the ring */
	uint32_t *rest;   /* ring of freed indices, each of them once */
	uint32_t rest_head, n_rest;
};

/* 0 or -ENOMEM. `capacity` is at most 2^RG_SA_INDEX_BITS. Generations begin elsewhere for each `epoch`: a
 * process that comes back does not know which handles the one before it has given back of late. */
int handles_init(struct handle_space *space, uint32_t capacity, uint32_t epoch);
void handles_fini(struct handle_space *space);

/* A handle, or 0 where all are taken. */
uint32_t handles_take(struct handle_space *space);
void handles_give(struct handle_space *space, uint32_t handle);

/* Takes a handle that is in use already (adopted). -EEXIST, -ERANGE. */
int handles_reserve(struct handle_space *space, uint32_t handle);

#endif
