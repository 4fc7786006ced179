/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals and opens protected messages (sk_message.h). RFC 7296 3.14, RFC 7383
 * 2.5, 2.6. Core thread only.
 */
#include "control/ike/sk_message.h"

#include "control/ike/crypto/hash.h"
#include "control/ike/manager.h"
#include "control/ike/timers.h"
#include "control/ike/window.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_DATAGRAM 1280u /* bytes with IP header, where no connection says more: IPv6's minimum */
#define UDP_HEADER       8u

struct ike_header message_header(const struct ike_sa *sa, uint8_t exchange, bool is_response, uint32_t id)
{
	uint8_t flags = (sa->is_initiator ? IKE_FLAG_INITIATOR : 0) | (is_response ? IKE_FLAG_RESPONSE : 0);

	return (struct ike_header){.spi_i = sa->spi_i,
	                           .spi_r = sa->spi_r,
	                           .exchange = exchange,
	                           .flags = flags,
	                           .message_id = id};
}

static struct ike_sk *send_key(struct ike_sa *sa)
{
	return sa->is_initiator ? &sa->keys.i : &sa->keys.r;
}

static const struct ike_sk *receive_key(const struct ike_sa *sa)
{
	return sa->is_initiator ? &sa->keys.r : &sa->keys.i;
}

/* Octets of IKE message that one datagram may have. */
static size_t datagram_room(const struct ike_sa *sa)
{
	size_t size = sa->connection != NULL ? sa->connection->fragment_size : 0;
	size_t ip = sa->remote.addr.family == 6 ? 40 : 20;

	if (size == 0)
		size = DEFAULT_DATAGRAM;
	return size - ip - UDP_HEADER - (sa->natt ? IKE_NON_ESP_MARKER : 0);
}

static bool may_fragment(const struct ike_sa *sa)
{
	return (sa->capabilities & IKE_CAP_FRAGMENTATION) &&
	       (sa->connection == NULL || sa->connection->fragmentation);
}

static struct packet *packets_add(struct packets *packets, size_t cap)
{
	struct packet *packet = &packets->p[packets->n];

	packet->data = malloc(cap);
	if (packet->data == NULL)
		return NULL;
	packets->n++;
	return packet;
}

static int seal_whole(struct ike_sa *sa, const struct ike_header *hdr, const struct ike_build *inner,
                      struct packets *out)
{
	struct ike_sk *key = send_key(sa);
	size_t cap = inner->len + ike_sk_overhead(key, false);
	struct packet *packet = packets_add(out, cap);

	if (packet == NULL)
		return -ENOMEM;
	return ike_sk_seal(key, hdr, inner->first, inner->buf, inner->len, packet->data, cap, &packet->len);
}

static int seal_fragments(struct ike_sa *sa, const struct ike_header *hdr, const struct ike_build *inner,
                          size_t part, uint16_t total, struct packets *out)
{
	struct ike_sk *key = send_key(sa);
	size_t cap = part + ike_sk_overhead(key, true);

	for (uint16_t i = 0; i < total; i++) {
		struct ike_frag frag = {.number = (uint16_t)(i + 1), .total = total};
		size_t at = (size_t)i * part;
		size_t len = inner->len - at < part ? inner->len - at : part;
		struct packet *packet = packets_add(out, cap);
		int error;

		if (packet == NULL)
			return -ENOMEM;
		frag.first = i == 0 ? inner->first : 0;
		error = ike_sk_seal_fragment(key, hdr, &frag, inner->buf + at, len, packet->data, cap,
		                             &packet->len);
		if (error < 0)
			return error;
	}
	return 0;
}

int message_seal(struct ike_sa *sa, uint8_t exchange, bool is_response, uint32_t id,
                 const struct ike_build *inner, struct packets *out)
{
	struct ike_header hdr = message_header(sa, exchange, is_response, id);
	size_t room = datagram_room(sa), part = 0;
	uint16_t total = 1;
	int error;

	if (inner->len + ike_sk_overhead(send_key(sa), false) > room && may_fragment(sa)) {
		part = ike_frag_plan(inner->len, room, ike_sk_overhead(send_key(sa), true), &total);
		if (part == 0)
			return -EMSGSIZE;
	}
	*out = (struct packets){0};
	out->p = calloc(total, sizeof(*out->p));
	if (out->p == NULL)
		return -ENOMEM;
	error = part == 0 ? seal_whole(sa, &hdr, inner, out)
	                  : seal_fragments(sa, &hdr, inner, part, total, out);
	if (error < 0)
		packets_free(out);
	return error;
}

int message_plain(const struct ike_build *message, struct packets *out)
{
	struct packet *packet;

	*out = (struct packets){0};
	out->p = calloc(1, sizeof(*out->p));
	if (out->p == NULL)
		return -ENOMEM;
	packet = packets_add(out, message->len);
	if (packet == NULL) {
		packets_free(out);
		return -ENOMEM;
	}
	memcpy(packet->data, message->buf, message->len);
	packet->len = message->len;
	return 0;
}

