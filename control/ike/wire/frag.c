/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragments: fields, reassembly, plan (RFC 7383 2.5, 2.6). Reassembly keeps one
 * slot a fragment, so order does not matter; what it allocates was authenticated
 * first and is charged to two budgets. The event loop's thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/ike/wire/bytes.h"
#include "control/ike/wire/frag.h"

enum ike_reject ike_frag_decode(struct ike_frag *frag, const struct ike_msg *msg)
{
	const uint8_t *at = msg->data + msg->sk + IKE_PAYLOAD_HDR_LEN;

	if (msg->sk_type != IKE_PAYLOAD_SKF)
		return IKE_REJECT_PAYLOAD_TYPE;
	frag->number = get_be16(at);
	frag->total = get_be16(at + 2);
	frag->first = msg->sk_first;
	if (frag->total == 0 || frag->total > IKE_MAX_FRAGMENTS)
		return IKE_REJECT_FRAG_TOTAL;
	if (frag->number == 0 || frag->number > frag->total)
		return IKE_REJECT_FRAG_NUMBER;
	if (frag->number > 1 && frag->first != 0)
		return IKE_REJECT_FRAG_FIRST;
	return IKE_OK;
}

void ike_reasm_init(struct ike_reasm *r, struct ike_frag_budget *budget)
{
	*r = (struct ike_reasm){.budget = budget};
}

void ike_reasm_reset(struct ike_reasm *r)
{
	for (unsigned i = 0; i < r->total; i++) {
		if (!r->part[i])
			continue;
		explicit_bzero(r->part[i], r->part_len[i]);
		free(r->part[i]);
	}
	r->budget->used -= r->bytes;
	ike_reasm_init(r, r->budget);
}

/* What can be said before the ICV is verified: it changes nothing. */
static enum ike_reject check_against(const struct ike_reasm *r, const struct ike_msg *msg,
                                     const struct ike_frag *frag)
{
	if (r->total == 0)
		return IKE_OK;
	if (msg->hdr.message_id != r->message_id || msg->hdr.exchange != r->exchange ||
	    msg->hdr.flags != r->flags)
		return IKE_REJECT_FRAG_MESSAGE;
	if (frag->total < r->total)
		return IKE_REJECT_FRAG_TOTAL;
	if (frag->total == r->total && r->part[frag->number - 1])
		return IKE_REJECT_FRAG_DUPLICATE;
	return IKE_OK;
}

static enum ike_reject store(struct ike_reasm *r, const struct ike_msg *msg, const struct ike_frag *frag,
                             uint8_t *plain, size_t len)
{
	if (r->total != 0 && frag->total > r->total)
		ike_reasm_reset(r); /* the peer cut the message anew (RFC 7383 2.5.2) */
	if (r->bytes + len > IKE_MAX_INNER || len > r->budget->limit - r->budget->used)
		return IKE_REJECT_FRAG_BUDGET;
	if (r->total == 0) {
		r->total = frag->total;
		r->message_id = msg->hdr.message_id;
		r->exchange = msg->hdr.exchange;
		r->flags = msg->hdr.flags;
	}
	if (frag->number == 1)
		r->first = frag->first;
	r->part[frag->number - 1] = plain;
	r->part_len[frag->number - 1] = (uint16_t)len;
	r->bytes += (uint32_t)len;
	r->budget->used += len;
	r->have++;
	return IKE_OK;
}

enum ike_reject ike_reasm_add(struct ike_reasm *r, const struct ike_msg *msg, ike_frag_open_fn open,
                              void *arg, bool *complete)
{
	struct ike_frag frag;
	uint8_t *plain;
	size_t len = 0;
	enum ike_reject err = ike_frag_decode(&frag, msg);

	*complete = false;
	if (err)
		return err;
	err = check_against(r, msg, &frag);
	if (err)
		return err;
	plain = malloc(msg->len);
	if (!plain)
		return IKE_REJECT_FRAG_BUDGET;
	err = open(arg, msg, plain, msg->len, &len);
	if (!err)
		err = store(r, msg, &frag, plain, len);
	if (err) {
		explicit_bzero(plain, msg->len);
		free(plain);
		return err;
	}
	*complete = r->have == r->total;
	return IKE_OK;
}

int ike_reasm_take(struct ike_reasm *r, uint8_t *plain, size_t cap, size_t *len)
{
	size_t at = 0;

	if (r->total == 0 || r->have != r->total)
		return -EAGAIN;
	if (r->bytes > cap)
		return -EMSGSIZE;
	for (unsigned i = 0; i < r->total; i++) {
		memcpy(plain + at, r->part[i], r->part_len[i]);
		at += r->part_len[i];
	}
	*len = at;
	return 0;
}

size_t ike_frag_plan(size_t plain_len, size_t max_message, size_t overhead, uint16_t *total)
{
	size_t room, n;

	if (plain_len == 0 || max_message <= overhead)
		return 0;
	room = max_message - overhead;
	n = (plain_len + room - 1) / room;
	if (n > IKE_MAX_FRAGMENTS)
		return 0;
	*total = (uint16_t)n;
	return room;
}
