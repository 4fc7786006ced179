/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session records: a process is killed and comes back with every session, at
 * whatever moment; its IVs never repeat; a record that is damaged or of another version
 * is refused whole.
 */
#include "tests/exchange/pairs.h"

#include "control/homing/homing.h"
#include "control/ike/handlers.h"
#include "control/ike/record.h"
#include "control/ike/succession.h"
#include "control/ike/wire/bytes.h"
#include "tests/exchange/world_config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct world_options with_store = {.homing = &homing_ops,
                                                .store = true,
                                                .gateway_extra = "    lifetimes: {dpd: 30s}\n",
                                                .client_extra = "    lifetimes: {dpd: 30s}\n"};

static uint64_t session_of(struct peer *p)
{
	return ike_session_id(peer_session(p));
}

static struct kept_record *only_record(struct peer *p)
{
	struct kept_record *found = NULL;

	for (unsigned i = 0; i < sizeof(p->records) / sizeof(p->records[0]); i++) {
		if (p->records[i].data == NULL)
			continue;
		assert_null(found);
		found = &p->records[i];
	}
	assert_non_null(found);
	return found;
}

static void come_back(struct peer *p)
{
	peer_restart(p);
	assert_int_equal(peer_restore(p), 0);
}

static void one_of_everything(struct peer *p)
{
	assert_int_equal(peer_sas(p), 1);
	assert_int_equal(fake_count_in(p->dp), 1);
	assert_int_equal(fake_count_out(p->dp), 1);
	assert_int_equal(fake_count_tunnels(p->dp), 1);
}

/* What was written is what is written again by who has read it, but for the IVs. */
static void reads_what_it_wrote(void **state)
{
	static uint8_t again[RECORD_MAX];
	struct world *w = world_new(&with_store);
	struct peer *g = world_gateway(w);
	struct ike_sa *sa;
	size_t len;

	(void)state;
	world_up(w);
	come_back(g);
	sa = peer_session(g);
	assert_non_null(sa);
	assert_int_equal(record_write(sa, again, sizeof(again), &len), 0);
	assert_int_equal(len, only_record(g)->len);
	assert_true(len < 2048);
	world_free(w);
}

/* Whatever the room is: a session that does not fit in is what it was. */
static void too_little_room_harms_nobody(void **state)
{
	static uint8_t before[RECORD_MAX], after[RECORD_MAX];
	struct world *w = world_new(&with_store);
	struct peer *g = world_gateway(w);
	size_t len = 0, len_after;
	struct ike_sa *sa;

	(void)state;
	world_up(w);
	sa = peer_session(g);
	assert_int_equal(record_write(sa, before, sizeof(before), &len), 0);
	for (size_t room = 0; room < len; room++) {
		assert_int_equal(record_write(sa, after, room, &len_after), -EMSGSIZE);
		assert_int_equal(record_write(sa, after, sizeof(after), &len_after), 0);
		assert_int_equal(len_after, len);
		assert_memory_equal(after, before, len);
	}
	assert_true(world_traffic(w));
	world_free(w);
}

/* Once the store takes no more, a record of before must not come back: its message IDs are used. */
static void a_full_store_keeps_no_old_record(void **state)
{
	struct world *w = world_new(&with_store);
	struct peer *g = world_gateway(w);

	(void)state;
	world_up(w);
	(void)only_record(g);
	g->store_full = true;
	ike_check_liveness(g->m, session_of(g));
	world_run(w, 1000);
	for (unsigned i = 0; i < sizeof(g->records) / sizeof(g->records[0]); i++)
		assert_null(g->records[i].data);
	assert_true(peer_counter(g, "ike-records-failed") > 0);
	g->store_full = false;
	ike_check_liveness(g->m, session_of(g));
	world_run(w, 1000);
	come_back(g);
	assert_int_equal(peer_sas(g), 1);
	assert_true(world_traffic(w));
	world_free(w);
}

/* Both sides rekey the IKE SA at once: whichever of the two new ones has the session, its record has
 * it too (RFC 7296 2.8.2). */
