/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Complete lists of one issuer each. Those that say that they are something else
 * (indirect, of one reason, a delta) are refused when they are read, since what they
 * do not list proves nothing. A list's signature is checked once for each issuer of its
 * name: authorities when it is read, intermediates when a peer first brings one. What was
 * found lives as long as the list; whether it is in date is asked anew each time. Loading:
 * one thread; asking: any.
 */
#include "control/auth/crl.h"

#include "control/auth/peer_cert.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX    (64u << 20)
#define LISTS_MAX   256u
#define ISSUERS_MAX 4u /* of one name; the oldest is forgotten for another */

/* One that the list was checked with. */
struct verdict {
	X509 *issuer; /* NULL: none */
	bool good;
};

struct list {
	X509_CRL *crl;
	X509 *signer; /* the authority that it was checked with; NULL: none of them */
	struct verdict verdicts[ISSUERS_MAX];
	unsigned next; /* verdict to be written over */
};

struct crls {
	pthread_mutex_t lock; /* of verdicts, next and checked; the rest does not change */
	size_t checked;
	size_t n;
	struct list lists[LISTS_MAX];
};

static bool is_partial(const X509_CRL *crl)
{
	if (X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1) >= 0 ||
	    X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
		return true;
	for (int i = 0; i < X509_CRL_get_ext_count(crl); i++)
		if (X509_EXTENSION_get_critical(X509_CRL_get_ext(crl, i)))
			return true;
	return false;
}

static bool signed_by(X509_CRL *crl, X509 *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	/* RFC 5280 6.3.3 (f): an issuer whose certificate says what its key is for must say this. */
	return key && (X509_get_key_usage(issuer) & KU_CRL_SIGN) && peer_cert_key_acceptable(issuer) &&
	       X509_CRL_verify(crl, key) == 1;
}

static bool names_issuer(const X509_CRL *crl, const X509 *issuer)
{
	return X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) == 0;
}

static X509 *find_signer(X509_CRL *crl, const struct authorities *authorities)
{
	for (int i = 0; i < sk_X509_num(authorities->certs); i++) {
		X509 *ca = sk_X509_value(authorities->certs, i);

		if (names_issuer(crl, ca) && signed_by(crl, ca))
			return X509_up_ref(ca) ? ca : NULL;
	}
	return NULL;
}

/* The first search sorts a list: not while a peer waits for it. */
static void sort(X509_CRL *crl)
{
	ASN1_INTEGER *any = ASN1_INTEGER_new();
	X509_REVOKED *entry;

	if (any)
		X509_CRL_get0_by_serial(crl, &entry, any);
	ASN1_INTEGER_free(any);
}

/* Takes `crl` over. */
static int add(struct crls *crls, X509_CRL *crl, const struct authorities *authorities, const char *file,
               struct rg_auth_error *error)
{
	int rc = 0;

	if (crls->n == LISTS_MAX)
		rc = auth_fail(error, "crls: more than %u lists", LISTS_MAX);
	else if (is_partial(crl))
		rc = auth_fail(
		        error,
		        "crls: %s holds a list that is not complete (indirect, partitioned or a delta); "
		        "a complete one of the authority is needed",
		        file);
	if (rc < 0) {
		X509_CRL_free(crl);
		return rc;
	}
	sort(crl);
	crls->lists[crls->n++] = (struct list){.crl = crl, .signer = find_signer(crl, authorities)};
	return 0;
}

static int add_file(struct crls *crls, const char *file, const struct authorities *authorities,
                    struct rg_auth_error *error)
{
	size_t len, before = crls->n;
	uint8_t *bytes = pem_bytes(file, "crl", FILE_MAX, &len, error);
	const unsigned char *at = bytes;
	X509_CRL *crl;
	BIO *bio;
	int rc = 0;

