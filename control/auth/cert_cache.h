/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains that led to an authority once need not be built again: a client that
 * comes back costs a hash instead of a path and its signatures. Only what was found
 * good is kept, in a table of fixed size, so whoever holds no certificate of an
 * authority's cannot fill it (H28), and whoever does, or a deployment with more intermediates than there are
 * paths, pushes out what has not been used for longest. Locked; any thread.
 */
#ifndef RG_CONTROL_AUTH_CERT_CACHE_H
#define RG_CONTROL_AUTH_CERT_CACHE_H

#include "control/auth/auth.h"

#include <openssl/x509.h>

#define CERT_CACHE_ENTRIES 16384u
#define CERT_CACHE_PATHS   64u
#define CERT_CACHE_KEY_LEN 32u

struct cert_cache;

struct cert_cache *cert_cache_new(void); /* NULL: no memory */
void cert_cache_free(struct cert_cache *cache);

/* What was presented, octet for octet and in its order. */
bool cert_cache_key(const struct rg_auth_cert *certs, size_t n, uint8_t key[CERT_CACHE_KEY_LEN]);

/* The certificates above the leaf up to the trusted one, as a stack with references of its own; NULL: not
 * known, or not valid at this time any more. */
STACK_OF(X509) * cert_cache_find(struct cert_cache *cache, const uint8_t key[CERT_CACHE_KEY_LEN]);

/* `chain`, leaf first, was verified. */
void cert_cache_keep(struct cert_cache *cache, const uint8_t key[CERT_CACHE_KEY_LEN], STACK_OF(X509) * chain);

/* Entries in use. */
size_t cert_cache_used(struct cert_cache *cache);

#endif
