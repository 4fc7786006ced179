/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may connect, and how both sides prove who they are: the immutable
 * context made from one configuration (secrets, own certificate and key,
 * authorities), the choice of a connection for a peer, and making and checking
 * AUTH values (RFC 7296 2.15, RFC 7427, RFC 8420, RFC 4754).
 *
 * The context is reference counted and never changes: a reload makes another,
 * and sessions keep the one that they began with. It owns its `struct
 * rg_config`, so connection pointers live as long as the reference. All
 * functions may be called on any thread at once, so signing and checking run as
 * jobs of the thread pool; they take 0.1 to 5 ms.
 */
#ifndef RG_CONTROL_AUTH_AUTH_H
#define RG_CONTROL_AUTH_AUTH_H

#include "config/config.h"
#include "control/auth/id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rg_auth;

struct rg_auth_error {
	char text[768]; /* what is wrong, where, and what to do; never a secret */
};

/* RFC 7296 3.8, RFC 7427 3, RFC 4754 3. */
enum rg_auth_method {
	RG_AUTH_RSA_SHA1 = 1, /* "RSA Digital Signature": SHA-1 or SHA-256, PKCS#1 v1.5 */
	RG_AUTH_SHARED_KEY = 2,
	RG_AUTH_ECDSA_256 = 9,
	RG_AUTH_ECDSA_384 = 10,
	RG_AUTH_ECDSA_521 = 11,
	RG_AUTH_SIGNATURE = 14,
};

/* SIGNATURE_HASH_ALGORITHMS (RFC 7427 4, RFC 8420 2) as bits: 1 << IANA number. */
#define RG_HASH_BIT(number) (1u << (number))
#define RG_HASH_SHA256      2
#define RG_HASH_SHA384      3
#define RG_HASH_SHA512      4
#define RG_HASH_IDENTITY    5

#define RG_AUTH_VALUE_MAX 1152 /* an RSA-8192 signature with its AlgorithmIdentifier */
#define RG_AUTH_CERTS_MAX 8    /* CERT payloads of one peer */
#define RG_AUTH_CERT_MAX  8192 /* octets of one certificate */
#define RG_CERT_X509      4    /* RFC 7296 3.6: X.509 Certificate - Signature */

/* Why a peer was refused: X(name, counter). The peer always hears AUTHENTICATION_FAILED (24), no more. */
#define RG_AUTH_FAILURES(X)                                                                                  \
	X(NONE, "auth-ok")                                                                                   \
	X(NO_CONNECTION, "auth-no-connection-for-identity")                                                  \
	X(METHOD, "auth-method-not-allowed")                                                                 \
	X(SECRET, "auth-wrong-secret")                                                                       \
	X(NO_SECRET, "auth-no-secret-for-identity")                                                          \
	X(NO_CERTIFICATE, "auth-no-certificate")                                                             \
	X(CERTIFICATE_LIMITS, "auth-certificate-outside-limits")                                             \
	X(CERTIFICATE_SYNTAX, "auth-certificate-malformed")                                                  \
	X(CERTIFICATE_KEY, "auth-certificate-key-refused")                                                   \
	X(CERTIFICATE_USAGE, "auth-certificate-usage")                                                       \
	X(CERTIFICATE_TIME, "auth-certificate-expired")                                                      \
	X(CERTIFICATE_ISSUER, "auth-certificate-untrusted")                                                  \
	X(CERTIFICATE_NAME, "auth-identity-not-in-certificate")                                              \
	X(ALGORITHM, "auth-signature-algorithm")                                                             \
	X(SIGNATURE, "auth-wrong-signature")                                                                 \
	X(INTERNAL, "auth-internal-error")

enum rg_auth_failure {
#define X(name, counter) RG_AUTH_FAIL_##name,
	RG_AUTH_FAILURES(X)
#undef X
	        RG_AUTH_FAIL_COUNT
};

/* The counter's name of a failure. */
const char *rg_auth_failure_name(enum rg_auth_failure failure);

/* Takes over `cfg` in every case (freed on failure). Reads every file that it names; NULL with `error`
 * filled where one is missing, too open, or does not fit the others. */
struct rg_auth *rg_auth_load(struct rg_config *cfg, struct rg_auth_error *error);
struct rg_auth *rg_auth_ref(struct rg_auth *auth);
void rg_auth_unref(struct rg_auth *auth); /* NULL: nothing */

const struct rg_config *rg_auth_config(const struct rg_auth *auth);

/* Our identity, for the IDr (or IDi) payload. */
const struct rg_id *rg_auth_identity(const struct rg_auth *auth);

/* Our certificate chain for CERT payloads, leaf first; DER, borrowed. Returns the number of certificates. */
size_t rg_auth_chain(const struct rg_auth *auth, size_t index, const uint8_t **der, size_t *len);

/* The body of a CERTREQ with encoding 4: SHA-1 of each authority's SubjectPublicKeyInfo (RFC 7296 3.7).
 * `len` 0: no authorities, send none. */
const uint8_t *rg_auth_certreq(const struct rg_auth *auth, size_t *len);

/* The hash algorithms that we announce in SIGNATURE_HASH_ALGORITHMS, as bits. */
uint16_t rg_auth_hashes(void);

/* The first connection of the file whose `remote` authentication is that of `method` (an AUTH payload's) and
 * one of whose identity patterns matches; `local_name` is the peer's IDr, NULL where it sent none: then it
 * must equal our identity. NULL: none. */
const struct rg_cfg_connection *rg_auth_connection(const struct rg_auth *auth, const struct rg_id *peer,
                                                   uint8_t method, const struct rg_id *local_name);

/* What an AUTH value covers: message, nonce and MACed identity, put together as RFC 7296 2.15 says. */
struct rg_auth_octets {
	uint16_t prf; /* IANA transform ID of the negotiated PRF; shared key only */
	const uint8_t *data;
	size_t len;
};

struct rg_auth_value {
	uint8_t method; /* enum rg_auth_method */
	uint16_t len;
	uint8_t data[RG_AUTH_VALUE_MAX];
};

/* Makes our AUTH value. `how` is the connection's local_auth; `peer` chooses the shared key; `hashes` are the
 * peer's SIGNATURE_HASH_ALGORITHMS as bits (0: it sent none, so the old methods are used). Returns 0,
 * -ENOKEY (no secret, no private key), -ENOTSUP (no method that both know) or -EIO. */
int rg_auth_sign(const struct rg_auth *auth, enum rg_cfg_auth how, const struct rg_id *peer, uint16_t hashes,
                 const struct rg_auth_octets *octets, struct rg_auth_value *out);

struct rg_auth_cert {
	uint8_t encoding; /* RFC 7296 3.6; all but RG_CERT_X509 are skipped, nothing is ever fetched */
	const uint8_t *data;
	size_t len;
};

/* What a peer claims. Everything is borrowed for the call. */
struct rg_auth_claim {
	enum rg_cfg_auth how; /* the connection's remote_auth */
	const struct rg_id *peer;
	uint8_t method; /* of the AUTH payload */
	const uint8_t *data;
	size_t len;
	const struct rg_auth_cert *certs; /* in the order of the message: the first is the peer's own */
	size_t n_certs;
	struct rg_auth_octets octets;
};

/* Whether the peer is who it says: the AUTH value, and with certificates the chain up to an authority, its
 * dates, uses and limits, and the identity in the certificate (IM-9, RFC 4945 3.1). An identity without a
 * shared key costs the same time as a wrong key. */
enum rg_auth_failure rg_auth_verify(const struct rg_auth *auth, const struct rg_auth_claim *claim);

#endif
