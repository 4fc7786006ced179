/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What certificates the gateway has of its own: its chain, its private key, and
 * the authorities that it trusts. Read-only after chain_load(); any thread.
 */
#ifndef RG_CONTROL_AUTH_CHAIN_H
#define RG_CONTROL_AUTH_CHAIN_H

#include "control/auth/auth.h"

#include <openssl/x509.h>

struct chain_der {
	uint8_t *data;
	size_t len;
};

struct chain {
	struct chain_der certs[RG_AUTH_CERTS_MAX]; /* leaf first */
	size_t n_certs;
	EVP_PKEY *key; /* NULL: shared keys only */
	X509_STORE *store;
	uint8_t *certreq;
	size_t certreq_len;
};

/* 0, or -EINVAL with `error` filled. The identity must stand in the certificate where there is one. */
int chain_load(struct chain *chain, const struct rg_config *cfg, const struct rg_id *identity,
               struct rg_auth_error *error);
void chain_free(struct chain *chain);

#endif
