/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context of one configuration: who may connect and how both sides prove
 * it (RFC 4301 4.4.3, RFC 7296 2.15). Immutable after rg_auth_load() but for
 * revocation data, which is swapped whole under a lock; any thread.
 */
#include "control/auth/auth.h"

#include "control/auth/credential.h"
#include "control/auth/eap_users.h"
#include "control/auth/pad.h"
#include "control/auth/peer_cert.h"
#include "control/auth/secret.h"
#include "control/auth/status.h"
#include "control/ike/crypto/sign.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rg_auth {
	_Atomic unsigned refs;
	struct rg_config *cfg;
	struct rg_id identity;
	struct secret_store *secrets;
	struct eap_users *users; /* NULL: no connection has EAP */
	struct pad *pad;
	struct authorities authorities;
	struct credentials own;
	struct cert_cache *cache;
	bool tells_devices;   /* apart: a connection or a rule of it does */
	pthread_mutex_t lock; /* of what follows */
	struct status *status;
	uint64_t refused_stamp; /* of files that could not be read */
};

const char *rg_auth_failure_name(enum rg_auth_failure failure)
{
	static const char *const names[] = {
#define X(name, counter, text) counter,
	        RG_AUTH_FAILURES(X)
#undef X
	};

	return (unsigned)failure < RG_AUTH_FAIL_COUNT ? names[failure] : "auth-unknown";
}

const char *rg_auth_failure_text(enum rg_auth_failure failure)
{
	static const char *const texts[] = {
#define X(name, counter, text) (text),
	        RG_AUTH_FAILURES(X)
#undef X
	};

	return (unsigned)failure < RG_AUTH_FAIL_COUNT ? texts[failure] : "unknown";
}

static bool wants_certificates(const struct rg_config *cfg, bool local)
{
	for (size_t i = 0; i < cfg->n_connections; i++)
		if ((local ? cfg->connections[i].local_auth : cfg->connections[i].remote_auth) ==
		    RG_AUTH_CERTIFICATE)
			return true;
	return false;
}

static bool wants_eap(const struct rg_config *cfg)
{
	for (size_t i = 0; i < cfg->n_connections; i++)
		if (cfg->connections[i].local_auth == RG_AUTH_EAP_MSCHAPV2 ||
		    cfg->connections[i].remote_auth == RG_AUTH_EAP_MSCHAPV2)
			return true;
	return false;
}

static bool tells_devices(const struct rg_config *cfg)
{
	for (size_t i = 0; i < cfg->n_connections; i++) {
		const struct rg_cfg_connection *c = &cfg->connections[i];

		if (c->uniqueness != RG_UNIQUE_REPLACE)
			return true;
		for (size_t j = 0; j < c->n_rules; j++)
			if (c->rules[j].own.uniqueness != RG_UNIQUE_REPLACE)
				return true;
	}
	return false;
}

static int load(struct rg_auth *auth, struct rg_auth_error *error)
{
	const struct rg_config *cfg = auth->cfg;

	if (!cfg->gateway.identity || rg_id_parse(&auth->identity, cfg->gateway.identity) < 0) {
		snprintf(error->text, sizeof(error->text),
		         "gateway: identity '%s' is not an FQDN, e-mail address, IP address or DN",
		         cfg->gateway.identity ? cfg->gateway.identity : "");
		return -EINVAL;
	}
	auth->tells_devices = tells_devices(cfg);
	auth->pad = pad_new(cfg, error->text, sizeof(error->text));
	if (!auth->pad)
		return -EINVAL;
	auth->secrets = secret_load(cfg, error);
	if (!auth->secrets || authorities_load(&auth->authorities, cfg, error) < 0 ||
	    credentials_load(&auth->own, cfg, &auth->identity, &auth->authorities, error) < 0)
		return -EINVAL;
	auth->status = status_load(cfg, &auth->authorities, error);
	if (!auth->status)
		return -EINVAL;
	if (wants_eap(cfg)) {
		auth->users = eap_users_load(cfg->eap.users, error);
		if (!auth->users)
			return -EINVAL;
	}
	if (wants_certificates(cfg, true) && auth->own.n == 0) {
		snprintf(error->text, sizeof(error->text),
		         "gateway: a connection has `local: certificate`, so certificate and private-key are "
		         "needed");
		return -EINVAL;
	}
	if (wants_certificates(cfg, false) && !auth->authorities.certreq_len) {
		snprintf(error->text, sizeof(error->text),
		         "gateway: a connection has `remote: certificate`, so authorities are needed");
		return -EINVAL;
	}
	return 0;
}

