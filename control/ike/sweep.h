/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Something is done with every session, a page of them in a turn of the loop, so that a hundred thousand keep
 * nobody waiting: a new configuration is held against them, or they are ended. Core thread only.
 */
#ifndef RG_IKE_SWEEP_H
#define RG_IKE_SWEEP_H

#include "control/ike/ike_sa.h"

#define SWEEP_PAGE 128u

/* From the oldest one on, those that come meanwhile included; the first page at once. What was under way is
 * over. `each` may close the SA. */
void sweep_start(struct ike_manager *m, void (*each)(struct ike_sa *sa));
/* One page. True: there is more to do, in the next turn. */
bool sweep_step(struct ike_manager *m);
/* The SA is about to be freed. */
void sweep_forget(struct ike_manager *m, const struct ike_sa *sa);

#endif
