/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dataplane's side of the core: its events, and its return after a crash
 * (ike.h has the entrances). Core thread only.
 */
#ifndef RG_IKE_DATAPLANE_H
#define RG_IKE_DATAPLANE_H

struct ike_manager;

/* Rekeys the next Child SAs that a restarted dataplane was given back. */
void recovery_step(struct ike_manager *m);

#endif
