/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of test clients: a P-256 key and an end-entity certificate (RFC 5280) in memory files. One
 * thread.
 */
#ifndef RG_BENCH_SWARM_CERTIFICATE_H
#define RG_BENCH_SWARM_CERTIFICATE_H

struct certificate_issuer;

/* Two PEM files. NULL after a line on stderr. */
struct certificate_issuer *certificate_issuer_load(const char *certificate, const char *key);
void certificate_issuer_free(struct certificate_issuer *issuer);

/* For an FQDN or an RFC 822 address, which stands in the subjectAltName. fds[0]: the certificate, fds[1]:
 * the key, both PEM; the caller closes them. 0 or -EIO. */
int certificate_make(const struct certificate_issuer *issuer, const char *identity, unsigned serial,
                     int fds[2]);

#endif
