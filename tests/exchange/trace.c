/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace of a world: messages are decrypted with their sender's keys and
 * written with the names of their payloads.
 */
#include "tests/exchange/world.h"

#include "control/ike/crypto/sk.h"
#include "control/ike/wire/payload.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void trace_line(struct world *w, const char *fmt, ...)
{
	va_list args;

	if (w->n_trace == WORLD_TRACE_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(w->trace[w->n_trace++], WORLD_LINE, fmt, args);
	va_end(args);
}

static void put(char *line, const char *text)
{
	size_t len = strlen(line);

	snprintf(line + len, WORLD_LINE - len, " %s", text);
}

static void name_payloads(char *line, const struct ike_msg *msg)
{
	for (unsigned i = 0; i < msg->n; i++) {
		const struct ike_payload *p = &msg->payloads[i];
		struct ike_notify n;

		if (p->type == IKE_PAYLOAD_NOTIFY && ike_notify_decode(&n, p) == IKE_OK)
			put(line, ike_notify_type_name(n.type));
		else
			put(line, ike_payload_type_name(p->type));
	}
}

static void name_inner(char *line, struct peer *sender, const struct ike_msg *outer)
{
	bool from_initiator = ike_header_from_initiator(&outer->hdr);
	struct ike_sa *sa = manager_find(sender->m, from_initiator ? outer->hdr.spi_i : outer->hdr.spi_r);
	uint8_t *plain = malloc(outer->len);
	struct ike_msg inner;
	size_t len;

	if (sa == NULL || !sa->has_keys || plain == NULL)
		put(line, "(sealed)");
	else if (outer->sk_type == IKE_PAYLOAD_SKF)
		put(line, "(fragment)");
	else if (ike_sk_open(from_initiator ? &sa->keys.i : &sa->keys.r, outer, plain, outer->len, &len) ==
	                 IKE_OK &&
	         ike_msg_parse_inner(&inner, &outer->hdr, outer->sk_first, plain, len) == IKE_OK)
		name_payloads(line, &inner);
	free(plain);
}

void trace_packet(struct world *w, const struct datagram *p, const char *what)
{
	char source[IKE_ENDPOINT_TEXT], destination[IKE_ENDPOINT_TEXT], line[WORLD_LINE];
	struct ike_msg msg;

	if (ike_msg_parse(&msg, p->data, p->len) != IKE_OK)
		return;
	snprintf(line, sizeof(line), "%c>%c%s %s>%s %s%c %u", p->from, p->from == 'c' ? 'g' : 'c', what,
	         endpoint_text(&p->source, source), endpoint_text(&p->destination, destination),
	         ike_exchange_name(msg.hdr.exchange), ike_header_is_response(&msg.hdr) ? '!' : '?',
	         msg.hdr.message_id);
	if (msg.sk_type != 0)
		name_inner(line, p->from == 'c' ? &w->client : &w->gateway, &msg);
	else
		name_payloads(line, &msg);
	trace_line(w, "%6lu %s", w->now_ms, line);
}

/* Words separated by '|', each somewhere in the line, in order. */
static bool has(const char *line, const char *words)
{
	char copy[256], *word, *rest = copy;

	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, "|")) != NULL) {
		line = strstr(line, word);
		if (line == NULL)
			return false;
		line += strlen(word);
	}
	return true;
}

int trace_find(const struct world *w, unsigned from, const char *words)
{
	for (unsigned i = from; i < w->n_trace; i++)
		if (has(w->trace[i], words))
			return (int)i;
	return -1;
}

unsigned trace_count(const struct world *w, unsigned from, const char *words)
{
	unsigned n = 0;

	for (unsigned i = from; i < w->n_trace; i++)
		n += has(w->trace[i], words);
	return n;
}

void trace_print(const struct world *w, unsigned from)
{
	for (unsigned i = from; i < w->n_trace; i++)
		print_message("    %s\n", w->trace[i]);
}

unsigned trace_order(const struct world *w, unsigned from, ...)
{
	unsigned at = from;
	const char *words;
	va_list args;

	va_start(args, from);
	while ((words = va_arg(args, const char *)) != NULL) {
		int found = trace_find(w, at, words);

		if (found < 0) {
			trace_print(w, from);
			va_end(args);
			fail_msg("not in the trace, or not in this order: %s", words);
		}
		at = (unsigned)found + 1;
	}
	va_end(args);
	return at;
}
