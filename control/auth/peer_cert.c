/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificates of a peer are believed (RFC 4945, RFC 5280 6). All limits
 * are checked before the first signature is, so that what a peer sends cannot
 * choose how long the check takes (H27). Pure functions; any thread.
 */
#include "control/auth/peer_cert.h"

#include "control/ike/crypto/hash.h"
#include "control/ike/crypto/sign.h"
#include "control/ike/wire/bytes.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192

static bool rsa_acceptable(const EVP_PKEY *key)
{
	BIGNUM *e = NULL;
	int bits = EVP_PKEY_get_bits(key);
	bool good = bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX &&
	            EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
	            BN_num_bits(e) >= 17 && BN_num_bits(e) <= 64;

	BN_free(e);
	return good;
}

static bool ec_acceptable(const EVP_PKEY *key)
{
	char group[32];
	size_t len;
	int nid;

	if (EVP_PKEY_get_group_name(key, group, sizeof(group), &len) != 1)
		return false;
	nid = OBJ_txt2nid(group);
	return nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 || nid == NID_secp521r1;
}

/* Of a key whose curve is named, as RFC 5480 2.1.1 demands: what stands there is what OpenSSL made the key
 * of, which takes longer to tell. NID_undef: another key. */
static int named_curve(X509 *cert)
{
	const void *value;
	X509_ALGOR *algorithm;
	int type;

	if (X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, X509_get_X509_PUBKEY(cert)) != 1)
		return NID_undef;
	X509_ALGOR_get0(NULL, &type, &value, algorithm);
	return type == V_ASN1_OBJECT ? OBJ_obj2nid(value) : NID_undef;
}

bool peer_cert_key_kind(X509 *cert, enum ike_key_kind *kind)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);

	if (!key)
		return false;
	if (EVP_PKEY_get_id(key) == EVP_PKEY_EC && named_curve(cert) == NID_X9_62_prime256v1) {
		*kind = IKE_KEY_P256;
		return true;
	}
	return ike_key_kind(key, kind) == 0;
}

bool peer_cert_key_acceptable(X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);

	if (!key)
		return false;
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		return rsa_acceptable(key);
	case EVP_PKEY_EC:
		return named_curve(cert) == NID_X9_62_prime256v1 || ec_acceptable(key);
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448:
		return true;
	default:
		return false;
	}
}

/* RFC 4945 5.1.3.12: iKEIntermediate's successor ipsecIKE, or any; TLS uses are accepted as well because
 * that is what most issuers put into certificates for VPNs. */
static bool purpose_is_ike(const ASN1_OBJECT *purpose)
{
	switch (OBJ_obj2nid(purpose)) {
	case NID_ipsec_IKE:
	case NID_anyExtendedKeyUsage:
	case NID_client_auth:
	case NID_server_auth:
		return true;
	default:
		return false;
	}
}

