/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients of a gateway in memory: their addresses, tunnels, SAs and policies, and the keys of
 * their far ends; see gateway.h.
 */
#include "tests/support/gateway.h"

#include "dataplane/crypto.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS4    0x0a630000u /* 10.99.0.0 */
#define REMOTE4     0xc0000200u /* 192.0.2.0 */
#define WINDOW      64u
#define SERVER_PORT 80
#define SPI_OUT     0xc0000000u

static const uint8_t clients6[15] = {0x20, 0x01, 0x0d, 0xb8, 0, 0x99};
static const uint8_t remotes6[15] = {0x20, 0x01, 0x0d, 0xb8, 0, 0xff};

static uint32_t handle_of(const struct gateway *g, unsigned client, unsigned index)
{
	return RG_SA_HANDLE(index, 1 + g->client[client].life % 100);
}

uint32_t gateway_handle(const struct gateway *g, unsigned client)
{
	return handle_of(g, client, client);
}

/* Of the policy for its IPv6 address. */
static uint32_t second_policy(const struct gateway *g, unsigned client)
{
	return handle_of(g, client, GATEWAY_CLIENTS + client);
}

uint32_t gateway_spi(const struct gateway *g, unsigned client, enum rg_direction direction)
{
	return htonl(direction == RG_IN ? 1u << 28 | gateway_handle(g, client)
	                                : SPI_OUT | (g->client[client].life & 0xfffff) << 4 | client);
}

unsigned gateway_client_of(uint32_t spi, uint32_t *life)
{
	const uint32_t host = ntohl(spi);

	*life = host >> 4 & 0xfffff;
	return host >> 24 == SPI_OUT >> 24 && (host & 15) <= GATEWAY_CLIENTS ? host & 15 : 0;
}

struct sa *gateway_sa(struct gateway *g, unsigned client, enum rg_direction direction)
{
	return sa_by_handle(g->dp.core, direction, gateway_handle(g, client));
}

struct rg_counters_sa gateway_counters(struct gateway *g, unsigned client, enum rg_direction direction)
{
	const struct sa *sa = gateway_sa(g, client, direction);
	struct rg_counters_sa now = {0};

	if (sa != NULL)
		now = sa_counters(sa, sa_record(g->dp.core, sa), 0);
	now.last_ms = 0;
	return now;
}

uint32_t gateway_client4(unsigned client)
{
	return htonl(CLIENTS4 + client);
}

void gateway_client6(unsigned client, uint8_t addr[16])
{
	memcpy(addr, clients6, 15);
	addr[15] = (uint8_t)client;
}

void gateway_remote(unsigned client, bool outer6, uint8_t addr[16])
{
	const uint32_t remote = htonl(REMOTE4 + client);

	memset(addr, 0, 16);
	memcpy(addr, &remote, 4);
	if (outer6) {
		memcpy(addr, remotes6, 15);
		addr[15] = (uint8_t)client;
	}
}

static void local_address(bool outer6, uint8_t addr[16])
{
	const uint32_t local = packets_gateway();

	memset(addr, 0, 16);
	memcpy(addr, &local, 4);
	if (outer6)
		packets_gateway6(addr);
}

static void make_path(unsigned client, bool outer6, bool udp, uint16_t mtu, struct rg_api_path *path)
{
	memset(path, 0, sizeof(*path));
	path->family = outer6 ? 6 : 4;
	path->mtu = mtu;
	if (udp) {
		path->encap = RG_ENCAP_UDP;
		path->local_port = htons(4500);
		path->remote_port = htons((uint16_t)(10000 + client));
	}
	local_address(outer6, path->local);
	gateway_remote(client, outer6, path->remote);
}

static struct rg_api_selector range(uint8_t family, const void *addr, unsigned len)
{
	struct rg_api_selector s = {.family = family, .port_last = 65535};
	unsigned size = family == 4 ? 4 : 16;