struct rg_auth *rg_auth_load(struct rg_config *cfg, struct rg_auth_error *error)
{
	struct rg_auth *auth = calloc(1, sizeof(*auth));

	error->text[0] = '\0';
	if (!auth) {
		snprintf(error->text, sizeof(error->text), "out of memory");
		rg_config_free(cfg);
		return NULL;
	}
	auth->refs = 1;
	auth->cfg = cfg;
	pthread_mutex_init(&auth->lock, NULL); /* a plain one: cannot fail */
	auth->cache = cert_cache_new();
	if (!auth->cache)
		snprintf(error->text, sizeof(error->text), "out of memory");
	if (!auth->cache || load(auth, error) < 0) {
		rg_auth_unref(auth);
		auth = NULL;
	}
	ERR_clear_error();
	return auth;
}

struct rg_auth *rg_auth_ref(struct rg_auth *auth)
{
	atomic_fetch_add_explicit(&auth->refs, 1, memory_order_relaxed);
	return auth;
}

void rg_auth_unref(struct rg_auth *auth)
{
	/* The last one out sees all that the others did with it: acq_rel pairs with itself. */
	if (!auth || atomic_fetch_sub_explicit(&auth->refs, 1, memory_order_acq_rel) > 1)
		return;
	pad_free(auth->pad);
	credentials_free(&auth->own);
	authorities_free(&auth->authorities);
	status_unref(auth->status);
	cert_cache_free(auth->cache);
	pthread_mutex_destroy(&auth->lock);
	secret_free(auth->secrets);
	eap_users_free(auth->users);
	rg_config_free(auth->cfg);
	free(auth);
}

const struct rg_config *rg_auth_config(const struct rg_auth *auth)
{
	return auth->cfg;
}

const struct rg_id *rg_auth_identity(const struct rg_auth *auth)
{
	return &auth->identity;
}

size_t rg_auth_choose(const struct rg_auth *auth, const uint8_t *hashes, size_t n, uint32_t peer_hashes)
{
	return credentials_choose(&auth->own, hashes, n, peer_hashes);
}

size_t rg_auth_chain(const struct rg_auth *auth, size_t credential, size_t index, const uint8_t **der,
                     size_t *len)
{
	const struct credential *own = &auth->own.list[credential];

	if (credential >= auth->own.n)
		return 0;
	if (index < own->n_certs) {
		*der = own->certs[index].data;
		*len = own->certs[index].len;
	}
	return own->n_certs;
}

/* The set in force, with a reference. */
static struct status *current_status(struct rg_auth *auth)
{
	struct status *status;

	pthread_mutex_lock(&auth->lock);
	status = status_ref(auth->status);
	pthread_mutex_unlock(&auth->lock);
	return status;
}

uint8_t *rg_auth_staple(struct rg_auth *auth, size_t credential, size_t *len)
{
	struct status *status = current_status(auth);
	uint8_t *copy = NULL;

	*len = credential < auth->own.n ? status->staples[credential].len : 0;
	if (*len > 0)
		copy = malloc(*len);
	if (copy)
		memcpy(copy, status->staples[credential].data, *len);
	status_unref(status);
	return copy;
}

bool rg_auth_wants_staples(const struct rg_auth *auth)
{
	return auth->cfg->gateway.revocation == RG_REVOCATION_STRICT && auth->authorities.certreq_len > 0;
}

int rg_auth_refresh(struct rg_auth *auth, struct rg_auth_error *error)
{
	uint64_t stamp = status_stamp(auth->cfg);
	struct status *fresh, *old = NULL;
	bool same;

	pthread_mutex_lock(&auth->lock);
	same = stamp == auth->status->stamp || stamp == auth->refused_stamp;
	pthread_mutex_unlock(&auth->lock);
	if (same)
		return 0;
	fresh = status_load(auth->cfg, &auth->authorities, error);
	ERR_clear_error();
	pthread_mutex_lock(&auth->lock);
	if (fresh) {
		old = auth->status;
		auth->status = fresh;
		auth->refused_stamp = 0;
	} else {
		auth->refused_stamp = stamp;
	}
	pthread_mutex_unlock(&auth->lock);
	status_unref(old);
	return fresh ? 1 : -EINVAL;
}

