/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: a series of fragments in any order, with any numbers, against a
 * naive model of reassembly (RFC 7383 2.6). Each record of the input is number, total,
 * first payload's type, message and ICV bits, length. The "cipher" is a copy, so
 * that the fuzzer reaches what lies behind an ICV.
 */
#include <stdlib.h>
#include <string.h>

#include "control/ike/wire/build.h"
#include "control/ike/wire/frag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORD 5
#define BUDGET 4000

static void expect(bool holds)
{
	if (!holds)
		__builtin_trap();
}

/* What reassembly should hold: parts by number, nothing clever. */
struct model {
	unsigned total, message;
	bool there[IKE_MAX_FRAGMENTS + 1];
	uint8_t part[IKE_MAX_FRAGMENTS + 1][256];
	size_t len[IKE_MAX_FRAGMENTS + 1];
	size_t bytes;
	uint8_t first;
};

struct record {
	unsigned number, total, first, message, len;
	bool bad_icv;
	const uint8_t *text;
};

static enum ike_reject open_copy(void *arg, const struct ike_msg *msg, uint8_t *plain, size_t cap,
                                 size_t *len)
{
	const struct record *r = arg;
	size_t at = msg->sk + IKE_PAYLOAD_HDR_LEN + IKE_FRAG_HDR_LEN;

	expect(msg->len - at <= cap);
	memcpy(plain, msg->data + at, msg->len - at);
	*len = msg->len - at;
	return r->bad_icv ? IKE_REJECT_SK_ICV : IKE_OK;
}

static bool model_accepts(struct model *m, const struct record *r)
{
	if (r->total == 0 || r->total > IKE_MAX_FRAGMENTS || r->number == 0 || r->number > r->total)
		return false;
	if (r->number > 1 && r->first)
		return false;
	if (m->total && (r->message != m->message || r->total < m->total))
		return false;
	if (m->total == r->total && m->there[r->number])
		return false;
	if (r->bad_icv)
		return false;
	if (m->total && r->total > m->total)
		memset(m, 0, sizeof(*m));
	if (m->bytes + r->len > BUDGET)
		return false;
	m->total = r->total;
	m->message = r->message;
	m->there[r->number] = true;
	memcpy(m->part[r->number], r->text, r->len);
	m->len[r->number] = r->len;
	m->bytes += r->len;
	if (r->number == 1)
		m->first = (uint8_t)r->first;
	return true;
}

static bool model_complete(const struct model *m)
{
	for (unsigned i = 1; i <= m->total; i++)
		if (!m->there[i])
			return false;
	return m->total > 0;
}

static void compare(struct ike_reasm *reasm, const struct model *m)
{
	uint8_t whole[BUDGET], want[BUDGET];
	size_t len, at = 0;

	for (unsigned i = 1; i <= m->total; i++) {
		memcpy(want + at, m->part[i], m->len[i]);
		at += m->len[i];
	}
	expect(ike_reasm_take(reasm, whole, sizeof(whole), &len) == 0);
	expect(len == at && memcmp(whole, want, len) == 0 && reasm->first == m->first);
}

static enum ike_reject give(struct ike_reasm *reasm, const struct record *r, bool *complete)
{
	struct ike_header hdr = {
	        .spi_i = 1, .spi_r = 2, .exchange = IKE_EXCHANGE_IKE_AUTH, .message_id = r->message};
	uint8_t out[512];
	struct ike_build b;
	struct ike_msg msg;

	ike_build_message(&b, out, sizeof(out), &hdr);
	ike_build_begin(&b, IKE_PAYLOAD_SKF);
	ike_build_u16(&b, (uint16_t)r->number);
	ike_build_u16(&b, (uint16_t)r->total);
	ike_build_bytes(&b, r->text, r->len);
	ike_build_end(&b);
	expect(ike_build_finish(&b) == 0);
	out[IKE_HEADER_LEN] = (uint8_t)r->first;
	expect(ike_msg_parse(&msg, out, b.len) == IKE_OK);
	return ike_reasm_add(reasm, &msg, open_copy, (void *)(uintptr_t)r, complete);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model m;
	struct ike_frag_budget budget = {.limit = BUDGET};
	struct ike_reasm reasm;

	memset(&m, 0, sizeof(m));
	ike_reasm_init(&reasm, &budget);
	while (size >= RECORD) {
		struct record r = {.number = data[0],
		                   .total = data[1],
		                   .first = data[2],
		                   .message = data[3] & 1,
		                   .bad_icv = data[3] & 2,
		                   .len = data[4]};
		bool complete = false, accepted;

		r.text = data + RECORD;
		size -= RECORD;
		r.len = r.len > size ? (unsigned)size : r.len;
		data += RECORD + r.len;
		size -= r.len;
		accepted = model_accepts(&m, &r);
		expect((give(&reasm, &r, &complete) == IKE_OK) == accepted);
		expect(budget.used == reasm.bytes && reasm.bytes == m.bytes);
		expect(complete == (accepted && model_complete(&m)));
		if (!complete)
			continue;
		compare(&reasm, &m);
		ike_reasm_reset(&reasm);
		memset(&m, 0, sizeof(m));
	}
	ike_reasm_reset(&reasm);
	expect(budget.used == 0);
	return 0;
}
