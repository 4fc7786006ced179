/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP addresses, prefixes and ranges as the configuration writes them: text,
 * order and containment. Pure; any thread.
 */
#include "config/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static size_t width(const struct rg_cfg_addr *addr)
{
	return addr->family == 6 ? 16 : 4;
}

int rg_addr_parse(const char *text, struct rg_cfg_addr *out)
{
	struct rg_cfg_addr addr = {0};

	if (inet_pton(AF_INET, text, addr.bytes) == 1)
		addr.family = 4;
	else if (inet_pton(AF_INET6, text, addr.bytes) == 1)
		addr.family = 6;
	else
		return -EINVAL;
	*out = addr;
	return 0;
}

/* One to three digits without a leading zero: what follows the slash. */
static int length_parse(const char *text, unsigned max, uint8_t *out)
{
	unsigned value = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 3 || text[digits] != '\0' || (text[0] == '0' && digits > 1))
		return -EINVAL;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (unsigned)(text[i] - '0');
	if (value > max)
		return -EINVAL;
	*out = (uint8_t)value;
	return 0;
}

/* Copies what precedes `separator` into `head`; returns what follows it, or NULL. */
static const char *cut(const char *text, char separator, char head[static RG_ADDR_TEXT_MAX])
{
	const char *at = strchr(text, separator);

	if (!at || (size_t)(at - text) >= RG_ADDR_TEXT_MAX)
		return NULL;
	memcpy(head, text, (size_t)(at - text));
	head[at - text] = '\0';
	return at + 1;
}

int rg_prefix_parse(const char *text, struct rg_cfg_prefix *out)
{
	char head[RG_ADDR_TEXT_MAX];
	struct rg_cfg_prefix prefix = {0};
	const char *length = cut(text, '/', head);

	if (!length || rg_addr_parse(head, &prefix.addr) < 0 ||
	    length_parse(length, rg_addr_bits(&prefix.addr), &prefix.len) < 0)
		return -EINVAL;
	*out = prefix;
	return 0;
}

int rg_range_parse(const char *text, struct rg_cfg_range *out)
{
	char head[RG_ADDR_TEXT_MAX];
	struct rg_cfg_prefix prefix;
	struct rg_cfg_range range;
	const char *last = cut(text, '-', head);

	if (!last) {
		if (rg_prefix_parse(text, &prefix) < 0 || rg_prefix_has_host_bits(&prefix))
			return -EINVAL;
		*out = rg_prefix_range(&prefix);
		return 0;
	}
	if (rg_addr_parse(head, &range.first) < 0 || rg_addr_parse(last, &range.last) < 0 ||
	    range.first.family != range.last.family || rg_addr_compare(&range.first, &range.last) > 0)
		return -EINVAL;
	*out = range;
	return 0;
}

char *rg_addr_format(const struct rg_cfg_addr *addr, char buf[static RG_ADDR_TEXT_MAX])
{
	int family = addr->family == 6 ? AF_INET6 : AF_INET;

	if (addr->family == 0 || !inet_ntop(family, addr->bytes, buf, RG_ADDR_TEXT_MAX))
		snprintf(buf, RG_ADDR_TEXT_MAX, "none");
	return buf;
}

char *rg_prefix_format(const struct rg_cfg_prefix *prefix, char buf[static RG_PREFIX_TEXT_MAX])
{
	char addr[RG_ADDR_TEXT_MAX];

	snprintf(buf, RG_PREFIX_TEXT_MAX, "%s/%u", rg_addr_format(&prefix->addr, addr), prefix->len);
	return buf;
}

unsigned rg_addr_bits(const struct rg_cfg_addr *addr)
{
	return (unsigned)width(addr) * 8;
}

int rg_addr_compare(const struct rg_cfg_addr *a, const struct rg_cfg_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, width(a));
}

bool rg_addr_next(struct rg_cfg_addr *addr)
{
	struct rg_cfg_addr next = *addr;

	for (size_t i = width(addr); i-- > 0;) {
		if (++next.bytes[i] != 0) {
			*addr = next;
			return true;
		}
	}
	return false;
}

