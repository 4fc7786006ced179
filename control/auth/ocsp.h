/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCSP responses that a peer sends along (RFC 4806, RFC 6960). Pure; any thread.
 */
#ifndef RG_CONTROL_AUTH_OCSP_H
#define RG_CONTROL_AUTH_OCSP_H

#include "control/auth/crl.h"

/* UNKNOWN: of another certificate, malformed, out of date, or by someone who may not say. */
enum cert_status ocsp_status(const struct rg_auth_cert *response, X509 *cert, X509 *issuer);

#endif
