/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which IKE SPIs are ours, learned from what control sends, so that a flood of new
 * requests cannot push aside the messages of live sessions, nor IKE_AUTH of a client that
 * got through. An answer that asks for a cookie makes none known, nor does an unprotected notify: so a
 * flood of requests teaches as many as control has half-open SAs before it asks, and is then left outside.
 * A hint: a forgotten SPI only costs the better policer. The punt thread writes,
 * workers read; each slot is one relaxed 64-bit atomic that carries no other data.
 */
#ifndef RG_DATAPLANE_IKE_SPI_H
#define RG_DATAPLANE_IKE_SPI_H

#include <stdbool.h>
#include <stdint.h>

#define IKE_HEADER 28u /* bytes; RFC 7296 3.1 */

/* Punt thread: an IKE message that left. `ike` has `len` bytes. */
void ike_spi_learn(const uint8_t *ike, uint32_t len);
/* Any worker: a message that came in. */
bool ike_spi_is_known(const uint8_t *ike, uint32_t len);

#endif