	memcpy(s.first, addr, size);
	memcpy(s.last, addr, size);
	memset(s.first + len / 8, 0, size - len / 8);
	memset(s.last + len / 8, 0xff, size - len / 8);
	return s;
}

static void make_selectors(unsigned client, const struct gateway_session *is, struct rg_api_sa *sa)
{
	const uint32_t lan = packets_server(), addr4 = gateway_client4(client);
	uint8_t addr6[16], lan6[16];

	if (is->transport) {
		local_address(is->outer6, addr6);
		sa->local[0] = range(is->outer6 ? 6 : 4, addr6, is->outer6 ? 128 : 32);
		gateway_remote(client, is->outer6, addr6);
		sa->remote[0] = range(is->outer6 ? 6 : 4, addr6, is->outer6 ? 128 : 32);
		if (is->ports) {
			sa->local[0].protocol = 17;
			sa->local[0].port_first = sa->local[0].port_last = SERVER_PORT;
		}
		return;
	}
	gateway_client6(client, addr6);
	sa->remote[0] = range(4, &addr4, 32);
	if (is->simple) {
		sa->local[0] = range(4, &lan, 0);
		return;
	}
	sa->remote[1] = range(6, addr6, 128);
	gateway_server6(lan6);
	sa->local[0] = range(4, &lan, 16);
	sa->local[1] = range(6, lan6, 64);
	sa->local[2] = range(4, &addr4, 16);
	sa->local[3] = range(6, addr6, 64);
	for (unsigned i = 0; is->ports && i < 4; i++) {
		sa->local[i].protocol = 17;
		sa->local[i].port_first = sa->local[i].port_last = SERVER_PORT;
	}
}

static int add_sa(struct gateway *g, unsigned client, enum rg_direction direction)
{
	struct gateway_client *c = &g->client[client];
	const struct gateway_session *is = &c->is;
	const bool headers = direction == RG_OUT && !is->transport;
	struct batch_result result;
	struct rg_api_sa sa = {.handle = gateway_handle(g, client),
	                       .spi = gateway_spi(g, client, direction),
	                       .tunnel = gateway_handle(g, client),
	                       .flags = is->esn ? RG_SA_ESN : 0,
	                       .suite = is->suite,
	                       .window = is->window,
	                       .sequence = is->sequence,
	                       .lifetime = is->lifetime,
	                       .mode = is->transport ? RG_MODE_TRANSPORT : RG_MODE_TUNNEL,
	                       .df = headers ? is->df : 0,
	                       .dscp = headers ? is->dscp : 0};

	for (unsigned i = 0; i < RG_API_KEY_MAX; i++)
		sa.key[i] = (uint8_t)(i * 7 + client * 16 + direction);
	memcpy(sa.key, &c->life, sizeof(c->life));
	make_selectors(client, is, &sa);
	memcpy(c->salt[direction], sa.key + packets_salt_at(is->suite), 4);
	if (crypto_key_expand(NULL, is->suite, sa.key, c->key[direction]) != 0)
		return -EOPNOTSUPP;
	return batch_sa_add(g->dp.core, direction, &sa, 1, &result);
}

/* For both families of inner addresses, or for the peer's one address. */
static uint32_t policies_of(const struct gateway *g, unsigned client)
{
	return g->client[client].is.transport ? 1 : 2;
}

static int add_policies(struct gateway *g, unsigned client)
{
	const struct gateway_session *is = &g->client[client].is;
	const uint32_t addr4 = gateway_client4(client);
	struct rg_api_policy policy[2] = {
	        {.handle = gateway_handle(g, client), .family = 4, .prefix_len = 32},
	        {.handle = second_policy(g, client), .family = 6, .prefix_len = 128}};
	struct batch_result result;

	memcpy(policy[0].prefix, &addr4, 4);
	gateway_client6(client, policy[1].prefix);
	policy[0].sa = policy[1].sa = gateway_handle(g, client);
	if (is->transport) {
		policy[0].family = is->outer6 ? 6 : 4;
		policy[0].prefix_len = is->outer6 ? 128 : 32;
		gateway_remote(client, is->outer6, policy[0].prefix);
	}
	return batch_policy_add(g->dp.core, policy, policies_of(g, client), &result);
}