static void both_rekey_the_ike_sa(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed < 9; seed++) {
		for (unsigned who = 0; who < 2; who++) {
			struct world_options options = with_store;
			struct world *w;

			options.seed = seed;
			w = world_new(&options);
			world_up(w);
			w->delay_ms = 20;
			for (unsigned by = 0; by < 2; by++)
				assert_int_equal(ike_rekey_session(w->peers[by].m, session_of(&w->peers[by])),
				                 0);
			world_run(w, 1000);
			assert_true(peer_counter(world_client(w), "ike-rekey-collisions") > 0);
			w->delay_ms = 0;
			come_back(&w->peers[who]);
			assert_true(world_traffic(w));
			world_run(w, 60000);
			one_of_everything(world_client(w));
			one_of_everything(world_gateway(w));
			world_free(w);
		}
	}
}

/* Liveness, both rekeys, by either side, and traffic all along. */
static void goes_on(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct world *w = world_new(&with_store);
		struct peer *c = world_client(w), *g = world_gateway(w), *p = &w->peers[who];
		uint64_t session, spi;

		world_up(w);
		session = session_of(p);
		come_back(p);
		assert_int_equal(session_of(p), session);
		assert_true(world_traffic(w));
		world_run(w, 120000);
		assert_true(peer_counter(p, "ike-liveness-checks") >= 1);
		for (unsigned by = 0; by < 2; by++) {
			struct peer *b = &w->peers[by];

			spi = ike_sa_own_spi(peer_session(b));
			assert_int_equal(ike_rekey_children(b->m, session_of(b)), 0);
			world_run(w, 5000);
			assert_true(world_traffic(w));
			come_back(p);
			assert_int_equal(ike_rekey_session(b->m, session_of(b)), 0);
			world_run(w, 5000);
			come_back(p);
			assert_int_not_equal(ike_sa_own_spi(peer_session(b)), spi);
			assert_true(world_traffic(w));
		}
		world_run(w, 60000);
		assert_int_equal(succession_start(peer_session(c)), 0);
		world_run(w, 60000);
		assert_true(world_traffic(w));
		one_of_everything(c);
		one_of_everything(g);
		assert_int_equal(session_of(p), session);
		world_free(w);
	}
}

/* A client moves after the gateway, and after it itself, has come back. */
static void roams(void **state)
{
	struct rg_cfg_addr lte = address("203.0.113.77"), wlan = address("198.51.100.7");
	struct rg_cfg_addr remote = address("192.0.2.1");

	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct world *w = world_new(&with_store);
		struct peer *c = world_client(w), *g = world_gateway(w);
		unsigned moves;

		world_up(w);
		come_back(&w->peers[who]);
		moves = g->dp->migrations;
		assert_int_equal(homing_move(c->m, session_of(c), &lte, &remote), 0);
		world_run(w, 3000);
		assert_int_equal(g->dp->migrations, moves + 1);
		assert_true(addr_equal(&peer_session(g)->remote.addr, &lte));
		assert_true(world_traffic(w));
		come_back(&w->peers[who]);
		assert_int_equal(homing_move(c->m, session_of(c), &wlan, &remote), 0);
		world_run(w, 3000);
		assert_int_equal(g->dp->migrations, moves + 2);
		assert_true(addr_equal(&peer_session(g)->remote.addr, &wlan));
		assert_true(world_traffic(w));
		world_free(w);
	}
}

static bool lose_answers(struct world *w, struct datagram *dg)
{
	struct ike_header hdr;

	(void)w;
	return ike_header_parse(&hdr, dg->data, dg->len) != IKE_OK || !ike_header_is_response(&hdr);
}

/* H38 over a restart: the same request gets the same answer, and is not carried out twice. */
static void answers_again(void **state)
{
	struct world *w = world_new(&with_store);
	struct peer *c = world_client(w), *g = world_gateway(w);

	(void)state;
	world_up(w);
	w->filter = lose_answers;
	ike_rekey_children(c->m, session_of(c));
	world_run(w, 100);
	assert_int_equal(fake_count_in(g->dp), 2);
	come_back(g);
	w->filter = NULL;
	world_run(w, 5000);
	assert_int_equal(peer_counter(g, "ike-answered-again"), 1);
	one_of_everything(g);
	one_of_everything(c);
	assert_true(world_traffic(w));
	world_free(w);
}