bool peer_cert_usage_acceptable(X509 *cert)
{
	uint32_t usage = X509_get_key_usage(cert); /* UINT32_MAX: not restricted */
	uint32_t extended;
	EXTENDED_KEY_USAGE *purposes;
	bool good = false;

	if (!(usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
		return false;
	extended =
	        X509_get_extended_key_usage(cert); /* those that OpenSSL has bits for; UINT32_MAX: absent */
	if (extended & (XKU_SSL_CLIENT | XKU_SSL_SERVER | XKU_ANYEKU))
		return true;
	purposes = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
	for (int i = 0; i < sk_ASN1_OBJECT_num(purposes); i++)
		good |= purpose_is_ike(sk_ASN1_OBJECT_value(purposes, i));
	EXTENDED_KEY_USAGE_free(purposes);
	return good;
}

static bool same_text(const ASN1_STRING *san, const struct rg_id *id)
{
	return ASN1_STRING_length(san) == id->len &&
	       strncasecmp((const char *)ASN1_STRING_get0_data(san), (const char *)id->value, id->len) == 0 &&
	       !memchr(ASN1_STRING_get0_data(san), '\0', id->len);
}

static bool san_is(const GENERAL_NAME *san, const struct rg_id *id)
{
	switch (id->type) {
	case RG_ID_FQDN:
		return san->type == GEN_DNS && same_text(san->d.dNSName, id);
	case RG_ID_RFC822_ADDR:
		return san->type == GEN_EMAIL && same_text(san->d.rfc822Name, id);
	case RG_ID_IPV4_ADDR:
	case RG_ID_IPV6_ADDR:
		return san->type == GEN_IPADD && ASN1_STRING_length(san->d.iPAddress) == id->len &&
		       memcmp(ASN1_STRING_get0_data(san->d.iPAddress), id->value, id->len) == 0;
	default: /* a key id is in no certificate */
		return false;
	}
}

static bool subject_is(X509 *cert, const struct rg_id *id)
{
	const unsigned char *at = id->value;
	X509_NAME *name = d2i_X509_NAME(NULL, &at, id->len);
	bool same = name && X509_NAME_cmp(name, X509_get_subject_name(cert)) == 0;

	X509_NAME_free(name);
	return same;
}

GENERAL_NAMES *peer_cert_sans(X509 *cert)
{
	return X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
}

bool peer_cert_names(X509 *cert, const GENERAL_NAMES *sans, const struct rg_id *id)
{
	bool found = false;

	if (id->type == RG_ID_DER_ASN1_DN)
		return subject_is(cert, id);
	for (int i = 0; i < sk_GENERAL_NAME_num(sans) && !found; i++)
		found = san_is(sk_GENERAL_NAME_value(sans, i), id);
	return found;
}

void peer_cert_addresses(const GENERAL_NAMES *sans, const struct rg_cfg_addr *addr, bool *any, bool *match)
{
	struct rg_id id = {.type = addr->family == 4 ? RG_ID_IPV4_ADDR : RG_ID_IPV6_ADDR,
	                   .len = addr->family == 4 ? 4 : 16};

	memcpy(id.value, addr->bytes, id.len);
	*any = *match = false;
	for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
		const GENERAL_NAME *san = sk_GENERAL_NAME_value(sans, i);

		*any = *any || san->type == GEN_IPADD;
		*match = *match || san_is(san, &id);
	}
}

/* RSA's modulus; of a point on a curve the x, which is the same whether it is compressed or not (and for
 * -y, which is the same holder's); else the key as it is. Its length, 0 on failure. */
static size_t key_value(const EVP_PKEY *key, uint8_t *out, size_t size)
{
	bool rsa = EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");
	BIGNUM *number = NULL;
	size_t len = size;
	int n = 0;

	if (!rsa && !EVP_PKEY_is_a(key, "EC"))
		return EVP_PKEY_get_raw_public_key(key, out, &len) == 1 ? len : 0;
	if (EVP_PKEY_get_bn_param(key, rsa ? OSSL_PKEY_PARAM_RSA_N : OSSL_PKEY_PARAM_EC_PUB_X, &number) ==
	            1 &&
	    (size_t)BN_num_bytes(number) <= size)
		n = BN_bn2bin(number, out);
	BN_free(number);
	return (size_t)n;
}

bool peer_cert_device(X509 *cert, uint64_t *device)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);
	uint8_t value[RSA_BITS_MAX / 8], digest[IKE_SHA256_LEN];
	size_t len = key ? key_value(key, value, sizeof(value)) : 0;

	if (len == 0)
		return false;
	ike_sha256(value, len, digest);
	*device = get_be64(digest) | 1;
	return true;
}

/* Signatures are over DER, and what is remembered goes by the octets: there is one way only to write a
 * certificate down. */
static bool is_der(X509 *cert, const struct rg_auth_cert *in)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);
	bool same = len > 0 && (size_t)len == in->len && memcmp(der, in->der, in->len) == 0;

	OPENSSL_free(der);
	return same;
}

/* NULL: not a whole certificate in DER. */
static X509 *read_in(OSSL_LIB_CTX *context, const struct rg_auth_cert *in)
{
	const unsigned char *at = in->der;
	X509 *cert = X509_new_ex(context, NULL);

	if (cert && d2i_X509(&cert, &at, (long)in->len) && at == in->der + in->len && is_der(cert, in))
		return cert;
	X509_free(cert);
	return NULL;
}

/* Its context knows its own key, and its issuer's. */
static bool all_ec(const X509 *cert)
{
	switch (X509_get_signature_nid(cert)) {
	case NID_ecdsa_with_SHA256:
	case NID_ecdsa_with_SHA384:
	case NID_ecdsa_with_SHA512:
		return X509_get0_pubkey(cert) != NULL;
	default:
		return false;
	}
}

