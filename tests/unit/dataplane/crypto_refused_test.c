/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CPU without AES instructions: intel-ipsec-mb is told to take this one for such, and the library is
 * refused with words that help.
 */
#include "dataplane/crypto_lib.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint64_t off;     /* what the library is to do without: IMB_FLAG_*_OFF */
static uint64_t lacking; /* what the CPU is to lack: IMB_FEATURE_* */

IMB_MGR *__real_alloc_mb_mgr(uint64_t flags);
IMB_MGR *__wrap_alloc_mb_mgr(uint64_t flags);
uint64_t __real_imb_get_feature_flags(void);
uint64_t __wrap_imb_get_feature_flags(void);

IMB_MGR *__wrap_alloc_mb_mgr(uint64_t flags)
{
	return __real_alloc_mb_mgr(flags | off);
}

uint64_t __wrap_imb_get_feature_flags(void)
{
	return __real_imb_get_feature_flags() & ~lacking;
}

static void assert_refused(const char *why)
{
	char want[128];

	assert_int_equal(crypto_init(), -ENOTSUP);
	snprintf(want, sizeof(want), "crypto: this CPU lacks %s, which every ESP suite needs: ", why);
	assert_ptr_equal(strstr(crypto_report(), want), crypto_report());
	assert_null(crypto_lib.manager);
	assert_null(crypto_gcm[RG_SUITE_AES128_GCM16].seal);
	crypto_fini(); /* of nothing */
}

static void what_the_cpu_lacks(void **state)
{
	(void)state;
	lacking = IMB_FEATURE_AESNI;
	assert_refused("AES-NI");
	lacking = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
	assert_refused("AES-NI, PCLMULQDQ");
	lacking = 0;
}

/* The library has no manager for such a CPU: that is no lack of memory. */
static void what_the_library_refuses(void **state)
{
	(void)state;
	off = IMB_FLAG_AESNI_OFF;
	assert_refused("AES-NI");
	off = 0;
}

static void no_sha(void **state)
{
	(void)state;
	off = IMB_FLAG_SHANI_OFF;
	assert_int_equal(crypto_init(), 0);
	assert_null(strstr(crypto_report(), "SHA instructions"));
	assert_non_null(crypto_gcm[RG_SUITE_AES128_GCM16].seal);
	crypto_fini();
	off = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_the_cpu_lacks),
	                                   cmocka_unit_test(what_the_library_refuses),
	                                   cmocka_unit_test(no_sha)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
