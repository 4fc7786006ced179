/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of single certificates: keys, uses, names, and of a peer's chain
 * (RFC 4945, RFC 5280 6). Pure functions; any thread.
 */
#ifndef RG_CONTROL_AUTH_PEER_CERT_H
#define RG_CONTROL_AUTH_PEER_CERT_H

#include "control/auth/cert_cache.h"
#include "control/ike/crypto/sign.h"

#include <openssl/x509v3.h>

/* RSA of 2048 to 8192 bits with an exponent from 65537 to 64 bits, P-256, P-384, P-521, Ed25519, Ed448. */
bool peer_cert_key_acceptable(X509 *cert);

/* keyUsage and extendedKeyUsage allow IKE (RFC 4945 5.1.3.2 and 5.1.3.12). */
bool peer_cert_usage_acceptable(X509 *cert);

/* Of a key that is acceptable; false: of none that signs AUTH. */
bool peer_cert_key_kind(X509 *cert, enum ike_key_kind *kind);

/* To be freed by the caller; NULL: it has none. */
GENERAL_NAMES *peer_cert_sans(X509 *cert);

/* The identity is a SAN of its type, or for a DN the subject (RFC 4945 3.1, IM-9). */
bool peer_cert_names(X509 *cert, const GENERAL_NAMES *sans, const struct rg_id *id);

/* Whether the certificate names IP addresses, and whether `addr` is among them (IM-11, IM-12). */
void peer_cert_addresses(const GENERAL_NAMES *sans, const struct rg_cfg_addr *addr, bool *any, bool *match);

/* Which key it is, whatever else the certificate says and however it is written down: another certificate
 * for the key is the same device. Never 0. False: out of memory. */
bool peer_cert_device(X509 *cert, uint64_t *device);

/* From the peer's own certificate, the first, to an authority of `store`: a stack to be freed by the caller
 * with all that is in it, in `chain`; NULL unless the return is RG_AUTH_FAIL_NONE. */
enum rg_auth_failure peer_cert_chain(X509_STORE *store, struct cert_cache *cache,
                                     const struct rg_auth_cert *certs, size_t n, STACK_OF(X509) * *chain);

#endif
