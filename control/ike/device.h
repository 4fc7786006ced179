/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which device of its identity a peer is: by the key of its certificate, or by the virtual address that it
 * asks to have again. All that a session has in the dataplane and in the pools carries its device's cookie.
 * Core thread only.
 */
#ifndef RG_IKE_DEVICE_H
#define RG_IKE_DEVICE_H

#include "control/ike/ike_sa.h"

/* Responder, of an identity with several devices: sets sa->cookie. With all places taken the oldest session
 * of the identity ends. `key`: which one the peer signs with (struct rg_auth_found), 0 without one. */
void device_choose(struct ike_sa *sa, const struct ike_msg *request, uint64_t key);

/* Initiator whose connection its peer may begin too: the cookie of the device that signs with this key, the
 * same one as if the peer had begun. */
uint64_t device_of_key(const struct ike_sa *sa, uint64_t key);

#endif
