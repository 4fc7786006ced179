/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments: H19, H20, H22, and the plan by which we cut. */
#include <errno.h>

#include "control/ike/crypto/sk.h"
#include "tests/unit/wire/wire_test.h"

static struct ike_frag_budget budget;
static struct ike_reasm reasm;
static struct ike_sk key;
static uint8_t message[4000];

static int setup(void **state)
{
	(void)state;
	budget = (struct ike_frag_budget){.limit = 100000};
	ike_reasm_init(&reasm, &budget);
	memset(&key, 0, sizeof(key));
	key.encr = ike_encr_info(IKE_ENCR_AES_GCM_16, 128);
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)(i * 7);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ike_reasm_reset(&reasm);
	return budget.used == 0 ? 0 : -1;
}

static unsigned opened;

static enum ike_reject open_one(void *arg, const struct ike_msg *msg, uint8_t *plain, size_t cap, size_t *len)
{
	opened++;
	return ike_sk_open(arg, msg, plain, cap, len);
}

/* Seals one fragment and gives it to the reassembly; `spoil` is an octet to flip. */
static enum ike_reject give(const struct ike_header *hdr, uint16_t number, uint16_t total,
                            const uint8_t *plain, size_t plain_len, size_t spoil, bool *complete)
{
	struct ike_frag frag = {.number = number, .total = total, .first = IKE_PAYLOAD_VENDOR};
	uint8_t out[4200];
	struct ike_msg msg;
	size_t len;

	assert_int_equal(ike_sk_seal_fragment(&key, hdr, &frag, plain, plain_len, out, sizeof(out), &len), 0);
	if (spoil)
		out[len - spoil] ^= 1;
	assert_ok(ike_msg_parse(&msg, out, len));
	return ike_reasm_add(&reasm, &msg, open_one, &key, complete);
}

static enum ike_reject give_plain(uint16_t number, uint16_t total)
{
	bool complete;

	return give(&test_header, number, total, message, 10, 0, &complete);
}

/* Cuts the message into `total` and gives the parts in the order i * step modulo total. */
static void reassemble(uint16_t total, unsigned step)
{
	size_t chunk = (sizeof(message) + total - 1) / total, len;
	uint8_t out[sizeof(message)];
	bool complete = false;

	for (unsigned i = 0; i < total; i++) {
		size_t n = (i * step) % total, at = n * chunk;
		size_t size = at + chunk > sizeof(message) ? sizeof(message) - at : chunk;

		assert_false(complete);
		assert_int_equal(ike_reasm_take(&reasm, out, sizeof(out), &len), -EAGAIN);
		assert_ok(give(&test_header, (uint16_t)(n + 1), total, message + at, size, 0, &complete));
	}
	assert_true(complete);
	assert_int_equal(ike_reasm_take(&reasm, out, sizeof(out) - 1, &len), -EMSGSIZE);
	assert_int_equal(ike_reasm_take(&reasm, out, sizeof(out), &len), 0);
	assert_int_equal(len, sizeof(message));
	assert_memory_equal(out, message, len);
	assert_int_equal(reasm.first, IKE_PAYLOAD_VENDOR);
	ike_reasm_reset(&reasm);
	assert_int_equal(budget.used, 0);
}

static void any_order(void **state)
{
	(void)state;
	reassemble(1, 1);
	reassemble(7, 1);
	reassemble(7, 3);
	reassemble(7, 6); /* first, last, last but one, ... */
	reassemble(61, 29);
	reassemble(64, 33);
}

static void h19_numbers(void **state)
{
	(void)state;
	opened = 0;
	assert_reject(give_plain(0, 3), FRAG_NUMBER);
	assert_reject(give_plain(4, 3), FRAG_NUMBER);
	assert_reject(give_plain(1, 0), FRAG_TOTAL);
	assert_reject(give_plain(1, IKE_MAX_FRAGMENTS + 1), FRAG_TOTAL);
	assert_reject(give_plain(1, 65535), FRAG_TOTAL);
	assert_int_equal(opened, 0);                                 /* refused before any decryption */
	assert_ok(give_plain(IKE_MAX_FRAGMENTS, IKE_MAX_FRAGMENTS)); /* the last: `<` against `<=` */
	ike_reasm_reset(&reasm);
	assert_ok(give_plain(2, 3));
	assert_reject(give_plain(2, 3), FRAG_DUPLICATE);
	assert_reject(give_plain(2, 2), FRAG_TOTAL); /* shrinking */
	assert_int_equal(reasm.have, 1);
	assert_int_equal(ike_reject_notify(IKE_REJECT_FRAG_TOTAL, true), 0);
}

static void h19_next_payload_in_a_later_fragment(void **state)
{
	uint8_t out[200];
	struct ike_frag frag = {.number = 2, .total = 2};
	struct ike_msg msg;
	bool complete;
	size_t len;

	(void)state;
	assert_int_equal(ike_sk_seal_fragment(&key, &test_header, &frag, message, 10, out, sizeof(out), &len),
	                 0);
	out[IKE_HEADER_LEN] = IKE_PAYLOAD_VENDOR;
	assert_ok(ike_msg_parse(&msg, out, len));
	assert_reject(ike_reasm_add(&reasm, &msg, open_one, &key, &complete), FRAG_FIRST);
}

