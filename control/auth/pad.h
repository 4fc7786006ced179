/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer authorization database (RFC 4301 4.4.3): which rule of its
 * connection an authenticated identity falls under. Made once from a
 * configuration and never changed; any thread.
 */
#ifndef RG_CONTROL_AUTH_PAD_H
#define RG_CONTROL_AUTH_PAD_H

#include "config/config.h"
#include "control/auth/id.h"

struct pad;

/* Borrows `cfg`. NULL where there is no memory or an identity cannot be read; `why` says so. */
struct pad *pad_new(const struct rg_config *cfg, char *why, size_t size);
void pad_free(struct pad *pad);

/* The first of the connection's rules that matches; NULL: none does. `cookie` is rg_id_cookie(peer). */
const struct rg_cfg_rule *pad_find(const struct pad *pad, const struct rg_cfg_connection *connection,
                                   const struct rg_id *peer, uint64_t cookie);

#endif