const uint8_t *rg_auth_certreq(const struct rg_auth *auth, size_t *len)
{
	*len = auth->authorities.certreq_len;
	return auth->authorities.certreq;
}

static bool connection_accepts(const struct rg_cfg_connection *connection, const struct rg_id *peer)
{
	for (size_t i = 0; i < connection->n_identities; i++)
		if (rg_id_matches(peer, connection->identities[i]))
			return true;
	return false;
}

int rg_auth_connection(const struct rg_auth *auth, const struct rg_id *peer, const struct rg_id *local_name,
                       enum rg_cfg_auth how)
{
	if (local_name && !rg_id_equal(local_name, &auth->identity))
		return -ENOENT;
	for (size_t i = 0; i < auth->cfg->n_connections; i++)
		if (auth->cfg->connections[i].remote_auth == how &&
		    (how == RG_AUTH_EAP_MSCHAPV2 ||
		     auth->cfg->connections[i].local_auth != RG_AUTH_EAP_MSCHAPV2) && /* that is a client's */
		    connection_accepts(&auth->cfg->connections[i], peer))
			return (int)i;
	return -ENOENT;
}

int rg_auth_eap_connection(const struct rg_auth *auth, const struct rg_id *local_name, bool eap_only)
{
	if (local_name && !rg_id_equal(local_name, &auth->identity))
		return -ENOENT;
	for (size_t i = 0; i < auth->cfg->n_connections; i++) {
		const struct rg_cfg_connection *connection = &auth->cfg->connections[i];

		if (connection->remote_auth == RG_AUTH_EAP_MSCHAPV2 &&
		    (connection->local_auth == RG_AUTH_CERTIFICATE || eap_only))
			return (int)i;
	}
	return -ENOENT;
}

bool rg_auth_eap_user(const struct rg_auth *auth, const uint8_t *name, size_t len, struct eap_user *out)
{
	if (auth->users)
		return eap_users_find(auth->users, name, len, out);
	*out = (struct eap_user){0};
	return false;
}

const struct rg_cfg_connection *rg_auth_rights(const struct rg_auth *auth,
                                               const struct rg_cfg_connection *connection,
                                               const struct rg_id *peer, uint64_t cookie)
{
	const struct rg_cfg_rule *rule = pad_find(auth->pad, connection, peer, cookie);

	return rule ? &rule->own : connection;
}

int rg_auth_psk(const struct rg_auth *auth, const struct rg_id *peer, uint8_t *out, size_t size)
{
	return secret_find(auth->secrets, peer, out, size);
}

int rg_auth_sign(const struct rg_auth *auth, size_t credential, uint32_t peer_hashes, const uint8_t *octets,
                 size_t octets_len, uint8_t *method, uint8_t *out, size_t cap, size_t *len)
{
	const struct credential *own;
	int rc;

	if (credential >= auth->own.n)
		return -ENOKEY;
	own = &auth->own.list[credential];
	if (!own->signs)
		return -EOPNOTSUPP;
	rc = ike_sign_as(own->key, own->kind, peer_hashes, (struct ike_view){octets, octets_len}, method, out,
	                 cap, len);
	ERR_clear_error();
	return rc;
}

static bool is_old_method(uint8_t method)
{
	return method == IKE_AUTH_RSA || (method >= IKE_AUTH_ECDSA_256 && method <= IKE_AUTH_ECDSA_521);
}

static enum rg_auth_failure verify_signature(X509 *leaf, const struct rg_auth_claim *claim)
{
	struct ike_auth value = {.method = claim->method, .value = {claim->data, claim->len}};
	struct ike_view octets = {claim->octets, claim->octets_len};
	enum ike_key_kind kind;

	/* RFC 7427 3: then method 14 MUST be used. That of RSA would bring SHA-1 back in. */
	if (claim->announced && is_old_method(claim->method))
		return RG_AUTH_FAIL_OLD_METHOD;
	if (!peer_cert_key_kind(leaf, &kind))
		return RG_AUTH_FAIL_CERTIFICATE_KEY;
	switch (ike_verify_as(X509_get0_pubkey(leaf), kind, IKE_HASHES_DEFAULT, &value, octets)) {
	case 0:
		return RG_AUTH_FAIL_NONE;
	case -EBADMSG:
		return RG_AUTH_FAIL_SIGNATURE;
	case -EOPNOTSUPP:
		return RG_AUTH_FAIL_ALGORITHM;
	default:
		return RG_AUTH_FAIL_INTERNAL;
	}
}

