/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate revocation lists from files (RFC 5280 5, 6.3). Read-only after
 * crls_load(), but for what it found out about issuers, which is locked; any thread.
 */
#ifndef RG_CONTROL_AUTH_CRL_H
#define RG_CONTROL_AUTH_CRL_H

#include "control/auth/authorities.h"

/* What a list or a response says of a certificate. */
enum cert_status { STATUS_UNKNOWN, STATUS_GOOD, STATUS_REVOKED };

struct crls;

/* NULL with `error` filled. */
struct crls *crls_load(char *const *files, size_t n, const struct authorities *authorities,
                       struct rg_auth_error *error);
void crls_free(struct crls *crls); /* NULL: nothing */

/* GOOD: a list in date has it not. REVOKED: a list has it, in date or expired. */
enum cert_status crls_status(struct crls *crls, X509 *cert, X509 *issuer);

/* Signatures of lists that crls_status() checked. */
size_t crls_checked(struct crls *crls);

#endif
