/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAT detection payloads (RFC 7296 2.23). Pure; any thread.
 */
#include <string.h>

#include "control/ike/crypto/hash.h"
#include "control/ike/natd.h"

static bool hash(uint64_t spi_i, uint64_t spi_r, const struct ike_endpoint *e, uint8_t out[IKE_NATD_LEN])
{
	size_t len = addr_len(&e->addr);

	return len != 0 && ike_natd(spi_i, spi_r, e->addr.bytes, len, e->port, out) == 0;
}

static void write_one(struct ike_build *out, uint16_t type, uint64_t spi_i, uint64_t spi_r,
                      const struct ike_endpoint *e)
{
	uint8_t digest[IKE_NATD_LEN];

	if (hash(spi_i, spi_r, e, digest))
		ike_build_status(out, type, digest, sizeof(digest));
	else
		out->failed = true;
}

void natd_write(struct ike_build *out, uint64_t spi_i, uint64_t spi_r, const struct ike_endpoint *local,
                const struct ike_endpoint *remote)
{
	write_one(out, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, spi_i, spi_r, local);
	write_one(out, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, spi_i, spi_r, remote);
}

/* -1: the message has no such notify; 0: none matches; 1: one does. */
static int matches(const struct ike_msg *msg, uint16_t type, const uint8_t digest[IKE_NATD_LEN])
{
	const struct ike_payload *p = ike_msg_find(msg, IKE_PAYLOAD_NOTIFY);
	int found = -1;

	for (; p; p = ike_msg_next(msg, p)) {
		struct ike_notify n;

		if (ike_notify_decode(&n, p) != IKE_OK || n.type != type)
			continue;
		if (found < 0)
			found = 0;
		if (n.data.len == IKE_NATD_LEN && memcmp(n.data.data, digest, IKE_NATD_LEN) == 0)
			found = 1;
	}
	return found;
}

bool natd_read(const struct ike_msg *msg, uint64_t spi_i, uint64_t spi_r, const struct ike_endpoint *local,
               const struct ike_endpoint *remote, bool *nat_local, bool *nat_remote)
{
	uint8_t here[IKE_NATD_LEN], there[IKE_NATD_LEN];
	int source, destination;

	if (!hash(spi_i, spi_r, local, here) || !hash(spi_i, spi_r, remote, there))
		return false;
	source = matches(msg, IKE_NOTIFY_NAT_DETECTION_SOURCE_IP, there);
	destination = matches(msg, IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP, here);
	if (source < 0 || destination < 0)
		return false;
	*nat_remote = source == 0;
	*nat_local = destination == 0;
	return true;
}
