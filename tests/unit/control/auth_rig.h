/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway's rg_auth context made from files in a folder of its own, and peers
 * that claim to be someone. For the tests of control/auth. There is one rig, of the group
 * of tests that runs. One thread; what rig_sign() made may be shown on any.
 */
#ifndef RG_TESTS_UNIT_CONTROL_AUTH_RIG_H
#define RG_TESTS_UNIT_CONTROL_AUTH_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/auth/auth.h"
#include "tests/unit/control/pki.h"

struct rig {
	char folder[64];
	EVP_PKEY *ca_key, *peer_key, *gw_key;
	X509 *ca, *gw;
};
extern struct rig rig;

/* Of a group: makes the folder, ca.crt, gw.crt and gw.key; P-256 throughout. */
int rig_setup(void **state);
/* Also removes every file in the folder. */
int rig_teardown(void **state);
const char *rig_path(const char *name);
void rig_write(const char *name, const void *bytes, size_t len, unsigned mode);

/* `gateway` and `authentication`: more keys for those sections, e.g. ", revocation: strict"; `rest`: whole
 * sections behind the connections. NULL with `error`, which a caller that passes NULL does not want. */
struct rg_auth *rig_load(const char *gateway, const char *authentication, const char *rest,
                         struct rg_auth_error *error);

/* What a peer presents, up to its signature. */
struct rig_peer {
	const char *identity;
	EVP_PKEY *key;
	X509 *certs[RG_AUTH_CERTS_MAX];
	size_t n;
	struct rg_auth_cert responses[RG_AUTH_STATUS_MAX];
	size_t n_responses;
	const char *address; /* NULL: 198.51.100.7 */
	bool spoil;          /* the signature */
	bool old_method;     /* signs as if we had announced no hash algorithms */
	bool announced;      /* it announced some itself */
	bool elsewhere;      /* out */
	uint64_t device;     /* out */
};
/* Under the rules of the first connection. */
enum rg_auth_failure rig_claim(struct rg_auth *auth, struct rig_peer *peer);

/* The same in two steps. It points into itself, so it must not be moved. */
struct rig_signed {
	struct rg_auth_claim claim; /* without a connection */
	struct rg_id id;
	struct rg_auth_cert certs[RG_AUTH_CERTS_MAX];
	uint8_t value[1200];
};
void rig_sign(const struct rig_peer *peer, struct rig_signed *out);
enum rg_auth_failure rig_show(struct rg_auth *auth, const struct rig_signed *what,
                              struct rg_auth_found *found);
void rig_signed_free(struct rig_signed *what);

/* With names, so that a difference can be read. */
#define assert_failure(got, want)                                                                            \
	assert_string_equal(rg_auth_failure_name(got), rg_auth_failure_name(RG_AUTH_FAIL_##want))

#endif
