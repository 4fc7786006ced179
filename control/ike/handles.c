/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation of handles, see handles.h. Core thread only.
 */
#include "control/ike/handles.h"

#include "dataplane/api/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Freed indices that must lie in the ring before one is given out again. */
#define QUARANTINE 64u

/* Odd, so that 128 epochs in a row all begin elsewhere; far apart, since a generation goes on by itself. */
#define EPOCH_STRIDE 41u

#define GENERATION(handle) ((uint8_t)((handle)&0x7fu))

int handles_init(struct handle_space *space, uint32_t capacity, uint32_t epoch)
{
	uint32_t n = capacity;

	if (n > 1u << RG_SA_INDEX_BITS)
		n = 1u << RG_SA_INDEX_BITS;
	*space = (struct handle_space){.capacity = n, .fresh = 1};
	space->generation = calloc(n, 1);
	space->taken = calloc(n, 1);
	space->resting = calloc(n, 1);
	space->rest = calloc(n, sizeof(*space->rest));
	if (space->generation == NULL || space->taken == NULL || space->resting == NULL ||
	    space->rest == NULL) {
		handles_fini(space);
		return -ENOMEM;
	}
	memset(space->generation, GENERATION(epoch * EPOCH_STRIDE), n);
	return 0;
}

void handles_fini(struct handle_space *space)
{
	free(space->generation);
	free(space->taken);
	free(space->resting);
	free(space->rest);
	*space = (struct handle_space){0};
}

static uint32_t take_rested(struct handle_space *space)
{
	while (space->n_rest > 0) {
		uint32_t index = space->rest[space->rest_head];

		space->rest_head = (space->rest_head + 1) % space->capacity;
		space->n_rest--;
		space->resting[index] = 0;
		if (!space->taken[index])
			return index;
	}
	return 0;
}

static uint32_t take_fresh(struct handle_space *space)
{
	while (space->fresh < space->capacity) {
		uint32_t index = space->fresh++;

		/* One that was reserved and given back before its turn came has its turn in the ring. */
		if (!space->taken[index] && !space->resting[index])
			return index;
	}
	return 0;
}

uint32_t handles_take(struct handle_space *space)
{
	uint32_t index = 0;

	if (space->n_rest > QUARANTINE)
		index = take_rested(space);
	if (index == 0)
		index = take_fresh(space);
	if (index == 0)
		index = take_rested(space);
	if (index == 0)
		return 0;
	space->taken[index] = 1;
	return RG_SA_HANDLE(index, space->generation[index]);
}

void handles_give(struct handle_space *space, uint32_t handle)
{
	uint32_t index = RG_SA_HANDLE_INDEX(handle);

	if (index == 0 || index >= space->capacity || !space->taken[index] ||
	    space->generation[index] != GENERATION(handle))
		return;
	space->taken[index] = 0;
	space->generation[index] = (space->generation[index] + 1) & 0x7fu;
	if (space->resting[index]) /* it was reserved while it lay there */
		return;
	space->resting[index] = 1;
	space->rest[(space->rest_head + space->n_rest) % space->capacity] = index;
	space->n_rest++;
}

int handles_reserve(struct handle_space *space, uint32_t handle)
{
	uint32_t index = RG_SA_HANDLE_INDEX(handle);

	if (index == 0 || index >= space->capacity)
		return -ERANGE;
	if (space->taken[index])
		return -EEXIST;
	space->taken[index] = 1;
	space->generation[index] = GENERATION(handle);
	return 0;
}
