/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of an IKE SA: created, parked, closed, inherited, freed (ike_sa.h).
 * Core thread only. RFC 7296 1.4.1, 2.8.
 */
#include "control/ike/ike_sa.h"

#include "control/homing/homing.h"
#include "control/ike/auth_eap.h"
#include "control/ike/census.h"
#include "control/ike/child.h"
#include "control/ike/handlers.h"
#include "control/ike/index.h"
#include "control/ike/journal.h"
#include "control/ike/cp.h"
#include "control/ike/manager.h"
#include "control/ike/pad.h"
#include "control/ike/session.h"
#include "control/ike/sk_message.h"
#include "control/ike/store.h"
#include "control/ike/succession.h"
#include "control/ike/table.h"
#include "control/ike/takeover.h"
#include "control/ike/timers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *ike_state_name(enum ike_state state)
{
	static const char *const names[] = {
#define X(name, text) [IKE_STATE_##name] = (text),
	        IKE_STATES(X)
#undef X
	};

	return (unsigned)state < IKE_N_STATES ? names[state] : "unknown";
}

int ike_set_state(struct ike_sa *sa, enum ike_state state)
{
	enum ike_state from;

	if (sa->state == state)
		return 0;
	if (!table_ike_move_legal(sa->state, state)) {
		IKE_COUNT(sa->manager, illegal_moves);
		ike_sa_log(sa, IKE_LOG_ERROR, "refused to go from %s to %s: this is a bug, please report it",
		           ike_state_name(sa->state), ike_state_name(state));
		return -EPERM;
	}
	from = sa->state;
	sa->state = state;
	census_count(sa);
	timers_enter(sa, from);
	store_touch(sa);
	return 0;
}

uint64_t ike_sa_own_spi(const struct ike_sa *sa)
{
	return sa->is_initiator ? sa->spi_i : sa->spi_r;
}

uint64_t ike_sa_now(const struct ike_sa *sa)
{
	return manager_now(sa->manager);
}

void ike_sa_random(const struct ike_sa *sa, void *buf, size_t len)
{
	sa->manager->ops->random(sa->manager->user, buf, len);
}

static uint64_t choose_spi(struct ike_manager *m)
{
	uint64_t spi = 0;

	for (unsigned i = 0; i < 16 && (spi == 0 || manager_find(m, spi) != NULL); i++)
		m->ops->random(m->user, &spi, sizeof(spi));
	return spi;
}

struct ike_sa *ike_sa_create(struct ike_manager *m, struct rg_auth *auth, bool is_initiator)
{
	return ike_sa_create_as(m, auth, is_initiator, choose_spi(m));
}

struct ike_sa *ike_sa_create_as(struct ike_manager *m, struct rg_auth *auth, bool is_initiator, uint64_t spi)
{
	struct ike_sa *sa = calloc(1, sizeof(*sa));

	if (sa == NULL || spi == 0 || manager_find(m, spi) != NULL) {
		free(sa);
		return NULL;
	}
	sa->manager = m;
	sa->is_initiator = sa->session_initiator = is_initiator;
	*(is_initiator ? &sa->spi_i : &sa->spi_r) = spi;
	sa->heap_index = SIZE_MAX;
	sa->deadline = IKE_NEVER;
	TAILQ_INIT(&sa->children);
	TAILQ_INIT(&sa->flows);
	TAILQ_INIT(&sa->tasks);
	TAILQ_INIT(&sa->requests);
	TAILQ_INIT(&sa->answers);
	STAILQ_INIT(&sa->queue);
	if (manager_insert(m, sa) < 0) {
		free(sa);
		return NULL;
	}
	sa->peer_lifetime_s = UINT32_MAX;
	sa->auth = rg_auth_ref(auth);
	sa->own_id = rg_auth_identity(auth);
	index_insert(sa, m->next_session++);
	sa->created_ms = ike_sa_now(sa);
	return sa;
}

int ike_sa_wish(struct ike_sa *sa, const struct ike_wishes *wishes)
{
	sa->wishes = malloc(sizeof(*sa->wishes));
	if (sa->wishes == NULL)
		return -ENOMEM;
	*sa->wishes = *wishes;
	if (wishes->own.type != 0)
		sa->own_id = &sa->wishes->own;
	return 0;
}

void ike_sa_asked(struct ike_sa *sa, const struct child_packet *packet)
{
	free(sa->packet);
	sa->packet = packet != NULL ? malloc(sizeof(*packet)) : NULL;
	if (sa->packet != NULL)
		*sa->packet = *packet;
}

