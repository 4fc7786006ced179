/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The users of EAP: names and the hashes of their passwords, read once from a file of
 * NAME:PASSWORD lines into memory that is not swapped where the process may lock it. Read-only
 * after eap_users_load(); any thread.
 */
#ifndef RG_CONTROL_AUTH_EAP_USERS_H
#define RG_CONTROL_AUTH_EAP_USERS_H

#include "control/auth/auth.h"

#define EAP_USERS_MAX      65536u
#define EAP_USERS_MAX_FILE (16u << 20) /* octets */

struct eap_users;

/* NULL with `error` filled: what secret_open() refuses, a line that is none, a user twice, or an OpenSSL
 * without the legacy provider. */
struct eap_users *eap_users_load(const char *file, struct rg_auth_error *error);
void eap_users_free(struct eap_users *users); /* wipes; NULL: nothing */

/* As rg_auth_eap_user(). */
bool eap_users_find(const struct eap_users *users, const uint8_t *name, size_t len, struct eap_user *out);

#endif
