/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual addresses of the gateway itself on the TUN, and the routes whose packets leave from them: what
 * there is in the kernel, and what there is to be. They carry our protocol id, by which those of a killed
 * process are found. Event loop's thread; blocks for a few netlink answers.
 */
#ifndef RG_CONTROL_INNER_H
#define RG_CONTROL_INNER_H

#include "config/config.h"

#define INNER_MAX 512u

struct inner_item {
	struct rg_cfg_prefix prefix; /* an address with its whole length, or where a route leads */
	struct rg_cfg_addr source;   /* of a route; family 0: it is an address */
	bool found;                  /* by inner_find(): nobody has asked for it yet */
};

struct inner_set {
	size_t n;
	struct inner_item items[INNER_MAX];
};

/* Once each; a route to a prefix that another one leads to is passed by. False: no room. */
bool inner_want_address(struct inner_set *set, const struct rg_cfg_addr *addr);
bool inner_want_route(struct inner_set *set, const struct rg_cfg_prefix *to,
                      const struct rg_cfg_addr *source);

/* What the interface has of ours. 0 or a negative errno: -ENODEV where there is no such interface. */
int inner_find(struct inner_set *have, const char *interface);

/* Makes the interface have what is wanted; `have` says what it has then. What was found and not asked for
 * stays while `keep_found`. 0, or the first error (the rest is done all the same). */
int inner_apply(struct inner_set *have, const struct inner_set *want, bool keep_found, const char *interface);

#endif
