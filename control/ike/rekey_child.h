/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both roles of a Child SA's rekey share: the lower nonce of an exchange,
 * and which of two exchanges loses (RFC 7296 2.8.1). Pure, but for the SAs given.
 */
#ifndef RG_IKE_REKEY_CHILD_H
#define RG_IKE_REKEY_CHILD_H

#include "control/ike/child_sa.h"
#include "control/ike/wire/payload.h"

#define REKEY_NONCE_LEN  32u
#define REKEY_RETRY_MS   10000u  /* after a refusal (RFC 7296 2.25: "MUST wait") */
#define REKEY_GIVE_UP_MS 300000u /* of TEMPORARY_FAILURE alone */

/* Octet by octet; where one ends first it is the lower. Below, equal, above 0 as memcmp(). */
int rekey_compare_nonces(struct ike_view a, struct ike_view b);

/* The lower of the two, cut to 32 octets: ours are no longer. Returns its length. */
size_t rekey_lowest_nonce(struct ike_view a, struct ike_view b, uint8_t out[REKEY_NONCE_LEN]);

/* The retry time of a refused rekey: jittered, so that two peers do not collide again. */
uint64_t rekey_retry_ms(const struct ike_sa *sa);

/* The peer refused a CREATE_CHILD_SA with INVALID_KE_PAYLOAD (RFC 7296 1.3): the group of one of our
 * proposals that it wants instead of the one that we tried; 0: that is not what the answer says. */
uint16_t rekey_other_group(const struct rg_cfg_proposal *ours, size_t n, uint16_t tried,
                           const struct ike_msg *answer);

/* The peer refused a rekey or a new Child SA. One that says TEMPORARY_FAILURE for minutes has lost our state:
 * the IKE SA is deleted (RFC 7296 2.25). */
void rekey_refused(struct ike_sa *sa, uint16_t error);

/* The same of a rekey. One that says NO_ADDITIONAL_SAS has another session made in place of this one (4). */
void rekey_renewal_refused(struct ike_sa *sa, uint16_t error);

#endif
