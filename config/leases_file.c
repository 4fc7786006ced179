/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a pool's static leases: lines of `ADDRESS IDENTITY`. The identity
 * is the rest of its line, so distinguished names need no quotes. One thread a load.
 */
#include "config/addr.h"
#include "config/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 512

struct lines {
	struct cfg_load *load;
	struct rg_cfg_pool *pool;
	unsigned line;
};

static int refuse(const struct lines *lines, size_t column, const char *what)
{
	struct cfg_node at = {.line = lines->line, .column = (unsigned)column + 1};

	return cfg_refuse(lines->load, &at, "%s", what);
}

/* `text` is one line without its end; it is cut in place. */
static int line_read(const struct lines *lines, char *text)
{
	struct rg_cfg_lease lease = {.line = lines->line, .in_file = true};
	size_t begin = strspn(text, " \t"), end = begin + strcspn(text + begin, " \t");
	size_t identity = end + strspn(text + end, " \t"), len = strlen(text);
	struct cfg_node at = {.line = lines->line, .column = (unsigned)begin + 1};
	int rc;

	if (text[begin] == '\0' || text[begin] == '#')
		return 0;
	lease.column = at.column;
	while (len > identity && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		text[--len] = '\0';
	if (text[identity] == '\0')
		return refuse(lines, begin, "expected an address and then the identity that it belongs to");
	text[end] = '\0';
	if (rg_addr_parse(text + begin, &lease.address) < 0)
		return refuse(lines, begin, "expected an IPv4 or IPv6 address");
	if (!cfg_is_identity(text + identity))
		return refuse(lines, identity,
		              "expected an identity: a domain name, user@domain, an IP address or a "
		              "distinguished name");
	rc = cfg_lease_check(lines->load, lines->pool, &lease.address, &at);
	if (rc < 0)
		return rc;
	lease.identity = cfg_text(lines->load, text + identity, len - identity);
	return lease.identity ? cfg_lease_put(lines->load, lines->pool, &lease) : -ENOMEM;
}

static int lines_read(struct lines *lines, const char *text, size_t size)
{
	char line[LINE_MAX_BYTES];
	int rc = 0;

	while (size > 0 && rc == 0) {
		const char *end = memchr(text, '\n', size);
		size_t len = end ? (size_t)(end - text) : size, next = end ? len + 1 : len;

		lines->line++;
		if (!end)
			return refuse(lines, len, "the file ends inside a line; expected a newline");
		if (len >= sizeof(line) || memchr(text, '\0', len))
			return refuse(lines, 0, "expected a line of at most 511 bytes of text");
		memcpy(line, text, len);
		line[len] = '\0';
		rc = line_read(lines, line);
		text += next;
		size -= next;
	}
	return rc;
}

int cfg_leases_read(struct cfg_load *load, struct rg_cfg_pool *pool, const struct cfg_node *node)
{
	struct lines lines = {load, pool, 0};
	struct rg_cfg_error error = {0};
	char *text;
	size_t size;
	int rc;

	if (cfg_file_read(pool->leases_file, CFG_LEASES_MAX_BYTES, &text, &size, &error) < 0)
		return cfg_refuse(load, node, "%.200s: %.200s", pool->leases_file, error.text);
	cfg_error_in(load, pool->leases_file);
	rc = lines_read(&lines, text, size);
	if (rc == 0)
		rc = cfg_leases_sort(load, pool);
	if (rc == 0)
		cfg_error_in(load, load->cfg->file);
	free(text);
	return rc;
}
