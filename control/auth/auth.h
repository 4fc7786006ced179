/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may connect, and how both sides prove who they are: the immutable
 * context made from one configuration (secrets, own certificate and key,
 * authorities), the choice of a connection for a peer (PAD, RFC 4301 4.4.3),
 * signing, and checking a peer's certificates and signature (RFC 4945).
 *
 * The context is reference counted and does not change, but for revocation data
 * (rg_auth_refresh()): a reload makes another, and sessions keep the one that they
 * began with. It owns its `struct
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
#define RG_AUTH_OCSP_MAX   8192 /* octets of one OCSP response */
#define RG_AUTH_STATUS_MAX 4    /* OCSP responses of one peer */
#define RG_AUTH_SECRET_MAX 256  /* octets of a shared key */

/* Why a peer was refused: X(name, counter, what an operator reads). The peer always hears
 * AUTHENTICATION_FAILED (24), no more. */
#define RG_AUTH_FAILURES(X)                                                                                  \
	X(NONE, "auth-ok", "")                                                                               \
	X(NO_SECRET, "auth-no-secret", "there is no secret for this identity")                               \
	X(SECRET, "auth-wrong-secret", "wrong shared key")                                                   \
	X(METHOD, "auth-method", "the peer authenticates in another way than the connection asks for")       \
	X(NO_CERTIFICATE, "auth-no-certificate", "the peer sent no certificate")                             \
	X(CERTIFICATE_LIMITS, "auth-certificate-outside-limits",                                             \
	  "too many certificates, too large a one, or too long a chain")                                     \
	X(CERTIFICATE_SYNTAX, "auth-certificate-malformed", "a certificate is malformed")                    \
	X(CERTIFICATE_KEY, "auth-certificate-key-refused",                                                   \
	  "a key or signature in the chain is too weak, too large or of a kind that is not taken")           \
	X(CERTIFICATE_USAGE, "auth-certificate-usage", "the certificate is not for IKE (key usage)")         \
	X(CERTIFICATE_TIME, "auth-certificate-expired", "a certificate has expired or is not valid yet")     \
	X(CERTIFICATE_ISSUER, "auth-certificate-untrusted",                                                  \
	  "the certificate leads to none of `authorities`")                                                  \
	X(CERTIFICATE_CA, "auth-certificate-issuer-no-authority",                                            \
	  "an intermediate is not marked as an authority's (basicConstraints CA:TRUE); have it issued anew") \
	X(CERTIFICATE_CONSTRAINTS, "auth-certificate-name-constraints",                                      \
	  "an issuer may not give certificates for this name")                                               \
	X(CERTIFICATE_REVOKED, "auth-certificate-revoked", "a certificate of the chain is revoked")          \
	X(CERTIFICATE_STATUS, "auth-certificate-status-unknown",                                             \
	  "revocation is strict, and no list or response in date speaks for every certificate of the chain") \
	X(CERTIFICATE_NAME, "auth-identity-not-in-certificate", "the identity is not in the certificate")    \
	X(ADDRESS_IDENTITY, "auth-address-identity",                                                         \
	  "the identity is an address that it does not come from")                                           \
	X(CERTIFICATE_ADDRESS, "auth-certificate-address",                                                   \
	  "it comes from an address that is not among those of its certificate")                             \
	X(CERTIFICATE_NO_ADDRESS, "auth-certificate-without-address",                                        \
	  "the certificate names no address, and the connection does not take such by itself")               \
	X(OLD_METHOD, "auth-old-signature-method",                                                           \
	  "it signs by an old method (1: RSA with SHA-1; 9 to 11: ECDSA), which RFC 7427 forbids once both " \
	  "sides announced hash algorithms; let it use method 14, or announce none")                         \
	X(ALGORITHM, "auth-signature-algorithm", "the signature's algorithm is not taken")                   \
	X(SIGNATURE, "auth-wrong-signature", "wrong signature")                                              \
	X(INTERNAL, "auth-internal-error", "an internal error")

enum rg_auth_failure {
#define X(name, counter, text) RG_AUTH_FAIL_##name,
	RG_AUTH_FAILURES(X)
#undef X
	        RG_AUTH_FAIL_COUNT
};

/* The counter's name of a failure, and what it means to an operator. */
const char *rg_auth_failure_name(enum rg_auth_failure failure);
const char *rg_auth_failure_text(enum rg_auth_failure failure);

/* Takes over `cfg` in every case (freed on failure). Reads every file that it names; NULL with `error`
 * filled where one is missing, too open, or does not fit the others. */
struct rg_auth *rg_auth_load(struct rg_config *cfg, struct rg_auth_error *error);
struct rg_auth *rg_auth_ref(struct rg_auth *auth);
void rg_auth_unref(struct rg_auth *auth); /* NULL: nothing */

const struct rg_config *rg_auth_config(const struct rg_auth *auth);

/* Our identity, for the IDr (or IDi) payload. */
const struct rg_id *rg_auth_identity(const struct rg_auth *auth);

/* Which of our certificates suits a peer that asks for authorities by `n` key hashes of 20 octets (0: it did
 * not ask), and announced these hash algorithms (as rg_auth_sign()). */
size_t rg_auth_choose(const struct rg_auth *auth, const uint8_t *hashes, size_t n, uint32_t peer_hashes);

/* That certificate and its chain for CERT payloads, leaf first; DER, borrowed. Returns how many there are. */
size_t rg_auth_chain(const struct rg_auth *auth, size_t credential, size_t index, const uint8_t **der,
                     size_t *len);

/* A copy of the OCSP response for it, to be freed; NULL: there is none. */
uint8_t *rg_auth_staple(struct rg_auth *auth, size_t credential, size_t *len);

/* Whether peers are asked to send OCSP responses along: where one is needed. Others would leave a bad one
 * out. */
bool rg_auth_wants_staples(const struct rg_auth *auth);

/* Reads revocation lists and OCSP responses again where a file has changed. 1: done; 0: nothing changed;
 * -EINVAL with `error` filled: what was read before stays in force, and the files are not tried again before
 * the next change. */
int rg_auth_refresh(struct rg_auth *auth, struct rg_auth_error *error);

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

/* The shared key of the secret whose pattern fits `peer` best: its length, -ENOENT, or -EMSGSIZE where
 * `size` is less than RG_AUTH_SECRET_MAX and too small. The caller wipes `out`. */
int rg_auth_psk(const struct rg_auth *auth, const struct rg_id *peer, uint8_t *out, size_t size);

/* The connection that speaks for us while EAP is at work, when only IDr (`local_name`, NULL: none) is known:
 * the first with `remote: eap-mschapv2` whose own side proves itself by a certificate or, where the peer
 * takes that (`eap_only`, RFC 5998), by the method alone. -ENOENT: none. */
int rg_auth_eap_connection(const struct rg_auth *auth, const struct rg_id *local_name, bool eap_only);

/* The user of EAP that a packet names; the name of `out` is that of the file. False: there is none, and the
 * hash is nobody's (H29). The caller wipes `out`. */
bool rg_auth_eap_user(const struct rg_auth *auth, const uint8_t *name, size_t len, struct eap_user *out);

/* Signs with a private key of ours. `peer_hashes`: the peer's SIGNATURE_HASH_ALGORITHMS, as
 * ike_hashes_decode() has them (0: it sent none, so an old method is used). 0, -ENOKEY (no private key), or
 * what ike_sign() returns. */
int rg_auth_sign(const struct rg_auth *auth, size_t credential, uint32_t peer_hashes, const uint8_t *octets,
                 size_t octets_len, uint8_t *method, uint8_t *out, size_t cap, size_t *len);

struct rg_auth_cert {
	const uint8_t *der;
	size_t len;
};

/* What a peer claims. Everything is borrowed for the call. */
struct rg_auth_claim {
	const struct rg_id *peer;
	uint8_t method; /* of the AUTH payload */
	bool announced; /* it sent SIGNATURE_HASH_ALGORITHMS, as we always do (RFC 7427 4) */
	const uint8_t *data;
	size_t len;
	const uint8_t *octets; /* that AUTH covers (RFC 7296 2.15) */
	size_t octets_len;
	const struct rg_auth_cert
	        *certs; /* X.509, in the order of the message: the first is the peer's own */
	size_t n_certs;
	const struct rg_auth_cert *responses; /* OCSP (RFC 4806) */
	size_t n_responses;
	const struct rg_cfg_connection *connection; /* whose rules on addresses hold; NULL: none do */
	struct rg_cfg_addr address;                 /* where it comes from */
};

/* What a check found out beside its verdict. */
struct rg_auth_found {
	bool elsewhere;  /* it comes from an address that its certificate does not name, and the connection
	                    says `log` */
	uint64_t device; /* of the key that it proved to hold, whatever certificate it is in; 0: no connection
	                    tells devices of one identity apart */
};

/* Whether the peer is who it says: limits of its certificates, the chain up to an authority, dates, uses, the
 * identity in the certificate (IM-9, RFC 4945 3.1), the signature; and, only for who holds the key,
 * revocation and addresses (IM-10 to IM-12). Nothing is fetched (H27), and only chains that were good are
 * remembered (H28). `found` is filled in in any case. */
enum rg_auth_failure rg_auth_verify(struct rg_auth *auth, const struct rg_auth_claim *claim,
                                    struct rg_auth_found *found);

/* IM-10: an identity that is an address, where the connection is strict. For every kind of authentication. */
enum rg_auth_failure rg_auth_address_identity(const struct rg_auth_claim *claim);

/* Chains that are remembered. */
size_t rg_auth_remembered(struct rg_auth *auth);

/* Signatures of revocation lists that peers made us check since the lists were read. */
size_t rg_auth_lists_checked(struct rg_auth *auth);

#endif
