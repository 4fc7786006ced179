/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session records: identities, keys, addresses, deadlines, and the frame around
 * all of it (record.h). One description serves both ways. Core thread only.
 */
#include "control/ike/record.h"

#include "control/ike/census.h"
#include "control/ike/child.h"
#include "control/ike/cp.h"
#include "control/ike/handlers.h"
#include "control/ike/index.h"
#include "control/ike/journal.h"
#include "control/ike/manager.h"
#include "control/ike/pad.h"
#include "control/ike/session.h"
#include "control/ike/timers.h"
#include "control/ike/wire/bytes.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SOON_MS         10000u /* what was due when the process ended is done then */
#define MAGIC           0x52475352u
#define CHECK_LEN       8u
#define TIMERS_RECORDED 4u

static const enum ike_timer deadlines[TIMERS_RECORDED] = {TIMER_DPD, TIMER_REKEY, TIMER_EXPIRE, TIMER_REAUTH};

/* What must be known before there can be an IKE SA. */
struct head {
	bool is_initiator;
	uint64_t spi_i, spi_r;
	char connection[RECORD_NAME_MAX + 1];
};

static void head(struct record *r, struct head *h)
{
	record_bool(r, &h->is_initiator);
	record_u64(r, &h->spi_i);
	record_u64(r, &h->spi_r);
	record_name(r, h->connection);
}

/* Its own identity is one of them, or that of the configuration. */
static void wishes(struct record *r, struct ike_sa *sa)
{
	bool has = sa->wishes != NULL;
	struct ike_wishes w = {0};

	record_bool(r, &has);
	if (!has || r->error != 0)
		return;
	if (!record_reads(r) && sa->wishes != NULL)
		w = *sa->wishes;
	record_id(r, &w.own);
	record_id(r, &w.peer);
	record_selectors(r, &w.remote);
	if (record_reads(r) && r->error == 0 && ike_sa_wish(sa, &w) < 0)
		record_fail(r, -ENOMEM);
}

static void who(struct record *r, struct ike_sa *sa)
{
	unsigned state = sa->state;
	uint64_t session = sa->session;

	record_u64(r, &session);
	record_uint(r, &state, IKE_N_STATES - 1);
	record_bool(r, &sa->session_initiator);
	record_bool(r, &sa->heir_has_it);
	record_bool(r, &sa->superseded);
	record_id(r, &sa->peer_id);
	wishes(r, sa);
	record_u64(r, &sa->peer_cookie);
	record_u64(r, &sa->cookie);
	record_u32(r, &sa->peer_lifetime_s);
	record_u64(r, &sa->ancestor_spi);
	record_u64(r, &sa->reauthenticates);
	record_u64(r, &sa->followed_by);
	record_u64(r, &sa->refused_ms);
	if (state != IKE_STATE_ESTABLISHED && state != IKE_STATE_REKEYED && state != IKE_STATE_DELETING)
		record_fail(r, -EBADMSG);
	if (record_reads(r)) {
		index_rename(sa, session);
		sa->state = state;
		sa->announced = !sa->superseded;
	}
	/* It may still be here, by the rules of now. */
	if (record_reads(r) && r->error == 0 && !sa->session_initiator && pad_admit(sa) != NULL)
		record_fail(r, -ENOENT);
}

static void suite(struct record *r, struct ike_suite *s)
{
	record_u8(r, &s->protocol);
	record_u16(r, &s->encr);
	record_u16(r, &s->encr_bits);
	record_u16(r, &s->integ);
	record_u16(r, &s->prf);
	record_u16(r, &s->dh);
	record_bool(r, &s->esn);
	if (record_reads(r) && r->error == 0 && (s->protocol != IKE_PROTOCOL_IKE || !ike_suite_supported(s)))
		record_fail(r, -EBADMSG);
}

/* An IV that may have been used is never used again: what is read begins a boot epoch above the
 * one that was written, and above that of every other start. */
static void sk(struct record *r, struct ike_sa *sa, struct ike_sk *key)
{
	const struct ike_suite *s = &sa->keys.suite;
	uint64_t epoch;

	if (r->error != 0)
		return;
	key->encr = ike_encr_info(s->encr, s->encr_bits);
	key->integ = s->integ != 0 ? ike_integ_info(s->integ) : NULL;
	record_u64(r, &key->iv);
	record_bytes(r, key->key, key->encr->key_len);
	record_bytes(r, key->salt, key->encr->salt_len);
	if (key->integ != NULL)
		record_bytes(r, key->integ_key, key->integ->key_len);
	if (!record_reads(r) || r->error != 0)
		return;
	epoch = (key->iv >> 32) + 1;
	if (epoch > UINT32_MAX)
		record_fail(r, -EBADMSG);
	ike_sk_set_epoch(key, epoch > sa->manager->boot_epoch ? (uint32_t)epoch : sa->manager->boot_epoch);
}