/* A request of ours that was on the wire goes on with its ID. */
static void asks_again(void **state)
{
	struct world *w = world_new(&with_store);
	struct peer *g = world_gateway(w);
	uint32_t id;

	(void)state;
	world_up(w);
	w->filter = lose_answers;
	id = peer_session(g)->send_id;
	ike_check_liveness(g->m, session_of(g));
	world_run(w, 100);
	come_back(g);
	assert_int_equal(peer_session(g)->send_id, id + 1);
	assert_non_null(exchange_waiting(peer_session(g)));
	w->filter = NULL;
	world_run(w, 2000);
	assert_null(exchange_waiting(peer_session(g)));
	assert_int_equal(ike_check_liveness(g->m, session_of(g)), 0);
	world_run(w, 1000);
	assert_int_equal(peer_session(g)->send_id, id + 2);
	world_free(w);
}

static bool lose_creations(struct world *w, struct datagram *dg)
{
	struct ike_header hdr;

	(void)w;
	return ike_header_parse(&hdr, dg->data, dg->len) != IKE_OK ||
	       hdr.exchange != IKE_EXCHANGE_CREATE_CHILD_SA;
}

/* A client that has authenticated anew, and has not yet all that the session before it has: it still knows
 * which one that is, and goes on with what is missing. The old session's IKE SA may be another by then. */
static void a_reauthentication_is_cut_short(void **state)
{
	static const struct world_options options = {.homing = &homing_ops,
	                                             .store = true,
	                                             .gateway_extra = "    uniqueness: keep\n",
	                                             .client_extra = "    uniqueness: keep\n"};

	(void)state;
	for (unsigned rekey = 0; rekey < 2; rekey++) {
		struct pairs *p = pairs_new(&options);
		struct world *w = p->w;
		struct peer *c = world_client(w), *g = world_gateway(w);
		struct ike_sa *old = peer_session(c);

		assert_int_equal(succession_start(old), 0);
		if (rekey == 1)
			assert_int_equal(ike_rekey_session(g->m, session_of(g)), 0);
		w->filter = lose_creations;
		world_run(w, 1000);
		come_back(c);
		w->filter = NULL;
		world_run(w, 25000); /* the gateway is patient for longer */
		assert_int_equal(peer_sas(c), 1);
		assert_int_equal(peer_sas(g), 1);
		assert_true(pairs_settle(p, 60000));
		assert_null(pairs_wrong(p, PAIRS_CHILDREN));
		pairs_free(p);
	}
}

/* What a rekey had made at the peer alone is deleted there, and another rekey follows. */
static void a_rekey_is_cut_short(void **state)
{
	struct world *w = world_new(&with_store);
	struct peer *c = world_client(w), *g = world_gateway(w);
	uint32_t spi;

	(void)state;
	world_up(w);
	spi = child_current(peer_session(g))->spi_in;
	w->filter = lose_answers;
	ike_rekey_children(g->m, session_of(g));
	world_run(w, 100);
	come_back(g);
	assert_true(world_traffic(w));
	w->filter = NULL;
	world_run(w, 60000);
	one_of_everything(g);
	one_of_everything(c);
	assert_int_not_equal(child_current(peer_session(g))->spi_in, spi);
	assert_true(world_traffic(w));
	world_free(w);
}

/* The same without a packet that would show that the peer has what the gateway knows. */
static void a_rekey_is_cut_short_in_silence(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct world *w = world_new(&with_store);
		struct peer *p = &w->peers[who];
		uint32_t spi;

		world_up(w);
		spi = child_current(peer_session(p))->spi_in;
		w->filter = lose_answers;
		ike_rekey_children(p->m, session_of(p));
		world_run(w, 100);
		come_back(p);
		w->filter = NULL;
		world_run(w, 60000);
		one_of_everything(world_client(w));
		one_of_everything(world_gateway(w));
		assert_int_not_equal(child_current(peer_session(p))->spi_in, spi);
		assert_int_equal(child_current(peer_session(p))->state, CHILD_INSTALLED);
		assert_true(world_traffic(w));
		world_free(w);
	}
}

/* An SPI that was given up shortly before the process ended is not another SA's shortly after: what was said
 * of the first one may still be on its way. */
