/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up the table of ESP suites: suites.h. Any thread. */
#include "dataplane/api/suites.h"

#include <stddef.h>

static const struct rg_suite_info suites[RG_SUITE_END] = {
#define X(name, number, text, encr, key, salt, iv, block, integ, integ_key, icv)                             \
	[number] = {text, RG_ENCR_##encr, RG_INTEG_##integ, key, salt, iv, block, integ_key, icv},
        RG_SUITES(X)
#undef X
};

const struct rg_suite_info *rg_suite_info(uint32_t suite)
{
	return suite < RG_SUITE_END && suites[suite].name != NULL ? &suites[suite] : NULL;
}

/* RFC 7296 3.3.5: the attribute is for ciphers with keys of several lengths only. */
static uint16_t key_bits_of(const struct rg_suite_info *s)
{
	return s->encr == RG_ENCR_CHACHA20_POLY1305 ? 0 : (uint16_t)(s->key * 8);
}

uint32_t rg_suite_find(uint16_t encr, uint16_t key_bits, uint16_t integ)
{
	for (uint32_t i = 0; i < RG_SUITE_END; i++) {
		const struct rg_suite_info *s = &suites[i];
		if (s->name != NULL && s->encr == encr && s->integ == integ && key_bits_of(s) == key_bits)
			return i;
	}
	return 0;
}
