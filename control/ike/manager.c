/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manager: creates and frees the core, finds the IKE SA of a datagram, and
 * runs timers by one heap of deadlines. Core thread only. RFC 7296 2.6, 3.1.
 */
#include "control/ike/manager.h"

#include "control/ike/census.h"
#include "control/ike/dataplane.h"
#include "control/ike/index.h"
#include "control/ike/init.h"
#include "control/ike/store.h"
#include "control/ike/sweep.h"
#include "control/ike/timers.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ike_homing_ops no_homing;

static void free_tables(struct ike_manager *m)
{
	handles_fini(&m->sa_in);
	handles_fini(&m->sa_out);
	handles_fini(&m->tunnels);
	handles_fini(&m->policies);
	free(m->by_spi);
	free(m->by_init);
	free(m->by_peer);
	free(m->by_tunnel);
	index_fini(m);
	free(m->policy_tunnel);
	census_free(m);
	free(m->heap);
}

static int make_tables(struct ike_manager *m)
{
	uint32_t n = rg_auth_config(m->auth)->dataplane.max_sas, policies = rg_api_max_policies(n);

	m->by_spi = calloc(IKE_BUCKETS, sizeof(*m->by_spi));
	m->by_init = calloc(IKE_BUCKETS, sizeof(*m->by_init));
	m->by_peer = calloc(IKE_BUCKETS, sizeof(*m->by_peer));
	m->by_tunnel = calloc(n, sizeof(*m->by_tunnel));
	m->policy_tunnel = calloc(policies, sizeof(*m->policy_tunnel));
	if (m->by_spi == NULL || m->by_init == NULL || m->by_peer == NULL || m->by_tunnel == NULL ||
	    m->policy_tunnel == NULL || index_init(m) < 0)
		return -ENOMEM;
	if (handles_init(&m->sa_in, n, m->boot_epoch) < 0 || handles_init(&m->sa_out, n, m->boot_epoch) < 0 ||
	    handles_init(&m->tunnels, n, m->boot_epoch) < 0 ||
	    handles_init(&m->policies, policies, m->boot_epoch) < 0)
		return -ENOMEM;
	return ike_cookie_init(&m->cookies);
}

struct ike_manager *ike_create(const struct ike_params *params)
{
	struct ike_manager *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->ops = params->ops;
	m->user = params->user;
	m->homing = params->homing != NULL ? params->homing : &no_homing;
	m->auth = rg_auth_ref(params->auth);
	m->boot_epoch = params->boot_epoch;
	m->next_session = 1;
	m->fragments.limit = IKE_FRAGMENT_BYTES;
	m->half_open_fragments.limit = IKE_FRAGMENT_BYTES_HALF_OPEN;
	m->told_ms = IKE_NEVER;
	TAILQ_INIT(&m->sas);
	TAILQ_INIT(&m->half_open);
	TAILQ_INIT(&m->orphans);
	TAILQ_INIT(&m->dirty);
	m->store = params->store;
	m->store_user = params->store_user;
	m->ops->random(m->user, &m->init_seed, sizeof(m->init_seed));
	if (store_init(m) < 0 || make_tables(m) < 0 || batch_spare(m) < 0) {
		store_fini(m);
		free_tables(m);
		rg_auth_unref(m->auth);
		free(m);
		return NULL;
	}
	m->cookie_rotate_ms = manager_now(m) + IKE_COOKIE_LIFE_MS;
	return m;
}

void ike_destroy(struct ike_manager *m)
{
	struct ike_sa *sa;

	if (m == NULL)
		return;
	m->ending = true;
	while ((sa = TAILQ_FIRST(&m->sas)) != NULL)
		ike_sa_free(sa);
	store_fini(m);
	orphans_forget_all(m);
	traps_forget(m);
	claims_clear(&m->claims);
	ike_cookie_wipe(&m->cookies);
	free_tables(m);
	batch_spare_free(m);
	rg_auth_unref(m->auth);
	free(m);
}

/* Tables */

