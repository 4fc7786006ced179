/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the clients are: addresses, SPIs, keys, and the records that tell the dataplane of
 * them. Pure functions.
 */
#include "bench/pktgen/clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#define WINDOW 1024u

uint32_t clients_inner(uint32_t client)
{
	return htonl(0x0a630000u + client + 1);
}

uint32_t clients_outer(uint32_t client)
{
	return htonl(0xc6120000u + client + 1);
}

uint32_t clients_server(void)
{
	return htonl(0x0a14000au);
}

uint32_t clients_gateway(void)
{
	return htonl(0xcb007102u);
}

uint32_t clients_handle(uint32_t client)
{
	return RG_SA_HANDLE(client + 1, 1);
}

uint32_t clients_spi(uint32_t client)
{
	return htonl(1u << 28 | clients_handle(client));
}

int clients_key(uint32_t client, uint8_t key[CLIENTS_KEY_LEN + CLIENTS_SALT_LEN])
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(&client, sizeof(client), digest, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	memcpy(key, digest, CLIENTS_KEY_LEN + CLIENTS_SALT_LEN);
	return 0;
}

static void put_address(uint8_t *where, uint32_t addr)
{
	memcpy(where, &addr, sizeof(addr));
}

void clients_fill_tunnel(struct rg_api_tunnel *tunnel, uint32_t client)
{
	memset(tunnel, 0, sizeof(*tunnel));
	tunnel->handle = clients_handle(client);
	tunnel->generation = 1;
	tunnel->path.family = 4;
	put_address(tunnel->path.local, clients_gateway());
	put_address(tunnel->path.remote, clients_outer(client));
}

int clients_fill_sa(struct rg_api_sa *sa, uint32_t client)
{
	const struct rg_api_selector any = {.family = 4, .port_last = 65535};

	memset(sa, 0, sizeof(*sa));
	sa->handle = clients_handle(client);
	sa->spi = clients_spi(client);
	sa->tunnel = clients_handle(client);
	sa->suite = RG_SUITE_AES128_GCM16;
	sa->flags = RG_SA_ESN;
	sa->window = WINDOW;
	sa->local[0] = any;
	put_address(sa->local[0].first, htonl(0x0a140000u));
	put_address(sa->local[0].last, htonl(0x0a14ffffu));
	sa->remote[0] = any;
	put_address(sa->remote[0].first, clients_inner(client));
	put_address(sa->remote[0].last, clients_inner(client));
	return clients_key(client, sa->key);
}

void clients_fill_policy(struct rg_api_policy *policy, uint32_t client)
{
	memset(policy, 0, sizeof(*policy));
	policy->handle = clients_handle(client);
	policy->sa = clients_handle(client);
	policy->family = 4;
	policy->prefix_len = 32;
	put_address(policy->prefix, clients_inner(client));
}
