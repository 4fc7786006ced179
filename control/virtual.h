/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual addresses that peers give to this gateway (`initiate.virtual-address`): as long as a session has
 * one, the TUN has it too, and what the gateway itself sends to the networks behind that peer leaves from it.
 * Compares what sessions have with what the kernel has, and makes the kernel follow. Event loop's thread.
 */
#ifndef RG_CONTROL_VIRTUAL_H
#define RG_CONTROL_VIRTUAL_H

#include "control/ike/ike.h"
#include "control/initiate.h"

#define VIRTUAL_KEEP_MS  60000u /* what a former process left, for its session to be begun again */
#define VIRTUAL_AGAIN_MS 1000u  /* after an error */

struct virtual_addresses;

/* `changed` hears of each address that comes and goes, and where there is no room for more. */
struct virtual_addresses *virtual_create(void (*changed)(void *user, const char *text), void *user);
/* Takes all of them from the kernel. */
void virtual_free(struct virtual_addresses *v);

/* There is a dataplane, and with it the TUN: perhaps another one than before. */
void virtual_tun_up(struct virtual_addresses *v, const char *tun, uint64_t now);
void virtual_tun_down(struct virtual_addresses *v);

/* Something that the numbers of sessions do not tell has changed: a configuration. */
void virtual_look(struct virtual_addresses *v);
/* Looks, if a session has come or gone. Returns when it wants to be called next, or UINT64_MAX. */
uint64_t virtual_run(struct virtual_addresses *v, struct ike_manager *m, const struct initiate *in,
                     uint64_t now);

#endif