	if (!bytes)
		return -EINVAL;
	bio = BIO_new_mem_buf(bytes, (int)len);
	while (bio && !rc && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)))
		rc = add(crls, crl, authorities, file, error);
	BIO_free(bio);
	if (!rc && crls->n == before) {
		crl = d2i_X509_CRL(NULL, &at, (long)len);
		rc = crl ? add(crls, crl, authorities, file, error)
		         : auth_fail(error, "crl %s: holds no list in PEM or DER form", file);
	}
	OPENSSL_free(bytes);
	return rc;
}

struct crls *crls_load(char *const *files, size_t n, const struct authorities *authorities,
                       struct rg_auth_error *error)
{
	struct crls *crls = calloc(1, sizeof(*crls));
	int rc = 0;

	if (!crls) {
		auth_fail(error, "crls: out of memory");
		return NULL;
	}
	pthread_mutex_init(&crls->lock, NULL); /* a plain one: cannot fail */
	for (size_t i = 0; i < n && !rc; i++)
		rc = add_file(crls, files[i], authorities, error);
	if (!rc)
		return crls;
	crls_free(crls);
	return NULL;
}

void crls_free(struct crls *crls)
{
	if (!crls)
		return;
	for (size_t i = 0; i < crls->n; i++) {
		X509_CRL_free(crls->lists[i].crl);
		X509_free(crls->lists[i].signer);
		for (size_t j = 0; j < ISSUERS_MAX; j++)
			X509_free(crls->lists[i].verdicts[j].issuer);
	}
	pthread_mutex_destroy(&crls->lock);
	free(crls);
}

static bool in_date(const X509_CRL *crl)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);

	return next && X509_cmp_current_time(next) > 0 &&
	       X509_cmp_current_time(X509_CRL_get0_lastUpdate(crl)) < 0;
}

/* Whether it is known, and then what. */
static bool recall(struct crls *crls, const struct list *list, X509 *issuer, bool *good)
{
	bool known = false;

	pthread_mutex_lock(&crls->lock);
	for (size_t i = 0; i < ISSUERS_MAX && !known; i++) {
		const struct verdict *verdict = &list->verdicts[i];

		known = verdict->issuer && X509_cmp(verdict->issuer, issuer) == 0;
		*good = known && verdict->good;
	}
	pthread_mutex_unlock(&crls->lock);
	return known;
}

static void remember(struct crls *crls, struct list *list, X509 *issuer, bool good)
{
	struct verdict *verdict;

	pthread_mutex_lock(&crls->lock);
	crls->checked++;
	if (X509_up_ref(issuer)) {
		verdict = &list->verdicts[list->next++ % ISSUERS_MAX];
		X509_free(verdict->issuer);
		*verdict = (struct verdict){issuer, good};
	}
	pthread_mutex_unlock(&crls->lock);
}

/* Two threads that ask at once may both check: they find the same. */
static bool list_is_by(struct crls *crls, struct list *list, X509 *issuer)
{
	bool good;

	if (!names_issuer(list->crl, issuer))
		return false;
	if (list->signer && X509_cmp(list->signer, issuer) == 0)
		return true;
	if (!recall(crls, list, issuer, &good)) {
		good = signed_by(list->crl, issuer);
		remember(crls, list, issuer, good);
	}
	return good;
}

size_t crls_checked(struct crls *crls)
{
	size_t n;

	pthread_mutex_lock(&crls->lock);
	n = crls->checked;
	pthread_mutex_unlock(&crls->lock);
	return n;
}

enum cert_status crls_status(struct crls *crls, X509 *cert, X509 *issuer)
{
	enum cert_status status = STATUS_UNKNOWN;

	for (size_t i = 0; i < crls->n; i++) {
		struct list *list = &crls->lists[i];
		X509_REVOKED *entry;
		int found;

		if (!list_is_by(crls, list, issuer))
			continue;
		found = X509_CRL_get0_by_cert(list->crl, &entry, cert);
		if (found == 1) /* 2: taken off the list again */
			return STATUS_REVOKED;
		if (in_date(list->crl))
			status = STATUS_GOOD;
	}
	return status;
}
