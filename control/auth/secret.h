/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pre-shared keys, read once from their files into memory that is not swapped
 * where the process may lock it. Read-only after secret_load(); any thread.
 */
#ifndef RG_CONTROL_AUTH_SECRET_H
#define RG_CONTROL_AUTH_SECRET_H

#include "control/auth/auth.h"

struct secret_store;

/* NULL with `error` filled: a file that cannot be read, is readable by others, is empty or too long. */
struct secret_store *secret_load(const struct rg_config *cfg, struct rg_auth_error *error);
void secret_free(struct secret_store *store); /* wipes; NULL: nothing */
/* As rg_auth_psk(). */
int secret_find(const struct secret_store *store, const struct rg_id *peer, uint8_t *out, size_t size);

/* Opens a file that holds a key: a regular file of ours or root's that neither group nor others may touch.
 * A descriptor, or -1 with `error` filled. */
int secret_open(const char *file, const char *what, struct rg_auth_error *error);

#endif
