/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates, keys and authorities of both sides, in files of their own, and a world
 * that uses them. For the tests of authentication by certificate; one thread.
 */
#ifndef RG_TESTS_CREDENTIALS_H
#define RG_TESTS_CREDENTIALS_H

#include "tests/exchange/world.h"

#include <openssl/evp.h>

enum kind { KIND_ECDSA, KIND_RSA, KIND_P384, KIND_P521, KIND_ED25519, KIND_ED448, N_KINDS };

struct credentials {
	char dir[64];
	char gateway[1024], client[1024]; /* "gateway:" sections */
};

EVP_PKEY *credentials_key(enum kind kind);

/* ca.crt, gw.crt, gw.key, carol.crt and carol.key: chains of leaf and intermediate. Unless `same_root`, the
 * client's leads to an authority that nobody knows. */
void credentials_make(struct credentials *c, enum kind kind, const char *client_san, bool same_root);
/* Removes them and the folder, which must hold nothing else by then. */
void credentials_clean(const struct credentials *c);
/* The path of a file there; good for eight calls. */
const char *credentials_file(const struct credentials *c, const char *name);

/* Good for as long as `c` is. */
struct world_options credentials_options(const struct credentials *c);
struct world *credentials_world(const struct credentials *c);

#endif
