/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes between two loads of the configuration: revocation lists, and the
 * OCSP responses for our own certificates. One immutable set of them, by reference
 * count. Any thread.
 */
#ifndef RG_CONTROL_AUTH_STATUS_H
#define RG_CONTROL_AUTH_STATUS_H

#include "control/auth/credential.h"
#include "control/auth/crl.h"

struct status {
	_Atomic unsigned refs;
	struct crls *crls;
	struct credential_der staples[CREDENTIALS_MAX]; /* by credential; len 0: none */
	uint64_t stamp;                                 /* of the files when they were read */
};

/* NULL with `error` filled. */
struct status *status_load(const struct rg_config *cfg, const struct authorities *authorities,
                           struct rg_auth_error *error);
struct status *status_ref(struct status *status);
void status_unref(struct status *status); /* NULL: nothing */

/* Differs from status->stamp when a file is another than it was. */
uint64_t status_stamp(const struct rg_config *cfg);

/* The certificates from `chain`'s first to that below the trusted one: none may be revoked, and under
 * `strict` each must be known to be good. */
enum rg_auth_failure status_check(const struct status *status, enum rg_cfg_revocation policy,
                                  STACK_OF(X509) * chain, const struct rg_auth_cert *responses, size_t n);

#endif