static void drop_queue(struct ike_sa *sa)
{
	struct queued_datagram *q;

	while ((q = STAILQ_FIRST(&sa->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&sa->queue, link);
		free(q);
	}
	sa->n_queued = 0;
}

/* What the session occupies in the dataplane and in the pools is given back. */
static void release_session(struct ike_sa *sa)
{
	if (sa->heir_has_it)
		return;
	session_remove(sa);
	for (unsigned i = 0; i < sa->n_vips; i++) {
		if (sa->vips[i].from_pool)
			sa->manager->ops->pool.release(sa->manager->user, sa->cookie, &sa->vips[i].addr);
	}
	sa->n_vips = 0;
	pad_release(sa);
}

/* The last answer is kept for a while, in case it was lost; a bounded number of them,
 * and none for a peer that sent IKE_SA_INIT only. */
static void linger(struct ike_sa *sa, bool knows_peer)
{
	struct ike_manager *m = sa->manager;
	uint64_t ms = 0;

	if (knows_peer && !TAILQ_EMPTY(&sa->answers) && m->n_lingering < IKE_MAX_LINGERING) {
		sa->lingers = true;
		m->n_lingering++;
		ms = TIMER_LINGER_MS;
	}
	ike_sa_timer(sa, TIMER_LINGER, ike_sa_now(sa) + ms);
}

/* RFC 7296 2.12: no key of a session outlives it. A refused IKE_AUTH was none yet, and its sender may cut the
 * request into other fragments until it hears the refusal (RFC 7383 2.5.2): as long as that lingers, the key
 * stays that tells the sender from others. */
static void wipe_keys(struct ike_sa *sa, bool was_established)
{
	bool keep = sa->lingers && !was_established && (sa->capabilities & IKE_CAP_FRAGMENTATION);
	struct ike_sk receive = sa->keys.i;

	ike_keys_wipe(&sa->keys);
	sa->has_keys = false;
	if (keep)
		sa->keys.i = receive;
	ike_sk_wipe(&receive);
}

void ike_sa_announce(struct ike_sa *sa)
{
	char remote[IKE_ENDPOINT_TEXT], local[IKE_ENDPOINT_TEXT], suite[64];
	const struct rg_cfg_rule *rule = sa->connection->rule;

	sa->announced = true;
	ike_suite_print(&sa->keys.suite, suite, sizeof(suite));
	ike_sa_event(sa, IKE_EVENT_SESSION_UP, "%s - %s, %s%s%s%s", endpoint_text(&sa->local, local),
	             endpoint_text(&sa->remote, remote), suite,
	             sa->capabilities & IKE_CAP_MOBIKE ? ", MOBIKE" : "", rule != NULL ? ", rule " : "",
	             rule != NULL ? rule->name : "");
}

void ike_sa_close(struct ike_sa *sa, const char *reason)
{
	struct ike_manager *m = sa->manager;
	bool was_established = sa->state >= IKE_STATE_ESTABLISHED;
	bool was_up = was_established && !sa->heir_has_it;
	bool knows_peer = sa->state != IKE_STATE_NEW && sa->peer_id.type != 0;

	if (sa->state == IKE_STATE_CLOSED)
		return;
	sa->down_reason = reason;
	takeover_undo(sa, reason);
	if (was_up && sa->announced)
		ike_sa_event(sa, IKE_EVENT_SESSION_DOWN, "%s", reason);
	else
		ike_sa_log(sa, IKE_LOG_DEBUG, "closed: %s", reason);
	if (m->homing->closed != NULL)
		m->homing->closed(sa, NULL);
	succession_closed(sa);
	ike_set_state(sa, IKE_STATE_CLOSED);
	IKE_COUNT(m, closed);
	manager_not_half_open(m, sa);
	manager_remove_init(m, sa);
	manager_remove_peer(m, sa);
	task_abandon_all(sa);
	auth_eap_free(sa);
	release_session(sa);
	cp_forget(sa);
	drop_queue(sa);
	ike_sa_asked(sa, NULL);
	message_forget_fragments(sa, false);
	message_forget_fragments(sa, true);
	init_free(sa);
	for (unsigned i = 0; i < IKE_N_TIMERS; i++)
		sa->timer[i] = 0;
	linger(sa, knows_peer);
	wipe_keys(sa, was_established);
}

void ike_sa_free(struct ike_sa *sa)
{
	struct ike_manager *m = sa->manager;

	ike_sa_close(sa, "the process ends");
	store_forget(sa);
	manager_remove(m, sa);
	m->n_lingering -= sa->lingers;
	if (sa->at_work != NULL)
		exchange_free(sa->at_work);
	exchange_forget_answers(sa);
	free(sa->wishes);
	journal_free(sa);
	rg_auth_unref(sa->auth);
	explicit_bzero(sa, sizeof(*sa));
	free(sa);
}

void ike_sa_delete(struct ike_sa *sa, const char *reason)
{
	sa->down_reason = reason;
	if (sa->state < IKE_STATE_ESTABLISHED)
		ike_sa_close(sa, reason);
	else if (sa->state == IKE_STATE_ESTABLISHED || sa->state == IKE_STATE_REKEYED)
		informational_delete_ike(sa);
}

static void inherit_children(struct ike_sa *heir, struct ike_sa *old)
{
	struct child_sa *child;
	struct flow *flow;

	while ((child = TAILQ_FIRST(&old->children)) != NULL) {
		TAILQ_REMOVE(&old->children, child, link);
		TAILQ_INSERT_TAIL(&heir->children, child, link);
		child->sa = heir;
	}
	heir->tunnel = old->tunnel;
	heir->tunnel_generation = old->tunnel_generation;
	heir->tunnel_installed = old->tunnel_installed;
	while ((flow = TAILQ_FIRST(&old->flows)) != NULL) {
		TAILQ_REMOVE(&old->flows, flow, link);
		TAILQ_INSERT_TAIL(&heir->flows, flow, link);
		flow->sa = heir;
	}
	heir->packet = old->packet;
	old->packet = NULL;
	old->tunnel = 0;
	old->tunnel_installed = false;
	session_tunnel_owner(heir);
}

static void inherit_identity(struct ike_sa *heir, struct ike_sa *old)
{
	rg_auth_unref(heir->auth);
	heir->auth = rg_auth_ref(old->auth);
	heir->auth_is_given = old->auth_is_given;
	heir->connection = old->connection;
	index_rename(heir, old->session);
	heir->session_initiator = old->session_initiator;
	heir->peer_id = old->peer_id;
	heir->own_id = old->own_id;
	heir->wishes = old->wishes;
	old->own_id = rg_auth_identity(old->auth);
	old->wishes = NULL;
	heir->peer_cookie = old->peer_cookie;
	heir->cookie = old->cookie;
	heir->superseded = old->superseded;
	heir->announced = old->announced;
	heir->peer_lifetime_s = old->peer_lifetime_s;
	heir->origin = old->origin;
	heir->capabilities = old->capabilities;
	heir->peer_hashes = old->peer_hashes;
	heir->established_ms = old->established_ms;
	heir->want_ip4 = old->want_ip4;
	heir->want_ip6 = old->want_ip6;
	memcpy(heir->vips, old->vips, sizeof(heir->vips));
	heir->n_vips = old->n_vips;
	old->n_vips = 0;
	heir->claims = old->claims;
	old->claims = NULL;
	heir->taken = old->taken;
	old->taken = NULL;
	journal_move(heir, old);
	journal_spis(heir, JOURNAL_IKE_REKEYED, heir->spi_i, heir->spi_r);
	heir->counters = old->counters;
	heir->counters.rekeys++;
}

void ike_sa_inherit(struct ike_sa *heir, struct ike_sa *old)
{
	struct task *task;

	inherit_identity(heir, old);
	succession_inherit(heir, old);
	inherit_children(heir, old);
	heir->local = old->local;
	heir->remote = old->remote;
	heir->natt = old->natt;
	heir->nat_local = old->nat_local;
	heir->nat_remote = old->nat_remote;
	memcpy(heir->peer_addrs, old->peer_addrs, sizeof(heir->peer_addrs));
	heir->n_peer_addrs = old->n_peer_addrs;
	old->heir_has_it = true;
	heir->ancestor_spi = ike_sa_own_spi(old);
	old->heir_spi = ike_sa_own_spi(heir);
	if (heir->manager->homing->closed != NULL)
		heir->manager->homing->closed(old, heir);
	while ((task = TAILQ_FIRST(&old->tasks)) != NULL) {
		TAILQ_REMOVE(&old->tasks, task, link);
		TAILQ_INSERT_TAIL(&heir->tasks, task, link);
	}
	ike_sa_timer(old, TIMER_EXPIRE, 0); /* its lifetime is the heir's affair now */
	ike_set_state(old, IKE_STATE_REKEYED);
	ike_sa_timer(old, TIMER_REKEY, 0);
	ike_sa_timer(old, TIMER_CHILD, 0);
	ike_sa_timer(old, TIMER_HOMING, 0);
	manager_remove_peer(old->manager, old);
	manager_insert_peer(heir->manager, heir);
	ike_set_state(heir, IKE_STATE_ESTABLISHED);
	timers_established(heir);
	/* RFC 4478 2: the limit goes on with the new IKE SA; so does that of a superseded session. */
	ike_sa_timer(heir, TIMER_REAUTH, old->timer[TIMER_REAUTH]);
	ike_sa_timer(old, TIMER_REAUTH, 0);
	if (heir->superseded)
		ike_sa_timer(heir, TIMER_EXPIRE, ike_sa_now(heir) + SUCCESSION_GRACE_MS);
	child_schedule(heir);
	ike_sa_event(heir, IKE_EVENT_IKE_REKEYED, "%016lx:%016lx replaces %016lx:%016lx", heir->spi_i,
	             heir->spi_r, old->spi_i, old->spi_r);
	/* Where the heir was established before it had the session, no change of its state says so. */
	census_count(heir);
	store_touch(heir);
	store_touch(old);
}

void ike_sa_timer(struct ike_sa *sa, enum ike_timer timer, uint64_t at_ms)
{
	uint64_t deadline = IKE_NEVER;

	sa->timer[timer] = at_ms;
	for (unsigned i = 0; i < IKE_N_TIMERS; i++) {
		if (sa->timer[i] != 0 && sa->timer[i] < deadline)
			deadline = sa->timer[i];
	}
	if (deadline == sa->deadline)
		return;
	sa->deadline = deadline;
	manager_schedule(sa->manager, sa);
}

static void job_done(struct ike_job *job)
{
	struct ike_sa *sa = job->sa;

	sa->pending--;
	job->finish(job, sa->state == IKE_STATE_CLOSED);
}

static enum ike_job_lane lane_of(const struct ike_sa *sa)
{
	if (sa->state >= IKE_STATE_ESTABLISHED)
		return IKE_JOB_ESTABLISHED;
	return sa->has_keys ? IKE_JOB_AUTH : IKE_JOB_INIT;
}

void ike_sa_submit(struct ike_sa *sa, struct ike_job *job, void (*work)(struct ike_job *job),
                   void (*finish)(struct ike_job *job, bool gone))
{
	*job = (struct ike_job){
	        .work = work, .done = job_done, .lane = lane_of(sa), .sa = sa, .finish = finish};
	sa->pending++;
	sa->manager->ops->submit_job(sa->manager->user, job);
}

void ike_sa_park(struct ike_sa *sa)
{
	sa->parked = true;
}

void ike_sa_resume(struct ike_sa *sa)
{
	sa->parked = false;
	if (sa->state == IKE_STATE_CLOSED)
		return;
	exchange_drain(sa);
	task_run(sa);
}

void ike_sa_alive(struct ike_sa *sa)
{
	sa->last_in_ms = ike_sa_now(sa);
}

static void name_of(const struct ike_sa *sa, char *out, size_t size)
{
	char remote[IKE_ENDPOINT_TEXT], id[128];

	if (sa->peer_id.type != 0)
		snprintf(out, size, "session %lu %s", sa->session, rg_id_print(&sa->peer_id, id, sizeof(id)));
	else
		snprintf(out, size, "session %lu %s", sa->session, endpoint_text(&sa->remote, remote));
}

void ike_sa_log(const struct ike_sa *sa, enum ike_log_level level, const char *fmt, ...)
{
	char text[512], name[192];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	name_of(sa, name, sizeof(name));
	manager_log(sa->manager, level, "%s: %s", name, text);
}

void ike_sa_event(struct ike_sa *sa, enum ike_event_type type, const char *fmt, ...)
{
	struct ike_event event = {.type = type, .sa = sa};
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	event.text = text;
	sa->manager->ops->event(sa->manager->user, &event);
}

void ike_sa_path(const struct ike_sa *sa, struct rg_api_path *path)
{
	bool encap = sa->nat_local || sa->nat_remote;

	if (sa->homing != NULL) {
		homing_current_path(sa, path);
		return;
	}
	*path = (struct rg_api_path){.family = sa->local.addr.family};
	memcpy(path->local, sa->local.addr.bytes, sizeof(path->local));
	memcpy(path->remote, sa->remote.addr.bytes, sizeof(path->remote));
	if (!encap)
		return;
	path->encap = RG_ENCAP_UDP;
	path->local_port = htons(sa->local.port);
	path->remote_port = htons(sa->remote.port);
}
