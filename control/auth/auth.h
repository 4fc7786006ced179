/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may connect, and how both sides prove who they are: the immutable
 * context made from one configuration (secrets, own certificate and key,
 * authorities), the choice of a connection for a peer (PAD, RFC 4301 4.4.3),
 * signing, and checking a peer's certificates and signature (RFC 4945).
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
#include "control/eap/eap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rg_auth;

struct rg_auth_error {
	char text[768]; /* what is wrong, where, and what to do; never a secret */
};

#define RG_AUTH_CERTS_MAX  8    /* CERT payloads of one peer */
#define RG_AUTH_CERT_MAX   8192 /* octets of one certificate */
#define RG_AUTH_DEPTH_MAX  6    /* intermediates between a peer and an authority */
#define RG_AUTH_SECRET_MAX 256  /* octets of a shared key */

/* Why a peer was refused: X(name, counter). The peer always hears AUTHENTICATION_FAILED (24), no more. */
#define RG_AUTH_FAILURES(X)                                                                                  \
	X(NONE, "auth-ok")                                                                                   \
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

/* The counter's name of a failure, and what it means to an operator. */
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

/* The first connection of the file whose `remote` authentication is `how` and one of whose identity
 * patterns matches `peer`; `local_name` is the peer's IDr: NULL where it sent none, else it must be our
 * identity. -ENOENT: none. Returns the index in the configuration. */
int rg_auth_connection(const struct rg_auth *auth, const struct rg_id *peer, const struct rg_id *local_name,
                       enum rg_cfg_auth how);

/* The connection as the rule of this identity has it (control/auth/pad.h): the connection itself where no
 * rule of it matches. `cookie` is rg_id_cookie(peer). */
const struct rg_cfg_connection *rg_auth_rights(const struct rg_auth *auth,
                                               const struct rg_cfg_connection *connection,
                                               const struct rg_id *peer, uint64_t cookie);

/* The shared key of the first secret whose pattern matches `peer`: its length, -ENOENT, or -EMSGSIZE where
 * `size` is less than RG_AUTH_SECRET_MAX and too small. The caller wipes `out`. */
int rg_auth_psk(const struct rg_auth *auth, const struct rg_id *peer, uint8_t *out, size_t size);

/* The connection that speaks for us while EAP is at work, when only IDr (`local_name`, NULL: none) is known:
 * the first with `remote: eap-mschapv2` whose own side proves itself by a certificate or, where the peer
 * takes that (`eap_only`, RFC 5998), by the method alone. -ENOENT: none. */
int rg_auth_eap_connection(const struct rg_auth *auth, const struct rg_id *local_name, bool eap_only);

/* The user of EAP that a packet names; the name of `out` is that of the file. False: there is none, and the
 * hash is nobody's (H29). The caller wipes `out`. */
bool rg_auth_eap_user(const struct rg_auth *auth, const uint8_t *name, size_t len, struct eap_user *out);

/* Signs with our private key. `peer_hashes`: the peer's SIGNATURE_HASH_ALGORITHMS as bits, 1 << IANA number
 * (0: it sent none, so an old method is used). 0, -ENOKEY (no private key), or what ike_sign() returns. */
int rg_auth_sign(const struct rg_auth *auth, uint32_t peer_hashes, const uint8_t *octets, size_t octets_len,
                 uint8_t *method, uint8_t *out, size_t cap, size_t *len);

struct rg_auth_cert {
	const uint8_t *der;
	size_t len;
};

/* What a peer claims. Everything is borrowed for the call. */
struct rg_auth_claim {
	const struct rg_id *peer;
	uint8_t method; /* of the AUTH payload */
	const uint8_t *data;
	size_t len;
	const uint8_t *octets; /* that AUTH covers (RFC 7296 2.15) */
	size_t octets_len;
	const struct rg_auth_cert
	        *certs; /* X.509, in the order of the message: the first is the peer's own */
	size_t n_certs;
};

/* Whether the peer is who it says: limits of its certificates, the chain up to an authority, dates, uses, the
 * identity in the certificate (IM-9, RFC 4945 3.1), and last the signature. Nothing is fetched, nothing is
 * cached (H27, H28). */
enum rg_auth_failure rg_auth_verify(const struct rg_auth *auth, const struct rg_auth_claim *claim);

#endif
