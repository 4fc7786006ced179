/* SPDX-License-Identifier: Apache-2.0 */
/* See narrow.h. */
#include "tests/unit/dataplane/narrow.h"

static const uint32_t suites[NARROW_SUITES] = {
        RG_SUITE_AES128_GCM16, RG_SUITE_AES256_GCM8,      RG_SUITE_CHACHA20_POLY1305, RG_SUITE_AES128_SHA256,
        RG_SUITE_AES256_SHA1,  RG_SUITE_AES128CTR_SHA512, RG_SUITE_AES192_GMAC,       RG_SUITE_NULL_SHA384};

struct gateway_session narrow_kind(unsigned i, uint16_t mtu)
{
	return (struct gateway_session){
	        .suite = suites[i / 8], .outer6 = i & 1, .udp = i >> 1 & 1, .simple = i >> 2 & 1, .mtu = mtu};
}

uint32_t narrow_room(const struct gateway_session *is)
{
	const struct rg_suite_info *s = rg_suite_info(is->suite);
	const uint32_t outer = is->mtu != 0 ? is->mtu : PACKETS_MTU, header = is->outer6 ? 40 : 20,
	               around = header + (is->udp ? 8 : 0) + 8 + s->iv + s->icv,
	               text = (outer - around) / s->block * s->block;

	return text - 2 + (is->transport ? header : 0);
}

void narrow_replace(struct gateway *g, const struct gateway_session *is)
{
	gateway_remove(g, CLIENT);
	gateway_tick(g);
	gateway_tick(g);
	assert_int_equal(gateway_add(g, CLIENT, is), 0);
}

void narrow_put_transport(const struct gateway_session *is, uint32_t len, uint16_t field, uint8_t *frame)
{
	uint8_t *ip = frame + PACKETS_L2, local[16], remote[16];
	const uint32_t gw = packets_gateway();
	uint32_t remote4;

	packets_gateway6(local);
	gateway_remote(CLIENT, is->outer6, remote);
	memcpy(&remote4, remote, 4);
	packets_put_l2(frame, is->outer6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	if (is->outer6)
		packets_put_ipv6(ip, local, remote, NO_LAYER, len);
	else
		packets_put_ipv4(ip, gw, remote4, NO_LAYER, len);
	for (uint32_t i = is->outer6 ? 40 : 20; i < len; i++)
		ip[i] = (uint8_t)(i * 5);
	if (!is->outer6)
		packets_set_fragment4(ip, field);
}
