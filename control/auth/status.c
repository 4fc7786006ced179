/* SPDX-License-Identifier: Apache-2.0 */
/* Loads, notices changes of, and asks revocation data (status.h; RFC 5280 6.3, RFC 4806). */
#include "control/auth/status.h"

#include "control/auth/ocsp.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *staple_file(const struct rg_config *cfg, size_t credential)
{
	if (credential == 0)
		return cfg->gateway.own.ocsp_response;
	return credential <= cfg->gateway.n_others ? cfg->gateway.others[credential - 1].ocsp_response : NULL;
}

static int load(struct status *status, const struct rg_config *cfg, const struct authorities *authorities,
                struct rg_auth_error *error)
{
	status->crls = crls_load(cfg->gateway.crls, cfg->gateway.n_crls, authorities, error);
	if (!status->crls)
		return -EINVAL;
	for (size_t i = 0; i < CREDENTIALS_MAX; i++) {
		const char *file = staple_file(cfg, i);
		struct credential_der *staple = &status->staples[i];

		if (!file)
			continue;
		staple->data = pem_bytes(file, "ocsp-response", RG_AUTH_OCSP_MAX, &staple->len, error);
		if (!staple->data)
			return -EINVAL;
	}
	return 0;
}

struct status *status_load(const struct rg_config *cfg, const struct authorities *authorities,
                           struct rg_auth_error *error)
{
	struct status *status = calloc(1, sizeof(*status));

	if (!status) {
		auth_fail(error, "crls: out of memory");
		return NULL;
	}
	status->refs = 1;
	status->stamp = status_stamp(cfg); /* before they are read: a change meanwhile is seen later */
	if (load(status, cfg, authorities, error) == 0)
		return status;
	status_unref(status);
	return NULL;
}

struct status *status_ref(struct status *status)
{
	atomic_fetch_add_explicit(&status->refs, 1, memory_order_relaxed);
	return status;
}

void status_unref(struct status *status)
{
	/* The last one out sees all that the others did with it: acq_rel pairs with itself. */
	if (!status || atomic_fetch_sub_explicit(&status->refs, 1, memory_order_acq_rel) > 1)
		return;
	crls_free(status->crls);
	for (size_t i = 0; i < CREDENTIALS_MAX; i++)
		OPENSSL_free(status->staples[i].data);
	free(status);
}

static uint64_t mix(uint64_t stamp, uint64_t value)
{
	return (stamp ^ value) * 0x9e3779b97f4a7c15ull;
}

static uint64_t stamp_file(uint64_t stamp, const char *file)
{
	char path[4096];
	struct stat st;

	if (rg_config_file_path(file, path, sizeof(path)) < 0 || stat(path, &st) < 0)
		return mix(stamp, 1);
	stamp = mix(stamp, (uint64_t)st.st_ino);
	stamp = mix(stamp, (uint64_t)st.st_size);
	stamp = mix(stamp, (uint64_t)st.st_mtim.tv_sec);
	return mix(stamp, (uint64_t)st.st_mtim.tv_nsec);
}

uint64_t status_stamp(const struct rg_config *cfg)
{
	uint64_t stamp = 0;

	for (size_t i = 0; i < cfg->gateway.n_crls; i++)
		stamp = stamp_file(stamp, cfg->gateway.crls[i]);
	for (size_t i = 0; i < CREDENTIALS_MAX; i++)
		if (staple_file(cfg, i))
			stamp = stamp_file(stamp, staple_file(cfg, i));
	return stamp;
}

static enum cert_status ask(const struct status *status, X509 *cert, X509 *issuer,
                            const struct rg_auth_cert *responses, size_t n)
{
	enum cert_status known = crls_status(status->crls, cert, issuer);

	for (size_t i = 0; i < n && known != STATUS_REVOKED; i++) {
		enum cert_status said = ocsp_status(&responses[i], cert, issuer);

		if (said != STATUS_UNKNOWN)
			known = said;
	}
	return known;
}

enum rg_auth_failure status_check(const struct status *status, enum rg_cfg_revocation policy,
                                  STACK_OF(X509) * chain, const struct rg_auth_cert *responses, size_t n)
{
	bool all_good = true;

	if (policy == RG_REVOCATION_NONE)
		return RG_AUTH_FAIL_NONE;
	for (int i = 0; i + 1 < sk_X509_num(chain); i++) {
		enum cert_status known =
		        ask(status, sk_X509_value(chain, i), sk_X509_value(chain, i + 1), responses, n);

		if (known == STATUS_REVOKED)
			return RG_AUTH_FAIL_CERTIFICATE_REVOKED;
		all_good = all_good && known == STATUS_GOOD;
	}
	return all_good || policy == RG_REVOCATION_RELAXED ? RG_AUTH_FAIL_NONE
	                                                   : RG_AUTH_FAIL_CERTIFICATE_STATUS;
}