static struct ike_sa **spi_bucket(struct ike_manager *m, uint64_t own_spi)
{
	return &m->by_spi[own_spi % IKE_BUCKETS]; /* our SPIs are random */
}

/* Of what a peer chooses: which values share a bucket must not be guessed. */
static uint64_t mix(const struct ike_manager *m, uint64_t value)
{
	uint64_t h = (value ^ m->init_seed) * 0x9e3779b97f4a7c15ull;

	h = (h ^ h >> 29 ^ m->init_seed) * 0xbf58476d1ce4e5b9ull;
	return h >> 32;
}

static struct ike_sa **init_bucket(struct ike_manager *m, uint64_t spi_i)
{
	return &m->by_init[mix(m, spi_i) % IKE_BUCKETS];
}

struct ike_sa *manager_find(struct ike_manager *m, uint64_t own_spi)
{
	struct ike_sa *sa = *spi_bucket(m, own_spi);

	while (sa != NULL && ike_sa_own_spi(sa) != own_spi)
		sa = sa->hash_next;
	return sa;
}

struct ike_sa *manager_find_init(struct ike_manager *m, uint64_t spi_i, const uint8_t digest[32])
{
	struct ike_sa *sa = *init_bucket(m, spi_i);

	while (sa != NULL && (sa->spi_i != spi_i || memcmp(sa->init_digest, digest, 32) != 0))
		sa = sa->init_next;
	return sa;
}

struct ike_sa *manager_find_tunnel(struct ike_manager *m, uint32_t handle)
{
	uint32_t index = RG_SA_HANDLE_INDEX(handle);
	struct ike_sa *sa = index < m->tunnels.capacity ? m->by_tunnel[index] : NULL;

	return sa != NULL && sa->tunnel == handle ? sa : NULL;
}

int manager_insert(struct ike_manager *m, struct ike_sa *sa)
{
	struct ike_sa **bucket = spi_bucket(m, ike_sa_own_spi(sa));

	if (m->n_sas >= IKE_MAX_SAS)
		return -ENOSPC;
	if (m->heap_capacity < (size_t)m->n_sas + 1) {
		size_t capacity = m->heap_capacity == 0 ? 64 : m->heap_capacity * 2;
		struct ike_sa **heap = realloc(m->heap, capacity * sizeof(struct ike_sa *));

		if (heap == NULL)
			return -ENOMEM;
		m->heap = heap;
		m->heap_capacity = capacity;
	}
	sa->hash_next = *bucket;
	*bucket = sa;
	TAILQ_INSERT_TAIL(&m->sas, sa, link);
	m->n_sas++;
	return 0;
}

void manager_insert_init(struct ike_manager *m, struct ike_sa *sa)
{
	struct ike_sa **bucket = init_bucket(m, sa->spi_i);

	sa->init_next = *bucket;
	*bucket = sa;
	sa->in_init_table = true;
}

void manager_remove_init(struct ike_manager *m, struct ike_sa *sa)
{
	struct ike_sa **p = init_bucket(m, sa->spi_i);

	if (!sa->in_init_table)
		return;
	while (*p != sa)
		p = &(*p)->init_next;
	*p = sa->init_next;
	sa->in_init_table = false;
}

struct ike_sa *manager_peers(struct ike_manager *m, uint64_t cookie)
{
	return m->by_peer[cookie % IKE_BUCKETS];
}

void manager_insert_peer(struct ike_manager *m, struct ike_sa *sa)
{
	struct ike_sa **bucket = &m->by_peer[sa->peer_cookie % IKE_BUCKETS];

	sa->peer_next = *bucket;
	*bucket = sa;
	sa->in_peer_table = true;
}

void manager_remove_peer(struct ike_manager *m, struct ike_sa *sa)
{
	struct ike_sa **p = &m->by_peer[sa->peer_cookie % IKE_BUCKETS];

	if (!sa->in_peer_table)
		return;
	while (*p != sa)
		p = &(*p)->peer_next;
	*p = sa->peer_next;
	sa->in_peer_table = false;
}

