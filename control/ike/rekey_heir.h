/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The new IKE SA of a rekey, for both roles (RFC 7296 2.8.2). Internal to
 * control/ike/rekey_ike*.c; core thread only.
 */
#ifndef RG_IKE_REKEY_HEIR_H
#define RG_IKE_REKEY_HEIR_H

#include "control/ike/ike_sa.h"

/* Gives a fresh one what it needs to send and receive, while `old` still has the session. */
void rekey_heir_prepare(struct ike_sa *heir, const struct ike_sa *old);

/* Established, but without the session: redundant, to be deleted by whoever made it. */
void rekey_heir_bare(struct ike_sa *heir, const struct ike_sa *old);

/* Takes over the session; `old` is REKEYED after it. */
void rekey_heir_inherit(struct ike_sa *heir, struct ike_sa *old);

/* Did this one's exchange have the lowest nonce of the four? */
bool rekey_heir_loses(const struct ike_sa *heir, const struct ike_sa *other);

#endif
