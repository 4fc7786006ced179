/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Knocking at the gateway: the client's first IKE_SA_INIT request, kept while it is lost,
 * and sent again with SPIs of its own as often as a test likes. One thread.
 */
#ifndef RG_TESTS_KNOCK_H
#define RG_TESTS_KNOCK_H

#include "tests/exchange/world.h"

/* What was kept; a test may change it. */
extern struct datagram knock_kept;

/* The client connects, and nothing that it sends arrives from now on. */
void knock_keep(struct world *w);
void knock_forget(void);

/* IKE_SA_INIT with an SPI of its own, by `number`. */
void knock(struct peer *g, const struct ike_endpoint *remote, unsigned number);

#endif