/* One /24 or /56: as much as one attacker has without effort. */
static uint16_t prefix_bucket(const struct ike_manager *m, const struct rg_cfg_addr *addr)
{
	uint64_t prefix = 0;

	memcpy(&prefix, addr->bytes, addr->family == 4 ? 3 : 7);
	return (uint16_t)(mix(m, prefix + addr->family) % IKE_PREFIX_BUCKETS);
}

bool manager_has_quota(const struct ike_manager *m, const struct rg_cfg_addr *remote)
{
	uint32_t room = m->n_half_open < IKE_MAX_HALF_OPEN ? IKE_MAX_HALF_OPEN - m->n_half_open : 0;

	return m->by_prefix[prefix_bucket(m, remote)] < room / 2;
}

void manager_half_open(struct ike_manager *m, struct ike_sa *sa)
{
	TAILQ_INSERT_TAIL(&m->half_open, sa, half_link);
	sa->is_half_open = true;
	sa->prefix_bucket = prefix_bucket(m, &sa->remote.addr);
	m->by_prefix[sa->prefix_bucket]++;
	if (++m->n_half_open <= IKE_MAX_HALF_OPEN)
		return;
	m->counters.half_open_evicted++;
	ike_sa_close(TAILQ_FIRST(&m->half_open), "too many half-open IKE SAs");
}

void manager_not_half_open(struct ike_manager *m, struct ike_sa *sa)
{
	if (!sa->is_half_open)
		return;
	TAILQ_REMOVE(&m->half_open, sa, half_link);
	sa->is_half_open = false;
	m->by_prefix[sa->prefix_bucket]--;
	m->n_half_open--;
}

/* The heap of deadlines */

static void heap_put(struct ike_manager *m, size_t i, struct ike_sa *sa)
{
	m->heap[i] = sa;
	sa->heap_index = i;
}

static void sift_up(struct ike_manager *m, size_t i)
{
	struct ike_sa *sa = m->heap[i];

	while (i > 0 && m->heap[(i - 1) / 2]->deadline > sa->deadline) {
		heap_put(m, i, m->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_put(m, i, sa);
}

static void sift_down(struct ike_manager *m, size_t i)
{
	struct ike_sa *sa = m->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= m->n_heap)
			break;
		if (child + 1 < m->n_heap && m->heap[child + 1]->deadline < m->heap[child]->deadline)
			child++;
		if (m->heap[child]->deadline >= sa->deadline)
			break;
		heap_put(m, i, m->heap[child]);
		i = child;
	}
	heap_put(m, i, sa);
}

static void heap_remove(struct ike_manager *m, struct ike_sa *sa)
{
	size_t i = sa->heap_index;
	struct ike_sa *last;

	if (i == SIZE_MAX)
		return;
	sa->heap_index = SIZE_MAX;
	last = m->heap[--m->n_heap];
	if (last == sa)
		return;
	heap_put(m, i, last);
	sift_up(m, i);
	sift_down(m, last->heap_index);
}

void manager_schedule(struct ike_manager *m, struct ike_sa *sa)
{
	if (sa->deadline == IKE_NEVER) {
		heap_remove(m, sa);
		return;
	}
	if (sa->heap_index == SIZE_MAX)
		heap_put(m, m->n_heap++, sa);
	sift_up(m, sa->heap_index);
	sift_down(m, sa->heap_index);
	if (sa->deadline < m->told_ms) {
		m->told_ms = sa->deadline;
		m->ops->wake(m->user);
	}
}

void manager_remove(struct ike_manager *m, struct ike_sa *sa)
{
	struct ike_sa **p = spi_bucket(m, ike_sa_own_spi(sa));

	while (*p != sa)
		p = &(*p)->hash_next;
	*p = sa->hash_next;
	index_remove(sa);
	manager_remove_init(m, sa);
	manager_remove_peer(m, sa);
	manager_not_half_open(m, sa);
	heap_remove(m, sa);
	sweep_forget(m, sa);
	TAILQ_REMOVE(&m->sas, sa, link);
	m->n_sas--;
}

