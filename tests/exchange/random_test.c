/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random damage inside the encryption: a peer with the right keys sends
 * payloads with bytes changed, cut, added, doubled, moved. Whatever it was, the gateway lives, its dataplane
 * stays in order, and the client gets (or keeps) a working session.
 */
#include "tests/exchange/mutate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 600u

static uint64_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % n;
}

static void damage_one(struct mutation *m)
{
	struct mutable_payload *p = &m->payloads[rnd(m->n)];
	unsigned other = rnd(m->n);
	struct mutable_payload *tmp;

	switch (rnd(7)) {
	case 0:
		if (p->len > 0)
			p->body[rnd((unsigned)p->len)] ^= (uint8_t)(1u << rnd(8));
		break;
	case 1:
		if (p->len > 0)
			p->body[rnd((unsigned)(p->len < 12 ? p->len : 12))] = (uint8_t)rnd(256);
		break;
	case 2:
		p->len = rnd((unsigned)p->len + 1);
		break;
	case 3:
		p->len += rnd(40);
		break;
	case 4:
		p->type = (uint8_t)(33 + rnd(17));
		if (p->type == IKE_PAYLOAD_SK)
			p->type = IKE_PAYLOAD_NOTIFY;
		break;
	case 5:
		mutable_add(m, p->type, p->body, p->len);
		break;
	default:
		tmp = malloc(sizeof(*tmp));
		assert_non_null(tmp);
		*tmp = m->payloads[other];
		m->payloads[other] = *p;
		*p = *tmp;
		free(tmp);
		break;
	}
}

static void damage(struct mutation *m)
{
	for (unsigned i = 1 + rnd(4); i > 0 && m->n > 0; i--)
		damage_one(m);
}

static void start(struct world *w, uint8_t exchange, bool ike)
{
	struct peer *c = world_client(w);
	uint64_t id = peer_session(c) != NULL ? ike_session_id(peer_session(c)) : 0;

	if (id == 0)
		world_connect(w);
	else if (exchange == IKE_EXCHANGE_INFORMATIONAL)
		ike_terminate(c->m, id);
	else if (ike)
		ike_rekey_session(c->m, id);
	else
		ike_rekey_children(c->m, id);
}

static void round_of(unsigned i, struct mutation *m)
{
	static const uint8_t exchanges[] = {IKE_EXCHANGE_IKE_SA_INIT, IKE_EXCHANGE_IKE_AUTH,
	                                    IKE_EXCHANGE_CREATE_CHILD_SA, IKE_EXCHANGE_CREATE_CHILD_SA,
	                                    IKE_EXCHANGE_INFORMATIONAL};
	struct world_options options = {.seed = i};
	struct world *w = world_new(&options);
	uint8_t exchange = exchanges[i % 5];

	seed = i + 1;
	if (exchange == IKE_EXCHANGE_CREATE_CHILD_SA || exchange == IKE_EXCHANGE_INFORMATIONAL)
		world_up(w);
	mutate(w, m, exchange, damage, NULL);
	start(w, exchange, i % 5 == 3);
	world_run(w, 2000);
	assert_int_equal(m->applied, 1);
	mutate_stop(w);
	world_run(w, 200000);
	/* The client comes again where its session is gone, or does not work any more. */
	if (!world_is_up(w) || !world_traffic(w)) {
		struct ike_sa *sa = peer_session(world_client(w));

		if (sa != NULL)
			ike_sa_close(sa, "a test");
		world_run(w, 1000);
		world_connect(w);
		world_run(w, 5000);
	}
	assert_true(world_is_up(w));
	assert_true(world_traffic(w));
	assert_true(fake_count_in(world_gateway(w)->dp) <= IKE_MAX_CHILDREN);
	world_free(w);
}

static void damaged_messages(void **state)
{
	struct mutation *m = malloc(sizeof(*m));

	(void)state;
	assert_non_null(m);
	for (unsigned i = 0; i < ROUNDS; i++)
		round_of(i, m);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(damaged_messages)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
