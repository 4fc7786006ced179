/* SPDX-License-Identifier: Apache-2.0 */
/* Packets and records of a gateway without wires; see packets.h. */
#include "tests/support/packets.h"

#include "dataplane/crypto.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t gateway_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 2};

uint32_t packets_server(void)
{
	return htonl(0x0a14000a);
}

uint32_t packets_gateway(void)
{
	return htonl(0xcb007102);
}

void packets_gateway6(uint8_t addr[16])
{
	static const uint8_t gateway6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};

	memcpy(addr, gateway6, 16);
}

void packets_put_l2(uint8_t *frame, uint16_t ethertype)
{
	memcpy(frame, gateway_mac, 6);
	memcpy(frame + 6, other_mac, 6);
	frame[12] = (uint8_t)(ethertype >> 8);
	frame[13] = (uint8_t)ethertype;
}

void packets_put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

void packets_set_sum4(uint8_t *ip, uint32_t header)
{
	uint32_t sum = 0;

	packets_put16(ip + 10, 0);
	for (uint32_t i = 0; i < header; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	packets_put16(ip + 10, ~sum);
}

void packets_set_fragment4(uint8_t *ip, uint16_t field)
{
	packets_put16(ip + 6, field);
	packets_set_sum4(ip, 20);
}

void packets_put_ipv4(uint8_t *ip, uint32_t from, uint32_t to, uint8_t protocol, uint32_t len)
{
	memset(ip, 0, 20);
	ip[0] = 0x45;
	packets_put16(ip + 2, len);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, &from, 4);
	memcpy(ip + 16, &to, 4);
	packets_set_sum4(ip, 20);
}

void packets_put_ipv6(uint8_t *ip, const uint8_t *from, const uint8_t *to, uint8_t protocol, uint32_t len)
{
	memset(ip, 0, 8);
	ip[0] = 0x60;
	ip[4] = (uint8_t)((len - 40) >> 8);
	ip[5] = (uint8_t)(len - 40);
	ip[6] = protocol;
	ip[7] = 64;
	memcpy(ip + 8, from, 16);
	memcpy(ip + 24, to, 16);
}

uint32_t packets_cipher_len(uint32_t size)
{
	return (size + 2 + 3) & ~3u;
}

uint32_t packets_text_len(uint32_t suite, uint32_t size)
{
	const uint32_t block = rg_suite_info(suite)->block;

	return (size + 2 + block - 1) / block * block;
}

uint32_t packets_head(uint32_t suite)
{
	return 8u + rg_suite_info(suite)->iv;
}

uint32_t packets_icv(uint32_t suite)
{
	return rg_suite_info(suite)->icv;
}

uint32_t packets_salt_at(uint32_t suite)
{
	return rg_suite_info(suite)->key;
}

/* RFC 4106 4 and 5. Returns the length of the additional data. */
static uint32_t inputs(const uint8_t *esp, const struct packets_esp *how, uint8_t nonce[16], uint8_t aad[12])
{
	uint32_t low = htonl((uint32_t)how->seq), high = htonl((uint32_t)(how->seq >> 32));

	memset(nonce, 0, 16);
	memcpy(nonce, how->salt, 4);
	memcpy(nonce + 4, esp + 8, 8);
	memcpy(aad, &how->spi, 4);
	memcpy(aad + 4, how->esn ? &high : &low, 4);
	memcpy(aad + 8, &low, 4);
	return how->esn ? 12 : 8;
}

/* A batch of one, of this thread. */
static bool run_batch(uint8_t *esp, uint32_t len, const struct packets_esp *how, bool seal)
{
	static _Thread_local struct crypto_batch *batch;
	struct crypto_op *op;

	if (batch == NULL)
		batch = crypto_batch_new();
	if (batch == NULL)
		return false;
	op = &batch->op[0];
	op->key = how->key;
	op->esp = esp;
	op->seq = how->seq;
	memcpy(&op->salt, how->salt, 4);
	op->len = (uint16_t)len;
	op->suite = (uint8_t)how->suite;
	op->esn = how->esn;
	if (seal)
		crypto_seal_batch(batch, 1);
	else
		crypto_open_batch(batch, 1);
	return op->result == CRYPTO_OK;
}

