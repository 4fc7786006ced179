/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MSS option of SYNs (RFC 9293 3.1 and 3.7.1). Pure; any thread.
 */
#include "dataplane/mss.h"
#include "dataplane/checksum.h"

#include <arpa/inet.h>

#define TCP_SYN     0x02
#define OPTION_END  0
#define OPTION_NOP  1
#define OPTION_MSS  2
#define MSS_MINIMUM 536u /* never below what every IPv4 host takes */

/* Offset of the TCP header if the packet is a first or only fragment of a SYN; 0: no. */
static uint32_t syn_header(const uint8_t *ip, uint32_t len)
{
	uint32_t l4 = 40;

	if (ip[0] >> 4 == 4) {
		uint16_t fragment;
		memcpy(&fragment, ip + 6, 2);
		if ((fragment & htons(0x1fff)) != 0 || ip[9] != IPPROTO_TCP)
			return 0;
		l4 = (ip[0] & 0xfu) * 4;
	} else if (ip[6] != IPPROTO_TCP) {
		return 0;
	}
	return len >= l4 + 20 && (ip[l4 + 13] & TCP_SYN) != 0 ? l4 : 0;
}

bool mss_clamp(uint8_t *ip, uint32_t len, uint32_t mtu)
{
	uint32_t l4 = syn_header(ip, len);
	uint32_t headers = ip[0] >> 4 == 4 ? 40 : 60;
	uint32_t mss = mtu > headers + MSS_MINIMUM ? mtu - headers : MSS_MINIMUM;

	if (l4 == 0)
		return false;
	uint32_t end = l4 + (ip[l4 + 12] >> 4) * 4u;
	if (end > len)
		return false;
	for (uint32_t at = l4 + 20; at + 1 < end && ip[at] != OPTION_END;) {
		if (ip[at] == OPTION_NOP) {
			at++;
			continue;
		}
		uint32_t size = ip[at + 1];
		if (size < 2 || at + size > end)
			return false;
		if (ip[at] == OPTION_MSS && size == 4) {
			uint8_t *value = ip + at + 2;
			uint16_t offered = (uint16_t)(value[0] << 8 | value[1]), check, before, after;
			if (offered <= mss)
				return false;
			uint8_t now[2] = {(uint8_t)(mss >> 8), (uint8_t)mss}, was[2] = {value[0], value[1]};
			/* an option at an odd offset counts with its bytes swapped (RFC 1624) */
			if ((at + 2 - l4) % 2 != 0) {
				uint8_t x = now[0];
				now[0] = now[1];
				now[1] = x;
				x = was[0];
				was[0] = was[1];
				was[1] = x;
			}
			memcpy(&before, was, 2);
			memcpy(&after, now, 2);
			memcpy(&check, ip + l4 + 16, 2);
			check = checksum_replace(check, before, after);
			memcpy(ip + l4 + 16, &check, 2);
			value[0] = (uint8_t)(mss >> 8);
			value[1] = (uint8_t)mss;
			return true;
		}
		at += size;
	}
	return false;
}
