/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums that need a pass over the packet: RFC 1071, and the completion of
 * those that a virtual device left undone. Pure; any thread.
 */
#include "dataplane/checksum.h"

#include <arpa/inet.h>

uint64_t checksum_bytes(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;
	uint32_t w32;

	for (; len >= 4; len -= 4, p += 4) {
		memcpy(&w32, p, 4);
		sum += w32;
	}
	if (len >= 2) {
		uint16_t w16;
		memcpy(&w16, p, 2);
		sum += w16;
		p += 2;
		len -= 2;
	}
	if (len != 0) {
		uint16_t last = 0;
		memcpy(&last, p, 1);
		sum += last;
	}
	return sum;
}

uint64_t checksum_pseudo(const uint8_t *ip, uint8_t protocol, uint32_t len)
{
	uint64_t sum = ip[0] >> 4 == 4 ? checksum_bytes(ip + 12, 8) : checksum_bytes(ip + 8, 32);
	return sum + htons(protocol) + (uint64_t)htons((uint16_t)(len >> 16)) + htons((uint16_t)len);
}

bool checksum_complete(uint8_t *ip, uint32_t len, uint32_t l4, uint8_t protocol)
{
	uint32_t at = protocol == IPPROTO_TCP ? 16 : 6;
	uint32_t need = protocol == IPPROTO_TCP ? 20 : 8;
	uint16_t field, sum;

	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || len < l4 + need)
		return false;
	memcpy(&field, ip + l4 + at, 2);
	if (field == 0 && protocol == IPPROTO_UDP)
		return false;
	uint64_t pseudo = checksum_pseudo(ip, protocol, len - l4);
	if (checksum_fold(pseudo) != field)
		return false;
	/* the field holds the pseudo-header's sum, so the plain sum of the rest includes it */
	sum = (uint16_t)~checksum_fold(checksum_bytes(ip + l4, len - l4));
	if (sum == 0 && protocol == IPPROTO_UDP)
		sum = 0xffff;
	memcpy(ip + l4 + at, &sum, 2);
	return true;
}
