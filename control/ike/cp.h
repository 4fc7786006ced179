/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration payload (RFC 7296 2.19, 3.15; RFC 8598): virtual addresses, DNS,
 * domains, networks. cp.c is the responder's side, cp_initiator.c the initiator's. Core thread only.
 */
#ifndef RG_IKE_CP_H
#define RG_IKE_CP_H

#include "control/ike/ike_sa.h"

/* Responder: gives the peer an address of each family that it asked for and
 * that the pool has. 0, or the error notify: INTERNAL_ADDRESS_FAILURE, FAILED_CP_REQUIRED. */
uint16_t cp_read_request(struct ike_sa *sa, const struct ike_msg *msg);
/* CFG_REPLY with what was asked for, as far as there is some, whether an address was asked for or not;
 * nothing where there was no CFG_REQUEST. */
void cp_build_reply(struct ike_sa *sa, struct ike_build *out);
/* The same in a later exchange: the session's addresses are named again, and one that has none may get
 * them now. 0, or INTERNAL_ADDRESS_FAILURE, INVALID_SYNTAX. */
uint16_t cp_read_later(struct ike_sa *sa, const struct ike_msg *msg);

void cp_build_address(const struct ike_vip *vip, struct ike_build *out);

/* Initiator */
void cp_build_request(const struct ike_sa *sa, struct ike_build *out);
/* 0, -EPROTO (malformed), -ENOENT (no address came). */
int cp_read_reply(struct ike_sa *sa, const struct ike_msg *msg);

#define CP_MAX_DNS     8u
#define CP_MAX_SUBNETS 16u
#define CP_MAX_DOMAINS 32u
#define CP_MAX_DOMAIN  254u

/* What the responder said beside the addresses; for whoever sets up the client's host. */
struct cp_taken {
	struct rg_cfg_addr dns[CP_MAX_DNS];
	unsigned n_dns;
	struct rg_cfg_prefix subnets[CP_MAX_SUBNETS];
	unsigned n_subnets;
	char *domains[CP_MAX_DOMAINS]; /* that `dns` resolves; none: all */
	unsigned n_domains;
};
void cp_forget(struct ike_sa *sa);

#endif