static void growing_total_starts_anew(void **state)
{
	bool complete;

	(void)state;
	assert_ok(give_plain(1, 2));
	/* unauthenticated: nothing changes (H22) */
	assert_reject(give(&test_header, 1, 3, message, 10, 1, &complete), SK_ICV);
	assert_int_equal(reasm.total, 2);
	assert_ok(give_plain(3, 3));
	assert_int_equal(reasm.total, 3);
	assert_int_equal(reasm.have, 1);
	assert_int_equal(budget.used, 10);
}

static void other_message(void **state)
{
	struct ike_header next = test_header, response = test_header;
	bool complete;

	(void)state;
	next.message_id++;
	response.flags |= IKE_FLAG_RESPONSE;
	assert_ok(give_plain(1, 2));
	assert_reject(give(&next, 2, 2, message, 10, 0, &complete), FRAG_MESSAGE);
	assert_reject(give(&response, 2, 2, message, 10, 0, &complete), FRAG_MESSAGE);
	assert_false(complete);
}

static void h20_byte_budgets(void **state)
{
	static uint8_t large[4000];
	enum ike_reject err = IKE_OK;
	unsigned taken = 0;
	bool complete;

	(void)state;
	for (uint16_t n = IKE_MAX_FRAGMENTS; !err && n > 0; n--) {
		err = give(&test_header, n, IKE_MAX_FRAGMENTS, large, sizeof(large), 0, &complete);
		taken += !err;
	}
	assert_reject(err, FRAG_BUDGET);
	assert_int_equal(taken, IKE_MAX_INNER / sizeof(large));
	assert_int_equal(budget.used, taken * sizeof(large));
	ike_reasm_reset(&reasm);
	budget.limit = 100; /* of all SAs together */
	assert_ok(give(&test_header, 1, 2, large, 100, 0, &complete));
	assert_reject(give(&test_header, 2, 2, large, 1, 0, &complete), FRAG_BUDGET);
	ike_reasm_reset(&reasm);
	assert_int_equal(budget.used, 0);
}

static void h22_one_bad_icv_among_good(void **state)
{
	uint8_t out[30];
	bool complete;
	size_t len;

	(void)state;
	assert_ok(give(&test_header, 1, 3, message, 10, 0, &complete));
	assert_reject(give(&test_header, 2, 3, message, 10, 1, &complete), SK_ICV);
	assert_reject(give(&test_header, 2, 3, message + 10, 10, 20, &complete), SK_ICV);
	assert_ok(give(&test_header, 3, 3, message + 20, 10, 0, &complete));
	assert_false(complete);
	assert_ok(give(&test_header, 2, 3, message + 10, 10, 0, &complete));
	assert_true(complete);
	assert_int_equal(ike_reasm_take(&reasm, out, sizeof(out), &len), 0);
	assert_memory_equal(out, message, 30);
}

static void plan(void **state)
{
	size_t overhead = ike_sk_overhead(&key, true);
	uint16_t total = 0;

	(void)state;
	for (size_t plain_len = 1; plain_len < 9000; plain_len += 13) {
		for (size_t max = 300; max < 1500; max += 111) {
			size_t chunk = ike_frag_plan(plain_len, max, overhead, &total);
			uint8_t out[1500];
			struct ike_frag frag = {.number = 1, .total = total};
			size_t len;

			assert_true(chunk > 0 && total > 0);
			assert_true(chunk * total >= plain_len && chunk * (total - 1u) < plain_len);
			if (plain_len > sizeof(message) || chunk > plain_len)
				continue;
			assert_int_equal(ike_sk_seal_fragment(&key, &test_header, &frag, message, chunk, out,
			                                      sizeof(out), &len),
			                 0);
			assert_true(len <= max);
		}
	}
	assert_int_equal(ike_frag_plan(1000, overhead, overhead, &total), 0);
	assert_int_equal(ike_frag_plan(0, 1000, overhead, &total), 0);
	assert_int_equal(ike_frag_plan(IKE_MAX_FRAGMENTS * 10 + 1, overhead + 10, overhead, &total), 0);
	assert_int_equal(ike_frag_plan(IKE_MAX_FRAGMENTS * 10, overhead + 10, overhead, &total), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(any_order, setup, teardown),
	        cmocka_unit_test_setup_teardown(h19_numbers, setup, teardown),
	        cmocka_unit_test_setup_teardown(h19_next_payload_in_a_later_fragment, setup, teardown),
	        cmocka_unit_test_setup_teardown(growing_total_starts_anew, setup, teardown),
	        cmocka_unit_test_setup_teardown(other_message, setup, teardown),
	        cmocka_unit_test_setup_teardown(h20_byte_budgets, setup, teardown),
	        cmocka_unit_test_setup_teardown(h22_one_bad_icv_among_good, setup, teardown),
	        cmocka_unit_test_setup_teardown(plan, setup, teardown),
	};

	return cmocka_run_group_tests_name("wire/frag", tests, NULL, NULL);
}
