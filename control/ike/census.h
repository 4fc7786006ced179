/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many sessions and Child SAs there are, and on which of our addresses, kept up to date as they change:
 * whoever asks looks at no session (roamctl status). Core thread only.
 */
#ifndef RG_IKE_CENSUS_H
#define RG_IKE_CENSUS_H

#include "control/ike/ike_sa.h"

#define CENSUS_NOWHERE UINT16_MAX /* it is counted, but not by its address: memory was short */

/* After every change of an IKE SA's state, and of the local address of one that is established. */
void census_count(struct ike_sa *sa);
/* A Child SA changes its state, or comes (from CHILD_NEW) or goes (to CHILD_DEAD). */
void census_child(struct ike_sa *sa, enum child_state from, enum child_state to);

/* Established ones on this address. */
uint32_t census_at(const struct ike_manager *m, const struct rg_cfg_addr *local);

void census_free(struct ike_manager *m);

#endif