int gateway_add(struct gateway *g, unsigned client, const struct gateway_session *is)
{
	struct gateway_client *c = &g->client[client];
	struct rg_api_tunnel tunnel = {.handle = gateway_handle(g, client), .generation = 1};
	const struct rg_api_handle handle = {.handle = tunnel.handle};
	struct batch_result result;
	int rc;

	c->is = *is;
	c->made6 = is->outer6;
	c->generation = 1;
	c->is.suite = is->suite != 0 ? is->suite : RG_SUITE_AES128_GCM16;
	c->is.window = is->window != 0 ? is->window : WINDOW;
	make_path(client, is->outer6, is->udp, is->mtu, &tunnel.path);
	rc = batch_tunnel_add(g->dp.core, &tunnel, 1, &result);
	if (rc != 0)
		return rc;
	rc = add_sa(g, client, RG_IN);
	if (rc == 0)
		rc = add_sa(g, client, RG_OUT);
	if (rc == 0)
		rc = add_policies(g, client);
	c->present = rc == 0;
	if (rc != 0) { /* those that were not made are refused */
		batch_sa_del(g->dp.core, RG_IN, &handle, 1, &result);
		batch_sa_del(g->dp.core, RG_OUT, &handle, 1, &result);
		batch_tunnel_del(g->dp.core, &handle, 1, &result);
	}
	return rc;
}

static void delete_objects(struct gateway *g, unsigned client)
{
	const struct rg_api_handle handle = {.handle = gateway_handle(g, client)};
	const struct rg_api_handle policies[2] = {handle, {.handle = second_policy(g, client)}};
	struct batch_result result;

	if (batch_policy_del(g->dp.core, policies, policies_of(g, client), &result) != 0 ||
	    batch_sa_del(g->dp.core, RG_IN, &handle, 1, &result) != 0 ||
	    batch_sa_del(g->dp.core, RG_OUT, &handle, 1, &result) != 0 ||
	    batch_tunnel_del(g->dp.core, &handle, 1, &result) != 0)
		abort();
}

void gateway_remove(struct gateway *g, unsigned client)
{
	if (!g->client[client].present)
		return;
	delete_objects(g, client);
	g->client[client].present = false;
	g->client[client].life++;
}

int gateway_restore(struct gateway *g, unsigned client, uint64_t sequence)
{
	struct gateway_session is = g->client[client].is;

	delete_objects(g, client);
	is.sequence = sequence;
	gateway_tick(g);
	gateway_tick(g);
	return gateway_add(g, client, &is);
}

void gateway_policy(struct gateway *g, unsigned client, bool with_sa)
{
	const uint32_t sa = with_sa ? gateway_handle(g, client) : 0;
	const struct rg_api_policy_set sets[2] = {{gateway_handle(g, client), sa},
	                                          {second_policy(g, client), sa}};
	struct batch_result result;

	if (batch_policy_set(g->dp.core, sets, policies_of(g, client), &result) != 0)
		abort();
}

int gateway_move(struct gateway *g, unsigned client, bool outer6, bool udp)
{
	struct gateway_client *c = &g->client[client];
	struct rg_api_migrate move = {.handle = gateway_handle(g, client), .generation = ++c->generation};
	struct batch_result result;

	c->is.outer6 = outer6;
	c->is.udp = udp;
	make_path(client, outer6, udp, c->is.mtu, &move.path);
	return batch_migrate(g->dp.core, &move, 1, &result);
}

int gateway_suspend(struct gateway *g, unsigned client)
{
	const struct rg_api_migrate move = {.handle = gateway_handle(g, client),
	                                    .generation = ++g->client[client].generation};
	struct batch_result result;

	return batch_suspend(g->dp.core, &move, 1, &result);
}
