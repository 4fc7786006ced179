/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: reads the configuration itself, and checks the files that it names
 * (present, regular, readable; private ones closed to others). Any thread.
 */
#include "config/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int whole(struct rg_cfg_error *error, const char *text)
{
	error->line = error->column = 0;
	snprintf(error->text, sizeof(error->text), "%s", text);
	return -EINVAL;
}

static int failed(struct rg_cfg_error *error, const char *what)
{
	int code = errno;

	error->line = error->column = 0;
	snprintf(error->text, sizeof(error->text), "cannot %s it: %s", what, strerror(code));
	return -code;
}

int rg_config_file_bytes(int fd, void *buf, size_t size, size_t *len)
{
	uint8_t *at = buf;

	*len = 0;
	while (*len < size) {
		ssize_t n = read(fd, at + *len, size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	return 0;
}

/* A writer that is still at it changes size or time between the two looks. */
static bool changed(const struct stat *before, const struct stat *after, size_t len)
{
	return before->st_size != after->st_size || (size_t)after->st_size != len ||
	       before->st_mtim.tv_sec != after->st_mtim.tv_sec ||
	       before->st_mtim.tv_nsec != after->st_mtim.tv_nsec;
}

static int text_read(int fd, size_t max, char **text, size_t *len, struct rg_cfg_error *error)
{
	struct stat before, after;

	if (fstat(fd, &before) < 0)
		return failed(error, "read");
	if (!S_ISREG(before.st_mode))
		return whole(error, "not a regular file; expected one");
	if (before.st_size > (off_t)max) {
		snprintf(error->text, sizeof(error->text), "the file has %lld bytes; expected at most %zu",
		         (long long)before.st_size, max);
		return -EINVAL;
	}
	*text = malloc((size_t)before.st_size + 1);
	if (!*text)
		return whole(error, "out of memory");
	errno = -rg_config_file_bytes(fd, *text, (size_t)before.st_size + 1, len);
	if (errno != 0 || fstat(fd, &after) < 0)
		return failed(error, "read");
	if (changed(&before, &after, *len))
		return whole(
		        error,
		        "the file changed while it was read; write it aside and rename it, then load again");
	return 0;
}

int cfg_file_read(const char *file, size_t max, char **text, size_t *len, struct rg_cfg_error *error)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc;

	*text = NULL;
	if (fd < 0)
		return failed(error, "open");
	rc = text_read(fd, max, text, len, error);
	if (rc < 0) {
		free(*text);
		*text = NULL;
	}
	close(fd);
	return rc;
}

int rg_config_file_path(const char *file, char *out, size_t size)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	int len;

	if (strncmp(file, "credential:", 11) != 0)
		len = snprintf(out, size, "%s", file);
	else if (!directory)
		return -ENOENT;
	else
		len = snprintf(out, size, "%s/%s", directory, file + 11);
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

static int named_check(struct cfg_load *load, const struct cfg_node *node, const char *file, bool private)
{
	struct stat st;
	char path[4096];
	int rc = rg_config_file_path(file, path, sizeof(path)), fd;

	if (rc == -ENOENT) /* `roamctl check` has no credentials; who needs them says so */
		return 0;
	if (rc < 0)
		return cfg_refuse(load, node, "the file name is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return cfg_refuse(load, node, "cannot open %.300s: %s", file, strerror(errno));
	if (fstat(fd, &st) < 0)
		rc = cfg_refuse(load, node, "cannot read %.300s: %s", file, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		rc = cfg_refuse(load, node, "%.300s is not a regular file", file);
	else if (st.st_size == 0)
		rc = cfg_refuse(load, node, "%.300s is empty", file);
	else if (private && st.st_uid != 0 && st.st_uid != geteuid())
		rc = cfg_refuse(load, node,
		                "%.200s belongs to another user (uid %u); expected root or the daemon's own: "
		                "chown it",
		                file, st.st_uid);
	else if (private && (st.st_mode & 077))
		rc = cfg_refuse(
		        load, node,
		        "%.200s has mode %04o, so others may use the key; expected 0600: chmod 600 it", file,
		        st.st_mode & 07777);
	close(fd);
	return rc;
}

static int credential_files(struct cfg_load *load, const struct rg_cfg_credential *own,
                            const struct cfg_node *node)
{
	int rc = 0;

	if (own->certificate)
		rc = named_check(load, cfg_tree_get(node, "certificate"), own->certificate, false);
	if (rc == 0 && own->private_key)
		rc = named_check(load, cfg_tree_get(node, "private-key"), own->private_key, true);
	if (rc == 0 && own->ocsp_response)
		rc = named_check(load, cfg_tree_get(node, "ocsp-response"), own->ocsp_response, false);
	return rc;
}

static int list_files(struct cfg_load *load, const struct cfg_node *list, char *const *files, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = named_check(load, cfg_tree_item(list, i), files[i], false);
	return rc;
}

static int gateway_files(struct cfg_load *load, const struct cfg_node *root)
{
	const struct rg_cfg_gateway *gateway = &load->cfg->gateway;
	const struct cfg_node *node = cfg_tree_get(root, "gateway");
	int rc = credential_files(load, &gateway->own, node);

	for (size_t i = 0; i < gateway->n_others && rc == 0; i++)
		rc = credential_files(load, &gateway->others[i],
		                      cfg_tree_item(cfg_tree_get(node, "other-certificates"), i));
	if (rc == 0)
		rc = list_files(load, cfg_tree_get(node, "authorities"), gateway->authorities,
		                gateway->n_authorities);
	if (rc == 0)
		rc = list_files(load, cfg_tree_get(node, "crls"), gateway->crls, gateway->n_crls);
	return rc;
}

static int leases_files(struct cfg_load *load, const struct cfg_node *root)
{
	const struct cfg_node *pools = cfg_tree_get(root, "pools");
	int rc = 0;

	for (size_t i = 0; i < load->cfg->n_pools && rc == 0; i++) {
		struct rg_cfg_pool *pool = &load->cfg->pools[i];

		if (pool->leases_file)
			rc = cfg_leases_read(load, pool,
			                     cfg_tree_get(cfg_tree_item(pools, i), "leases-file"));
	}
	return rc;
}

int cfg_files_check(struct cfg_load *load, const struct cfg_node *root)
{
	int rc = gateway_files(load, root);

	if (rc == 0)
		rc = leases_files(load, root);

	for (size_t i = 0; i < load->cfg->n_secrets && rc == 0; i++) {
		const struct cfg_node *secret = cfg_tree_item(cfg_tree_get(root, "secrets"), i);

		rc = named_check(load, cfg_tree_get(secret, "file"), load->cfg->secrets[i].file, true);
	}
	if (rc == 0 && load->cfg->eap.users)
		rc = named_check(load, cfg_tree_get(cfg_tree_get(root, "eap"), "users"), load->cfg->eap.users,
		                 true);
	return rc;
}