static void keys(struct record *r, struct ike_sa *sa)
{
	struct ike_keys *k = &sa->keys;

	suite(r, &k->suite);
	if (r->error != 0)
		return;
	k->prf_len = ike_prf_info(k->suite.prf)->len;
	record_bytes(r, k->sk_d, k->prf_len);
	record_bytes(r, k->sk_pi, k->prf_len);
	record_bytes(r, k->sk_pr, k->prf_len);
	sk(r, sa, &k->i);
	sk(r, sa, &k->r);
	record_u32(r, &sa->capabilities);
	record_u16(r, &sa->peer_hashes);
	sa->has_keys = true;
}

static void where(struct record *r, struct ike_sa *sa)
{
	record_endpoint(r, &sa->local);
	record_endpoint(r, &sa->remote);
	record_addr(r, &sa->origin);
	record_bool(r, &sa->natt);
	record_bool(r, &sa->nat_local);
	record_bool(r, &sa->nat_remote);
	record_uint(r, &sa->n_peer_addrs, IKE_MAX_PEER_ADDRS);
	for (unsigned i = 0; i < sa->n_peer_addrs; i++)
		record_addr(r, &sa->peer_addrs[i]);
}

/* A pool by its name: its index is the configuration's of that time. */
static void pool(struct record *r, struct ike_sa *sa, struct ike_vip *vip)
{
	const struct rg_config *c = rg_auth_config(sa->auth);
	char name[RECORD_NAME_MAX + 1] = "";
	size_t i;

	if (!record_reads(r))
		memccpy(name, c->pools[vip->pool].name, '\0', RECORD_NAME_MAX);
	record_name(r, name);
	if (!record_reads(r) || r->error != 0)
		return;
	for (i = 0; i < c->n_pools && strcmp(c->pools[i].name, name) != 0; i++)
		;
	if (i == c->n_pools)
		record_fail(r, -EADDRINUSE);
	vip->pool = (uint8_t)i;
}

static void addresses(struct record *r, struct ike_sa *sa)
{
	record_uint(r, &sa->n_vips, IKE_MAX_VIPS);
	for (unsigned i = 0; i < sa->n_vips; i++) {
		record_addr(r, &sa->vips[i].addr);
		record_u8(r, &sa->vips[i].prefix_len);
		record_bool(r, &sa->vips[i].from_pool);
		if (sa->vips[i].from_pool)
			pool(r, sa, &sa->vips[i]);
	}
	record_bool(r, &sa->want_ip4);
	record_bool(r, &sa->want_ip6);
}

static void domains(struct record *r, struct cp_taken *t)
{
	size_t n = t->n_domains;

	record_count(r, &n, CP_MAX_DOMAINS);
	for (size_t i = 0; i < n && r->error == 0; i++) {
		char name[RECORD_NAME_MAX + 1] = "";

		if (!record_reads(r))
			memccpy(name, t->domains[i], '\0', RECORD_NAME_MAX);
		record_name(r, name);
		if (!record_reads(r))
			continue;
		t->domains[i] = strdup(name);
		if (t->domains[i] == NULL)
			record_fail(r, -ENOMEM);
		else
			t->n_domains = (unsigned)i + 1;
	}
}

/* What the responder said beside addresses. */
static void taken(struct record *r, struct ike_sa *sa)
{
	bool has = sa->taken != NULL;
	struct cp_taken *t;

	record_bool(r, &has);
	if (!has || r->error != 0)
		return;
	if (record_reads(r))
		sa->taken = calloc(1, sizeof(*sa->taken));
	t = sa->taken;
	if (t == NULL) {
		record_fail(r, -ENOMEM);
		return;
	}
	record_uint(r, &t->n_dns, CP_MAX_DNS);
	for (unsigned i = 0; i < t->n_dns; i++)
		record_addr(r, &t->dns[i]);
	record_uint(r, &t->n_subnets, CP_MAX_SUBNETS);
	for (unsigned i = 0; i < t->n_subnets; i++) {
		record_addr(r, &t->subnets[i].addr);
		record_u8(r, &t->subnets[i].len);
	}
	domains(r, t);
}

