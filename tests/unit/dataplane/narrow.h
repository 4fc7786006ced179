/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client behind a narrow path, of every shape that counts for what fits: what the tests of sizes and of
 * TCP's promises share. One thread.
 */
#ifndef RG_TESTS_UNIT_DATAPLANE_NARROW_H
#define RG_TESTS_UNIT_DATAPLANE_NARROW_H

#include "tests/unit/dataplane/hostile.h"

#define CLIENT   1u
#define LEAST6   1280u
#define NO_LAYER 253u /* RFC 3692 */

#define NARROW_SUITES 8u
#define NARROW_KINDS  (NARROW_SUITES * 8)

/* Kind `i` of NARROW_KINDS: suite, outer family, UDP, selectors that allow the short way. */
struct gateway_session narrow_kind(unsigned i, uint16_t mtu);
/* What is left of the path for the packet inside, or for one in transport mode with its own header. */
uint32_t narrow_room(const struct gateway_session *is);
/* CLIENT anew. */
void narrow_replace(struct gateway *g, const struct gateway_session *is);
/* A frame of the kernel's for a client in transport mode: an IP packet of `len` bytes; `field` of IPv4's
 * fragments. */
void narrow_put_transport(const struct gateway_session *is, uint32_t len, uint16_t field, uint8_t *frame);

#endif
