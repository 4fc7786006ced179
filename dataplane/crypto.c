/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library for this CPU, and AES-GCM-ESP (RFC 4106) over its direct, one-packet
 * calls. crypto_init() is main's; sealing and opening any worker's.
 */
#include "dataplane/crypto_lib.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct crypto_lib crypto_lib;
struct crypto_gcm crypto_gcm[RG_SUITE_END];

_Static_assert(sizeof(struct gcm_context_data) <= sizeof(struct crypto_scratch), "the library's notes fit");

static char name[48], report[256];

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
	return name;
}

const char *crypto_report(void)
{
	return report;
}

void crypto_missing(uint64_t features, char *text, size_t size)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} needed[] = {
	        {IMB_FEATURE_AESNI, "AES-NI"},
	        {IMB_FEATURE_PCLMULQDQ, "PCLMULQDQ"},
	        {IMB_FEATURE_SSE4_2, "SSE4.2"},
	        {IMB_FEATURE_CMOV, "CMOV"},
	};
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]) && at < size; i++)
		if ((features & needed[i].bit) == 0)
			at += (size_t)snprintf(text + at, size - at, "%s%s", at != 0 ? ", " : "",
			                       needed[i].name);
}

static int refuse(const char *missing)
{
	snprintf(report, sizeof(report),
	         "crypto: this CPU lacks %s, which every ESP suite needs: the dataplane cannot run here "
	         "(in a virtual machine: give it the host's CPU model). roamgate-control and roamctl do "
	         "not need it",
	         missing);
	return -ENOTSUP;
}

static void take_gcm(const IMB_MGR *m)
{
	for (uint32_t i = 0; i < RG_SUITE_END; i++) {
		const struct rg_suite_info *s = rg_suite_info(i);
		struct crypto_gcm *g = &crypto_gcm[i];

		if (s == NULL || (!rg_suite_is_gcm(s) && s->encr != RG_ENCR_NULL_AES_GMAC))
			continue;
		g->icv = s->icv;
		g->others = CRYPTO_ICV - s->icv;
		g->no_icv = (1u << g->others) - 1;
		g->last_round = (s->key / 4u + 6) * 16; /* FIPS 197 5: rounds by key length */
		g->seal = s->key == 16 ? m->gcm128_enc : s->key == 24 ? m->gcm192_enc : m->gcm256_enc;
		g->open = s->key == 16 ? m->gcm128_dec : s->key == 24 ? m->gcm192_dec : m->gcm256_dec;
		crypto_lib.expand[i] = s->key == 16   ? m->gcm128_pre
		                       : s->key == 24 ? m->gcm192_pre
		                                      : m->gcm256_pre;
	}
}

static void take_gmac(const IMB_MGR *m)
{
	crypto_lib.gmac[RG_SUITE_AES128_GMAC] =
	        (struct crypto_gmac){m->gmac128_init, m->gmac128_update, m->gmac128_finalize};
	crypto_lib.gmac[RG_SUITE_AES192_GMAC] =
	        (struct crypto_gmac){m->gmac192_init, m->gmac192_update, m->gmac192_finalize};
	crypto_lib.gmac[RG_SUITE_AES256_GMAC] =
	        (struct crypto_gmac){m->gmac256_init, m->gmac256_update, m->gmac256_finalize};
}

/* The library runs known answers through what it picked. */
static int check_picked(IMB_MGR *m, IMB_ARCH arch)
{
	int error = imb_get_errno(m);
	bool tested = (m->features & IMB_FEATURE_SELF_TEST) != 0;

	if (tested && (m->features & IMB_FEATURE_SELF_TEST_PASS) == 0) {
		snprintf(report, sizeof(report),
		         "crypto: intel-ipsec-mb %s fails its own test on this CPU (%s): install another "
		         "version",
		         imb_get_version_str(), arch_name(m->used_arch));
		return -EIO;
	}
	if (error != 0 || arch == IMB_ARCH_NONE || arch == IMB_ARCH_NOAESNI)
		return refuse(error != 0 ? imb_get_strerror(error) : "AES-NI");
	snprintf(name, sizeof(name), "intel-ipsec-mb %s %s%s", imb_get_version_str(), arch_name(m->used_arch),
	         m->features & IMB_FEATURE_VAES ? " VAES" : "");
	snprintf(report, sizeof(report), "crypto: %s%s%s%s", name,
	         tested ? ", passed its own test" : ", has no test of its own",
	         m->features & IMB_FEATURE_SHANI ? ", SHA instructions" : "",
	         m->features & IMB_FEATURE_VAES ? ""
	                                        : "; without VAES and AVX512 it is several times slower");
	return 0;
}

/* Without a manager: it is memory, or the library looked at the CPU first. */
static int no_manager(void)
{
	if (imb_get_errno(NULL) == IMB_ERR_NO_AESNI_EMU)
		return refuse("AES-NI");
	snprintf(report, sizeof(report), "crypto: no memory");
	return -ENOMEM;
}

int crypto_init(void)
{
	IMB_ARCH arch = IMB_ARCH_NONE;
	char missing[64];
	IMB_MGR *m;
	int rc;

	crypto_missing(imb_get_feature_flags(), missing, sizeof(missing));
	if (missing[0] != '\0')
		return refuse(missing);
	m = alloc_mb_mgr(0);
	if (m == NULL)
		return no_manager();
	init_mb_mgr_auto(m, &arch);
	rc = check_picked(m, arch);
	if (rc != 0) {
		free_mb_mgr(m);
		return rc;
	}
	take_gcm(m);
	take_gmac(m);
	crypto_lib.manager = m;
	crypto_lib.key_spare = crypto_try_spare();
	return 0;
}

void crypto_fini(void)
{
	if (crypto_lib.manager != NULL)
		free_mb_mgr(crypto_lib.manager);
	memset(&crypto_lib, 0, sizeof(crypto_lib));
	memset(crypto_gcm, 0, sizeof(crypto_gcm));
}