static void when(struct record *r, struct ike_sa *sa)
{
	record_u64(r, &sa->created_ms);
	record_u64(r, &sa->established_ms);
	record_u64(r, &sa->last_in_ms);
	for (unsigned i = 0; i < TIMERS_RECORDED; i++)
		record_u64(r, &sa->timer[deadlines[i]]);
	record_u64(r, &sa->counters.moves);
	record_u64(r, &sa->counters.rekeys);
	record_u64(r, &sa->counters.retransmissions);
}

static void homing(struct record *r, struct ike_sa *sa)
{
	bool has = sa->homing != NULL;

	record_bool(r, &has);
	if (!has || r->error != 0)
		return;
	if (sa->manager->homing->record != NULL)
		sa->manager->homing->record(sa, r);
	else
		record_fail(r, -EBADMSG);
}

/* All but the head. */
static void session(struct record *r, struct ike_sa *sa)
{
	who(r, sa);
	keys(r, sa);
	where(r, sa);
	addresses(r, sa);
	taken(r, sa);
	when(r, sa);
	record_carried(r, sa);
	record_messages(r, sa);
	homing(r, sa);
}

/* Writing */

bool record_wanted(const struct ike_sa *sa)
{
	return sa->has_keys && sa->connection != NULL && sa->state >= IKE_STATE_ESTABLISHED &&
	       sa->state != IKE_STATE_CLOSED;
}

int record_write(struct ike_sa *sa, uint8_t *to, size_t room, size_t *len)
{
	struct record r = {.to = to, .at = RECORD_FRAME - CHECK_LEN, .len = room - CHECK_LEN};
	struct head h = {.is_initiator = sa->is_initiator, .spi_i = sa->spi_i, .spi_r = sa->spi_r};

	if (room < RECORD_FRAME)
		return -EMSGSIZE;
	memccpy(h.connection, sa->connection->name, '\0', RECORD_NAME_MAX);
	head(&r, &h);
	session(&r, sa);
	if (r.error != 0)
		return r.error;
	*len = r.at + CHECK_LEN;
	put_be32(to, MAGIC);
	put_be32(to + 4, RECORD_VERSION << 16);
	put_be32(to + 8, (uint32_t)*len);
	put_be64(to + r.at, record_check(to, r.at));
	return 0;
}

/* Reading */

static const struct rg_cfg_connection *connection_of(const struct ike_manager *m, const char *name)
{
	const struct rg_config *c = rg_auth_config(m->auth);

	for (size_t i = 0; i < c->n_connections; i++) {
		if (strcmp(c->connections[i].name, name) == 0)
			return &c->connections[i];
	}
	return NULL;
}

/* The addresses that it has are its own again; how many, also where it fails. */
static int lease(struct ike_sa *sa, unsigned *leased)
{
	struct ike_manager *m = sa->manager;

	for (unsigned i = 0; i < sa->n_vips; i++, *leased = i) {
		struct ike_vip *vip = &sa->vips[i];
		struct rg_cfg_addr got;
		int error;

		if (!vip->from_pool)
			continue;
		error = m->ops->pool.acquire(m->user, vip->pool, sa->peer_cookie, sa->cookie,
		                             vip->addr.family, &vip->addr, &got);
		if (error < 0)
			return error == -ENOMEM ? error : -EADDRINUSE;
		if (!addr_equal(&got, &vip->addr)) {
			m->ops->pool.release(m->user, sa->cookie, &got);
			return -EADDRINUSE;
		}
	}
	return 0;
}

