/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the tables share: a core without EAL, and records that are
 * valid until a test spoils them. Single thread.
 */
#ifndef RG_TESTS_UNIT_CORE_FIXTURE_H
#define RG_TESTS_UNIT_CORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/core/batch.h"
#include "dataplane/core/writer.h"

/* A generator with a seed of its own, so that a failure can be repeated. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline struct core *fixture_core(unsigned workers)
{
	struct core_config config = {
	        .n_workers = workers, .max_sas = 1024, .max_tunnels = 4096, .key_size = 64};
	struct core *core = NULL;

	assert_int_equal(core_new(&config, &core), 0);
	core_tick(core, 1000);
	return core;
}

static inline struct rg_api_path fixture_path(uint32_t remote)
{
	struct rg_api_path path = {
	        .family = 4, .encap = RG_ENCAP_UDP, .local_port = htons(4500), .remote_port = htons(4500)};
	uint32_t be = htonl(remote);

	memcpy(path.local, (uint8_t[]){192, 0, 2, 1}, 4);
	memcpy(path.remote, &be, 4);
	return path;
}

static inline struct rg_api_tunnel fixture_tunnel(uint32_t handle)
{
	return (struct rg_api_tunnel){
	        .handle = handle, .generation = 1, .cookie = handle, .path = fixture_path(0xcb007101)};
}

static inline struct rg_api_selector fixture_selector(uint32_t first, uint32_t last)
{
	struct rg_api_selector s = {.family = 4, .port_last = 65535};
	uint32_t a = htonl(first), b = htonl(last);

	memcpy(s.first, &a, 4);
	memcpy(s.last, &b, 4);
	return s;
}

/* 10.20.0.0/24 behind the gateway, one address of 10.99.0.0/16 at the client. */
static inline struct rg_api_sa fixture_sa(uint32_t handle, uint32_t tunnel, uint32_t client)
{
	struct rg_api_sa sa = {.handle = handle,
	                       .spi = htonl(0x10000000u | handle),
	                       .tunnel = tunnel,
	                       .cookie = handle,
	                       .suite = RG_SUITE_AES128_GCM16,
	                       .window = 64};

	for (unsigned i = 0; i < sizeof(sa.key); i++)
		sa.key[i] = (uint8_t)(handle + i);
	sa.local[0] = fixture_selector(0x0a140000, 0x0a1400ff);
	sa.remote[0] = fixture_selector(client, client);
	return sa;
}

static inline struct rg_api_policy fixture_policy(uint32_t handle, uint32_t sa, uint32_t prefix, uint8_t len)
{
	struct rg_api_policy p = {
	        .handle = handle, .sa = sa, .cookie = handle, .family = 4, .prefix_len = len};
	uint32_t be = htonl(prefix);

	memcpy(p.prefix, &be, 4);
	return p;
}

/* An IPv4 and UDP header: from a host of the gateway's network to a client, or back. */
static inline void fixture_packet(uint8_t ip[28], uint32_t source, uint32_t destination)
{
	uint32_t s = htonl(source), d = htonl(destination);

	memset(ip, 0, 28);
	ip[0] = 0x45;
	ip[3] = 28;
	ip[8] = 64;
	ip[9] = 17;
	memcpy(ip + 12, &s, 4);
	memcpy(ip + 16, &d, 4);
}

#endif
