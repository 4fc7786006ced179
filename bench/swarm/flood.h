/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_SA_INIT requests from addresses that nobody has, each with an SPI, a nonce and a public value of its
 * own: what an attacker sends who never answers. IPv4, through a raw socket. One thread.
 */
#ifndef RG_BENCH_SWARM_FLOOD_H
#define RG_BENCH_SWARM_FLOOD_H

#include "bench/swarm/scenario.h"

struct flood;

/* NULL after a line on stderr. */
struct flood *flood_open(const struct scenario *s);
void flood_close(struct flood *f);
/* Sends `n`; returns how many left. */
unsigned flood_send(struct flood *f, unsigned n);

#endif
