/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the world share, and no test needs: its network, the ops and
 * the store that it gives to each peer's manager, and how peers begin and end.
 */
#ifndef RG_TESTS_WORLD_PARTS_H
#define RG_TESTS_WORLD_PARTS_H

#include "tests/exchange/world.h"

#define FAR_AWAY UINT64_MAX

/* Of `user` a struct peer. */
extern const struct ike_ops peer_ops;
extern const struct ike_store_ops peer_store_ops;

void peer_start(struct world *w, unsigned index, struct rg_auth *auth);
void peer_end(struct peer *p);

uint64_t world_random(uint64_t *seed);

/* Copies `header.len` bytes of `data` onto the network, where they may be lost or doubled. */
void network_send(struct world *w, const struct datagram *header, const uint8_t *data);
/* Takes the datagram with this index out of the network and gives it to whom it is for. */
void network_deliver(struct world *w, unsigned index);
/* The index of the next one to be delivered; there must be one. */
unsigned network_earliest(const struct world *w);
void network_free(struct world *w);

#endif
