/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IKE identity (RFC 7296 3.5): decoded from a payload or from the
 * configuration, matched against patterns, printed for logs, and hashed to the
 * cookie by which objects of the dataplane are recognised after a restart.
 * Pure functions; any thread.
 */
#ifndef RG_CONTROL_AUTH_ID_H
#define RG_CONTROL_AUTH_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RG_ID_MAX  512                 /* octets of a value: longer ones are refused */
#define RG_ID_TEXT (4 * RG_ID_MAX + 1) /* bytes that always suffice for rg_id_print(), with the NUL */

/* RFC 7296 3.5: X(name, value, how logs call it). */
#define RG_ID_TYPES(X)                                                                                       \
	X(IPV4_ADDR, 1, "ipv4")                                                                              \
	X(FQDN, 2, "fqdn")                                                                                   \
	X(RFC822_ADDR, 3, "email")                                                                           \
	X(IPV6_ADDR, 5, "ipv6")                                                                              \
	X(DER_ASN1_DN, 9, "dn")                                                                              \
	X(KEY_ID, 11, "key-id")

enum rg_id_type {
#define X(name, value, text) RG_ID_##name = (value),
	RG_ID_TYPES(X)
#undef X
};

struct rg_id {
	uint8_t type; /* enum rg_id_type; 0: none */
	uint16_t len;
	uint8_t value[RG_ID_MAX];
};

/* From the body of an ID payload (type and value without the three reserved octets). -EINVAL: a type that
 * is not in RG_ID_TYPES, a length that does not fit the type, no value, or too long; FQDN and e-mail
 * addresses with octets outside printable ASCII; a DN that is not DER, or empty. */
int rg_id_decode(struct rg_id *id, uint8_t type, const uint8_t *value, size_t len);

/* From the configuration: an IP address, a DN ("CN=gw, O=Example"), an e-mail address, else an FQDN. */
int rg_id_parse(struct rg_id *id, const char *text);

/* Printable, escaped (backslash and \xHH), cut to `size` with its NUL. Returns `out`. Safe for logs,
 * terminals and JSON whatever the peer sent. */
char *rg_id_print(const struct rg_id *id, char *out, size_t size);

/* FQDN and e-mail without regard to case, DN as RFC 5280 7.1 compares names, the rest octet by octet. */
bool rg_id_equal(const struct rg_id *a, const struct rg_id *b);

/* `pattern`: an identity as rg_id_parse() takes it, "*@domain" (e-mail), "*.domain" (FQDN, any depth
 * below), a prefix (addresses in it), or "*" (anything). */
bool rg_id_matches(const struct rg_id *id, const char *pattern);

/* First 64 bits of SHA-256 over the type octet and the value (letters of FQDN and e-mail in lower case;
 * a DN's entries as rg_id_equal() compares them), big-endian; never 0. Equal identities have equal ones. */
uint64_t rg_id_cookie(const struct rg_id *id);

#endif
