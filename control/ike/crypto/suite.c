/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of algorithms that we have (RFC 8247 2; RFC 5282, 5930, 7634, 4868, 3566, 4494, 4434, 4615,
 * 5903, 3526, 8031; of ESP, which the dataplane does: RFC 8221). Any thread. */
#include <stdio.h>

#include "control/ike/crypto/suite.h"

static const struct ike_encr_info encrs[] = {
        {IKE_ENCR_AES_GCM_16, 128, 16, 4, 8, 1, 16, IKE_USE_BOTH, "aes128gcm16"},
        {IKE_ENCR_AES_GCM_16, 256, 32, 4, 8, 1, 16, IKE_USE_BOTH, "aes256gcm16"},
        {IKE_ENCR_AES_GCM_16, 192, 24, 4, 8, 1, 16, IKE_USE_BOTH, "aes192gcm16"},
        {IKE_ENCR_AES_GCM_12, 128, 16, 4, 8, 1, 12, IKE_USE_BOTH, "aes128gcm12"},
        {IKE_ENCR_AES_GCM_12, 192, 24, 4, 8, 1, 12, IKE_USE_BOTH, "aes192gcm12"},
        {IKE_ENCR_AES_GCM_12, 256, 32, 4, 8, 1, 12, IKE_USE_BOTH, "aes256gcm12"},
        {IKE_ENCR_AES_GCM_8, 128, 16, 4, 8, 1, 8, IKE_USE_BOTH, "aes128gcm8"},
        {IKE_ENCR_AES_GCM_8, 192, 24, 4, 8, 1, 8, IKE_USE_BOTH, "aes192gcm8"},
        {IKE_ENCR_AES_GCM_8, 256, 32, 4, 8, 1, 8, IKE_USE_BOTH, "aes256gcm8"},
        {IKE_ENCR_CHACHA20_POLY1305, 0, 32, 4, 8, 1, 16, IKE_USE_BOTH, "chacha20poly1305"},
        {IKE_ENCR_AES_CBC, 128, 16, 0, 16, 16, 0, IKE_USE_BOTH, "aes128"},
        {IKE_ENCR_AES_CBC, 192, 24, 0, 16, 16, 0, IKE_USE_BOTH, "aes192"},
        {IKE_ENCR_AES_CBC, 256, 32, 0, 16, 16, 0, IKE_USE_BOTH, "aes256"},
        {IKE_ENCR_AES_CTR, 128, 16, 4, 8, 1, 0, IKE_USE_BOTH, "aes128ctr"},
        {IKE_ENCR_AES_CTR, 192, 24, 4, 8, 1, 0, IKE_USE_BOTH, "aes192ctr"},
        {IKE_ENCR_AES_CTR, 256, 32, 4, 8, 1, 0, IKE_USE_BOTH, "aes256ctr"},
        {IKE_ENCR_NULL_AES_GMAC, 128, 16, 4, 8, 1, 16, IKE_USE_ESP, "aes128gmac"},
        {IKE_ENCR_NULL_AES_GMAC, 192, 24, 4, 8, 1, 16, IKE_USE_ESP, "aes192gmac"},
        {IKE_ENCR_NULL_AES_GMAC, 256, 32, 4, 8, 1, 16, IKE_USE_ESP, "aes256gmac"},
        {IKE_ENCR_NULL, 0, 0, 0, 0, 1, 0, IKE_USE_ESP, "null"},
};

static const struct ike_integ_info integs[] = {
        {IKE_INTEG_HMAC_SHA2_256_128, 32, 16, IKE_USE_BOTH, "sha256"},
        {IKE_INTEG_HMAC_SHA2_384_192, 48, 24, IKE_USE_BOTH, "sha384"},
        {IKE_INTEG_HMAC_SHA2_512_256, 64, 32, IKE_USE_BOTH, "sha512"},
        {IKE_INTEG_HMAC_SHA1_96, 20, 12, IKE_USE_BOTH, "sha1"},
        {IKE_INTEG_AES_XCBC_96, 16, 12, IKE_USE_IKE, "aesxcbc"},
        {IKE_INTEG_AES_CMAC_96, 16, 12, IKE_USE_IKE, "aescmac"},
};

