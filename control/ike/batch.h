/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of dataplane records (ops.h): built by the core and by homing, sent in
 * order, completed later. Core thread only.
 */
#ifndef RG_IKE_BATCH_H
#define RG_IKE_BATCH_H

#include "control/ike/ops.h"

/* The manager's spare batch, for when memory is short. 0 or -ENOMEM. */
int batch_spare(struct ike_manager *m);
void batch_spare_free(struct ike_manager *m);

/* `finish` is called once on completion, with `gone` where the SA (if one is
 * named) was closed meanwhile: then it only frees what it owns. The batch itself is freed
 * after it. `finish` may be NULL. NULL if memory is short. */
struct ike_batch *batch_new(struct ike_manager *m, struct ike_sa *sa,
                            void (*finish)(struct ike_batch *batch, bool gone), void *context);

/* A zeroed step of the type at the end of the batch. If memory is short the
 * batch is marked, completes with -ENOMEM, nothing is sent; the returned step is a scratch one. */
struct ike_dp_step *batch_add(struct ike_batch *batch, enum rg_api_type type);

/* What it was made for cannot be had: nothing of it is sent, and it completes with `error`. */
void batch_fail(struct ike_batch *batch, int error);

/* Hands it over. An empty batch completes too, later, as any other. */
void batch_submit(struct ike_batch *batch);

#endif