/* It goes on: deadlines of what had begun and is lost now are set anew. */
static void resume(struct ike_sa *sa)
{
	struct ike_manager *m = sa->manager;
	const struct rg_cfg_connection *c = sa->connection;
	uint64_t now = ike_sa_now(sa), times[TIMERS_RECORDED];
	bool lives = sa->state == IKE_STATE_ESTABLISHED && !sa->heir_has_it;

	for (unsigned i = 0; i < TIMERS_RECORDED; i++)
		times[i] = sa->timer[deadlines[i]];
	if (times[2] == 0 && (c->lifetimes.ike_s != 0 || !lives))
		times[2] = now + SOON_MS;
	if (times[1] == 0 && c->lifetimes.ike_s != 0 && lives && !sa->superseded)
		times[1] = now + SOON_MS;
	if (times[0] == 0 && c->lifetimes.dpd_s != 0 && lives && !sa->superseded)
		times[0] = now;
	/* They come back together: what is due by now is spread. */
	if (times[0] != 0 && times[0] <= now)
		times[0] = now + SOON_MS - timer_jitter(sa, SOON_MS) + 1;
	if (times[1] != 0 && times[1] <= now)
		times[1] = now + SOON_MS + 10 * (SOON_MS - timer_jitter(sa, SOON_MS));
	for (unsigned i = 0; i < TIMERS_RECORDED; i++)
		ike_sa_timer(sa, deadlines[i], times[i]);
	if (!sa->heir_has_it) { /* also one that is on its way out: others of its device ask for it */
		manager_insert_peer(m, sa);
		session_tunnel_owner(sa);
	}
	if (m->next_session <= sa->session)
		m->next_session = sa->session + 1;
	census_count(sa);
	child_schedule(sa);
	/* The tasks that were to make what is missing are no part of a record. */
	if (lives && !sa->superseded)
		child_create_later(sa, now + SOON_MS);
	record_messages_resume(sa);
	if (sa->homing != NULL && m->homing->restored != NULL)
		m->homing->restored(sa);
	sa->stored = m->store != NULL;
	journal_note(sa, JOURNAL_RESTORED, 0, 0);
	IKE_COUNT(m, restored);
	/* It waited for the end of a simultaneous rekey, which nobody knows any more. */
	if (sa->state == IKE_STATE_ESTABLISHED && sa->heir_has_it)
		ike_sa_delete(sa, "its rekey was cut short by a restart");
}

static int read_session(struct ike_manager *m, struct record *r)
{
	struct head h = {0};
	const struct rg_cfg_connection *connection;
	struct ike_sa *sa;
	unsigned leased = 0;
	int error;

	head(r, &h);
	if (r->error != 0)
		return r->error;
	connection = connection_of(m, h.connection);
	if (connection == NULL)
		return -ENOENT;
	sa = ike_sa_create_as(m, m->auth, h.is_initiator, h.is_initiator ? h.spi_i : h.spi_r);
	if (sa == NULL)
		return -EEXIST;
	sa->spi_i = h.spi_i;
	sa->spi_r = h.spi_r;
	sa->connection = connection;
	session(r, sa);
	error = r->error != 0 ? r->error : r->at != r->len ? -EBADMSG : lease(sa, &leased);
	if (error == 0 && !sa->heir_has_it &&
	    !pad_claim_carried(sa)) /* what it speaks for is nobody else's */
		error = -EADDRINUSE;
	if (error == 0) {
		resume(sa);
		return 0;
	}
	record_carried_undo(sa);
	for (unsigned i = 0; i < leased; i++) {
		if (sa->vips[i].from_pool)
			m->ops->pool.release(m->user, sa->cookie, &sa->vips[i].addr);
	}
	pad_release(sa);
	sa->heir_has_it = true; /* nothing of it is ours to give back any more */
	sa->state = IKE_STATE_NEW;
	ike_sa_free(sa);
	return error;
}

/* What an operator is told about a record that is not taken. */
static const char *why(int error)
{
	switch (error) {
	case -EPROTONOSUPPORT:
		return "it was written by another version of roamgate";
	case -ENOENT:
		return "its connection is no longer configured";
	case -EEXIST:
		return "an IKE SA or a handle of it is there already";
	case -EADDRINUSE:
		return "an address or a network of it is somebody else's now";
	case -ENOMEM:
		return "no memory";
	default:
		return "it is damaged";
	}
}

static int read_frame(struct ike_manager *m, const uint8_t *data, size_t len)
{
	struct record r = {.from = data, .at = RECORD_FRAME - CHECK_LEN};

	if (len < RECORD_FRAME || len > RECORD_MAX || get_be32(data) != MAGIC || get_be32(data + 8) != len ||
	    get_be64(data + len - CHECK_LEN) != record_check(data, len - CHECK_LEN))
		return -EBADMSG;
	if (get_be32(data + 4) != RECORD_VERSION << 16)
		return -EPROTONOSUPPORT;
	r.len = len - CHECK_LEN;
	return read_session(m, &r);
}

int ike_restore(struct ike_manager *m, const uint8_t *data, size_t len)
{
	int error = read_frame(m, data, len);

	if (error < 0) {
		IKE_COUNT(m, not_restored);
		manager_log(m, IKE_LOG_WARN,
		            "a session record is not taken: %s; its client has to connect again", why(error));
	}
	return error;
}
