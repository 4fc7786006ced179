/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The figures of census.h. Addresses are our own: those that a socket was bound to since the start, so a
 * peer has no say in how many there are. Core thread only.
 */
#include "control/ike/census.h"

#include "control/ike/manager.h"

#include <stdlib.h>

static struct census_address *find(const struct census *c, const struct rg_cfg_addr *addr)
{
	for (unsigned i = 0; i < c->n; i++) {
		if (addr_equal(&c->at[i].addr, addr))
			return &c->at[i];
	}
	return NULL;
}

static struct census_address *add(struct census *c, const struct rg_cfg_addr *addr)
{
	struct census_address *at =
	        c->n < CENSUS_NOWHERE - 1 ? realloc(c->at, (c->n + 1) * sizeof(*at)) : NULL;

	if (at == NULL)
		return NULL;
	c->at = at;
	c->at[c->n] = (struct census_address){.addr = *addr};
	return &c->at[c->n++];
}

static uint16_t place_of(struct census *c, const struct rg_cfg_addr *addr)
{
	struct census_address *at = find(c, addr);

	if (at == NULL)
		at = add(c, addr);
	return at != NULL ? (uint16_t)(at - c->at + 1) : CENSUS_NOWHERE;
}

static void leave(struct census *c, struct ike_sa *sa)
{
	if (sa->counted == 0)
		return;
	c->established--;
	if (sa->counted != CENSUS_NOWHERE)
		c->at[sa->counted - 1].n--;
	sa->counted = 0;
}

void census_count(struct ike_sa *sa)
{
	struct census *c = &sa->manager->census;

	leave(c, sa);
	if (sa->state != IKE_STATE_ESTABLISHED)
		return;
	sa->counted = place_of(c, &sa->local.addr);
	c->established++;
	if (sa->counted != CENSUS_NOWHERE)
		c->at[sa->counted - 1].n++;
}

static bool is_counted(enum child_state state)
{
	return state == CHILD_INSTALLED || state == CHILD_REKEYING;
}

void census_child(struct ike_sa *sa, enum child_state from, enum child_state to)
{
	struct census *c = &sa->manager->census;

	c->children += is_counted(to);
	c->children -= is_counted(from);
}

uint32_t census_at(const struct ike_manager *m, const struct rg_cfg_addr *local)
{
	const struct census_address *at = find(&m->census, local);

	return at != NULL ? at->n : 0;
}

void census_free(struct ike_manager *m)
{
	free(m->census.at);
	m->census = (struct census){0};
}
