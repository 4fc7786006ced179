/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session records: what is written, what is read again, and that one that is damaged, of another version
 * or of another configuration is refused whole. IVs never repeat over a restart.
 */
#include "control/ike/record.h"
#include "control/ike/wire/bytes.h"
#include "tests/exchange/world_config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

/* What was written is what is written again by who has read it, but for the IVs. */
static void reads_what_it_wrote(void **state)
{
	static uint8_t again[RECORD_MAX];
	struct world *w = world_new(&world_with_store);
	struct peer *g = world_gateway(w);
	struct ike_sa *sa;
	size_t len;

	(void)state;
	world_up(w);
	peer_come_back(g);
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
	struct world *w = world_new(&world_with_store);
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
	struct world *w = world_new(&world_with_store);
	struct peer *g = world_gateway(w);

	(void)state;
	world_up(w);
	(void)only_record(g);
	g->store_full = true;
	ike_check_liveness(g->m, peer_session_id(g));
	world_run(w, 1000);
	for (unsigned i = 0; i < sizeof(g->records) / sizeof(g->records[0]); i++)
		assert_null(g->records[i].data);
	assert_true(peer_counter(g, "ike-records-failed") > 0);
	g->store_full = false;
	ike_check_liveness(g->m, peer_session_id(g));
	world_run(w, 1000);
	peer_come_back(g);
	assert_int_equal(peer_sas(g), 1);
	assert_true(world_traffic(w));
	world_free(w);
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
	struct world *w = world_new(&world_with_store);
	struct peer *g = world_gateway(w);
	struct ivs ivs = {.n = 0};

	(void)state;
	world_up(w);
	w->filter_context = &ivs;
	w->filter = note_iv;
	for (unsigned i = 0; i < 20; i++) {
		g->boot_epoch = 0;
		peer_come_back(g);
		ike_check_liveness(g->m, peer_session_id(g));
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
	struct world *w = world_new(&world_with_store);
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
	struct world *w = world_new(&world_with_store);
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
	struct world *w = world_new(&world_with_store);
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
	        cmocka_unit_test(no_iv_twice),
	        cmocka_unit_test(damaged_records_are_refused),
	        cmocka_unit_test(strange_records_do_no_harm),
	        cmocka_unit_test(a_connection_that_is_gone),
	        cmocka_unit_test(without_a_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