void packets_free(struct packets *packets)
{
	for (unsigned i = 0; i < packets->n; i++)
		free(packets->p[i].data);
	free(packets->p);
	*packets = (struct packets){0};
}

static enum ike_reject open_fragment(void *arg, const struct ike_msg *msg, uint8_t *plain, size_t cap,
                                     size_t *len)
{
	return ike_sk_open(receive_key(arg), msg, plain, cap, len);
}

/* Is this message still to come? */
static bool is_expected(const struct ike_sa *sa, bool is_response, uint32_t id)
{
	const struct outstanding *r = is_response ? request_find(sa, id) : NULL;

	return is_response ? r != NULL && !r->answered
	                   : window_takes(sa, id) && exchange_find_answer(sa, id) == NULL;
}

void message_forget_fragments(struct ike_sa *sa, bool of_response)
{
	struct reassembly *f = sa->fragments[of_response];

	if (f == NULL)
		return;
	ike_reasm_reset(&f->reasm);
	free(f);
	sa->fragments[of_response] = NULL;
}

static struct reassembly *new_fragments(struct ike_sa *sa)
{
	struct reassembly *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	ike_reasm_init(&f->reasm,
	               sa->is_half_open ? &sa->manager->half_open_fragments : &sa->manager->fragments);
	f->until_ms = ike_sa_now(sa) + TIMER_FRAGMENTS_MS;
	return f;
}

/* The reassembly that a fragment of message `id` belongs to; a new one is not the SA's yet. */
static enum ike_reject find_fragments(struct ike_sa *sa, bool is_response, uint32_t id,
                                      struct reassembly **out)
{
	struct reassembly *f = sa->fragments[is_response];

	/* One at a time: an incomplete one stays until its sender's next copies, or for a while. */
	if (f != NULL && f->reasm.total != 0 && f->reasm.message_id != id &&
	    is_expected(sa, is_response, f->reasm.message_id))
		return IKE_REJECT_FRAG_MESSAGE;
	if (f != NULL && (f->reasm.total == 0 || f->reasm.message_id != id))
		message_forget_fragments(sa, is_response);
	*out = sa->fragments[is_response] != NULL ? sa->fragments[is_response] : new_fragments(sa);
	return *out != NULL ? IKE_OK : IKE_REJECT_FRAG_BUDGET;
}

static enum ike_reject take_whole(struct reassembly *f, struct message_opened *out)
{
	out->first = f->reasm.first;
	memcpy(out->digest, f->digest, sizeof(out->digest));
	out->plain = malloc((size_t)f->reasm.bytes + 1);
	if (out->plain == NULL || ike_reasm_take(&f->reasm, out->plain, f->reasm.bytes, &out->len) < 0)
		return IKE_REJECT_FRAG_BUDGET;
	return IKE_OK;
}

static enum ike_reject take_fragment(struct ike_sa *sa, const struct ike_msg *msg, struct message_opened *out)
{
	bool is_response = ike_header_is_response(&msg->hdr);
	struct reassembly *f;
	enum ike_reject reason = find_fragments(sa, is_response, msg->hdr.message_id, &f);
	struct ike_frag frag;

	if (reason != IKE_OK)
		return reason;
	reason = ike_reasm_add(&f->reasm, msg, open_fragment, sa, &out->complete);
	if (reason != IKE_OK && f != sa->fragments[is_response])
		free(f); /* whoever sent it, nothing of it is kept */
	if (reason != IKE_OK)
		return reason;
	if (ike_frag_decode(&frag, msg) == IKE_OK && frag.number == 1)
		ike_sha256(msg->data, msg->len, f->digest);
	sa->fragments[is_response] = f;
	if (out->complete) {
		reason = take_whole(f, out);
		message_forget_fragments(sa, is_response);
	}
	timer_fragments_set(sa);
	return reason;
}

enum ike_reject message_open(struct ike_sa *sa, const struct ike_msg *msg, struct message_opened *out)
{
	enum ike_reject reason;

	*out = (struct message_opened){0};
	if (msg->sk_type == IKE_PAYLOAD_SKF) {
		if (!(sa->capabilities & IKE_CAP_FRAGMENTATION))
			return IKE_REJECT_FRAG_NUMBER;
		reason = take_fragment(sa, msg, out);
	} else {
		out->complete = true;
		out->first = msg->sk_first;
		out->plain = malloc(msg->len);
		reason = out->plain == NULL
		                 ? IKE_REJECT_SK_CRYPTO
		                 : ike_sk_open(receive_key(sa), msg, out->plain, msg->len, &out->len);
	}
	if (reason != IKE_OK) {
		free(out->plain);
		*out = (struct message_opened){0};
	}
	return reason;
}

bool message_is_authentic(const struct ike_sa *sa, const struct ike_msg *msg)
{
	uint8_t *plain = receive_key(sa)->encr != NULL ? malloc(msg->len) : NULL;
	size_t len = 0;
	bool authentic;

	if (plain == NULL)
		return false;
	authentic = ike_sk_open(receive_key(sa), msg, plain, msg->len, &len) == IKE_OK;
	explicit_bzero(plain, msg->len);
	free(plain);
	return authentic;
}
