/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of revocation share: clients and an intermediate of the rig's authority,
 * lists of either, and contexts that read them. One thread.
 */
#ifndef RG_TESTS_UNIT_CONTROL_REVOCATION_RIG_H
#define RG_TESTS_UNIT_CONTROL_REVOCATION_RIG_H

#include "tests/unit/control/auth_rig.h"

/* Below the rig's authority; all are named "middle". */
struct middle {
	EVP_PKEY *key;
	X509 *cert;
};
struct middle middle_make(void);
void middle_free(struct middle *middle);

/* carol@example.net, by the authority or by an intermediate. */
X509 *client_make(const struct middle *issuer);
/* She shows that certificate and, unless it is NULL, the intermediate's. */
struct rig_peer client_peer(X509 *cert, const struct middle *issuer);

/* The list of `issuer`, which revokes nothing or one certificate. */
void list_write(const char *file, X509 *issuer, EVP_PKEY *key, X509 *revoked, long until_s);
/* The same of the authority, as ca.crl, and of an intermediate, as middle.crl; both in date. */
void list_write_ca(X509 *revoked);
void list_write_middle(const struct middle *middle, X509 *revoked);

struct rg_auth *revocation_load(const char *policy, const char *crls);
/* ca.crl and middle.crl, as revocation_load() takes them. */
const char *both_lists(void);

#endif
