/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own certificates with their keys, and which of them a peer can use.
 * Read-only after credentials_load(); any thread.
 */
#ifndef RG_CONTROL_AUTH_CREDENTIAL_H
#define RG_CONTROL_AUTH_CREDENTIAL_H

#include "control/auth/authorities.h"
#include "control/ike/crypto/sign.h"

#define CREDENTIALS_MAX 8u

struct credential {
	struct credential_der {
		uint8_t *data;
		size_t len;
	} certs[RG_AUTH_CERTS_MAX]; /* leaf first, then those that issued it; never a root */
	size_t n_certs;
	EVP_PKEY *key;
	enum ike_key_kind kind;
	bool signs; /* of a kind that we take */
	/* Key hashes of all authorities that it leads to. */
	uint8_t issuers[RG_AUTH_CERTS_MAX + 1][PEM_KEY_HASH_LEN];
	size_t n_issuers;
};

struct credentials {
	struct credential list[CREDENTIALS_MAX];
	size_t n; /* 0: shared keys only */
};

/* 0, or -EINVAL with `error` filled. The identity must stand in each certificate. */
int credentials_load(struct credentials *c, const struct rg_config *cfg, const struct rg_id *identity,
                     const struct authorities *authorities, struct rg_auth_error *error);
void credentials_free(struct credentials *c);

/* The index of the one for a peer that asks for the authorities with these key hashes (`n` of them; 0: it
 * did not say) and can verify these hash algorithms. What suits the peer best, else the first. */
size_t credentials_choose(const struct credentials *c, const uint8_t *hashes, size_t n, uint32_t peer_hashes);

#endif
