/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ike_spi.c: which side's SPI is ours, and what teaches it.
 */
#include "dataplane/ike_spi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void message(uint8_t ike[IKE_HEADER], char spi_i, char spi_r, uint8_t exchange, uint8_t flags)
{
	memset(ike, 0, IKE_HEADER);
	memset(ike, spi_i, 8);
	memset(ike + 8, spi_r, 8);
	ike[16] = exchange == 34 ? 33 : 46; /* SA, SK */
	ike[18] = exchange;
	ike[19] = flags;
}

/* As responder: we sent without the initiator flag, the peer sends with it. */
static void responder(void **state)
{
	uint8_t out[IKE_HEADER], in[IKE_HEADER];

	(void)state;
	message(in, 'a', 'b', 37, 0x08);
	assert_false(ike_spi_is_known(in, IKE_HEADER));
	message(out, 'a', 'b', 35, 0x20);
	ike_spi_learn(out, IKE_HEADER);
	assert_true(ike_spi_is_known(in, IKE_HEADER));
	/* another initiator SPI changes nothing: ours is what counts */
	message(in, 'x', 'b', 37, 0x08);
	assert_true(ike_spi_is_known(in, IKE_HEADER));
	/* without the flag the initiator's SPI is the receiver's, so ours again */
	message(in, 'b', 'x', 37, 0x20);
	assert_true(ike_spi_is_known(in, IKE_HEADER));
	message(in, 'a', 'x', 37, 0x20);
	assert_false(ike_spi_is_known(in, IKE_HEADER));
}

static void initiator(void **state)
{
	uint8_t out[IKE_HEADER], in[IKE_HEADER];

	(void)state;
	message(out, 'm', 'n', 36, 0x08);
	ike_spi_learn(out, IKE_HEADER);
	message(in, 'm', 'n', 37, 0x20);
	assert_true(ike_spi_is_known(in, IKE_HEADER));
	message(in, 'q', 'n', 37, 0x20);
	assert_false(ike_spi_is_known(in, IKE_HEADER));
}

/* H33: a flood of IKE_SA_INIT is answered with cookies, and must not fill the table; who got
 * through is known with the answer that made the SA, so that its IKE_AUTH stands apart from the flood. */
static void h33_cookies_teach_nothing(void **state)
{
	uint8_t out[IKE_HEADER], in[IKE_HEADER];

	(void)state;
	message(out, 'i', 0, 34, 0x20);
	ike_spi_learn(out, IKE_HEADER);
	message(in, 'i', 'j', 35, 0x08);
	assert_false(ike_spi_is_known(in, IKE_HEADER));
	message(in, 'i', 0, 34, 0x08);
	assert_false(ike_spi_is_known(in, IKE_HEADER));
	message(out, 'i', 'j', 34, 0x20);
	ike_spi_learn(out, IKE_HEADER);
	message(in, 'i', 'j', 35, 0x08);
	assert_true(ike_spi_is_known(in, IKE_HEADER));
	/* as initiator: the answer to our own request is expected, whatever floods */
	message(out, 'v', 0, 34, 0x08);
	ike_spi_learn(out, IKE_HEADER);
	message(in, 'v', 'w', 34, 0x20);
	assert_true(ike_spi_is_known(in, IKE_HEADER));
}

/* H33: an unprotected notify carries the SPIs that a stranger chose. */
static void h33_notifies_teach_nothing(void **state)
{
	uint8_t out[IKE_HEADER], in[IKE_HEADER];

	(void)state;
	message(out, 'e', 'f', 35, 0x20);
	out[16] = 41;
	ike_spi_learn(out, IKE_HEADER);
	message(in, 'e', 'f', 35, 0x08);
	assert_false(ike_spi_is_known(in, IKE_HEADER));
	out[16] = 53; /* a fragment of a protected one */
	ike_spi_learn(out, IKE_HEADER);
	assert_true(ike_spi_is_known(in, IKE_HEADER));
}

static void short_or_empty_ones(void **state)
{
	uint8_t out[IKE_HEADER], zero[IKE_HEADER] = {0};

	(void)state;
	message(out, 's', 't', 37, 0x20);
	ike_spi_learn(out, IKE_HEADER - 1);
	out[19] = 0x08;
	assert_false(ike_spi_is_known(out, IKE_HEADER));
	assert_false(ike_spi_is_known(out, IKE_HEADER - 1));
	zero[19] = 0x08;
	assert_false(ike_spi_is_known(zero, IKE_HEADER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(responder),
	        cmocka_unit_test(initiator),
	        cmocka_unit_test(h33_cookies_teach_nothing),
	        cmocka_unit_test(h33_notifies_teach_nothing),
	        cmocka_unit_test(short_or_empty_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
