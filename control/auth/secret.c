/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the files of `secrets:` and finds the key for a peer's identity
 * (RFC 7296 2.15). Loading: main thread; finding: any thread.
 */
#include "control/auth/secret.h"

#include "config/addr.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct secret {
	const char *pattern; /* the configuration's */
	size_t len;
	uint8_t key[RG_AUTH_SECRET_MAX];
};

struct secret_store {
	size_t n;
	struct secret secrets[];
};

int secret_open(const char *file, const char *what, struct rg_auth_error *error)
{
	char path[4096];
	struct stat st;
	int fd;

	if (rg_config_file_path(file, path, sizeof(path)) < 0) {
		snprintf(error->text, sizeof(error->text),
		         "%s %s: systemd gave this process no credentials; set LoadCredential= in its unit",
		         what, file);
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not stop the daemon */
	if (fd < 0) {
		snprintf(error->text, sizeof(error->text), "%s %s: cannot be opened: %s", what, file,
		         strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		snprintf(error->text, sizeof(error->text), "%s %s: is not a regular file", what, file);
	} else if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		snprintf(error->text, sizeof(error->text),
		         "%s %s: mode is %04o, others may use it; run: chmod 600 %s", what, file,
		         (unsigned)(st.st_mode & 07777), file);
	} else if (st.st_uid != 0 && st.st_uid != geteuid()) {
		snprintf(error->text, sizeof(error->text),
		         "%s %s: belongs to user %u; it must belong to root or to the user of "
		         "roamgate-control",
		         what, file, (unsigned)st.st_uid);
	} else {
		return fd;
	}
	close(fd);
	return -1;
}

static int read_secret(struct secret *secret, const char *file, struct rg_auth_error *error)
{
	uint8_t buf[RG_AUTH_SECRET_MAX + 3]; /* room for CR, LF and one octet too many */
	int fd = secret_open(file, "secret", error), rc = -EINVAL, code;
	size_t len;

	if (fd < 0)
		return -EINVAL;
	code = rg_config_file_bytes(fd, buf, sizeof(buf), &len);
	close(fd);
	if (code < 0) {
		snprintf(error->text, sizeof(error->text), "secret %s: cannot be read: %s", file,
		         strerror(-code));
		goto out;
	}
	if (len && buf[len - 1] == '\n')
		len--;
	if (len && buf[len - 1] == '\r')
		len--;
	if (len == 0 || len > RG_AUTH_SECRET_MAX) {
		snprintf(error->text, sizeof(error->text), "secret %s: must hold 1 to %d octets", file,
		         RG_AUTH_SECRET_MAX);
		goto out;
	}
	memcpy(secret->key, buf, len);
	secret->len = len;
	rc = 0;
out:
	explicit_bzero(buf, sizeof(buf));
	return rc;
}

struct secret_store *secret_load(const struct rg_config *cfg, struct rg_auth_error *error)
{
	size_t size = sizeof(struct secret_store) + cfg->n_secrets * sizeof(struct secret);
	struct secret_store *store = OPENSSL_secure_zalloc(size);

	if (!store) /* more than the locked heap holds: then as all other memory */
		store = OPENSSL_zalloc(size);
	if (!store) {
		snprintf(error->text, sizeof(error->text), "secrets: out of memory for %zu secrets",
		         cfg->n_secrets);
		return NULL;
	}
	for (; store->n < cfg->n_secrets; store->n++) {
		struct secret *secret = &store->secrets[store->n];

		secret->pattern = cfg->secrets[store->n].identity;
		if (read_secret(secret, cfg->secrets[store->n].file, error) < 0) {
			secret_free(store);
			return NULL;
		}
	}
	return store;
}

void secret_free(struct secret_store *store)
{
	if (store)
		OPENSSL_secure_clear_free(store, sizeof(*store) + store->n * sizeof(struct secret));
}

/* How much of the identity a pattern fixes: all of it, a prefix, or the more the longer it is. */
static size_t weight(const char *pattern)
{
	struct rg_cfg_prefix prefix;

	if (pattern[0] == '*')
		return strlen(pattern);
	return rg_prefix_parse(pattern, &prefix) == 0 ? RG_ID_TEXT + prefix.len : 2 * RG_ID_TEXT;
}

/* Every entry is looked at, so that the time does not tell which one it was (H29). */
int secret_find(const struct secret_store *store, const struct rg_id *peer, uint8_t *out, size_t size)
{
	const struct secret *best = NULL;

	for (size_t i = 0; i < store->n; i++) {
		const struct secret *secret = &store->secrets[i];

		if (rg_id_matches(peer, secret->pattern) &&
		    (!best || weight(secret->pattern) > weight(best->pattern)))
			best = secret;
	}
	if (!best)
		return -ENOENT;
	if (best->len > size)
		return -EMSGSIZE;
	memcpy(out, best->key, best->len);
	return (int)best->len;
}
