/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekeys of the IKE SA whose proposal has no SPI of the new one (RFC 7296 3.3.1: 8 octets, and 2.6: never
 * zero), from a peer that has the right keys: refused, and the old one stays.
 */
#include "tests/exchange/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Calls `change` for each proposal, which may make it shorter. */
static void each_proposal(struct mutation *m, size_t (*change)(uint8_t *proposal, size_t rest))
{
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_SA);

	assert_non_null(p);
	for (size_t at = 0; at < p->len;) {
		size_t cut = change(p->body + at, p->len - at);

		p->len -= cut;
		at += (size_t)(p->body[at + 2] << 8 | p->body[at + 3]);
	}
}

/* Another size than it had, `gone` octets less. */
static size_t shorten(uint8_t *proposal, size_t rest, uint8_t gone)
{
	size_t len = (size_t)(proposal[2] << 8 | proposal[3]) - gone;

	assert_int_equal(proposal[6], IKE_SPI_LEN);
	memmove(proposal + 8 + IKE_SPI_LEN - gone, proposal + 8 + IKE_SPI_LEN, rest - 8 - IKE_SPI_LEN);
	proposal[6] = (uint8_t)(IKE_SPI_LEN - gone);
	proposal[2] = (uint8_t)(len >> 8);
	proposal[3] = (uint8_t)len;
	return gone;
}

static size_t drop_spi(uint8_t *proposal, size_t rest)
{
	return shorten(proposal, rest, IKE_SPI_LEN);
}

static size_t halve_spi(uint8_t *proposal, size_t rest)
{
	return shorten(proposal, rest, IKE_SPI_LEN / 2);
}

static size_t clear_spi(uint8_t *proposal, size_t rest)
{
	(void)rest;
	assert_int_equal(proposal[6], IKE_SPI_LEN);
	memset(proposal + 8, 0, IKE_SPI_LEN);
	return 0;
}

static void no_spi(struct mutation *m)
{
	each_proposal(m, drop_spi);
}

static void half_a_spi(struct mutation *m)
{
	each_proposal(m, halve_spi);
}

static void spi_zero(struct mutation *m)
{
	each_proposal(m, clear_spi);
}

static void (*const changes[])(struct mutation *m) = {no_spi, half_a_spi, spi_zero};

#define N_CHANGES (sizeof(changes) / sizeof(changes[0]))

static struct mutation *rekey_with(struct world *w, unsigned change, bool answers)
{
	struct mutation *m = calloc(1, sizeof(*m));
	struct peer *c = world_client(w);

	assert_non_null(m);
	world_up(w);
	mutate(w, m, IKE_EXCHANGE_CREATE_CHILD_SA, changes[change], NULL);
	m->answers = answers;
	assert_int_equal(ike_rekey_session(c->m, peer_session_id(c)), 0);
	world_run(w, 1000);
	assert_int_equal(m->applied, 1);
	return m;
}

static void requests_without_an_spi(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_CHANGES; i++) {
		struct world *w = world_new(NULL);
		struct mutation *m = rekey_with(w, i, false);
		struct peer *g = world_gateway(w);

		assert_true(m->answered);
		assert_int_equal(m->answer, IKE_NOTIFY_INVALID_SYNTAX);
		assert_int_equal(peer_counter(g, "ike-sa-spi"), 1);
		assert_int_equal(g->events[IKE_EVENT_IKE_REKEYED], 0);
		assert_int_equal(peer_sas(g), 1);
		world_unharmed(w);
		mutate_stop(w);
		world_free(w);
		free(m);
	}
}

/* The gateway has the new one, of which its client knows nothing: the old one goes on until that is clear. */
static void answers_without_an_spi(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_CHANGES; i++) {
		struct world *w = world_new(NULL);
		struct mutation *m = rekey_with(w, i, true);
		struct peer *c = world_client(w);

		assert_int_equal(peer_counter(c, "ike-answer-not-acceptable"), 1);
		assert_int_equal(c->events[IKE_EVENT_IKE_REKEYED], 0);
		mutate_stop(w);
		world_free(w);
		free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(requests_without_an_spi),
	        cmocka_unit_test(answers_without_an_spi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
