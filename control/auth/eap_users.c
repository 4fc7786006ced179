/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the file of `eap: users:` and finds a user by the name that a packet gave
 * (eap_users.h). Loading: main thread; finding: any thread.
 */
#include "control/auth/eap_users.h"

#include "control/auth/secret.h"
#include "control/eap/mschap.h"
#include "control/ike/crypto/prf.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
	uint64_t cookie; /* of the name as an identity: equal names have equal ones */
	unsigned line;
	struct eap_user user;
};

struct eap_users {
	size_t n, capacity;
	struct entry *entries;       /* by cookie; in the secure heap where there is room */
	uint8_t nobody[MSCHAP_HASH]; /* what an unknown user's password is compared with */
};

struct text {
	char *data;
	size_t len;
};

/* A name is an e-mail address or a domain name (or one label of it): nothing that a peer sends is ever
 * parsed as more. */
static int name_id(struct rg_id *id, const uint8_t *name, size_t len)
{
	if (len == 0 || len > EAP_MAX_NAME)
		return -EINVAL;
	return rg_id_decode(id, memchr(name, '@', len) ? RG_ID_RFC822_ADDR : RG_ID_FQDN, name, len);
}

static int refuse(struct rg_auth_error *error, const char *file, unsigned line, const char *why)
{
	snprintf(error->text, sizeof(error->text), "eap users %s:%u: %s", file, line, why);
	return -EINVAL;
}