static void no_spi_twice(void **state)
{
	struct world *w = world_new(&with_store);
	struct peer *g = world_gateway(w);
	uint32_t spis[12];

	(void)state;
	world_up(w);
	for (unsigned i = 0; i < 12; i++) {
		spis[i] = child_current(peer_session(g))->spi_in;
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(spis[k], spis[i]);
		ike_rekey_children(g->m, session_of(g));
		world_run(w, 5000);
		assert_true(world_traffic(w));
		come_back(g);
	}
	world_free(w);
}

/* Another half-made Child SA, which waits for its Delete, is not taken for that of the rekey. */
static void a_rekey_is_cut_short_beside_a_refused_child(void **state)
{
	struct world *w = world_new(&with_store);
	struct peer *c = world_client(w), *g = world_gateway(w);
	struct child_sa *refused;
	uint32_t spi;

	(void)state;
	world_up(w);
	spi = child_current(peer_session(g))->spi_in;
	w->filter = lose_answers;
	ike_rekey_children(g->m, session_of(g));
	refused = child_create(peer_session(g), true);
	assert_non_null(refused);
	TAILQ_REMOVE(&peer_session(g)->children, refused, link);
	TAILQ_INSERT_HEAD(&peer_session(g)->children, refused, link);
	world_run(w, 100);
	come_back(g);
	assert_true(world_traffic(w));
	w->filter = NULL;
	world_run(w, 60000);
	one_of_everything(g);
	one_of_everything(c);
	assert_int_not_equal(child_current(peer_session(g))->spi_in, spi);
	assert_true(world_traffic(w));
	world_free(w);
}

static void a_rekey_of_the_ike_sa_is_cut_short(void **state)
{
	struct world *w = world_new(&with_store);
	struct peer *c = world_client(w), *g = world_gateway(w);

	(void)state;
	world_up(w);
	w->filter = lose_answers;
	ike_rekey_session(g->m, session_of(g));
	world_run(w, 100);
	come_back(g);
	w->filter = NULL;
	world_run(w, 5 * 60 * 1000);
	assert_int_equal(peer_sas(g), 0);
	assert_null(peer_session(g));
	world_connect(w);
	world_run(w, 10000);
	assert_true(world_traffic(w));
	assert_int_equal(fake_count_in(g->dp), 1);
	assert_true(peer_sas(c) >= 1);
	world_free(w);
}

static void a_delete_is_cut_short(void **state)
{
	struct world *w = world_new(&with_store);
	struct peer *g = world_gateway(w);

	(void)state;
	world_up(w);
	w->filter = lose_answers;
	ike_terminate(g->m, session_of(g));
	world_run(w, 100);
	come_back(g);
	w->filter = NULL;
	world_run(w, 20000);
	assert_int_equal(peer_sas(g), 0);
	assert_int_equal(fake_count_in(g->dp), 0);
	assert_int_equal(fake_count_tunnels(g->dp), 0);
	for (unsigned i = 0; i < sizeof(g->records) / sizeof(g->records[0]); i++)
		assert_null(g->records[i].data);
	world_free(w);
}

/* What was to be deleted and had to wait, behind a request that nobody has answered yet, is deleted by who
 * comes back. */
static void a_delete_that_waits_is_not_forgotten(void **state)
{
	(void)state;
	for (unsigned all = 0; all < 2; all++) {
		struct world *w = world_new(&with_store);
		struct peer *c = world_client(w), *g = world_gateway(w);

		world_up(w);
		assert_true(world_traffic(w));
		w->filter = lose_answers;
		ike_check_liveness(g->m, session_of(g));
		if (all)
			ike_terminate(g->m, session_of(g));
		else
			informational_delete_child(child_current(peer_session(g)));
		world_run(w, 100);
		come_back(g);
		w->filter = NULL;
		world_run(w, 9000);
		assert_int_equal(peer_sas(g), all ? 0 : 1);
		assert_int_equal(fake_count_in(g->dp), 0);
		assert_int_equal(fake_count_in(c->dp), 0);
		world_free(w);
	}
}

/* IVs of AES-GCM: the eight octets behind the headers of SK. */
struct ivs {
	struct {
		uint64_t spi, iv;
	} seen[512];
	unsigned n;
};

