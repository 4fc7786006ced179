/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP MSS clamp: SYNs that cross a tunnel in either direction offer no more
 * than fits the tunnel's path, so TCP works where ICMP is filtered. Pure; any thread.
 */
#ifndef RG_DATAPLANE_MSS_H
#define RG_DATAPLANE_MSS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Lowers the MSS option of a SYN to what an IP packet of `mtu` bytes holds (RFC 879:
 * without options), and corrects the checksum. True if it changed anything.
 * `ip`: a checked IPv4 or IPv6 packet of `len` bytes.
 */
bool mss_clamp(uint8_t *ip, uint32_t len, uint32_t mtu);

/* Could the packet be a SYN? Cheap; mss_clamp() looks closer. */
static inline bool mss_is_tcp(const uint8_t *ip)
{
	return ip[ip[0] >> 4 == 4 ? 9 : 6] == 6;
}

#endif