static void cookie_housekeeping(struct ike_manager *m, uint64_t now)
{
	if (now < m->cookie_rotate_ms)
		return;
	m->cookie_rotate_ms = now + IKE_COOKIE_LIFE_MS;
	if (ike_cookie_rotate(&m->cookies) < 0)
		manager_log(m, IKE_LOG_ERROR, "no random bytes for a cookie secret: the old one stays");
}

uint64_t ike_tick(struct ike_manager *m)
{
	uint64_t now = manager_now(m), next = IKE_NEVER;
	bool more = sweep_step(m);

	cookie_housekeeping(m, now);
	if (m->recover_ms != 0 && m->recover_ms <= now)
		recovery_step(m);
	while (m->n_heap > 0 && m->heap[0]->deadline <= now) {
		struct ike_sa *sa = m->heap[0];

		timers_fire(sa, now);
		if (sa->reap)
			ike_sa_free(sa);
	}
	store_flush(m);
	if (m->n_heap > 0)
		next = m->heap[0]->deadline;
	if (m->recover_ms != 0 && m->recover_ms < next)
		next = m->recover_ms;
	if (more)
		next = now;
	m->told_ms = next;
	return next;
}

/* Datagrams */

void manager_send(struct ike_manager *m, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                  bool natt, const uint8_t *data, size_t len)
{
	m->counters.sent++;
	if (m->store == NULL || !store_hold(m, local, remote, natt, data, len))
		m->ops->send(m->user, local, remote, natt, data, len);
}

bool manager_may_notify(struct ike_manager *m)
{
	uint64_t second = manager_now(m) / 1000;

	if (second != m->notify_second) {
		m->notify_second = second;
		m->notify_count = 0;
	}
	return m->notify_count++ < IKE_NOTIFY_PER_S;
}

/* RFC 7296 2.5: the one unprotected answer to a message of another major version. */
static void answer_version(struct ike_manager *m, const struct ike_datagram *dg, const struct ike_header *in)
{
	struct ike_header hdr = {.spi_i = in->spi_i,
	                         .spi_r = in->spi_r,
	                         .exchange = in->exchange,
	                         .flags = IKE_FLAG_RESPONSE,
	                         .message_id = in->message_id};
	uint8_t buf[64];
	struct ike_build b;

	if (ike_header_is_response(in) || !manager_may_notify(m))
		return;
	ike_build_message(&b, buf, sizeof(buf), &hdr);
	ike_build_status(&b, IKE_NOTIFY_INVALID_MAJOR_VERSION, NULL, 0);
	if (ike_build_finish(&b) == 0)
		manager_send(m, &dg->local, &dg->remote, dg->natt, buf, b.len);
}

void ike_input(struct ike_manager *m, const struct ike_datagram *dg)
{
	struct ike_header hdr;
	enum ike_reject reason = ike_header_parse(&hdr, dg->data, dg->len);
	struct ike_sa *sa;

	m->counters.received++;
	if (reason != IKE_OK) {
		manager_count_reject(m, reason);
		if (reason == IKE_REJECT_MAJOR_VERSION)
			answer_version(m, dg, &hdr);
		return;
	}
	if (hdr.spi_i == 0) {
		IKE_COUNT(m, spi_zero);
		return;
	}
	if (hdr.exchange == IKE_EXCHANGE_IKE_SA_INIT && !ike_header_is_response(&hdr)) {
		init_input(m, dg, &hdr);
		return;
	}
	sa = manager_find(m, ike_header_from_initiator(&hdr) ? hdr.spi_r : hdr.spi_i);
	if (sa == NULL) {
		IKE_COUNT(m, spi_unknown);
		return;
	}
	exchange_input(sa, dg);
}

void manager_log(const struct ike_manager *m, enum ike_log_level level, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	m->ops->log(m->user, level, "ike", text);
}
