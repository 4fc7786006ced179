/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches for the dataplane (batch.h). Core thread only.
 */
#include "control/ike/batch.h"

#include "control/ike/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPARE_STEPS 64u /* a session with many Child SAs is removed in fewer */

static struct ike_dp_step scratch; /* what batch_add() gives out when memory is short */

/* What is removed, or must become current, cannot wait for memory: one batch is kept for when
 * there is none, and kept again once it is done. */
int batch_spare(struct ike_manager *m)
{
	struct ike_batch *batch;

	if (m->spare_batch != NULL)
		return 0;
	batch = calloc(1, sizeof(*batch));
	if (batch == NULL)
		return -ENOMEM;
	batch->steps = calloc(SPARE_STEPS, sizeof(*batch->steps));
	if (batch->steps == NULL) {
		free(batch);
		return -ENOMEM;
	}
	batch->capacity = SPARE_STEPS;
	m->spare_batch = batch;
	return 0;
}

/* Of its steps, as many have been written as it has. */
static void wipe(struct ike_batch *batch)
{
	if (batch->steps != NULL)
		explicit_bzero(batch->steps, batch->n * sizeof(*batch->steps));
}

static void release(struct ike_batch *batch)
{
	wipe(batch);
	free(batch->steps);
	free(batch);
}

void batch_spare_free(struct ike_manager *m)
{
	if (m->spare_batch != NULL)
		release(m->spare_batch);
	m->spare_batch = NULL;
}

static struct ike_batch *take_spare(struct ike_manager *m)
{
	struct ike_batch *batch = m->spare_batch;

	m->spare_batch = NULL;
	return batch;
}

struct ike_batch *batch_new(struct ike_manager *m, struct ike_sa *sa,
                            void (*finish)(struct ike_batch *batch, bool gone), void *context)
{
	struct ike_batch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL)
		batch = take_spare(m);
	if (batch == NULL)
		return NULL;
	batch->manager = m;
	batch->sa = sa;
	batch->finish = finish;
	batch->context = context;
	return batch;
}

/* Room for one step more, if need be that of the spare batch. */
static bool grow(struct ike_batch *batch)
{
	size_t capacity = batch->capacity == 0 ? 8 : batch->capacity * 2;
	struct ike_dp_step *steps = malloc(capacity * sizeof(*steps));
	struct ike_batch *spare = batch->manager->spare_batch;

	if (steps == NULL && spare != NULL && spare->capacity > batch->n) {
		take_spare(batch->manager);
		steps = spare->steps;
		capacity = spare->capacity;
		free(spare);
	}
	if (steps == NULL)
		return false;
	for (size_t i = 0; i < batch->n; i++)
		steps[i] = batch->steps[i];
	wipe(batch);
	free(batch->steps);
	batch->steps = steps;
	batch->capacity = capacity;
	return true;
}

struct ike_dp_step *batch_add(struct ike_batch *batch, enum rg_api_type type)
{
	struct ike_dp_step *step;

	if (batch->n == batch->capacity && !grow(batch)) {
		batch_fail(batch, -ENOMEM);
		scratch = (struct ike_dp_step){0};
		return &scratch;
	}
	step = &batch->steps[batch->n++];
	*step = (struct ike_dp_step){.type = type};
	return step;
}

void batch_fail(struct ike_batch *batch, int error)
{
	batch->failed = error;
}

static void batch_free(struct ike_batch *batch)
{
	struct ike_manager *m = batch->manager;

	release(batch);
	if (!m->ending)
		batch_spare(m); /* the next one tries again if there is no memory yet */
}

static void completed(struct ike_batch *batch)
{
	struct ike_sa *sa = batch->sa;

	if (batch->failed != 0)
		batch->error = batch->failed;
	if (batch->error != 0) {
		IKE_COUNT(batch->manager, dataplane_refused);
		manager_log(batch->manager, IKE_LOG_ERROR,
		            "the dataplane did not take record %zu of %zu: error %d %s", batch->applied + 1,
		            batch->n, batch->error, batch->text);
	}
	if (sa != NULL)
		sa->pending--;
	if (batch->finish != NULL)
		batch->finish(batch, sa != NULL && sa->state == IKE_STATE_CLOSED);
	batch_free(batch);
}

void batch_submit(struct ike_batch *batch)
{
	if (batch->failed != 0) { /* memory was short: nothing may take effect */
		wipe(batch);
		batch->n = 0;
	}
	if (batch->manager->ending) { /* what is in the dataplane stays there, for the next process */
		batch_free(batch);
		return;
	}
	batch->done = completed;
	if (batch->sa != NULL)
		batch->sa->pending++;
	batch->manager->ops->dp_submit(batch->manager->user, batch);
}
