/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which session records are to be written, and the datagrams that wait for
 * it: a peer must never hold an answer of which a process that is killed and comes back
 * knows nothing (design.md). Without a store nothing is kept and nothing waits. Internal to
 * control/ike and control/homing; core thread only.
 */
#ifndef RG_IKE_STORE_H
#define RG_IKE_STORE_H

#include "control/ike/ike_sa.h"

int store_init(struct ike_manager *m); /* 0 or -ENOMEM */
void store_fini(struct ike_manager *m);

/* Something that the record tells has changed. */
void store_touch(struct ike_sa *sa);
/* Its memory goes; so does its record, unless the process is what ends. */
void store_forget(struct ike_sa *sa);

/* Keeps a datagram until the next flush. False: no memory, it may as well leave. */
bool store_hold(struct ike_manager *m, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                bool natt, const uint8_t *data, size_t len);
/* The end of a turn: records, commit, datagrams. */
void store_flush(struct ike_manager *m);

#endif
