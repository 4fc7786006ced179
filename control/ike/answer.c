/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our answers to the peer's requests: begun, sealed, kept, and sent again to copies of the request
 * (answer.h). RFC 7296 2.1, 2.6; RFC 7383 2.6.1; H38. Core thread only.
 */
#include "control/ike/answer.h"

#include "control/ike/again.h"
#include "control/ike/crypto/hash.h"
#include "control/ike/init.h"
#include "control/ike/journal.h"
#include "control/ike/manager.h"
#include "control/ike/sk_message.h"
#include "control/ike/store.h"
#include "control/ike/window.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *grow_answer(uint8_t *buf, size_t old, size_t cap)
{
	uint8_t *more = malloc(cap);

	if (more == NULL)
		return NULL;
	memcpy(more, buf, old);
	explicit_bzero(buf, old);
	free(buf);
	return more;
}

void answer_begin(struct exchange *x, bool is_error)
{
	struct ike_header hdr;

	if (x->out.len > x->out_high)
		x->out_high = x->out.len;
	if (x->msg.hdr.exchange != IKE_EXCHANGE_IKE_SA_INIT) {
		ike_build_inner(&x->out, x->out.buf, x->out.cap);
	} else {
		hdr = message_header(x->sa, IKE_EXCHANGE_IKE_SA_INIT, true, 0);
		if (is_error)
			hdr.spi_r = 0; /* RFC 7296 2.6: there is no SA */
		ike_build_message(&x->out, x->out.buf, x->out.cap, &hdr);
	}
	x->out.grow = grow_answer;
	x->out.most = MESSAGE_MAX_PLAIN;
}

int exchange_error(struct exchange *x, uint16_t notify, const void *data, size_t len)
{
	if (x->sa->state >= IKE_STATE_ESTABLISHED)
		journal_note(x->sa, JOURNAL_ERROR_SENT, x->msg.hdr.exchange, notify);
	if (notify == IKE_NOTIFY_INVALID_SYNTAX)
		IKE_COUNT(x->sa->manager, invalid_syntax);
	answer_begin(x, true);
	ike_build_status(&x->out, notify, data, len);
	return 0;
}

static void send_packets(struct ike_sa *sa, const struct packets *packets, const struct ike_endpoint *local,
                         const struct ike_endpoint *remote, bool natt)
{
	for (unsigned i = 0; i < packets->n; i++)
		manager_send(sa->manager, local, remote, natt, packets->p[i].data, packets->p[i].len);
}

int answer_send(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	bool plain = x->msg.hdr.exchange == IKE_EXCHANGE_IKE_SA_INIT;
	struct cached_response *r = calloc(1, sizeof(*r));
	int error = r == NULL ? -ENOMEM : 0;

	/* Until now it was 1: a peer that sends another request has had every answer before. */
	if (error == 0 && sa->state == IKE_STATE_ESTABLISHED && exchange_window_write(sa, &x->out))
		exchange_forget_answers(sa);
	if (error == 0)
		error = ike_build_finish(&x->out);
	if (error == 0)
		error = plain ? message_plain(&x->out, &r->packets)
		              : message_seal(sa, x->msg.hdr.exchange, true, x->msg.hdr.message_id, &x->out,
		                             &r->packets);
	if (error != 0) {
		free(r);
		return error;
	}
	r->message_id = x->msg.hdr.message_id;
	memcpy(r->digest, x->digest, sizeof(x->digest));
	window_answered(sa, r);
	store_touch(sa);
	if (plain)
		init_sent(sa, r->packets.p[0].data, r->packets.p[0].len);
	send_packets(sa, &r->packets, &x->local, &x->remote, x->natt);
	return 0;
}

/* The very request that was answered: its octets again (H38), or its first fragment of another cut, which
 * needs a key to be made (RFC 7383 2.5.2, 2.6.1). What else is in it matters to nobody: it is not executed.
 */
static bool is_again(const struct ike_sa *sa, const struct cached_response *r, const struct ike_datagram *dg,
                     const struct ike_msg *msg)
{
	uint8_t digest[32];

	ike_sha256(dg->data, dg->len, digest);
	return CRYPTO_memcmp(digest, r->digest, sizeof(digest)) == 0 ||
	       (msg->sk_type == IKE_PAYLOAD_SKF && (sa->capabilities & IKE_CAP_FRAGMENTATION) &&
	        message_is_authentic(sa, msg));
}

void exchange_answer_again(struct ike_sa *sa, const struct ike_datagram *dg, const struct ike_msg *msg)
{
	struct cached_response *r = exchange_find_answer(sa, msg->hdr.message_id);
	struct ike_manager *m = sa->manager;
	struct ike_frag frag;

	/* RFC 7383 2.6.1: only the first fragment makes us answer again. */
	if (msg->sk_type == IKE_PAYLOAD_SKF && (ike_frag_decode(&frag, msg) != IKE_OK || frag.number != 1)) {
		IKE_COUNT(m, in_progress);
		return;
	}
	if (r == NULL || !is_again(sa, r, dg, msg)) {
		IKE_COUNT(m, not_identical);
		return;
	}
	if (r->again == NULL) {
		r->again = malloc(sizeof(*r->again));
		if (r->again == NULL) {
			IKE_COUNT(m, no_memory);
			return;
		}
		again_init(r->again);
	}
	if (!again_take(r->again, &dg->local, &dg->remote, ike_sa_now(sa))) {
		IKE_COUNT(m, burst);
		return;
	}
	IKE_COUNT(m, answered_again);
	send_packets(sa, &r->packets, &dg->local, &dg->remote, dg->natt);
}
