/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold after anything that a peer did: the gateway has no more than
 * it may have, and a client that comes again has a working session. A trap
 * otherwise. For fuzz targets.
 */
#ifndef RG_TESTS_PEER_CHECK_H
#define RG_TESTS_PEER_CHECK_H

#include "tests/exchange/mutate.h"

/* The message was changed, and was sent once. */
void peer_check_applied(const struct mutation *m);
/* The network is good again from now on. */
void peer_check_alive(struct world *w);

#endif
