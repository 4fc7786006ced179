/* SPDX-License-Identifier: Apache-2.0 */
/* NAT detection's hash (RFC 7296 2.23); SHA-1 is the protocol's choice, and no secret is in it. Any thread.
 */
#include <errno.h>
#include <string.h>

#include "control/ike/crypto/algs.h"
#include "control/ike/crypto/hash.h"
#include "control/ike/wire/bytes.h"

int ike_natd(uint64_t spi_i, uint64_t spi_r, const uint8_t *addr, size_t addr_len, uint16_t port,
             uint8_t out[IKE_NATD_LEN])
{
	uint8_t data[8 + 8 + 16 + 2];

	if (addr_len != 4 && addr_len != 16)
		return -EIO;
	put_be64(data, spi_i);
	put_be64(data + 8, spi_r);
	memcpy(data + 16, addr, addr_len);
	put_be16(data + 16 + addr_len, port);
	ike_digest(IKE_MD_SHA1, &(struct ike_view){data, 18 + addr_len}, 1, out);
	return 0;
}
