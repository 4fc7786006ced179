/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges into prefixes: from the lower end, each time the largest aligned block that fits.
 */
#include "dataplane/range.h"

#include <string.h>

typedef unsigned __int128 number;

static number read_addr(const struct rg_cfg_addr *a)
{
	number value = 0;

	for (int i = 0; i < (a->family == 4 ? 4 : 16); i++)
		value = value << 8 | a->bytes[i];
	return value;
}

static void write_addr(struct rg_cfg_addr *a, uint8_t family, number value)
{
	memset(a, 0, sizeof(*a));
	a->family = family;
	for (int i = (family == 4 ? 4 : 16) - 1; i >= 0; i--, value >>= 8)
		a->bytes[i] = (uint8_t)value;
}

size_t range_prefixes(const struct rg_cfg_range *range, struct rg_cfg_prefix *out, size_t n)
{
	uint8_t family = range->first.family, bits = family == 4 ? 32 : 128;
	number at = read_addr(&range->first), last = read_addr(&range->last);
	size_t count = 0;

	while (at <= last && count < n) {
		uint8_t free = 0; /* host bits of the block */
		while (free < bits) {
			number block = ((number)1 << free << 1) - 1;
			if ((at & block) != 0 || last - at < block)
				break;
			free++;
		}
		write_addr(&out[count].addr, family, at);
		out[count++].len = (uint8_t)(bits - free);
		number size = (number)1 << (free & 127);
		/* the block ends at the last address there is, or wraps around it */
		if (free == 128 || last - at < size)
			break;
		at += size;
	}
	return count;
}
