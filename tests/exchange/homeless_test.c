/* SPDX-License-Identifier: Apache-2.0 */
/*
 * H18: each way to reject a message while there is no IKE SA at hand, which whatever counts, logs or tells
 * the story of a rejection must not ask for. Messages are generated: exchange types, flags, SPIs, what the
 * first payload says it is, and how long the rest is against what it says.
 */
#include "tests/exchange/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t exchanges[] = {0,
                                    33,
                                    IKE_EXCHANGE_IKE_SA_INIT,
                                    IKE_EXCHANGE_IKE_AUTH,
                                    IKE_EXCHANGE_CREATE_CHILD_SA,
                                    IKE_EXCHANGE_INFORMATIONAL,
                                    38,
                                    255};
static const uint8_t flags[] = {0, IKE_FLAG_INITIATOR, IKE_FLAG_RESPONSE,
                                IKE_FLAG_INITIATOR | IKE_FLAG_RESPONSE};
static const uint8_t payloads[] = {0,  IKE_PAYLOAD_SA, IKE_PAYLOAD_NOTIFY, IKE_PAYLOAD_SK, IKE_PAYLOAD_SKF,
                                   255};
static const uint8_t versions[] = {0x10, 0x20, 0x30};
static const uint8_t rests[] = {0, 3, 4, 8, 64};

/* What a payload of `rest` octets says of its length. */
enum lie { TRUE_LENGTH, BELOW_FOUR, BEYOND, N_LIES };

/* Everything that says why a message was not taken. */
static uint64_t reasons(struct peer *p)
{
	static const char *const not_reasons[] = {"ike-received", "ike-sent", "ike-unprotected-hints"};
	struct ike_counter counters[256];
	size_t n = ike_counters(p->m, counters, 256);
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += counters[i].value;
	for (size_t i = 0; i < sizeof(not_reasons) / sizeof(not_reasons[0]); i++)
		sum -= peer_counter(p, not_reasons[i]);
	return sum;
}

/* The next digit of a number to a base of its own. */
static size_t digit(unsigned *number, size_t base)
{
	const size_t d = *number % base;

	*number /= (unsigned)base;
	return d;
}

/* Message number `number`; 0: that was the last one. */
static size_t make(uint8_t *out, unsigned number)
{
	const uint8_t rest = rests[digit(&number, sizeof(rests))];
	const enum lie lie = (enum lie)digit(&number, N_LIES);
	const size_t spis = digit(&number, 4), len = 28u + rest;

	memset(out, 0, len);
	if (spis & 1)
		memset(out, 0xa1, 8);
	if (spis & 2)
		memset(out + 8, 0xb2, 8);
	out[16] = payloads[digit(&number, sizeof(payloads))];
	out[17] = versions[digit(&number, sizeof(versions))];
	out[18] = exchanges[digit(&number, sizeof(exchanges))];
	out[19] = flags[digit(&number, sizeof(flags))];
	out[27] = (uint8_t)len;
	if (rest >= 4)
		out[31] = lie == TRUE_LENGTH ? rest : lie == BELOW_FOUR ? 3 : (uint8_t)(rest + 1);
	return number == 0 ? len : 0;
}

static void reject(struct world *w, const uint8_t *msg, size_t len)
{
	struct ike_endpoint g = endpoint("192.0.2.1", 4500), c = endpoint("198.51.100.7", 4500);
	const uint64_t before = reasons(world_gateway(w));

	peer_inject(world_gateway(w), &g, &c, true, msg, len);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	if (reasons(world_gateway(w)) != before + 1) {
		for (size_t i = 0; i < len; i++)
			print_error("%02x", msg[i]);
		print_error(": counted under %d names\n", (int)(reasons(world_gateway(w)) - before));
		fail();
	}
}

static void h18_each_rejection_without_an_sa(void **state)
{
	struct world *w = world_new(NULL);
	uint8_t msg[28 + 255];
	size_t len;

	(void)state;
	for (unsigned n = 0; (len = make(msg, n)) != 0; n++) {
		reject(w, msg, len);
		if (n % 64 == 0)
			world_settle(w);
	}
	world_settle(w);
	world_up(w);
	assert_true(world_traffic(w));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(h18_each_rejection_without_an_sa),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
