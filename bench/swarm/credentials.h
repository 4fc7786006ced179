/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the clients prove who they are: one shared key for all, or a P-256 key and a certificate of its own for
 * each, made at the start with an authority that the gateway trusts. One thread.
 */
#ifndef RG_BENCH_SWARM_CREDENTIALS_H
#define RG_BENCH_SWARM_CREDENTIALS_H

#include "bench/swarm/scenario.h"
#include "control/auth/auth.h"

struct credentials;

/* NULL after a line on stderr. */
struct credentials *credentials_open(const struct scenario *s);
void credentials_close(struct credentials *c);

/* What the manager begins with. Borrowed. */
struct rg_auth *credentials_common(const struct credentials *c);
/* A client's own. Borrowed. */
struct rg_auth *credentials_of(const struct credentials *c, unsigned client);

/* Handles that the clients may need in each table of the core: SAs of rekeys overlap. */
uint32_t credentials_max_sas(const struct scenario *s);

#endif
