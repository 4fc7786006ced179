/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate authorities that peers' certificates must lead to. Read-only
 * after authorities_load(); any thread.
 */
#ifndef RG_CONTROL_AUTH_AUTHORITIES_H
#define RG_CONTROL_AUTH_AUTHORITIES_H

#include "control/auth/pem.h"

struct authorities {
	STACK_OF(X509) * certs;
	X509_STORE *store;
	uint8_t *certreq; /* a key hash for each (RFC 7296 3.7) */
	size_t certreq_len;
};

/* 0, or -EINVAL with `error` filled. */
int authorities_load(struct authorities *a, const struct rg_config *cfg, struct rg_auth_error *error);
void authorities_free(struct authorities *a);

#endif
