/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a path: an address and a UDP port. Pure values, any thread.
 */
#ifndef RG_IKE_ENDPOINT_H
#define RG_IKE_ENDPOINT_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IKE_PORT      500
#define IKE_PORT_NATT 4500

#define IKE_ENDPOINT_TEXT 64 /* bytes that endpoint_text() needs at most */

struct ike_endpoint {
	struct rg_cfg_addr addr;
	uint16_t port; /* host byte order */
};

bool addr_equal(const struct rg_cfg_addr *a, const struct rg_cfg_addr *b);
bool endpoint_equal(const struct ike_endpoint *a, const struct ike_endpoint *b);

/* 4, 16, or 0 where the address is not set. */
size_t addr_len(const struct rg_cfg_addr *a);

/* May packets be sent there: not unspecified, multicast, loopback or broadcast. */
bool addr_is_unicast(const struct rg_cfg_addr *a);

/* Writes "192.0.2.1:4500" or "[2001:db8::1]:500" and returns `buf`. */
const char *endpoint_text(const struct ike_endpoint *e, char buf[IKE_ENDPOINT_TEXT]);
const char *addr_text(const struct rg_cfg_addr *a, char buf[IKE_ENDPOINT_TEXT]);

#endif