/* Most are of elliptic curves alone, and where one looks so, that is tried first. */
static X509 *read_any(const struct rg_auth_cert *in)
{
	static const uint8_t ec_key[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
	OSSL_LIB_CTX *ec = ike_ec_libctx();
	X509 *cert = NULL;

	if (ec && memmem(in->der, in->len, ec_key, sizeof(ec_key)))
		cert = read_in(ec, in);
	if (cert && all_ec(cert))
		return cert;
	X509_free(cert);
	return read_in(ike_peer_libctx(), in);
}

static enum rg_auth_failure decode(const struct rg_auth_cert *in, X509 **out)
{
	if (in->len < 1 || in->len > RG_AUTH_CERT_MAX)
		return RG_AUTH_FAIL_CERTIFICATE_LIMITS;
	*out = read_any(in);
	if (!*out)
		return RG_AUTH_FAIL_CERTIFICATE_SYNTAX;
	if (peer_cert_key_acceptable(*out))
		return RG_AUTH_FAIL_NONE;
	X509_free(*out);
	*out = NULL;
	return RG_AUTH_FAIL_CERTIFICATE_KEY;
}

/* All but the peer's own. */
static enum rg_auth_failure decode_rest(const struct rg_auth_cert *certs, size_t n, STACK_OF(X509) * rest)
{
	enum rg_auth_failure failure = RG_AUTH_FAIL_NONE;

	for (size_t i = 1; i < n && !failure; i++) {
		X509 *cert = NULL;

		failure = decode(&certs[i], &cert);
		if (cert && !sk_X509_push(rest, cert)) {
			X509_free(cert);
			failure = RG_AUTH_FAIL_INTERNAL;
		}
	}
	return failure;
}

static enum rg_auth_failure why(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
	case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
	case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
		return RG_AUTH_FAIL_CERTIFICATE_TIME;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return RG_AUTH_FAIL_CERTIFICATE_KEY;
	case X509_V_ERR_INVALID_CA: /* RFC 5280 6.1.4 (k): OpenSSL is strict with intermediates */
		return RG_AUTH_FAIL_CERTIFICATE_CA;
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
		return RG_AUTH_FAIL_CERTIFICATE_LIMITS;
	case X509_V_ERR_PERMITTED_VIOLATION:
	case X509_V_ERR_EXCLUDED_VIOLATION:
	case X509_V_ERR_SUBTREE_MINMAX:
	case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
	case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
	case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
		return RG_AUTH_FAIL_CERTIFICATE_CONSTRAINTS;
	case X509_V_ERR_OUT_OF_MEM:
		return RG_AUTH_FAIL_INTERNAL;
	default:
		return RG_AUTH_FAIL_CERTIFICATE_ISSUER;
	}
}

static enum rg_auth_failure verify_chain(X509_STORE *store, X509 *leaf, STACK_OF(X509) * rest,
                                         STACK_OF(X509) * *chain)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(ike_peer_libctx(), NULL);
	enum rg_auth_failure failure = RG_AUTH_FAIL_INTERNAL;

	if (!ctx || X509_STORE_CTX_init(ctx, store, leaf, rest) != 1)
		goto out;
	X509_STORE_CTX_set_depth(ctx, RG_AUTH_DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(ctx), 2); /* no SHA-1, 112 bits */
	if (X509_verify_cert(ctx) != 1) {
		failure = why(X509_STORE_CTX_get_error(ctx));
		goto out;
	}
	*chain = X509_STORE_CTX_get1_chain(ctx);
	failure = *chain ? RG_AUTH_FAIL_NONE : RG_AUTH_FAIL_INTERNAL;
out:
	X509_STORE_CTX_free(ctx);
	return failure;
}

/* The chain of what was presented and found good before. */
static STACK_OF(X509) *
        known_chain(struct cert_cache *cache, const uint8_t key[CERT_CACHE_KEY_LEN], X509 *leaf)
{
	STACK_OF(X509) *chain = cert_cache_find(cache, key);

	if (!chain)
		return NULL;
	if (X509_up_ref(leaf) && sk_X509_unshift(chain, leaf))
		return chain;
	sk_X509_pop_free(chain, X509_free);
	return NULL;
}

static enum rg_auth_failure find_chain(X509_STORE *store, struct cert_cache *cache,
                                       const struct rg_auth_cert *certs, size_t n, STACK_OF(X509) * *chain)
{
	STACK_OF(X509) *rest = sk_X509_new_null();
	enum rg_auth_failure failure = RG_AUTH_FAIL_INTERNAL;
	uint8_t key[CERT_CACHE_KEY_LEN];
	X509 *leaf = NULL;

	if (!rest || !cert_cache_key(certs, n, key))
		goto out;
	failure = decode(&certs[0], &leaf);
	if (failure)
		goto out;
	*chain = known_chain(cache, key, leaf);
	if (*chain)
		goto out;
	failure = decode_rest(certs, n, rest);
	if (!failure)
		failure = verify_chain(store, leaf, rest, chain);
	if (!failure)
		cert_cache_keep(cache, key, *chain);
out:
	X509_free(leaf);
	sk_X509_pop_free(rest, X509_free);
	return failure;
}

enum rg_auth_failure peer_cert_chain(X509_STORE *store, struct cert_cache *cache,
                                     const struct rg_auth_cert *certs, size_t n, STACK_OF(X509) * *chain)
{
	enum rg_auth_failure failure;

	*chain = NULL;
	if (n == 0)
		return RG_AUTH_FAIL_NO_CERTIFICATE;
	if (n > RG_AUTH_CERTS_MAX)
		return RG_AUTH_FAIL_CERTIFICATE_LIMITS;
	failure = find_chain(store, cache, certs, n, chain);
	if (!failure && !peer_cert_usage_acceptable(sk_X509_value(*chain, 0))) {
		failure = RG_AUTH_FAIL_CERTIFICATE_USAGE;
		sk_X509_pop_free(*chain, X509_free);
		*chain = NULL;
	}
	return failure;
}
