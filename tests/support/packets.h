/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets and records for benches and stress tests that drive the real worker
 * without a wire: one gateway, 203.0.113.2, with a LAN 10.20.0.0/16 behind it.
 * Any thread.
 */
#ifndef RG_TESTS_SUPPORT_PACKETS_H
#define RG_TESTS_SUPPORT_PACKETS_H

#include "dataplane/fib.h"
#include "dataplane/port.h"

#include <stdint.h>

#define PACKETS_UPLINK 0 /* indexes of the two ports */
#define PACKETS_LAN    1
#define PACKETS_MTU    1600

#define PACKETS_L2       14u
#define PACKETS_ESP_HEAD 16u /* SPI, sequence number, IV */

/* Network byte order. */
uint32_t packets_server(void);  /* 10.20.0.10 */
uint32_t packets_gateway(void); /* 203.0.113.2 */
void packets_gateway6(uint8_t addr[16]);

/* An Ethernet header towards the gateway's ports. */
void packets_put_l2(uint8_t *frame, uint16_t ethertype);
/* An IPv4 header of 20 bytes for a packet of `len` bytes; addresses in network byte order. */
void packets_put_ipv4(uint8_t *ip, uint32_t from, uint32_t to, uint8_t protocol, uint32_t len);
/* The same for IPv6, of 40 bytes. */
void packets_put_ipv6(uint8_t *ip, const uint8_t *from, const uint8_t *to, uint8_t protocol, uint32_t len);

/* The low 16 bits of `value`, network byte order. */
void packets_put16(uint8_t *at, uint32_t value);
/* The checksum of an IPv4 header of so many bytes, whatever it says of itself. */
void packets_set_sum4(uint8_t *ip, uint32_t header);
/* Flags and offset of an IPv4 header of 20 bytes, and its checksum. */
void packets_set_fragment4(uint8_t *ip, uint16_t field);

/* Bytes that are encrypted for an inner packet of `size`: with padding and trailer (RFC 4303 2.4). */
uint32_t packets_cipher_len(uint32_t size);

/* The same for any suite, and what stands around them. */
uint32_t packets_text_len(uint32_t suite, uint32_t size);
uint32_t packets_head(uint32_t suite);    /* SPI, sequence number, IV */
uint32_t packets_icv(uint32_t suite);     /* behind the text */
uint32_t packets_salt_at(uint32_t suite); /* octets of the key before the salt */

struct packets_esp {
	uint32_t spi; /* network byte order */
	uint64_t seq;
	uint32_t suite;
	const uint8_t *salt; /* 4 octets */
	const void *key;     /* expanded (crypto.h) */
	bool esn;
};

/* ESP header and IV at `esp`; encrypts the inner IPv4 packet of `size` bytes behind them in place
 * and appends the ICV. Returns the length of the whole. */
uint32_t packets_seal(uint8_t *esp, uint32_t size, const struct packets_esp *how);
/* The same around `len` bytes of any plaintext: padding and trailer, right or wrong, are the caller's. */
uint32_t packets_seal_clear(uint8_t *esp, uint32_t len, const struct packets_esp *how);
/* The same backwards: the inner packet is then behind the header. False if the ICV does not match. */
bool packets_open(uint8_t *esp, uint32_t len, const struct packets_esp *how);

/* What the netlink mirror would know: both addresses of the gateway are local, the LAN is behind PACKETS_LAN.
 */
struct fib *packets_fib(void);
/* A neighbour on the port, whatever the address. */
void packets_nexthop(struct nexthop *nh, uint16_t port, uint8_t family);
/* Port `index` of a `struct dp`: up, without a device or a kernel. */
void packets_port(struct port *port, unsigned index, const struct port_ops *ops, void *ctx, uint16_t queues);

#endif