enum rg_auth_failure rg_auth_address_identity(const struct rg_auth_claim *claim)
{
	const struct rg_id *id = claim->peer;

	if (!claim->connection || claim->connection->address_identity == RG_ADDRESS_ID_ANY ||
	    (id->type != RG_ID_IPV4_ADDR && id->type != RG_ID_IPV6_ADDR))
		return RG_AUTH_FAIL_NONE;
	if (claim->address.family == (id->type == RG_ID_IPV4_ADDR ? 4 : 6) &&
	    memcmp(claim->address.bytes, id->value, id->len) == 0)
		return RG_AUTH_FAIL_NONE;
	return RG_AUTH_FAIL_ADDRESS_IDENTITY;
}

/* IM-11, IM-12: the addresses in the certificate beside the one that the peer comes from. */
static enum rg_auth_failure certified_address(const GENERAL_NAMES *sans, const struct rg_auth_claim *claim,
                                              bool *elsewhere)
{
	bool any, match;

	*elsewhere = false;
	if (!claim->connection)
		return RG_AUTH_FAIL_NONE;
	peer_cert_addresses(sans, &claim->address, &any, &match);
	if (!any)
		return claim->connection->without_address == RG_WITHOUT_ALLOW
		               ? RG_AUTH_FAIL_NONE
		               : RG_AUTH_FAIL_CERTIFICATE_NO_ADDRESS;
	if (match || claim->connection->certified_address == RG_CERTIFIED_IGNORE)
		return RG_AUTH_FAIL_NONE;
	*elsewhere = claim->connection->certified_address == RG_CERTIFIED_LOG;
	return *elsewhere ? RG_AUTH_FAIL_NONE : RG_AUTH_FAIL_CERTIFICATE_ADDRESS;
}

static enum rg_auth_failure verify_with(struct rg_auth *auth, const struct status *status,
                                        const struct rg_auth_claim *claim, struct rg_auth_found *found)
{
	STACK_OF(X509) *chain = NULL;
	enum rg_auth_failure failure;
	GENERAL_NAMES *sans;
	X509 *leaf;

	failure = peer_cert_chain(auth->authorities.store, auth->cache, claim->certs, claim->n_certs, &chain);
	if (failure)
		return failure;
	leaf = sk_X509_value(chain, 0);
	sans = peer_cert_sans(leaf);
	if (!peer_cert_names(leaf, sans, claim->peer))
		failure = RG_AUTH_FAIL_CERTIFICATE_NAME;
	/* Anybody may show another's certificate: lists and responses are for those who hold its key. */
	if (!failure)
		failure = verify_signature(leaf, claim);
	if (!failure)
		failure = status_check(status, auth->cfg->gateway.revocation, chain, claim->responses,
		                       claim->n_responses);
	if (!failure)
		failure = rg_auth_address_identity(claim);
	if (!failure)
		failure = certified_address(sans, claim, &found->elsewhere);
	if (!failure && auth->tells_devices && !peer_cert_device(leaf, &found->device))
		failure = RG_AUTH_FAIL_INTERNAL;
	GENERAL_NAMES_free(sans);
	sk_X509_pop_free(chain, X509_free);
	return failure;
}

enum rg_auth_failure rg_auth_verify(struct rg_auth *auth, const struct rg_auth_claim *claim,
                                    struct rg_auth_found *found)
{
	struct status *status = current_status(auth);
	enum rg_auth_failure failure;

	*found = (struct rg_auth_found){0};
	failure = verify_with(auth, status, claim, found);
	status_unref(status);
	ERR_clear_error();
	return failure;
}

size_t rg_auth_remembered(struct rg_auth *auth)
{
	return cert_cache_used(auth->cache);
}

size_t rg_auth_lists_checked(struct rg_auth *auth)
{
	struct status *status = current_status(auth);
	size_t n = crls_checked(status->crls);

	status_unref(status);
	return n;
}
