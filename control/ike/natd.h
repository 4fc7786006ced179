/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAT_DETECTION_SOURCE_IP and NAT_DETECTION_DESTINATION_IP in a message: written,
 * and compared with the addresses that the message really had (RFC 7296 2.23).
 * IKE_SA_INIT and MOBIKE use it. Pure; any thread.
 */
#ifndef RG_IKE_NATD_H
#define RG_IKE_NATD_H

#include "control/ike/endpoint.h"
#include "control/ike/wire/build.h"
#include "control/ike/wire/payload.h"

#include <stdbool.h>

/* Both notifies, for a message that leaves from `local` to `remote`. SPIs in host
 * order, as they stand in its header. */
void natd_write(struct ike_build *out, uint64_t spi_i, uint64_t spi_r, const struct ike_endpoint *local,
                const struct ike_endpoint *remote);

/* Whether a NAT stands before us or before the peer, by a message that came to
 * `local` from `remote`. False, and nothing written, unless it has both notifies. A peer
 * may send several sources (RFC 7296 2.23): one that matches suffices. */
bool natd_read(const struct ike_msg *msg, uint64_t spi_i, uint64_t spi_r, const struct ike_endpoint *local,
               const struct ike_endpoint *remote, bool *nat_local, bool *nat_remote);

#endif
