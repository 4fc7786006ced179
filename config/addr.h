/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP addresses, prefixes and ranges as the configuration writes them. Pure
 * functions; any thread.
 */
#ifndef RG_CONFIG_ADDR_H
#define RG_CONFIG_ADDR_H

#include "config/config.h"

#define RG_ADDR_TEXT_MAX   46                     /* bytes of an address as text with its NUL */
#define RG_PREFIX_TEXT_MAX (RG_ADDR_TEXT_MAX + 4) /* "/128" */

/* Parsers take numeric forms only and return 0 or -EINVAL. */
int rg_addr_parse(const char *text, struct rg_cfg_addr *out);
int rg_prefix_parse(const char *text, struct rg_cfg_prefix *out); /* "ADDRESS/LENGTH" */
int rg_range_parse(const char *text, struct rg_cfg_range *out);   /* a prefix, or "FIRST-LAST" */

/* Return `buf`, for use as a printf() argument. */
char *rg_addr_format(const struct rg_cfg_addr *addr, char buf[static RG_ADDR_TEXT_MAX]);
char *rg_prefix_format(const struct rg_cfg_prefix *prefix, char buf[static RG_PREFIX_TEXT_MAX]);

unsigned rg_addr_bits(const struct rg_cfg_addr *addr); /* 32 or 128 */

/* Below, equal to or above 0 as `a` is below, equal to or above `b`; every IPv4 address is below every IPv6
 * one. */
int rg_addr_compare(const struct rg_cfg_addr *a, const struct rg_cfg_addr *b);

/* One up or down. Returns false, and leaves the address, where it would wrap. */
bool rg_addr_next(struct rg_cfg_addr *addr);

bool rg_addr_is_unicast(const struct rg_cfg_addr *addr); /* not unspecified, loopback, multicast, broadcast */
bool rg_addr_is_link_local(const struct rg_cfg_addr *addr);

bool rg_prefix_contains(const struct rg_cfg_prefix *prefix, const struct rg_cfg_addr *addr);
bool rg_prefix_covers(const struct rg_cfg_prefix *wide, const struct rg_cfg_prefix *narrow); /* or equal */
struct rg_cfg_range rg_prefix_range(const struct rg_cfg_prefix *prefix);                     /* all of it */
bool rg_prefix_has_host_bits(const struct rg_cfg_prefix *prefix);

/* What of a range goes to hosts: of a whole prefix neither its network address (IPv6: the routers' anycast
 * address, RFC 4291 2.6.1) nor the broadcast address of IPv4. */
struct rg_cfg_range rg_range_hosts(const struct rg_cfg_range *range);
bool rg_range_contains(const struct rg_cfg_range *range, const struct rg_cfg_addr *addr);
bool rg_ranges_overlap(const struct rg_cfg_range *a, const struct rg_cfg_range *b);

/* The largest prefix that starts at range->first and lies in the range; `rest` is what it leaves, and the
 * result is false where nothing is left. */
bool rg_range_split(const struct rg_cfg_range *range, struct rg_cfg_prefix *prefix,
                    struct rg_cfg_range *rest);

#endif
