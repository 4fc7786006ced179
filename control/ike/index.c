/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of index.h, and what ike.h gives of it. Core thread only.
 */
#include "control/ike/index.h"

#include "control/ike/manager.h"
#include "control/ike/succession.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int index_init(struct ike_manager *m)
{
	m->by_session = calloc(INDEX_BUCKETS, sizeof(*m->by_session));
	return m->by_session != NULL ? 0 : -ENOMEM;
}

void index_fini(struct ike_manager *m)
{
	free(m->by_session);
	m->by_session = NULL;
}

static struct ike_sa **bucket_of(const struct ike_manager *m, uint64_t session)
{
	return &m->by_session[session / INDEX_TOGETHER % INDEX_BUCKETS];
}

void index_insert(struct ike_sa *sa, uint64_t session)
{
	struct ike_sa **bucket = bucket_of(sa->manager, session);

	sa->session = session;
	sa->session_next = *bucket;
	*bucket = sa;
}

void index_remove(struct ike_sa *sa)
{
	struct ike_sa **p = bucket_of(sa->manager, sa->session);

	while (*p != sa)
		p = &(*p)->session_next;
	*p = sa->session_next;
}

void index_rename(struct ike_sa *sa, uint64_t session)
{
	index_remove(sa);
	index_insert(sa, session);
}

uint64_t ike_session_id(const struct ike_sa *sa)
{
	return sa->session;
}

struct ike_sa *ike_find_session(struct ike_manager *m, uint64_t session)
{
	struct ike_sa *sa = *bucket_of(m, session);

	while (sa != NULL && (sa->session != session || sa->state == IKE_STATE_CLOSED || sa->heir_has_it))
		sa = sa->session_next;
	return sa;
}

static bool is_of(const struct ike_sa *sa, const char *connection)
{
	return connection == NULL ||
	       (!sa->superseded && sa->connection != NULL && strcmp(sa->connection->name, connection) == 0);
}

/* Does it come before `than`? */
static bool is_better(const struct ike_sa *sa, const struct ike_sa *than)
{
	if (sa == NULL || than == NULL)
		return sa != NULL;
	return sa->superseded != than->superseded ? than->superseded : sa->session > than->session;
}

static struct ike_sa *best_of(struct ike_manager *m, uint64_t cookie, const struct rg_id *peer,
                              const char *connection)
{
	struct ike_sa *sa, *found = NULL;

	for (sa = manager_peers(m, cookie); sa != NULL; sa = sa->peer_next) {
		IKE_COUNT(m, looked_at);
		if (sa->peer_cookie == cookie && sa->state == IKE_STATE_ESTABLISHED &&
		    rg_id_equal(&sa->peer_id, peer) && is_of(sa, connection) && is_better(sa, found))
			found = sa;
	}
	return found;
}

struct ike_sa *ike_find_identity(struct ike_manager *m, const struct rg_id *peer, const char *connection)
{
	uint64_t cookie = rg_id_cookie(peer);
	struct ike_sa *theirs = best_of(m, cookie, peer, connection), *ours;

	cookie = succession_cookie_of(rg_auth_identity(m->auth), cookie);
	ours = best_of(m, cookie, peer, connection);
	return is_better(ours, theirs) ? ours : theirs;
}

/* The lowest id of the bucket above `after`; 0: none. There are few. */
static uint64_t next_id(const struct ike_sa *bucket, uint64_t after)
{
	uint64_t found = 0;

	for (; bucket != NULL; bucket = bucket->session_next) {
		if (bucket->session > after && (found == 0 || bucket->session < found))
			found = bucket->session;
	}
	return found;
}

/* How many there were. */
static unsigned show(struct ike_sa *bucket, void (*each)(struct ike_sa *sa, void *context), void *context)
{
	unsigned n = 0;

	for (uint64_t id = 0; (id = next_id(bucket, id)) != 0;) {
		for (struct ike_sa *sa = bucket; sa != NULL; sa = sa->session_next) {
			if (sa->session != id || sa->state == IKE_STATE_CLOSED)
				continue;
			IKE_COUNT(sa->manager, looked_at);
			each(sa, context);
			n++;
		}
	}
	return n;
}

uint64_t ike_for_page(struct ike_manager *m, uint64_t from, unsigned max,
                      void (*each)(struct ike_sa *sa, void *context), void *context)
{
	unsigned n = 0;

	for (uint64_t at = from; at < INDEX_BUCKETS; at++) {
		if (n >= max && m->by_session[at] != NULL)
			return at;
		n += show(m->by_session[at], each, context);
	}
	return 0;
}