static int read_file(const char *file, struct text *text, struct rg_auth_error *error)
{
	int fd = secret_open(file, "eap users", error), rc = -EINVAL;
	struct stat st;

	if (fd < 0)
		return -EINVAL;
	if (fstat(fd, &st) < 0 || st.st_size == 0 || st.st_size > EAP_USERS_MAX_FILE) {
		snprintf(error->text, sizeof(error->text), "eap users %s: must hold 1 to %u octets", file,
		         EAP_USERS_MAX_FILE);
		goto out;
	}
	text->data = malloc((size_t)st.st_size);
	while (text->data && text->len < (size_t)st.st_size) {
		ssize_t n = read(fd, text->data + text->len, (size_t)st.st_size - text->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		text->len += (size_t)n;
	}
	if (text->len == (size_t)st.st_size)
		rc = 0;
	else
		snprintf(error->text, sizeof(error->text), "eap users %s: cannot be read to its end", file);
out:
	close(fd);
	return rc;
}

static int add_line(struct eap_users *users, const char *file, unsigned line, struct text at,
                    struct rg_auth_error *error)
{
	const char *colon;
	struct entry *entry;
	struct rg_id id;

	if (at.len > 0 && at.data[at.len - 1] == '\r')
		at.len--;
	if (at.len == 0 || at.data[0] == '#')
		return 0;
	colon = memchr(at.data, ':', at.len);
	if (!colon || colon + 1 == at.data + at.len)
		return refuse(error, file, line, "expected NAME:PASSWORD");
	if (name_id(&id, (const uint8_t *)at.data, (size_t)(colon - at.data)) < 0)
		return refuse(
		        error, file, line,
		        "the name is not like an e-mail address or a domain name: 1 to 253 printable ASCII "
		        "characters");
	if (users->n == users->capacity)
		return refuse(error, file, line, "too many users");
	entry = &users->entries[users->n++];
	entry->cookie = rg_id_cookie(&id);
	entry->line = line;
	memcpy(entry->user.name, at.data, (size_t)(colon - at.data));
	if (mschap_nt_hash((const uint8_t *)colon + 1, (size_t)(at.data + at.len - colon) - 1,
	                   entry->user.nt_hash) < 0)
		return refuse(error, file, line, "the password is not UTF-8, or longer than 256 characters");
	return 0;
}

static int by_cookie(const void *a, const void *b)
{
	uint64_t x = ((const struct entry *)a)->cookie, y = ((const struct entry *)b)->cookie;

	return (x > y) - (x < y);
}

static int sort(struct eap_users *users, const char *file, struct rg_auth_error *error)
{
	qsort(users->entries, users->n, sizeof(struct entry), by_cookie);
	for (size_t i = 1; i < users->n; i++) {
		const struct entry *a = &users->entries[i - 1], *b = &users->entries[i];

		if (a->cookie == b->cookie)
			return refuse(error, file, a->line > b->line ? a->line : b->line,
			              "this user is there already (case makes no difference)");
	}
	return 0;
}

static int read_lines(struct eap_users *users, const char *file, struct text text,
                      struct rg_auth_error *error)
{
	unsigned line = 1;
	int rc = 0;

	for (size_t at = 0; at < text.len && rc == 0; line++) {
		const char *end = memchr(text.data + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.data) - at : text.len - at;

		rc = add_line(users, file, line, (struct text){text.data + at, len}, error);
		at += len + 1;
	}
	if (rc == 0 && users->n == 0)
		rc = refuse(error, file, line, "there is no user in it");
	return rc == 0 ? sort(users, file, error) : rc;
}

static size_t count_lines(struct text text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\n';
	return n < EAP_USERS_MAX ? n : EAP_USERS_MAX;
}

static struct eap_users *users_new(size_t capacity)
{
	struct eap_users *users = calloc(1, sizeof(*users));

	if (!users)
		return NULL;
	users->capacity = capacity;
	users->entries = OPENSSL_secure_zalloc(capacity * sizeof(struct entry));
	if (!users->entries) /* more than the locked heap holds: then as all other memory */
		users->entries = OPENSSL_zalloc(capacity * sizeof(struct entry));
	if (users->entries && ike_random(users->nobody, sizeof(users->nobody)) == 0)
		return users;
	eap_users_free(users);
	return NULL;
}

struct eap_users *eap_users_load(const char *file, struct rg_auth_error *error)
{
	struct eap_users *users = NULL;
	struct text text = {0};
	int rc;

	if (mschap_init() < 0) {
		snprintf(error->text, sizeof(error->text),
		         "eap-mschapv2 needs MD4 and DES of OpenSSL's legacy provider, which cannot be "
		         "loaded: "
		         "install its module (legacy.so of the package libssl3), or check OPENSSL_MODULES");
		return NULL;
	}
	rc = read_file(file, &text, error);
	if (rc == 0) {
		users = users_new(count_lines(text));
		rc = users ? read_lines(users, file, text, error) : -ENOMEM;
		if (!users)
			snprintf(error->text, sizeof(error->text), "eap users %s: out of memory", file);
	}
	if (text.data)
		explicit_bzero(text.data, text.len);
	free(text.data);
	if (rc == 0)
		return users;
	eap_users_free(users);
	return NULL;
}

void eap_users_free(struct eap_users *users)
{
	if (!users)
		return;
	if (users->entries)
		OPENSSL_secure_clear_free(users->entries, users->capacity * sizeof(struct entry));
	explicit_bzero(users, sizeof(*users));
	free(users);
}

static const struct entry *find(const struct eap_users *users, const uint8_t *name, size_t len)
{
	struct entry wanted = {0}, *entry;
	struct rg_id id, other;

	if (name_id(&id, name, len) < 0)
		return NULL;
	wanted.cookie = rg_id_cookie(&id);
	entry = bsearch(&wanted, users->entries, users->n, sizeof(wanted), by_cookie);
	if (!entry || name_id(&other, (const uint8_t *)entry->user.name, strlen(entry->user.name)) < 0 ||
	    !rg_id_equal(&id, &other))
		return NULL;
	return entry;
}

/* Windows may put a domain before the name. The list may have it so, or without. */
bool eap_users_find(const struct eap_users *users, const uint8_t *name, size_t len, struct eap_user *out)
{
	const struct entry *entry = find(users, name, len);
	const uint8_t *domain = len > 0 ? memchr(name, '\\', len) : NULL;

	if (!entry && domain)
		entry = find(users, domain + 1, len - (size_t)(domain + 1 - name));
	*out = (struct eap_user){0};
	memcpy(out->nt_hash, entry ? entry->user.nt_hash : users->nobody, sizeof(out->nt_hash));
	memcpy(out->name, entry ? entry->user.name : "", entry ? sizeof(out->name) : 1);
	return entry != NULL;
}