static bool note_iv(struct world *w, struct datagram *dg)
{
	struct ivs *ivs = w->filter_context;
	uint64_t spi = get_be64(dg->data) ^ (dg->from == world_gateway(w)), iv;

	if (dg->len < 40 || dg->data[16] != IKE_PAYLOAD_SK || dg->from != world_gateway(w))
		return true;
	iv = get_be64(dg->data + 32);
	for (unsigned i = 0; i < ivs->n; i++)
		assert_false(ivs->seen[i].spi == spi && ivs->seen[i].iv == iv);
	assert_true(ivs->n < 512);
	ivs->seen[ivs->n].spi = spi;
	ivs->seen[ivs->n++].iv = iv;
	return true;
}

/* Not even where the boot epoch did not rise, or the clock that it comes from stood back. */
static void no_iv_twice(void **state)
{
	struct world *w = world_new(&with_store);
	struct peer *g = world_gateway(w);
	struct ivs ivs = {.n = 0};

	(void)state;
	world_up(w);
	w->filter_context = &ivs;
	w->filter = note_iv;
	for (unsigned i = 0; i < 20; i++) {
		g->boot_epoch = 0;
		come_back(g);
		ike_check_liveness(g->m, session_of(g));
		world_run(w, 1000 + i * 2000);
	}
	assert_true(ivs.n >= 20);
	assert_int_equal(peer_sas(g), 1);
	world_free(w);
}

static void nothing_was_taken(struct peer *p)
{
	assert_true(TAILQ_EMPTY(&p->m->sas));
	assert_int_equal(p->m->sa_in.fresh, 1);
	for (uint32_t i = 0; i < p->m->sa_in.capacity; i++)
		assert_int_equal(p->m->sa_in.taken[i] | p->m->sa_out.taken[i] | p->m->tunnels.taken[i] |
		                         p->m->policies.taken[i],
		                 0);
	for (unsigned i = 0; i < p->n_leases; i++)
		assert_int_equal(p->leases[i].users, 0);
}

static void seal(uint8_t *data, size_t len)
{
	put_be64(data + len - 8, record_check(data, len - 8));
}

static void damaged_records_are_refused(void **state)
{
	struct world *w = world_new(&with_store);
	struct peer *g = world_gateway(w);
	struct kept_record *record;
	uint8_t *copy;

	(void)state;
	world_up(w);
	peer_restart(g);
	record = only_record(g);
	copy = malloc(record->len + 1);
	assert_non_null(copy);
	for (size_t len = 0; len < record->len; len++) {
		memcpy(copy, record->data, len);
		assert_int_equal(ike_restore(g->m, copy, len), -EBADMSG);
		if (len < RECORD_FRAME)
			continue;
		/* A shorter one that is sealed rightly is none either. */
		put_be32(copy + 8, (uint32_t)len);
		seal(copy, len);
		assert_true(ike_restore(g->m, copy, len) < 0);
	}
	for (size_t bit = 0; bit < record->len * 8; bit++) {
		memcpy(copy, record->data, record->len);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(ike_restore(g->m, copy, record->len), -EBADMSG);
	}
	memcpy(copy, record->data, record->len);
	put_be32(copy + 4, (RECORD_VERSION + 1) << 16);
	seal(copy, record->len);
	assert_int_equal(ike_restore(g->m, copy, record->len), -EPROTONOSUPPORT);
	nothing_was_taken(g);
	assert_int_equal(peer_restore(g), 0);
	assert_int_equal(peer_restore(g), -EEXIST);
	assert_true(world_traffic(w));
	free(copy);
	world_free(w);
}

/* Whatever a record says that is sealed rightly: it is taken or refused, and leaves nothing behind. */
static void strange_records_do_no_harm(void **state)
{
	struct world *w = world_new(&with_store);
	struct peer *g = world_gateway(w);
	struct kept_record *record;
	uint64_t x = 88172645463325252ull;
	uint8_t *copy;

	(void)state;
	world_up(w);
	peer_restart(g);
	record = only_record(g);
	copy = malloc(record->len);
	assert_non_null(copy);
	for (unsigned i = 0; i < 3000; i++) {
		memcpy(copy, record->data, record->len);
		for (unsigned n = 0; n <= i % 3; n++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			copy[12 + x % (record->len - RECORD_FRAME)] = (uint8_t)(x >> 32);
		}
		seal(copy, record->len);
		if (ike_restore(g->m, copy, record->len) == 0)
			peer_restart(g);
	}
	free(copy);
	world_free(w);
}