static const struct ike_prf_info prfs[] = {
        {IKE_PRF_HMAC_SHA2_256, 32, "prfsha256"}, {IKE_PRF_HMAC_SHA2_384, 48, "prfsha384"},
        {IKE_PRF_HMAC_SHA2_512, 64, "prfsha512"}, {IKE_PRF_HMAC_SHA1, 20, "prfsha1"},
        {IKE_PRF_AES128_XCBC, 16, "prfaesxcbc"},  {IKE_PRF_AES128_CMAC, 16, "prfaescmac"},
};

static const struct ike_dh_info dhs[] = {
        {IKE_DH_X25519, 32, 32, false, "x25519"},
        {IKE_DH_ECP_256, 64, 32, false, "ecp256"},
        {IKE_DH_ECP_384, 96, 48, false, "ecp384"},
        {IKE_DH_ECP_521, 132, 66, false, "ecp521"},
        {IKE_DH_X448, 56, 56, false, "x448"},
        {IKE_DH_MODP_2048, 256, 256, false, "modp2048"},
        {IKE_DH_MODP_3072, 384, 384, false, "modp3072"},
        {IKE_DH_MODP_4096, 512, 512, false, "modp4096"},
        {IKE_DH_MODP_6144, 768, 768, true, "modp6144"},
        {IKE_DH_MODP_8192, 1024, 1024, true, "modp8192"},
        {IKE_DH_MODP_1024, 128, 128, true, "modp1024"},
};

#define FIND(table, condition)                                                                               \
	for (size_t i = 0; i < sizeof(table) / sizeof((table)[0]); i++)                                      \
		if (condition)                                                                               \
			return &(table)[i];                                                                  \
	return NULL

const struct ike_encr_info *ike_encr_info(uint16_t id, uint16_t key_bits)
{
	FIND(encrs, encrs[i].id == id && encrs[i].key_bits == key_bits);
}

const struct ike_integ_info *ike_integ_info(uint16_t id)
{
	FIND(integs, integs[i].id == id);
}

const struct ike_prf_info *ike_prf_info(uint16_t id)
{
	FIND(prfs, prfs[i].id == id);
}

const struct ike_dh_info *ike_dh_info(uint16_t id)
{
	FIND(dhs, dhs[i].id == id);
}

bool ike_suite_supported(const struct ike_suite *suite)
{
	const struct ike_encr_info *encr = ike_encr_info(suite->encr, suite->encr_bits);
	const struct ike_integ_info *integ = ike_integ_info(suite->integ);

	uint8_t use = suite->protocol == IKE_PROTOCOL_ESP ? IKE_USE_ESP : IKE_USE_IKE;

	if (!encr || !(encr->use & use) || (integ && !(integ->use & use)) ||
	    (suite->dh && !ike_dh_info(suite->dh)))
		return false;
	/* exactly one of the two authenticates */
	if (encr->icv_len ? suite->integ != 0 : !integ)
		return false;
	if (suite->protocol == IKE_PROTOCOL_ESP)
		return !suite->prf;
	return suite->protocol == IKE_PROTOCOL_IKE && suite->dh && !suite->esn && ike_prf_info(suite->prf);
}

void ike_suite_from_config(struct ike_suite *suite, uint8_t protocol, const struct rg_cfg_proposal *cfg)
{
	bool is_ike = protocol == IKE_PROTOCOL_IKE;

	*suite = (struct ike_suite){
	        .protocol = protocol,
	        .encr = cfg->encr,
	        .encr_bits = cfg->encr_bits,
	        .integ = cfg->integ,
	        .prf = is_ike ? cfg->prf : 0,
	        .dh = cfg->dh,
	        .esn = is_ike ? false : cfg->esn,
	};
}

void ike_suite_print(const struct ike_suite *suite, char *text, size_t len)
{
	const struct ike_encr_info *encr = ike_encr_info(suite->encr, suite->encr_bits);
	const struct ike_integ_info *integ = ike_integ_info(suite->integ);
	const struct ike_prf_info *prf = ike_prf_info(suite->prf);
	const struct ike_dh_info *dh = ike_dh_info(suite->dh);

	snprintf(text, len, "%s%s%s%s%s%s%s%s", encr ? encr->name : "none", integ ? "-" : "",
	         integ ? integ->name : "", prf ? "-" : "", prf ? prf->name : "", dh ? "-" : "",
	         dh ? dh->name : "", suite->esn ? "-esn" : "");
}
