/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DF and DSCP by an SA's settings (RFC 4301 5.1.2.1 and 8.1). ECN is left as
 * RFC 6040 wants it. Rare: a concentrator copies DSCP and sets DF. Pure; any thread.
 */
#include "dataplane/outer_bits.h"
#include "dataplane/checksum.h"

#define DF 0x40 /* in the first byte of flags and offset */

static bool wants_df(const struct sa *sa, const uint8_t *inner)
{
	if (sa_rare(sa)->df == RG_DF_COPY)
		return inner[0] >> 4 == 6 || (inner[6] & DF) != 0;
	return sa_rare(sa)->df == RG_DF_SET;
}

static void apply4(const struct sa *sa, uint8_t *ip, const uint8_t *inner, uint32_t seq)
{
	uint16_t id = (uint16_t)(seq + sa->spi), check;

	if (sa_rare(sa)->dscp & RG_DSCP_SET)
		ip[1] = (uint8_t)((sa_rare(sa)->dscp & 0x3f) << 2 | (ip[1] & 3));
	if (!wants_df(sa, inner)) {
		ip[6] &= (uint8_t)~DF;
		memcpy(ip + 4, &id, 2);
	}
	memset(ip + 10, 0, 2);
	check = (uint16_t)~checksum_fold(checksum_header4(ip));
	memcpy(ip + 10, &check, 2);
}

void outer_bits_apply(const struct sa *sa, uint8_t *outer, const uint8_t *inner, uint32_t seq)
{
	uint8_t dscp = sa_rare(sa)->dscp & 0x3f;

	if (outer[0] >> 4 == 4) {
		apply4(sa, outer, inner, seq);
	} else if (sa_rare(sa)->dscp & RG_DSCP_SET) {
		outer[0] = (uint8_t)(0x60 | dscp >> 2);
		outer[1] = (uint8_t)(dscp << 6 | (outer[1] & 0x3f));
	}
}
