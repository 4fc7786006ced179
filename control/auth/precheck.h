/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of several peers, looked at together before each of them is judged: where
 * peers, as nearly all do, have keys of P-256 from an authority that has one. Any thread.
 */
#ifndef RG_CONTROL_AUTH_PRECHECK_H
#define RG_CONTROL_AUTH_PRECHECK_H

#include "control/auth/authorities.h"
#include "control/auth/peer_cert.h"

struct precheck {
	const struct authorities *authorities;
	const struct rg_auth_claim *claim;
	struct peer_cert cert; /* opened */
	bool signs;            /* out: AUTH was made with the key of its certificate, by ECDSA with SHA-256 */
};

/* At most RG_AUTH_TOGETHER. Sets `signs` and `cert.signer` where both are plain; what stays unset is to be
 * found out in the usual way. */
void precheck_signatures(struct precheck *checks, size_t n);

#endif
