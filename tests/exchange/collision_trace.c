/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens what both ends send with their own keys (collision_trace.h).
 */
#include "tests/exchange/collision_trace.h"

#include "control/ike/crypto/sk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool is_old(const struct collision_trace *t, const uint8_t *spi)
{
	for (unsigned i = 0; i < t->n_old; i++) {
		if (memcmp(&t->old[i], spi, sizeof(t->old[i])) == 0)
			return true;
	}
	return false;
}

static const char *deletes(const struct collision_trace *t, const struct ike_payload *p)
{
	struct ike_delete del;

	assert_int_equal(ike_delete_decode(&del, p), IKE_OK);
	if (del.protocol == IKE_PROTOCOL_IKE)
		return "DELETE(ike)";
	assert_int_equal(del.count, 1);
	return is_old(t, del.spis) ? "DELETE(old)" : "DELETE(new)";
}

/* What stands behind the message's name; "": nothing. */
static const char *content(const struct collision_trace *t, const struct ike_msg *inner)
{
	const struct ike_payload *del = ike_msg_find(inner, IKE_PAYLOAD_DELETE);
	uint16_t error = exchange_error_of(inner);

	if (error != 0)
		return ike_notify_type_name(error);
	if (del != NULL)
		return deletes(t, del);
	if (ike_header_is_response(&inner->hdr))
		return "";
	return inner->hdr.exchange == IKE_EXCHANGE_INFORMATIONAL ? "INFO" : "CREATE";
}

static struct said *find(struct collision_trace *t, const struct peer *from, uint64_t spi,
                         const struct ike_header *hdr)
{
	for (unsigned i = 0; i < t->n_said; i++) {
		struct said *s = &t->said[i];

		if (s->from == from && s->spi == spi && s->hdr.message_id == hdr->message_id &&
		    ike_header_is_response(&s->hdr) == ike_header_is_response(hdr))
			return s;
	}
	return NULL;
}

static struct said *read_new(struct collision_trace *t, const struct datagram *dg, const struct ike_msg *msg,
                             uint64_t spi)
{
	struct ike_sa *sa = manager_find(dg->from->m, spi);
	struct said *s = &t->said[t->n_said];
	struct ike_msg inner;
	uint8_t plain[2048];
	size_t len;

	assert_true(t->n_said < COLLISION_COPIES);
	assert_non_null(sa);
	assert_int_equal(
	        ike_sk_open(sa->is_initiator ? &sa->keys.i : &sa->keys.r, msg, plain, sizeof(plain), &len),
	        IKE_OK);
	assert_int_equal(ike_msg_parse_inner(&inner, &msg->hdr, msg->sk_first, plain, len), IKE_OK);
	*s = (struct said){.from = dg->from, .spi = spi, .hdr = msg->hdr};
	snprintf(s->what, sizeof(s->what), "%s", content(t, &inner));
	t->n_said++;
	return s;
}

static bool note(struct world *w, struct datagram *dg)
{
	struct collision_trace *t = w->filter_context;
	struct ike_msg msg;
	struct said *s;
	uint64_t spi;

	assert_int_equal(ike_msg_parse(&msg, dg->data, dg->len), IKE_OK);
	spi = ike_header_from_initiator(&msg.hdr) ? msg.hdr.spi_i : msg.hdr.spi_r;
	s = find(t, dg->from, spi, &msg.hdr);
	if (s == NULL)
		s = read_new(t, dg, &msg, spi);
	t->len += (size_t)snprintf(t->text + t->len, sizeof(t->text) - t->len, "%s%c%c%u%s%s",
	                           t->len > 0 ? " " : "", dg->from->letter,
	                           ike_header_is_response(&msg.hdr) ? '!' : '?', msg.hdr.message_id,
	                           s->what[0] != '\0' ? ":" : "", s->what);
	assert_true(t->len < sizeof(t->text));
	return true;
}

void collision_trace_begin(struct world *w, struct collision_trace *trace)
{
	*trace = (struct collision_trace){0};
	for (unsigned i = 0; i < 2; i++) {
		const struct child_sa *child;

		TAILQ_FOREACH (child, &peer_session(&w->peers[i])->children, link) {
			assert_true(trace->n_old < sizeof(trace->old) / sizeof(trace->old[0]));
			trace->old[trace->n_old++] = child->spi_in;
		}
	}
	w->filter_context = trace;
	w->filter = note;
}
