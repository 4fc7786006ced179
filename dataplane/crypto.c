/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-GCM-ESP over intel-ipsec-mb's direct, one-packet calls: RFC 4106, keys of
 * 128 and 256 bits. Key expansion is main's; sealing and opening any worker's.
 */
#include "dataplane/crypto.h"
#include "dataplane/api/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <emmintrin.h>
#include <intel-ipsec-mb.h>

_Static_assert(sizeof(struct gcm_key_data) <= CRYPTO_KEY_BYTES, "the key area holds the library's key");

/* Written by crypto_init() before any worker starts, read-only after. */
static struct {
	aes_gcm_enc_dec_t seal[RG_SUITE_AES256_GCM16 + 1];
	aes_gcm_enc_dec_t open[RG_SUITE_AES256_GCM16 + 1];
	aes_gcm_pre_t expand[RG_SUITE_AES256_GCM16 + 1];
	IMB_MGR *manager;
	char name[48];
} lib;

static const char *arch_name(uint32_t arch)
{
	switch (arch) {
	case IMB_ARCH_SSE:
		return "SSE";
	case IMB_ARCH_AVX:
		return "AVX";
	case IMB_ARCH_AVX2:
		return "AVX2";
	case IMB_ARCH_AVX512:
		return "AVX512";
	default:
		return "none";
	}
}

const char *crypto_name(void)
{
	return lib.name;
}

int crypto_init(void)
{
	IMB_ARCH arch = IMB_ARCH_NONE;
	IMB_MGR *m = alloc_mb_mgr(0);

	if (m == NULL)
		return -ENOMEM;
	init_mb_mgr_auto(m, &arch);
	if (imb_get_errno(m) != 0 || arch == IMB_ARCH_NONE || arch == IMB_ARCH_NOAESNI) {
		free_mb_mgr(m);
		return -ENOTSUP;
	}
	lib.seal[RG_SUITE_AES128_GCM16] = m->gcm128_enc;
	lib.seal[RG_SUITE_AES256_GCM16] = m->gcm256_enc;
	lib.open[RG_SUITE_AES128_GCM16] = m->gcm128_dec;
	lib.open[RG_SUITE_AES256_GCM16] = m->gcm256_dec;
	lib.expand[RG_SUITE_AES128_GCM16] = m->gcm128_pre;
	lib.expand[RG_SUITE_AES256_GCM16] = m->gcm256_pre;
	lib.manager = m;
	snprintf(lib.name, sizeof(lib.name), "intel-ipsec-mb %s %s%s", imb_get_version_str(),
	         arch_name(m->used_arch), m->features & IMB_FEATURE_VAES ? " VAES" : "");
	return 0;
}

void crypto_fini(void)
{
	if (lib.manager != NULL)
		free_mb_mgr(lib.manager);
	memset(&lib, 0, sizeof(lib));
}

int crypto_key_expand(void *ctx, uint32_t suite, const uint8_t *key, void *area)
{
	(void)ctx;
	if (suite != RG_SUITE_AES128_GCM16 && suite != RG_SUITE_AES256_GCM16)
		return -EOPNOTSUPP;
	lib.expand[suite](key, (struct gcm_key_data *)area);
	return 0;
}

void crypto_seal(uint8_t suite, const void *key, uint8_t *data, uint32_t len, const uint8_t nonce[16],
                 const uint8_t *aad, uint32_t aad_len)
{
	struct gcm_context_data ctx;
	lib.seal[suite]((const struct gcm_key_data *)key, &ctx, data, data, len, nonce, aad, aad_len,
	                data + len, CRYPTO_ICV);
}

bool crypto_open(uint8_t suite, const void *key, uint8_t *data, uint32_t len, const uint8_t nonce[16],
                 const uint8_t *aad, uint32_t aad_len)
{
	struct gcm_context_data ctx;
	alignas(16) uint8_t icv[CRYPTO_ICV];

	lib.open[suite]((const struct gcm_key_data *)key, &ctx, data, data, len, nonce, aad, aad_len, icv,
	                CRYPTO_ICV);
	/* one compare of all bytes, so time tells nothing about how many match */
	__m128i same = _mm_cmpeq_epi8(_mm_load_si128((const __m128i *)(const void *)icv),
	                              _mm_loadu_si128((const __m128i *)(const void *)(data + len)));
	return _mm_movemask_epi8(same) == 0xffff;
}
