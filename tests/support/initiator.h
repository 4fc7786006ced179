/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs share that run the IKE core as clients without a roamgate-control around
 * it: what they answer to ops.h where all answer the same, batches step by step, and what
 * comes out of UDP port 4500 and out of ESP (RFC 3948, RFC 4303). One thread.
 */
#ifndef RG_TESTS_SUPPORT_INITIATOR_H
#define RG_TESTS_SUPPORT_INITIATOR_H

#include "control/ike/ike.h"
#include "control/ike/ops.h"

/* Of struct ike_ops: random octets, or the end of the process. */
void initiator_random(void *user, void *buf, size_t len);
/* Nothing: these programs' loops ask for the deadline before each sleep. */
void initiator_wake(void *user);
/* Only a responder has pools. */
int initiator_acquire(void *user, unsigned pool, uint64_t identity, uint64_t cookie, uint8_t family,
                      const struct rg_cfg_addr *wanted, struct rg_cfg_addr *out);
void initiator_release(void *user, uint64_t cookie, const struct rg_cfg_addr *addr);

/* The batch's steps in order up to the first error, and its results. The caller completes it. */
void initiator_apply(struct ike_batch *batch, int (*apply)(void *sad, const struct ike_dp_step *step),
                     void *sad);

/* A datagram of port 4500, which is without the marker afterwards; false: it is not IKE. */
bool initiator_natt_is_ike(struct ike_datagram *dg);

/* Inside of ESP, with padding and trailer: the length of the IP packet at its beginning, or -EPROTO. */
int initiator_inner(const uint8_t *text, uint32_t total);

#endif
