/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internet checksums (RFC 1071, RFC 1624) over what a packet holds. Sums are of
 * 16-bit words as they lie in memory, so no byte order is involved. Pure; any thread.
 */
#ifndef RG_DATAPLANE_CHECKSUM_H
#define RG_DATAPLANE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/* Of a few words only. */
static inline uint16_t checksum_fold32(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/* The sum of the IPv4 header's first 20 bytes, unfolded. */
static inline uint64_t checksum_header4(const uint8_t *ip)
{
	uint32_t w[5];
	memcpy(w, ip, 20);
	return (uint64_t)w[0] + w[1] + w[2] + w[3] + w[4];
}

/*
 * Is the checksum of a header of 20 bytes right? Its sum is then a multiple of 0xffff, and 2^64 is one more
 * than such a multiple: carries come in again at the bottom. No header is all zero, so its sum is not 0.
 */
static inline bool checksum_is_good4(const uint8_t *ip)
{
	uint64_t sum, next;
	uint32_t last;

	memcpy(&sum, ip, 8);
	memcpy(&next, ip + 8, 8);
	memcpy(&last, ip + 16, 4);
	sum += next;
	sum += sum < next;
	sum += last;
	sum += sum < last;
	return sum % 0xffff == 0;
}

/*
 * A hop less. Hop limit, protocol and checksum of IPv4 are one word as it is loaded: one hop less is one more
 * for the checksum (RFC 1624 3), which is 0xffff more for the word; its carry comes in again.
 */
static inline void checksum_spend_hop4(uint8_t *ip)
{
	uint32_t word;

	memcpy(&word, ip + 8, 4);
	word += word >= 0xfffe0000u ? 0x1ffff : 0xffff;
	memcpy(ip + 8, &word, 4);
}

/* Replaces a 16-bit word under a checksum (RFC 1624 3). */
static inline uint16_t checksum_replace(uint16_t check, uint16_t old, uint16_t new)
{
	return (uint16_t)~checksum_fold((uint64_t)(uint16_t)~check + (uint16_t)~old + new);
}

/* The sum of any bytes, unfolded. */
uint64_t checksum_bytes(const uint8_t *p, size_t len);

/* The sum of the pseudo-header (RFC 793 3.1, RFC 8200 8.1) of an IP packet whose upper layer has `len` bytes.
 */
uint64_t checksum_pseudo(const uint8_t *ip, uint8_t protocol, uint32_t len);

/*
 * A peer behind a virtual device may leave TCP and UDP checksums to a NIC that
 * is not there: the field then holds the folded pseudo-header sum. True if it
 * was so, and is now complete. `l4`: offset of the upper layer's header in the packet of `len`
 * bytes, which is no fragment.
 */
bool checksum_complete(uint8_t *ip, uint32_t len, uint32_t l4, uint8_t protocol);

#endif
