/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second lane of what the IKE sockets receive: requests for a new IKE SA wait here
 * until what belongs to SAs that are there has been read, so that a flood of newcomers
 * costs the others nothing (H33). Bounded; what does not fit is dropped and its sender comes
 * again (RFC 7296 2.1). Event loop's thread.
 */
#ifndef RG_CONTROL_NEWCOMERS_H
#define RG_CONTROL_NEWCOMERS_H

#include "control/ike/ike.h"

#define NEWCOMERS_MAX   1024u      /* datagrams: some 10 ms of work */
#define NEWCOMERS_BYTES (1u << 20) /* of all of them */
#define NEWCOMERS_SERVE 64u        /* a turn of the loop, then the sockets are read again */

struct newcomers;

struct newcomers *newcomers_create(void);
void newcomers_free(struct newcomers *n);

/* Is it an IKE_SA_INIT request? By its header alone. */
bool newcomers_is_one(const uint8_t *data, size_t len);

/* Takes a copy. False: there is no room. */
bool newcomers_put(struct newcomers *n, const struct ike_datagram *dg);

/* Hands on the oldest, a turn's worth of them. True: there are more. */
bool newcomers_serve(struct newcomers *n, void (*receive)(void *user, const struct ike_datagram *dg),
                     void *user);

#endif
