/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of a session: its entries are kept (journal.h). Core thread only.
 */
#include "control/ike/journal.h"

#include "control/homing/pair.h"
#include "control/ike/ike_sa.h"
#include "control/ike/wire/bytes.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 6u /* what a session that is up has said */
#define NO_UPLINK  UINT8_MAX

_Static_assert(sizeof(struct journal_entry) == 32, "what a hundred thousand sessions have thirty of");

/* Grows to the cap; then the oldest of those behind the first ones gives way. */
static struct journal_entry *slot(struct ike_sa *sa)
{
	struct journal *j = sa->journal;
	unsigned room = j == NULL ? ROOM_FIRST : j->room * 2u;

	if (j != NULL && j->n == JOURNAL_MAX) {
		struct journal_entry *e = &j->entries[JOURNAL_FIRST + j->oldest];

		j->oldest = (uint8_t)((j->oldest + 1u) % (JOURNAL_MAX - JOURNAL_FIRST));
		j->dropped++;
		return e;
	}
	if (room > JOURNAL_MAX)
		room = JOURNAL_MAX;
	if (j == NULL || j->n == j->room) {
		struct journal *more = realloc(j, sizeof(*j) + room * sizeof(j->entries[0]));

		if (more == NULL)
			return NULL;
		if (j == NULL)
			*more = (struct journal){0};
		more->room = (uint8_t)room;
		sa->journal = j = more;
	}
	return &j->entries[j->n++];
}

static struct journal_entry *add(struct ike_sa *sa, enum journal_kind kind, unsigned detail, uint64_t value)
{
	struct journal_entry *e = slot(sa);

	if (e == NULL)
		return NULL; /* it is for people, and not worth a session */
	*e = (struct journal_entry){.when = (uint32_t)(ike_sa_now(sa) / 10),
	                            .kind = (uint8_t)kind,
	                            .detail = (uint8_t)detail,
	                            .value = value < UINT16_MAX ? (uint16_t)value : UINT16_MAX};
	return e;
}

void journal_note(struct ike_sa *sa, enum journal_kind kind, unsigned detail, unsigned value)
{
	(void)add(sa, kind, detail, value);
}

/* A local address by its place in the configuration: two octets in the place of seventeen. */
static void put_local(const struct ike_sa *sa, const struct rg_cfg_addr *addr, uint8_t out[2])
{
	const struct rg_config *c = rg_auth_config(sa->auth);

	out[0] = out[1] = NO_UPLINK;
	for (size_t u = 0; u < c->n_uplinks && u < NO_UPLINK; u++) {
		for (size_t a = 0; a < c->uplinks[u].n_addresses && a < NO_UPLINK; a++) {
			if (!addr_equal(&c->uplinks[u].addresses[a].addr, addr))
				continue;
			out[0] = (uint8_t)u;
			out[1] = (uint8_t)a;
			return;
		}
	}
}

void journal_path(struct ike_sa *sa, enum journal_kind kind, unsigned detail, uint64_t value,
                  const struct pair_path *path)
{
	struct journal_entry *e = add(sa, kind, detail, value);

	if (e == NULL)
		return;
	e->data[0] = path->pair.remote.addr.family;
	e->data[1] = path->encap;
	put_local(sa, &path->pair.local.addr, e->data + 2);
	put_be16(e->data + 4, path->pair.local.port);
	put_be16(e->data + 6, path->pair.remote.port);
	memcpy(e->data + 8, path->pair.remote.addr.bytes, 16);
}

void journal_address(struct ike_sa *sa, const struct rg_cfg_addr *addr)
{
	struct journal_entry *e = add(sa, JOURNAL_ADDRESS, addr->family, 0);

	if (e != NULL)
		memcpy(e->data, addr->bytes, sizeof(addr->bytes));
}

void journal_child(struct ike_sa *sa, enum journal_kind kind, const struct child_sa *child, uint32_t old_spi)
{
	struct journal_entry *e = add(sa, kind, child->we_initiated, child->dh_group);

	if (e == NULL)
		return;
	put_be32(e->data, ntohl(child->spi_in));
	put_be32(e->data + 4, ntohl(child->spi_out));
	put_be32(e->data + 8, ntohl(old_spi));
	put_be32(e->data + 12, child->suite);
	e->data[16] = child->esn;
	e->data[17] = child->transport;
}

void journal_spis(struct ike_sa *sa, enum journal_kind kind, uint64_t spi_i, uint64_t spi_r)
{
	struct journal_entry *e = add(sa, kind, sa->is_initiator, 0);

	if (e == NULL)
		return;
	put_be64(e->data, spi_i);
	put_be64(e->data + 8, spi_r);
}

static void suite(struct ike_sa *sa, unsigned offered)
{
	const struct ike_suite *s = &sa->keys.suite;
	struct journal_entry *e = add(sa, JOURNAL_PROPOSAL, sa->is_initiator, offered);

	if (e == NULL)
		return;
	put_be16(e->data, s->encr);
	put_be16(e->data + 2, s->encr_bits);
	put_be16(e->data + 4, s->integ);
	put_be16(e->data + 6, s->prf);
	put_be16(e->data + 8, s->dh);
}

void journal_begin(struct ike_sa *sa, unsigned offered)
{
	struct pair_path path = {.pair = {sa->local, sa->remote},
	                         .encap = sa->nat_local || sa->nat_remote ? RG_ENCAP_UDP : RG_ENCAP_NONE};

	suite(sa, offered);
	journal_note(sa, JOURNAL_AUTHENTICATED, sa->connection->remote_auth, sa->connection->local_auth);
	for (unsigned i = 0; i < sa->n_vips; i++)
		journal_address(sa, &sa->vips[i].addr);
	journal_path(sa, JOURNAL_PATH, sa->nat_local | sa->nat_remote << 1,
	             (sa->capabilities & IKE_CAP_MOBIKE) != 0, &path);
}

const struct journal_entry *journal_at(const struct ike_sa *sa, unsigned n)
{
	const struct journal *j = sa->journal;

	if (j == NULL || n >= j->n)
		return NULL;
	if (n < JOURNAL_FIRST || j->n < JOURNAL_MAX)
		return &j->entries[n];
	return &j->entries[JOURNAL_FIRST + (n - JOURNAL_FIRST + j->oldest) % (JOURNAL_MAX - JOURNAL_FIRST)];
}

void journal_move(struct ike_sa *to, struct ike_sa *from)
{
	struct journal *later = to->journal;
	const struct journal_entry *e;
	struct ike_sa holder = {.journal = later};

	to->journal = from->journal;
	from->journal = NULL;
	for (unsigned i = 0; (e = journal_at(&holder, i)) != NULL; i++) {
		struct journal_entry *copy = slot(to);

		if (copy != NULL)
			*copy = *e;
	}
	free(later);
}

void journal_free(struct ike_sa *sa)
{
	free(sa->journal);
	sa->journal = NULL;
}

uint64_t journal_when_ms(const struct journal_entry *entry, uint64_t now_ms)
{
	uint32_t ago = (uint32_t)(now_ms / 10) - entry->when; /* it wraps after 497 days */

	return now_ms - (uint64_t)ago * 10;
}
