/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CERT and CERTREQ payloads on both sides (RFC 7296 3.6, 3.7; RFC 4806; RFC 4945 3).
 * Core thread only.
 */
#ifndef RG_IKE_AUTH_CERT_H
#define RG_IKE_AUTH_CERT_H

#include "control/ike/auth.h"

/* Reads what the peer asks for into sa->init: which of our certificates it gets, and whether with an OCSP
 * response. Of the message before our own AUTH: IKE_SA_INIT's answer, or the first IKE_AUTH request. */
void auth_certreq_read(struct ike_sa *sa, const struct ike_msg *msg);

/* What we ask for: our authorities, and OCSP responses. */
void auth_certreq_write(const struct ike_sa *sa, struct ike_build *out);

/* The peer's certificates and OCSP responses into the claim. */
enum ike_reject auth_cert_read(struct auth_job *j, const struct ike_msg *msg);

/* Our certificates, the chosen one first, and the OCSP response if the peer asked. */
void auth_cert_write(const struct auth_job *j, struct ike_build *out);

#endif
