/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TSi and TSr: lists of traffic selectors (RFC 7296 3.13). Decoded selectors
 * are copies in host order for ports, network order for addresses. Pure; any
 * thread.
 */
#ifndef RG_IKE_WIRE_SELECTOR_H
#define RG_IKE_WIRE_SELECTOR_H

#include "control/ike/wire/msg.h"

#define IKE_MAX_TS 32u /* selectors of one payload that we look at */

struct ike_selector {
	uint8_t family;   /* 4 or 6 */
	uint8_t protocol; /* 0: any */
	/* 0 and 65535: any. 65535 and 0: OPAQUE (RFC 4301 4.4.1.1). ICMP: type in the high 8 bits, code low.
	 */
	uint16_t port_first, port_last;
	uint8_t first[16], last[16]; /* inclusive, IPv4 in the first 4 */
};

struct ike_selectors {
	uint8_t n;       /* may be 0: all were of types that we don't know */
	uint8_t unknown; /* selectors of unknown types, skipped (RFC 7296 3.13.1) */
	struct ike_selector ts[IKE_MAX_TS];
};

enum ike_reject ike_selectors_decode(struct ike_selectors *out, const struct ike_payload *p);

#endif