static void a_connection_that_is_gone(void **state)
{
	static const struct world_options other = {.gateway_yaml =
	                                                   "connections:\n"
	                                                   "  other:\n"
	                                                   "    authentication: {local: psk, remote: psk}\n"
	                                                   "    identities: [carol@example.net]\n"
	                                                   "    pool: road\n"};
	struct world *w = world_new(&with_store);
	struct peer *g = world_gateway(w);

	(void)state;
	world_up(w);
	rg_auth_unref(g->auth);
	g->auth = world_gateway_auth(&other);
	peer_restart(g);
	assert_int_equal(peer_restore(g), -ENOENT);
	nothing_was_taken(g);
	world_free(w);
}

static uint64_t dice(uint64_t *x)
{
	*x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
	return *x >> 16;
}

static void something(struct world *w, uint64_t *x)
{
	struct peer *p = &w->peers[dice(x) % 2];
	struct ike_sa *sa = peer_session(p);

	if (dice(x) % 3 == 0)
		come_back(p);
	else if (sa != NULL && dice(x) % 3 == 0)
		(void)ike_rekey_children(p->m, ike_session_id(sa));
	else if (sa != NULL && dice(x) % 3 == 0)
		(void)ike_rekey_session(p->m, ike_session_id(sa));
	else if (sa != NULL)
		(void)ike_check_liveness(p->m, ike_session_id(sa));
	world_run(w, dice(x) % 300);
}

/* Either process is killed at any moment of anything, on a bad network: in the end there is one
 * session on both sides, and traffic. */
static void killed_at_any_moment(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++) {
		struct world_options options = with_store;
		uint64_t x = seed * 0x9e3779b97f4a7c15ull;
		struct world *w;

		options.seed = seed;
		w = world_new(&options);
		world_up(w);
		w->loss_percent = 10;
		w->jitter_ms = 20;
		for (unsigned i = 0; i < 30; i++)
			something(w, &x);
		w->loss_percent = 0;
		world_run(w, 15 * 60 * 1000);
		if (peer_session(world_client(w)) == NULL)
			world_connect(w);
		world_run(w, 5 * 60 * 1000);
		if (!world_traffic(w))
			print_error("seed %lu\n", seed);
		assert_true(world_traffic(w));
		assert_int_equal(peer_sas(world_client(w)), 1);
		assert_int_equal(peer_sas(world_gateway(w)), 1);
		world_free(w);
	}
}

/* Without a store nothing is written, and nothing waits for a turn to end. */
static void without_a_store(void **state)
{
	struct world *w = world_new(NULL);

	(void)state;
	world_up(w);
	assert_int_equal(world_gateway(w)->puts, 0);
	assert_null(world_gateway(w)->m->held);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(reads_what_it_wrote),
	        cmocka_unit_test(too_little_room_harms_nobody),
	        cmocka_unit_test(a_full_store_keeps_no_old_record),
	        cmocka_unit_test(both_rekey_the_ike_sa),
	        cmocka_unit_test(goes_on),
	        cmocka_unit_test(roams),
	        cmocka_unit_test(answers_again),
	        cmocka_unit_test(asks_again),
	        cmocka_unit_test(a_reauthentication_is_cut_short),
	        cmocka_unit_test(a_rekey_is_cut_short),
	        cmocka_unit_test(a_rekey_is_cut_short_in_silence),
	        cmocka_unit_test(no_spi_twice),
	        cmocka_unit_test(a_rekey_is_cut_short_beside_a_refused_child),
	        cmocka_unit_test(a_rekey_of_the_ike_sa_is_cut_short),
	        cmocka_unit_test(a_delete_is_cut_short),
	        cmocka_unit_test(a_delete_that_waits_is_not_forgotten),
	        cmocka_unit_test(no_iv_twice),
	        cmocka_unit_test(damaged_records_are_refused),
	        cmocka_unit_test(strange_records_do_no_harm),
	        cmocka_unit_test(a_connection_that_is_gone),
	        cmocka_unit_test(killed_at_any_moment),
	        cmocka_unit_test(without_a_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
