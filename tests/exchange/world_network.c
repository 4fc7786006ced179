/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network between the two peers: what is in flight, what it does to it (loss,
 * doubles, jitter, a NAT), and the trace of what went over it.
 */
#include "tests/exchange/world_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

uint64_t world_random(uint64_t *seed)
{
	uint64_t z = (*seed += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void trace(struct world *w, const struct datagram *dg, bool lost)
{
	struct ike_header hdr;
	char id[16];
	size_t room = WORLD_TRACE - w->trace_len;
	int n;

	if (!w->record || ike_header_parse(&hdr, dg->data, dg->len) != IKE_OK || room < 64)
		return;
	snprintf(id, sizeof(id), "%c%u", ike_header_is_response(&hdr) ? '!' : '?', hdr.message_id);
	n = snprintf(w->trace + w->trace_len, room, "%c%c%c %s %s\n", dg->from->letter, lost ? '-' : '>',
	             lost                       ? 'x'
	             : dg->from == &w->peers[0] ? 'g'
	                                        : 'c',
	             ike_exchange_name(hdr.exchange), id);
	w->trace_len += (size_t)n;
}

void world_trace_clear(struct world *w)
{
	w->trace_len = 0;
	w->trace[0] = '\0';
	w->record = true;
}

void world_expect(struct world *w, const char *expected)
{
	if (strcmp(w->trace, expected) != 0) {
		print_error("expected:\n%sbut saw:\n%s", expected, w->trace);
		fail();
	}
	world_trace_clear(w);
}

static void enqueue(struct world *w, const struct datagram *dg)
{
	struct datagram *slot = &w->net[w->n_net];

	assert_true(w->n_net < WORLD_PACKETS);
	*slot = *dg;
	slot->order = w->order++;
	slot->at_ms = w->now_ms + w->delay_ms;
	if (w->jitter_ms > 0)
		slot->at_ms += world_random(&w->seed) % w->jitter_ms;
	slot->data = test_malloc(dg->len + 1);
	assert_non_null(slot->data);
	memcpy(slot->data, dg->data, dg->len);
	w->n_net++;
}

static void keep_last(struct world *w, const struct datagram *dg)
{
	struct datagram *last = &w->last[dg->from - w->peers];

	test_free(last->data);
	*last = *dg;
	last->data = test_malloc(dg->len + 1);
	assert_non_null(last->data);
	memcpy(last->data, dg->data, dg->len);
}

void network_send(struct world *w, const struct datagram *header, const uint8_t *data)
{
	bool lost = w->loss_percent > world_random(&w->seed) % 100;
	struct datagram dg = *header;

	dg.data = test_malloc(dg.len + 1); /* the filter may change it */
	assert_non_null(dg.data);
	memcpy(dg.data, data, dg.len);
	if (w->filter != NULL && !w->filter(w, &dg))
		lost = true;
	trace(w, &dg, lost);
	keep_last(w, &dg);
	if (!lost) {
		enqueue(w, &dg);
		if (w->duplicate_percent > world_random(&w->seed) % 100)
			enqueue(w, &dg);
	}
	test_free(dg.data);
}

static void take_out(struct world *w, unsigned index)
{
	w->n_net--;
	memmove(&w->net[index], &w->net[index + 1], (w->n_net - index) * sizeof(w->net[0]));
}

/* False: the NAT knows nobody there. */
static bool cross_nat(struct world *w, struct datagram *dg)
{
	struct ike_endpoint inside;

	if (w->nat_box.outside.family == 0)
		return true;
	if (dg->from == world_client(w)) {
		dg->local = nat_box_out(&w->nat_box, &dg->local);
		return true;
	}
	if (!nat_box_in(&w->nat_box, &dg->remote, &inside))
		return false;
	dg->remote = inside;
	return true;
}

void network_deliver(struct world *w, unsigned index)
{
	struct datagram dg = w->net[index];
	struct peer *to = dg.from == world_client(w) ? world_gateway(w) : world_client(w);

	take_out(w, index);
	if (!cross_nat(w, &dg)) {
		test_free(dg.data);
		return;
	}
	if (w->nat.family != 0 && dg.from == world_client(w)) {
		dg.local.addr = w->nat;
		dg.local.port = (uint16_t)(dg.local.port + w->nat_port_offset);
	} else if (w->nat.family != 0) {
		dg.remote = endpoint("198.51.100.7", dg.natt ? 4500 : 500);
	}
	peer_inject(to, &dg.remote, &dg.local, dg.natt, dg.data, dg.len);
	test_free(dg.data);
}

void world_drop(struct world *w, unsigned index)
{
	test_free(w->net[index].data);
	take_out(w, index);
}

bool datagram_is(const struct datagram *dg, uint8_t exchange)
{
	struct ike_header hdr;

	return ike_header_parse(&hdr, dg->data, dg->len) == IKE_OK && hdr.exchange == exchange;
}

bool world_lose_responses(struct world *w, struct datagram *dg)
{
	struct ike_header hdr;

	(void)w;
	return ike_header_parse(&hdr, dg->data, dg->len) != IKE_OK || !ike_header_is_response(&hdr);
}

bool world_lose_creations(struct world *w, struct datagram *dg)
{
	(void)w;
	return !datagram_is(dg, IKE_EXCHANGE_CREATE_CHILD_SA);
}

bool world_lose_informationals(struct world *w, struct datagram *dg)
{
	(void)w;
	return !datagram_is(dg, IKE_EXCHANGE_INFORMATIONAL);
}

unsigned network_earliest(const struct world *w)
{
	unsigned best = 0;

	for (unsigned i = 1; i < w->n_net; i++) {
		if (w->net[i].at_ms < w->net[best].at_ms ||
		    (w->net[i].at_ms == w->net[best].at_ms && w->net[i].order < w->net[best].order))
			best = i;
	}
	return best;
}

void network_free(struct world *w)
{
	for (unsigned i = 0; i < w->n_net; i++)
		test_free(w->net[i].data);
	for (unsigned i = 0; i < 2; i++)
		test_free(w->last[i].data);
}
