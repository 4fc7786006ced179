/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building paths: header templates and their checksums (RFC 791 3.1, RFC 8200 3,
 * RFC 768, RFC 3948 2.1). Main only.
 */
#include "dataplane/core/path.h"
#include "dataplane/core/writer.h"

#include <errno.h>

#define PROTO_UDP 17
#define PROTO_ESP 50
#define HOPS      64

static bool addr_is_unicast(uint8_t family, const uint8_t *a)
{
	static const uint8_t zero[16], loop6[16] = {[15] = 1};
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (family == 4)
		return a[0] != 0 && a[0] != 127 && a[0] < 224;
	return a[0] != 0xff && memcmp(a, zero, 16) != 0 && memcmp(a, loop6, 16) != 0 &&
	       memcmp(a, mapped, 12) != 0;
}

/* One's complement sum of big-endian 16-bit words as they lie in memory. */
static uint32_t sum16(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2) {
		uint16_t w;
		memcpy(&w, p + i, 2);
		sum += w;
	}
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

static void write_udp(const struct rg_api_path *e, uint8_t *udp)
{
	memcpy(udp, &e->local_port, 2);
	memcpy(udp + 2, &e->remote_port, 2);
}

static void write_header4(struct path *path, const struct rg_api_path *e)
{
	uint8_t *ip = path->hdr;

	ip[0] = 0x45;
	ip[6] = 0x40; /* DF: with it the identification may be zero (RFC 6864 4.1) */
	ip[8] = HOPS;
	ip[9] = e->encap == RG_ENCAP_UDP ? PROTO_UDP : PROTO_ESP;
	memcpy(ip + 12, e->local, 4);
	memcpy(ip + 16, e->remote, 4);
	path->hdr_len = 20;
	path->sum = fold(sum16(ip, 20));
	if (e->encap == RG_ENCAP_UDP) {
		write_udp(e, ip + 20);
		path->hdr_len += 8;
	}
}

static void write_header6(struct path *path, const struct rg_api_path *e)
{
	uint8_t *ip = path->hdr;

	ip[0] = 0x60;
	ip[6] = e->encap == RG_ENCAP_UDP ? PROTO_UDP : PROTO_ESP;
	ip[7] = HOPS;
	memcpy(ip + 8, e->local, 16);
	memcpy(ip + 24, e->remote, 16);
	path->hdr_len = 40;
	if (e->encap == RG_ENCAP_UDP) {
		write_udp(e, ip + 40);
		path->hdr_len += 8;
		/* no zero checksum here: receivers drop it (RFC 8200 8.1) */
		path->sum = fold(sum16(ip + 8, 32) + htons(PROTO_UDP) + sum16(ip + 40, 8));
	}
}

/* All of a path but where it leads to. */
static void write_path(struct path *path, const struct rg_api_path *e)
{
	path->mtu = e->mtu;
	path->family = e->family;
	path->encap = e->encap;
	if (e->family == 4)
		write_header4(path, e);
	else
		write_header6(path, e);
}

void path_endpoints(const struct path *path, struct rg_api_path *e)
{
	const uint8_t *ip = path->hdr;
	bool four = path->family == 4;
	size_t len = four ? 4 : 16;

	*e = (struct rg_api_path){.family = path->family, .encap = path->encap, .mtu = path->mtu};
	memcpy(e->local, ip + (four ? 12 : 8), len);
	memcpy(e->remote, ip + (four ? 16 : 24), len);
	if (path->encap == RG_ENCAP_UDP) {
		memcpy(&e->local_port, ip + path->hdr_len - 8, 2);
		memcpy(&e->remote_port, ip + path->hdr_len - 6, 2);
	}
}

bool path_is_whole(const struct path *path)
{
	struct path again = {.flags = path->flags, .nexthop = path->nexthop};
	struct rg_api_path e;

	if (path->hdr_len != (path->family == 4 ? 20 : 40) + (path->encap == RG_ENCAP_UDP ? 8 : 0))
		return false;
	path_endpoints(path, &e);
	write_path(&again, &e);
	return path->nexthop != NULL && memcmp(path, &again, sizeof(again)) == 0;
}

static int spec_check(const struct rg_api_path *spec)
{
	bool udp = spec->encap == RG_ENCAP_UDP;
	size_t len = spec->family == 4 ? 4 : 16;

	if (spec->family != 4 && spec->family != 6)
		return -EINVAL;
	if (spec->encap != RG_ENCAP_NONE && !udp)
		return -EINVAL;
	if (udp && (spec->local_port == 0 || spec->remote_port == 0))
		return -EINVAL;
	if (spec->fib != 0 || (spec->mtu != 0 && spec->mtu < (spec->family == 4 ? 576 : 1280)))
		return -EINVAL;
	if (!addr_is_unicast(spec->family, spec->local) || !addr_is_unicast(spec->family, spec->remote))
		return -EINVAL;
	return memcmp(spec->local, spec->remote, len) == 0 ? -EINVAL : 0;
}

/* Bytes that mean nothing are zero, so that equal paths are equal bytes. */
static struct rg_api_path spec_normalize(const struct rg_api_path *spec)
{
	size_t len = spec->family == 4 ? 4 : 16;
	struct rg_api_path out = {.family = spec->family, .encap = spec->encap, .mtu = spec->mtu};

	if (spec->encap == RG_ENCAP_UDP) {
		out.local_port = spec->local_port;
		out.remote_port = spec->remote_port;
	}
	memcpy(out.local, spec->local, len);
	memcpy(out.remote, spec->remote, len);
	return out;
}

int path_build(struct core *core, const struct rg_api_path *spec, struct path **out)
{
	const struct core_config *config = &core->config;
	struct rg_api_path endpoints;
	struct route *route;
	struct path *path;
	uint32_t table = 0;
	int rc;

	rc = spec_check(spec);
	if (rc == 0 && config->local_table != NULL)
		rc = config->local_table(config->ctx, spec->family, spec->local, &table);
	if (rc != 0)
		return rc;
	path = slab_alloc(&core->writer->slabs, sizeof(*path));
	if (path == NULL)
		return -ENOMEM;
	endpoints = spec_normalize(spec);
	write_path(path, &endpoints);
	route = route_get(core, table, spec->family, endpoints.remote);
	if (route == NULL) {
		slab_free(&core->writer->slabs, path, sizeof(*path));
		return -ENOMEM;
	}
	path->nexthop = route->nexthop;
	*out = path;
	return 0;
}

int path_build_suspended(struct core *core, const struct path *old, struct path **out)
{
	struct path *path = slab_alloc(&core->writer->slabs, sizeof(*path));

	if (path == NULL)
		return -ENOMEM;
	*path = *old;
	path->nexthop = &core->writer->nexthops.none;
	path->flags |= PATH_SUSPENDED;
	*out = path;
	return 0;
}

void path_free(struct core *core, struct path *path)
{
	struct rg_api_path e;

	if (path == NULL)
		return;
	if (path->nexthop != &core->writer->nexthops.none) {
		path_endpoints(path, &e);
		route_put(core, path->nexthop, e.family, e.remote);
	}
	slab_free(&core->writer->slabs, path, sizeof(*path));
}
