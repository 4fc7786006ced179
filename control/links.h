/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches the mirror interfaces of the uplinks' ports in the kernel (netlink)
 * and tells of carriers that go and come. Event loop's thread.
 *
 * An interface that is up without carrier has lost it, and that is told at once.
 * One that vanishes or is set down is told only after a while, since it does so
 * as well when the dataplane dies, which is no reason for clients to move.
 */
#ifndef RG_CONTROL_LINKS_H
#define RG_CONTROL_LINKS_H

#include "config/config.h"

#include <uv.h>

#define LINKS_GONE_MS 250 /* a vanished interface is told after this */

struct links;

struct links *links_create(uv_loop_t *loop, void (*changed)(void *user, unsigned port, bool up), void *user);

/* Watches the ports of this configuration, which is read during the call only; asks the kernel for the
 * present state. 0 or a negative errno. */
int links_update(struct links *links, const struct rg_config *cfg);

/* The dataplane said so of its port with this name: the kernel tells of a mirror's carrier up to a second
 * later.
 */
void links_set(struct links *links, const char *name, bool up);

/* While held, nothing is told (no dataplane); release tells what differs. */
void links_hold(struct links *links, bool hold);

/* As last seen; a port that was never seen counts as down. */
bool links_up(const struct links *links, unsigned port);

void links_close(struct links *links);

#endif
