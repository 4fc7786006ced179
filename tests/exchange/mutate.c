/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages changed on their way, see mutate.h.
 */
#include "tests/exchange/mutate.h"

#include "control/ike/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CAP 65000u

struct mutable_payload *mutable_find(struct mutation *m, uint8_t type)
{
	for (unsigned i = 0; i < m->n; i++) {
		if (m->payloads[i].type == type)
			return &m->payloads[i];
	}
	return NULL;
}

void mutable_remove(struct mutation *m, unsigned index)
{
	m->n--;
	memmove(&m->payloads[index], &m->payloads[index + 1], (m->n - index) * sizeof(m->payloads[0]));
}

struct mutable_payload *mutable_add(struct mutation *m, uint8_t type, const void *body, size_t len)
{
	struct mutable_payload *p = &m->payloads[m->n++];

	p->type = type;
	p->critical = false;
	p->len = len;
	if (len > 0)
		memcpy(p->body, body, len);
	return p;
}

static struct ike_sa *client_sa(struct world *w, const struct ike_header *hdr, bool by_client)
{
	struct ike_manager *m = world_client(w)->m;

	return manager_find(m, ike_header_from_initiator(hdr) == by_client ? hdr->spi_i : hdr->spi_r);
}

static struct ike_sk *key_of(struct ike_sa *sa, bool sent_by_client)
{
	return sent_by_client == sa->is_initiator ? &sa->keys.i : &sa->keys.r;
}

/* The payloads of a datagram of either peer, by the client's keys. `plain` holds them. */
static bool open_message(struct ike_sa *sa, bool by_client, const struct datagram *dg, struct ike_msg *msg,
                         uint8_t *plain)
{
	struct ike_msg outer;
	size_t len;

	if (ike_msg_parse(&outer, dg->data, dg->len) != IKE_OK)
		return false;
	if (outer.sk_type == 0) {
		*msg = outer;
		return true;
	}
	if (sa == NULL || !sa->has_keys || outer.sk_type != IKE_PAYLOAD_SK)
		return false;
	if (ike_sk_open(key_of(sa, by_client), &outer, plain, CAP, &len) != IKE_OK)
		return false;
	return ike_msg_parse_inner(msg, &outer.hdr, outer.sk_first, plain, len) == IKE_OK;
}

static void copy_payloads(struct mutation *m, const struct ike_msg *msg)
{
	m->n = 0;
	m->hdr = msg->hdr;
	for (unsigned i = 0; i < msg->n; i++) {
		assert_true(msg->payloads[i].len <= sizeof(m->payloads[0].body));
		mutable_add(m, msg->payloads[i].type, msg->payloads[i].body, msg->payloads[i].len);
	}
}

static void build_chain(const struct mutation *m, struct ike_build *b)
{
	for (unsigned i = 0; i < m->n; i++) {
		const struct mutable_payload *p = &m->payloads[i];
		size_t at = b->len;

		ike_build_begin(b, p->type);
		ike_build_bytes(b, p->body, p->len);
		ike_build_end(b);
		if (p->critical && b->len > at)
			b->buf[at + 1] |= 0x80;
	}
	assert_int_equal(ike_build_finish(b), 0);
}

static void rebuild(struct mutation *m, struct ike_sa *sa, bool is_protected, struct datagram *dg)
{
	uint8_t *inner = test_malloc(CAP), *out = test_malloc(CAP + 256);
	struct ike_build b;

	assert_non_null(inner);
	assert_non_null(out);
	if (is_protected) {
		ike_build_inner(&b, inner, CAP);
		if (m->raw == NULL)
			build_chain(m, &b);
		assert_int_equal(ike_sk_seal(key_of(sa, !m->answers && !m->gateway_asks), &m->hdr,
		                             m->raw ? m->raw_first : b.first, m->raw ? m->raw : inner,
		                             m->raw ? m->raw_len : b.len, out, CAP + 256, &dg->len),
		                 0);
	} else {
		ike_build_message(&b, out, CAP, &m->hdr);
		build_chain(m, &b);
		dg->len = b.len;
	}
	test_free(inner);
	test_free(dg->data);
	dg->data = out;
}

static void copy_cp(struct mutation *m, const struct ike_msg *msg)
{
	const struct ike_payload *p = ike_msg_find(msg, IKE_PAYLOAD_CP);

	if (p == NULL)
		return;
	assert_true(p->len <= sizeof(m->cp.body));
	memcpy(m->cp.body, p->body, p->len);
	m->cp.len = p->len;
}

static void read_answer(struct mutation *m, const struct datagram *dg)
{
	uint8_t *plain = test_malloc(CAP);
	struct ike_header hdr;
	struct ike_msg msg;

	assert_non_null(plain);
	if (ike_header_parse(&hdr, dg->data, dg->len) == IKE_OK && ike_header_is_response(&hdr) &&
	    hdr.exchange == m->hdr.exchange && hdr.message_id == m->hdr.message_id &&
	    open_message(client_sa(m->w, &hdr, false), false, dg, &msg, plain)) {
		m->answered = true;
		m->answer = exchange_error_of(&msg);
		copy_cp(m, &msg);
	}
	test_free(plain);
}

static bool filter(struct world *w, struct datagram *dg)
{
	struct mutation *m = w->filter_context;
	struct ike_header hdr;
	struct ike_msg msg = {0};
	bool by_gateway = m->answers || m->gateway_asks, protect;
	struct ike_sa *sa;
	uint8_t *plain;

	if (dg->from == world_gateway(w) && !by_gateway) {
		if (m->applied > 0 && !m->answered && !m->own_answers)
			read_answer(m, dg);
		return true;
	}
	if ((dg->from == world_gateway(w)) != by_gateway ||
	    ike_header_parse(&hdr, dg->data, dg->len) != IKE_OK ||
	    ike_header_is_response(&hdr) != (m->answers || m->own_answers) || hdr.exchange != m->exchange)
		return true;
	if (m->skip > 0) {
		m->skip--;
		return true;
	}
	if (m->applied > 0)
		return false; /* no retransmissions: one message, one effect */
	plain = test_malloc(CAP);
	assert_non_null(plain);
	sa = client_sa(w, &hdr, !by_gateway);
	if (!open_message(sa, !by_gateway, dg, &msg, plain)) {
		assert_true(sa == NULL || !sa->has_keys); /* of an SA that is no more */
		test_free(plain);
		return true;
	}
	protect = hdr.exchange != IKE_EXCHANGE_IKE_SA_INIT;
	copy_payloads(m, &msg);
	test_free(plain);
	m->change(m);
	rebuild(m, sa, protect, dg);
	m->applied++;
	return true;
}

void mutate(struct world *w, struct mutation *m, uint8_t exchange, void (*change)(struct mutation *m),
            void *context)
{
	memset(m, 0, sizeof(*m));
	m->w = w;
	m->exchange = exchange;
	m->change = change;
	m->context = context;
	w->filter = filter;
	w->filter_context = m;
}

void mutate_stop(struct world *w)
{
	w->filter = NULL;
}
