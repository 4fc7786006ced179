/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration payload in IKE_AUTH (RFC 7296 2.19, 3.15; RFC 8598): virtual
 * addresses, DNS, domains. Core thread only.
 */
#ifndef RG_IKE_CP_H
#define RG_IKE_CP_H

#include "control/ike/ike_sa.h"

/* Responder: gives the peer an address of each family that it asked for and
 * that the pool has. 0, or the error notify: INTERNAL_ADDRESS_FAILURE, FAILED_CP_REQUIRED. */
uint16_t cp_read_request(struct ike_sa *sa, const struct ike_msg *msg);
/* CFG_REPLY; nothing if no address was given. */
void cp_build_reply(const struct ike_sa *sa, struct ike_build *out);

/* Initiator */
void cp_build_request(const struct ike_sa *sa, struct ike_build *out);
/* 0, -EPROTO (malformed), -ENOENT (no address came). */
int cp_read_reply(struct ike_sa *sa, const struct ike_msg *msg);

#endif
