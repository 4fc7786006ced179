/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of values: numbers with units, names, identities, devices. Pure;
 * any thread; locale-independent.
 */
#include "config/addr.h"
#include "config/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HEX     DIGITS "abcdefABCDEF"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000},
                                        {"s", 1000},     {"ms", 1},      {0}};
static const struct unit sizes[] = {{"TiB", UINT64_C(1) << 40},
                                    {"GiB", UINT64_C(1) << 30},
                                    {"MiB", UINT64_C(1) << 20},
                                    {"KiB", UINT64_C(1) << 10},
                                    {"B", 1},
                                    {0}};
static const struct unit periods[] = {{"h", 3600}, {"min", 60}, {"s", 1}, {0}};

static const struct unit *unit_find(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (strcmp(units->name, name) == 0)
			return units;
	return NULL;
}

/* Decimal digits without sign or leading zero; `rest` is what follows them. */
static int digits_read(const char *text, uint64_t *value, const char **rest)
{
	size_t n = strspn(text, DIGITS);

	if (n == 0 || (text[0] == '0' && n > 1))
		return -EINVAL;
	*value = 0;
	for (size_t i = 0; i < n; i++) {
		if (__builtin_mul_overflow(*value, UINT64_C(10), value) ||
		    __builtin_add_overflow(*value, (uint64_t)(text[i] - '0'), value))
			return -ERANGE;
	}
	*rest = text + n;
	return 0;
}

int cfg_number_parse(const char *text, uint64_t *value)
{
	const char *rest;
	int rc = text[strspn(text, DIGITS)] == '\0' ? digits_read(text, value, &rest) : -EINVAL;

	return rc;
}

static int quantity_parse(const char *text, const struct unit *units, uint64_t *value)
{
	const struct unit *unit;
	const char *rest;
	int rc = digits_read(text, value, &rest);

	if (rc < 0)
		return rc;
	unit = unit_find(units, rest);
	if (!unit)
		return -EINVAL;
	return __builtin_mul_overflow(*value, unit->factor, value) ? -ERANGE : 0;
}

int cfg_duration_parse(const char *text, uint64_t *ms)
{
	return quantity_parse(text, durations, ms);
}

int cfg_size_parse(const char *text, uint64_t *bytes)
{
	return quantity_parse(text, sizes, bytes);
}

int cfg_rate_parse(const char *text, uint64_t *count, uint64_t *seconds)
{
	const struct unit *period;
	const char *rest;
	int rc = digits_read(text, count, &rest);

	if (rc < 0)
		return rc;
	period = rest[0] == '/' ? unit_find(periods, rest + 1) : NULL;
	if (!period)
		return -EINVAL;
	*seconds = period->factor;
	return 0;
}

char *cfg_quantity_format(const struct cfg_key *key, uint64_t value, char *buf, size_t size)
{
	const struct unit *unit = key->type == CFG_T_DURATION ? durations : sizes;

	if (key->type != CFG_T_DURATION && key->type != CFG_T_SIZE) {
		snprintf(buf, size, "%" PRIu64, value);
		return buf;
	}
	value *= key->unit;
	while (unit->factor > 1 && (value == 0 || value % unit->factor != 0))
		unit++;
	snprintf(buf, size, "%" PRIu64 "%s", value / unit->factor, unit->name);
	return buf;
}

bool cfg_is_name(const char *text, size_t max)
{
	size_t len = strlen(text);

	return len >= 1 && len <= max && strspn(text, LETTERS) > 0 &&
	       strspn(text, LETTERS DIGITS "-_") == len;
}

/* Labels of 1 to 63 letters, digits, '-' and '_', with single dots between (RFC 1035 2.3.1). */
bool cfg_is_domain(const char *text)
{
	if (strlen(text) > 253)
		return false;
	for (;;) {
		size_t label = strspn(text, LETTERS DIGITS "-_");

		if (label == 0 || label > 63)
			return false;
		text += label;
		if (*text == '\0')
			return true;
		if (*text++ != '.')
			return false;
	}
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text == 0x7f)
			return false;
	return true;
}

