/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who speaks for which network: prefixes that sessions hold beside their virtual
 * addresses, so that no authenticated peer takes another's (H30). A prefix that overlaps one of another
 * owner cannot be taken; one owner may hold any. Core thread only.
 */
#ifndef RG_IKE_CLAIMS_H
#define RG_IKE_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

struct claim_node;

struct claims {
	struct claim_node *root[2]; /* IPv4, IPv6 */
};

struct claim {
	uint8_t family, len;
	uint8_t prefix[16];
};

/* Each take needs one give by the same owner. 0; -EEXIST: another owner holds some of it; -ENOMEM. */
int claims_take(struct claims *claims, const struct claim *claim, uint64_t owner);
void claims_give(struct claims *claims, const struct claim *claim);
void claims_clear(struct claims *claims);

#endif
