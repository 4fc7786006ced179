/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the sessions that this gateway has begun to the addresses and routes that they call for (virtual.h;
 * RFC 7296 2.19). Event loop's thread.
 */
#include "control/virtual.h"

#include "config/addr.h"
#include "control/ike/manager.h"
#include "control/inner.h"
#include "control/log.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct virtual_addresses {
	void (*changed)(void *user, const char *text);
	void *user;
	char tun[IFNAMSIZ];
	bool up;           /* there is a TUN */
	bool look;         /* whatever the numbers say */
	bool failed;       /* and it was said */
	bool full;         /* the same */
	uint64_t seen;     /* sessions that came and went until the last look */
	uint64_t keep_ms;  /* until then what was found stays; 0: nothing was */
	uint64_t again_ms; /* 0: all is as it should be */
	struct inner_set have, want, before;
};

struct virtual_addresses *virtual_create(void (*changed)(void *user, const char *text), void *user)
{
	struct virtual_addresses *v = calloc(1, sizeof(*v));

	if (v) {
		v->changed = changed;
		v->user = user;
	}
	return v;
}

/* --- what there is to be --- */

/* The dataplane leads these to the TUN; hosts may be outer addresses. False: no room. */
static bool want_routes(struct inner_set *want, const struct ike_sa *sa, const struct rg_cfg_addr *source)
{
	const struct rg_cfg_connection *c = sa->connection;

	for (size_t i = 0; i < c->n_selectors_remote; i++) {
		const struct rg_cfg_prefix *to = &c->selectors_remote[i];

		if (to->addr.family == source->family && to->len < rg_addr_bits(&to->addr) &&
		    !inner_want_route(want, to, source))
			return false;
	}
	return true;
}

static bool want_session(struct inner_set *want, const struct ike_sa *sa)
{
	bool room = true;

	if (!sa || sa->state != IKE_STATE_ESTABLISHED || !sa->session_initiator || sa->heir_has_it)
		return true;
	for (unsigned i = 0; i < sa->n_vips && room; i++) {
		room = inner_want_address(want, &sa->vips[i].addr);
		if (room && !sa->superseded)
			room = want_routes(want, sa, &sa->vips[i].addr);
	}
	return room;
}

/* With a reauthentication under way there are two; the new one's address goes first. False: no room. */
static bool want_all(struct inner_set *want, struct ike_manager *m, const struct initiate *in)
{
	struct initiate_status status;
	bool room = true;

	want->n = 0;
	for (size_t i = 0; initiate_status(in, i, &status); i++) {
		const struct ike_sa *sa = status.session ? ike_find_session(m, status.session) : NULL;

		if (!sa)
			continue;
		room &= want_session(want, sa->followed_by ? manager_find(m, sa->followed_by) : NULL);
		room &= want_session(want, sa);
		room &= want_session(want, sa->reauthenticates ? manager_find(m, sa->reauthenticates) : NULL);
	}
	return room;
}

/* --- what changes --- */

static bool has_address(const struct inner_set *set, const struct inner_item *item)
{
	for (size_t i = 0; i < set->n; i++)
		if (!set->items[i].source.family &&
		    rg_addr_compare(&set->items[i].prefix.addr, &item->prefix.addr) == 0)
			return true;
	return false;
}

static void tell(const struct virtual_addresses *v, const struct inner_set *set,
                 const struct inner_set *other, const char *what)
{
	char addr[RG_ADDR_TEXT_MAX], text[128];

	for (size_t i = 0; i < set->n; i++) {
		if (set->items[i].source.family || has_address(other, &set->items[i]))
			continue;
		snprintf(text, sizeof(text), "%s %s %s", rg_addr_format(&set->items[i].prefix.addr, addr),
		         what, v->tun);
		v->changed(v->user, text);
	}
}

static void tell_full(struct virtual_addresses *v, bool full)
{
	char text[128];

	if (full && !v->full) {
		snprintf(text, sizeof(text),
		         "%s has room for %u addresses and routes: the rest is left out; join networks in "
		         "selectors.remote",
		         v->tun, INNER_MAX);
		log_error("virtual", "%s", text);
		v->changed(v->user, text);
	}
	v->full = full;
}

static void apply(struct virtual_addresses *v, uint64_t now)
{
	int rc;

	if (v->want.n == 0 && v->have.n == 0) { /* whatever could not be done is not to be done any more */
		v->again_ms = 0;
		v->failed = false;
		return;
	}
	v->before = v->have;
	rc = inner_apply(&v->have, &v->want, v->keep_ms != 0, v->tun);
	tell(v, &v->have, &v->before, "is on");
	tell(v, &v->before, &v->have, "is not on");
	v->again_ms = rc < 0 ? now + VIRTUAL_AGAIN_MS : 0;
	if (rc < 0 && !v->failed)
		log_error("virtual", "addresses and routes of %s: %s%s; it is tried again", v->tun,
		          strerror(-rc), rc == -EPERM ? "; roamgate-control needs CAP_NET_ADMIN" : "");
	v->failed = rc < 0;
}

void virtual_tun_up(struct virtual_addresses *v, const char *tun, uint64_t now)
{
	int rc;

	snprintf(v->tun, sizeof(v->tun), "%s", tun);
	rc = inner_find(&v->have, v->tun);
	if (rc < 0)
		log_error("virtual", "addresses of %s cannot be read: %s", v->tun, strerror(-rc));
	v->up = v->look = true;
	v->keep_ms = v->have.n > 0 ? now + VIRTUAL_KEEP_MS : 0;
}

void virtual_tun_down(struct virtual_addresses *v)
{
	v->up = false;
}

void virtual_look(struct virtual_addresses *v)
{
	v->look = true;
}

uint64_t virtual_run(struct virtual_addresses *v, struct ike_manager *m, const struct initiate *in,
                     uint64_t now)
{
	uint64_t seen = m->counters.established + m->counters.closed, next = UINT64_MAX;

	if (!v->up)
		return next;
	if (v->keep_ms != 0 && now >= v->keep_ms) {
		v->keep_ms = 0;
		v->look = true;
	}
	if (v->look || seen != v->seen || (v->again_ms != 0 && now >= v->again_ms)) {
		v->look = false;
		v->seen = seen;
		tell_full(v, !want_all(&v->want, m, in));
		apply(v, now);
	}
	if (v->keep_ms != 0)
		next = v->keep_ms;
	return v->again_ms != 0 && v->again_ms < next ? v->again_ms : next;
}

void virtual_free(struct virtual_addresses *v)
{
	if (!v)
		return;
	v->want.n = 0;
	v->keep_ms = 0;
	apply(v, 0);
	free(v);
}
