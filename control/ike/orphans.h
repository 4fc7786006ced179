/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dataplane objects that no session owns: what a killed control process left
 * behind. They are grouped by cookie (the peer's identity), go on working until
 * their hard lifetime, and are deleted when their client has authenticated
 * again; it then gets the virtual addresses that their policies show. Core
 * thread only.
 */
#ifndef RG_IKE_ORPHANS_H
#define RG_IKE_ORPHANS_H

#include "config/config.h"
#include "dataplane/api/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct ike_manager;
struct orphan;

#define ORPHAN_BUCKETS 4096u

TAILQ_HEAD(orphan_list, orphan);

/* The host address of `family` that an orphan policy with the cookie shows. */
bool orphans_address(const struct ike_manager *m, uint64_t cookie, uint8_t family, struct rg_cfg_addr *out);

/* Are there any with the cookie? */
bool orphans_exist(const struct ike_manager *m, uint64_t cookie);

/* Deletes all orphans with the cookie (a batch of its own), in the order
 * policies, SAs, tunnels, and forgets them; their handles rest. */
void orphans_replace(struct ike_manager *m, uint64_t cookie);

/* The dataplane said that an SA has expired, or started anew: they are gone. */
void orphans_expired(struct ike_manager *m, enum rg_direction direction, uint32_t handle);
void orphans_forget_all(struct ike_manager *m);
/* The same of all SAs that are not there any more, as `has` says: what told of their end was lost. */
void orphans_compare(struct ike_manager *m,
                     bool (*has)(void *context, enum rg_direction direction, uint32_t handle), void *context);

/* Pairs of SAs that are orphans, by their inbound ones; for operators. */
size_t orphans_count(const struct ike_manager *m);

#endif