uint32_t packets_seal_clear(uint8_t *esp, uint32_t len, const struct packets_esp *how)
{
	alignas(16) uint8_t nonce[16], aad[12];
	uint32_t low = htonl((uint32_t)how->seq), aad_len;

	memcpy(esp, &how->spi, 4);
	memcpy(esp + 4, &low, 4);
	if (rg_suite_is_gcm(rg_suite_info(how->suite))) {
		memcpy(esp + 8, &how->seq, 8);
		aad_len = inputs(esp, how, nonce, aad);
		crypto_seal((uint8_t)how->suite, how->key, esp + PACKETS_ESP_HEAD, len, nonce, aad, aad_len);
	} else if (!run_batch(esp, len, how, true)) {
		return 0;
	}
	return packets_head(how->suite) + len + packets_icv(how->suite);
}

uint32_t packets_seal(uint8_t *esp, uint32_t size, const struct packets_esp *how)
{
	const uint32_t len = packets_text_len(how->suite, size), pad = len - size - 2;
	uint8_t *inner = esp + packets_head(how->suite);

	for (uint32_t i = 0; i < pad; i++)
		inner[size + i] = (uint8_t)(i + 1);
	inner[size + pad] = (uint8_t)pad;
	inner[size + pad + 1] = 4;
	return packets_seal_clear(esp, len, how);
}

bool packets_open(uint8_t *esp, uint32_t len, const struct packets_esp *how)
{
	const uint32_t around = packets_head(how->suite) + packets_icv(how->suite);
	alignas(16) uint8_t nonce[16], aad[12];
	uint32_t aad_len;

	if (len < around + 2)
		return false;
	if (!rg_suite_is_gcm(rg_suite_info(how->suite)))
		return run_batch(esp, len - around, how, false);
	aad_len = inputs(esp, how, nonce, aad);
	return crypto_open((uint8_t)how->suite, how->key, esp + PACKETS_ESP_HEAD, len - around, nonce, aad,
	                   aad_len);
}

void packets_nexthop(struct nexthop *nh, uint16_t port, uint8_t family)
{
	memset(nh, 0, sizeof(*nh));
	memcpy(nh->l2, other_mac, 6);
	memcpy(nh->l2 + 6, gateway_mac, 6);
	nh->l2[12] = family == 4 ? 0x08 : 0x86;
	nh->l2[13] = family == 4 ? 0x00 : 0xdd;
	nh->port = port;
	nh->mtu = PACKETS_MTU;
}

struct fib *packets_fib(void)
{
	struct fib_item items[3] = {
	        {.family = 4, .len = 32, .kind = FIB_LOCAL},
	        {.family = 6, .len = 128, .kind = FIB_LOCAL},
	        {.family = 4, .len = 16, .kind = FIB_NEXTHOP},
	};
	const uint32_t local = packets_gateway(), lan = htonl(0x0a140000);

	memcpy(items[0].addr, &local, 4);
	packets_gateway6(items[1].addr);
	memcpy(items[2].addr, &lan, 4);
	packets_nexthop(&items[2].nh, PACKETS_LAN, 4);
	return fib_build(items, 3);
}

void packets_port(struct port *port, unsigned index, const struct port_ops *ops, void *ctx, uint16_t queues)
{
	port->ops = *ops;
	port->ctx = ctx;
	memcpy(port->mac, gateway_mac, 6);
	port->mtu = PACKETS_MTU;
	port->rx_queues = queues;
	port->network = index == PACKETS_LAN;
	port->tap = -1;
	snprintf(port->name, sizeof(port->name), "%s", index == PACKETS_LAN ? "lan" : "uplink");
	atomic_store(&port->up, true);
}