static bool is_mailbox(const char *text)
{
	const char *at = strrchr(text, '@');

	return at && at > text && cfg_is_domain(at + 1) &&
	       strcspn(text, " \t\"(),:;<>[\\]*") == strlen(text) && is_printable(text);
}

/* "C=CH, O=Example, CN=gw": attribute names before each '='. */
static bool is_distinguished_name(const char *text)
{
	size_t attribute = strspn(text, LETTERS DIGITS ".");

	return attribute > 0 && text[attribute] == '=' && is_printable(text);
}

bool cfg_is_identity(const char *text)
{
	struct rg_cfg_addr addr;

	if (strlen(text) > 255)
		return false;
	return rg_addr_parse(text, &addr) == 0 || cfg_is_domain(text) || is_mailbox(text) ||
	       is_distinguished_name(text);
}

bool cfg_is_pattern(const char *text)
{
	struct rg_cfg_prefix prefix;

	if (strchr(text, '/') && rg_prefix_parse(text, &prefix) == 0)
		return !rg_prefix_has_host_bits(&prefix);
	if (strcmp(text, "*") == 0)
		return true;
	if (text[0] == '*' && (text[1] == '@' || text[1] == '.'))
		return cfg_is_domain(text + 2);
	return cfg_is_identity(text);
}

/* Of the domain names and mailboxes that end in `tail`, as patterns with a star mean it. */
static bool tail_covers(const char *tail, const char *other)
{
	size_t len = strlen(tail), other_len = strlen(other);
	struct rg_cfg_addr addr;

	if (other_len <= len || strcasecmp(other + other_len - len, tail) != 0 ||
	    rg_addr_parse(other, &addr) == 0)
		return false;
	return tail[0] == '@' ? is_mailbox(other) : cfg_is_domain(other);
}

/* A prefix covers the addresses in it, in whatever way they are written, and narrower prefixes. */
static bool prefix_covers(const char *pattern, const char *other)
{
	struct rg_cfg_prefix wide, narrow;

	if (rg_prefix_parse(pattern, &wide) < 0)
		return false;
	if (rg_addr_parse(other, &narrow.addr) == 0)
		return rg_prefix_contains(&wide, &narrow.addr);
	return rg_prefix_parse(other, &narrow) == 0 && rg_prefix_covers(&wide, &narrow);
}

bool cfg_pattern_covers(const char *pattern, const char *other)
{
	if (strcmp(pattern, "*") == 0 || strcasecmp(pattern, other) == 0 || prefix_covers(pattern, other))
		return true;
	if (pattern[0] != '*' || strcmp(other, "*") == 0)
		return false;
	if (other[0] != '*')
		return tail_covers(pattern + 1, other);
	return pattern[1] == '.' && other[1] == '.' && tail_covers(pattern + 1, other + 2);
}

static bool is_pci(const char *text)
{
	static const unsigned char digits[] = {4, 2, 2};
	static const char after[] = {':', ':', '.'};

	for (size_t i = 0; i < sizeof(digits); i++) {
		if (strspn(text, HEX) != digits[i] || text[digits[i]] != after[i])
			return false;
		text += digits[i] + 1;
	}
	return text[0] >= '0' && text[0] <= '7' && text[1] == '\0';
}

/* Interface names may hold more than our own names: whatever Linux allows but white space and commas, which
 * would end the argument in an EAL string. */
static bool is_ifname(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= 15 && strcspn(text, " \t/,=:") == len && is_printable(text);
}

bool cfg_is_device(const char *text)
{
	if (strncmp(text, "af_packet:", 10) == 0)
		return is_ifname(text + 10);
	if (strncmp(text, "af_xdp:", 7) == 0)
		return is_ifname(text + 7);
	if (strncmp(text, "vdev:", 5) == 0)
		return text[5] != '\0' && is_printable(text) && strcspn(text, " \t") == strlen(text);
	return is_pci(text);
}