bool rg_addr_is_unicast(const struct rg_cfg_addr *addr)
{
	static const uint8_t zero[15];
	const uint8_t *b = addr->bytes;

	if (addr->family == 4)
		return b[0] != 0 && b[0] != 127 && b[0] < 224;
	return addr->family == 6 && b[0] != 0xff && !(memcmp(b, zero, 15) == 0 && b[15] <= 1);
}

bool rg_addr_is_link_local(const struct rg_cfg_addr *addr)
{
	if (addr->family == 6)
		return addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
	return addr->family == 4 && addr->bytes[0] == 169 && addr->bytes[1] == 254;
}

/* The byte of a mask of `len` bits at position `i`. */
static uint8_t mask_byte(unsigned len, size_t i)
{
	if (len >= (i + 1) * 8)
		return 0xff;
	return len <= i * 8 ? 0 : (uint8_t)(0xff00u >> (len - i * 8));
}

bool rg_prefix_contains(const struct rg_cfg_prefix *prefix, const struct rg_cfg_addr *addr)
{
	if (prefix->addr.family != addr->family)
		return false;
	for (size_t i = 0; i < width(addr); i++)
		if ((prefix->addr.bytes[i] ^ addr->bytes[i]) & mask_byte(prefix->len, i))
			return false;
	return true;
}

bool rg_prefix_covers(const struct rg_cfg_prefix *wide, const struct rg_cfg_prefix *narrow)
{
	return narrow->len >= wide->len && rg_prefix_contains(wide, &narrow->addr);
}

struct rg_cfg_range rg_prefix_range(const struct rg_cfg_prefix *prefix)
{
	struct rg_cfg_range range = {prefix->addr, prefix->addr};

	for (size_t i = 0; i < width(&prefix->addr); i++) {
		uint8_t mask = mask_byte(prefix->len, i);

		range.first.bytes[i] &= mask;
		range.last.bytes[i] |= (uint8_t)~mask;
	}
	return range;
}

bool rg_prefix_has_host_bits(const struct rg_cfg_prefix *prefix)
{
	struct rg_cfg_range range = rg_prefix_range(prefix);

	return rg_addr_compare(&range.first, &prefix->addr) != 0;
}

bool rg_range_contains(const struct rg_cfg_range *range, const struct rg_cfg_addr *addr)
{
	return addr->family == range->first.family && rg_addr_compare(&range->first, addr) <= 0 &&
	       rg_addr_compare(addr, &range->last) <= 0;
}

bool rg_ranges_overlap(const struct rg_cfg_range *a, const struct rg_cfg_range *b)
{
	return a->first.family == b->first.family && rg_addr_compare(&a->first, &b->last) <= 0 &&
	       rg_addr_compare(&b->first, &a->last) <= 0;
}

bool rg_range_split(const struct rg_cfg_range *range, struct rg_cfg_prefix *prefix, struct rg_cfg_range *rest)
{
	struct rg_cfg_range covered;

	prefix->addr = range->first;
	for (unsigned len = 0;; len++) {
		prefix->len = (uint8_t)len;
		covered = rg_prefix_range(prefix);
		if (rg_addr_compare(&covered.first, &range->first) == 0 &&
		    rg_addr_compare(&covered.last, &range->last) <= 0)
			break;
	}
	*rest = *range;
	rest->first = covered.last;
	return rg_addr_compare(&covered.last, &range->last) < 0 && rg_addr_next(&rest->first);
}

/* One down; only called on addresses above the first of a prefix. */
static void addr_previous(struct rg_cfg_addr *addr)
{
	for (size_t i = width(addr); i-- > 0;)
		if (addr->bytes[i]-- != 0)
			return;
}

struct rg_cfg_range rg_range_hosts(const struct rg_cfg_range *range)
{
	struct rg_cfg_range hosts = *range, rest;
	struct rg_cfg_prefix prefix;

	if (!rg_range_split(range, &prefix, &rest) && rg_addr_bits(&prefix.addr) - prefix.len >= 2) {
		rg_addr_next(&hosts.first);
		if (prefix.addr.family == 4)
			addr_previous(&hosts.last);
	}
	return hosts;
}
