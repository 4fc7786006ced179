/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of exchange tests, see world.h. Its own memory is cmocka's, so that
 * a test may let the peers run out of theirs.
 */
#include "tests/exchange/world.h"

#include "tests/exchange/world_config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FAR_AWAY UINT64_MAX

static uint64_t next_random(uint64_t *seed)
{
	uint64_t z = (*seed += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

struct rg_cfg_addr address(const char *text)
{
	struct rg_cfg_addr a = {.family = 4};

	if (inet_pton(AF_INET, text, a.bytes) == 1)
		return a;
	a.family = 6;
	assert_int_equal(inet_pton(AF_INET6, text, a.bytes), 1);
	return a;
}

struct ike_endpoint endpoint(const char *addr, uint16_t port)
{
	return (struct ike_endpoint){address(addr), port};
}

/* The trace */

static void trace(struct world *w, const struct datagram *dg, bool lost)
{
	struct ike_header hdr;
	char id[16];
	size_t room = WORLD_TRACE - w->trace_len;
	int n;

	if (!w->record || ike_header_parse(&hdr, dg->data, dg->len) != IKE_OK || room < 64)
		return;
	snprintf(id, sizeof(id), "%c%u", ike_header_is_response(&hdr) ? '!' : '?', hdr.message_id);
	n = snprintf(w->trace + w->trace_len, room, "%c%c%c %s %s\n", dg->from->letter, lost ? '-' : '>',
	             lost                       ? 'x'
	             : dg->from == &w->peers[0] ? 'g'
	                                        : 'c',
	             ike_exchange_name(hdr.exchange), id);
	w->trace_len += (size_t)n;
}

void world_trace_clear(struct world *w)
{
	w->trace_len = 0;
	w->trace[0] = '\0';
	w->record = true;
}

void world_expect(struct world *w, const char *expected)
{
	if (strcmp(w->trace, expected) != 0) {
		print_error("expected:\n%sbut saw:\n%s", expected, w->trace);
		fail();
	}
	world_trace_clear(w);
}

/* Ops */

static uint64_t op_now(void *user)
{
	return ((struct peer *)user)->world->now_ms;
}

static void op_random(void *user, void *buf, size_t len)
{
	struct peer *p = user;
	uint8_t *out = buf;

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(next_random(&p->seed) >> 32);
}

static void enqueue(struct world *w, const struct datagram *dg)
{
	struct datagram *slot = &w->net[w->n_net];

	assert_true(w->n_net < WORLD_PACKETS);
	*slot = *dg;
	slot->order = w->order++;
	slot->at_ms = w->now_ms + w->delay_ms;
	if (w->jitter_ms > 0)
		slot->at_ms += next_random(&w->seed) % w->jitter_ms;
	slot->data = test_malloc(dg->len + 1);
	assert_non_null(slot->data);
	memcpy(slot->data, dg->data, dg->len);
	w->n_net++;
}

static void keep_last(struct world *w, const struct datagram *dg)
{
	struct datagram *last = &w->last[dg->from - w->peers];

	test_free(last->data);
	*last = *dg;
	last->data = test_malloc(dg->len + 1);
	assert_non_null(last->data);
	memcpy(last->data, dg->data, dg->len);
}

static void op_send(void *user, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                    bool natt, const uint8_t *data, size_t len)
{
	struct peer *p = user;
	struct world *w = p->world;
	struct datagram dg = {.from = p, .local = *local, .remote = *remote, .natt = natt, .len = len};
	bool lost = w->loss_percent > next_random(&w->seed) % 100;

	assert_int_equal(p->uncommitted, 0); /* records come first */
	dg.data = test_malloc(len + 1);
	assert_non_null(dg.data);
	memcpy(dg.data, data, len);
	if (w->filter != NULL && !w->filter(w, &dg))
		lost = true;
	trace(w, &dg, lost);
	keep_last(w, &dg);
	if (!lost) {
		enqueue(w, &dg);
		if (w->duplicate_percent > next_random(&w->seed) % 100)
			enqueue(w, &dg);
	}
	test_free(dg.data);
}

static void op_submit_job(void *user, struct ike_job *job)
{
	struct peer *p = user;

	assert_true(p->n_jobs < 256);
	p->jobs[p->n_jobs++] = job;
}

static void op_dp_submit(void *user, struct ike_batch *batch)
{
	struct peer *p = user;

	assert_true(p->n_batches < 256);
	p->batches[p->n_batches++] = batch;
}

static const struct rg_counters_sa *op_counters(void *user, enum rg_direction direction, uint32_t handle)
{
	struct peer *p = user;
	unsigned i = RG_SA_HANDLE_INDEX(handle) % FAKE_MAX;

	return direction == RG_IN ? &p->dp->counters_in[i] : &p->dp->counters_out[i];
}

static void op_wake(void *user)
{
	struct peer *p = user;

	p->next_ms = p->world->now_ms;
}

static void op_event(void *user, const struct ike_event *event)
{
	struct peer *p = user;

	p->events[event->type]++;
	snprintf(p->last_event[event->type], sizeof(p->last_event[0]), "%s", event->text);
	if (getenv("WORLD_LOG") != NULL)
		print_message("%8lu %c event %u: %s\n", p->world->now_ms, p->letter, event->type,
		              event->text);
}

static void op_log(void *user, enum ike_log_level level, const char *component, const char *text)
{
	struct peer *p = user;

	if (getenv("WORLD_LOG") != NULL)
		print_message("%8lu %c %u %s: %s\n", p->world->now_ms, p->letter, level, component, text);
}

static int op_acquire(void *user, unsigned pool, uint64_t identity, uint64_t cookie, uint8_t family,
                      const struct rg_cfg_addr *wanted, struct rg_cfg_addr *out)
{
	struct peer *p = user;

	p->last_pool = pool;
	if (p->pools != NULL) {
		int error = rg_pools_acquire(p->pools, pool, family, identity, cookie, wanted, out);

		return error == -EAFNOSUPPORT || error == -EINVAL ? -ENOENT : error;
	}
	if (p->pool_full)
		return -ENOSPC;
	for (unsigned i = 0; i < p->n_leases; i++) {
		if (p->leases[i].cookie == cookie && p->leases[i].addr.family == family) {
			p->leases[i].users++;
			*out = p->leases[i].addr;
			return 0;
		}
		if (wanted != NULL && addr_equal(&p->leases[i].addr, wanted))
			wanted = NULL; /* somebody else's */
	}
	*out = wanted != NULL ? *wanted : family == 4 ? p->pool_next4 : p->pool_next6;
	if (wanted == NULL)
		(family == 4 ? &p->pool_next4 : &p->pool_next6)->bytes[family == 4 ? 3 : 15]++;
	if (p->n_leases == sizeof(p->leases) / sizeof(p->leases[0]))
		return 0; /* the random tests connect often: the oldest names are kept */
	p->leases[p->n_leases].cookie = cookie;
	p->leases[p->n_leases].users = 1;
	p->leases[p->n_leases++].addr = *out;
	return 0;
}

static void op_release(void *user, uint64_t cookie, const struct rg_cfg_addr *addr)
{
	struct peer *p = user;

	if (p->pools != NULL)
		rg_pools_release(p->pools, addr, cookie);
	for (unsigned i = 0; i < p->n_leases; i++) {
		if (p->leases[i].cookie != cookie || !addr_equal(&p->leases[i].addr, addr))
			continue;
		assert_true(p->leases[i].users > 0);
		p->leases[i].users--;
	}
}

static const struct ike_ops ops = {
        .now = op_now,
        .random = op_random,
        .send = op_send,
        .submit_job = op_submit_job,
        .dp_submit = op_dp_submit,
        .counters = op_counters,
        .wake = op_wake,
        .event = op_event,
        .log = op_log,
        .pool = {.acquire = op_acquire, .release = op_release},
};

/* Peers */

void peer_run_jobs(struct peer *p)
{
	while (p->n_jobs > 0) {
		struct ike_job *job = p->jobs[0];

		p->n_jobs--;
		memmove(p->jobs, p->jobs + 1, p->n_jobs * sizeof(struct ike_job *));
		job->work(job);
		job->done(job);
	}
}

void peer_run_batches(struct peer *p)
{
	while (p->n_batches > 0) {
		struct ike_batch *batch = p->batches[0];

		p->n_batches--;
		memmove(p->batches, p->batches + 1, p->n_batches * sizeof(struct ike_batch *));
		fake_apply(p->dp, batch);
		batch->done(batch);
	}
}

static void run_local(struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		struct peer *p = &w->peers[i];

		while ((p->n_jobs > 0 && !p->hold_jobs) || (p->n_batches > 0 && !p->hold_batches)) {
			if (!p->hold_jobs)
				peer_run_jobs(p);
			if (!p->hold_batches)
				peer_run_batches(p);
		}
	}
}

void peer_inject(struct peer *p, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                 bool natt, const uint8_t *data, size_t len)
{
	struct ike_datagram dg = {.local = *local, .remote = *remote, .natt = natt, .data = data, .len = len};

	ike_input(p->m, &dg);
}

static void deliver(struct world *w, unsigned index)
{
	struct datagram dg = w->net[index];
	struct peer *to = dg.from == &w->peers[0] ? &w->peers[1] : &w->peers[0];

	w->n_net--;
	memmove(&w->net[index], &w->net[index + 1], (w->n_net - index) * sizeof(w->net[0]));
	if (w->nat.family != 0 && dg.from == &w->peers[0]) {
		dg.local.addr = w->nat;
		dg.local.port = (uint16_t)(dg.local.port + w->nat_port_offset);
	} else if (w->nat.family != 0) {
		dg.remote =
		        w->peers[0].m != NULL ? endpoint("198.51.100.7", dg.natt ? 4500 : 500) : dg.remote;
	}
	peer_inject(to, &dg.remote, &dg.local, dg.natt, dg.data, dg.len);
	test_free(dg.data);
}

void world_local(struct world *w)
{
	run_local(w);
}

void world_deliver(struct world *w, unsigned index)
{
	deliver(w, index);
	run_local(w);
	if (w->watch != NULL)
		w->watch(w, false);
}

void world_drop(struct world *w, unsigned index)
{
	test_free(w->net[index].data);
	w->n_net--;
	memmove(&w->net[index], &w->net[index + 1], (w->n_net - index) * sizeof(w->net[0]));
}

static unsigned earliest(const struct world *w)
{
	unsigned best = 0;

	for (unsigned i = 1; i < w->n_net; i++) {
		if (w->net[i].at_ms < w->net[best].at_ms ||
		    (w->net[i].at_ms == w->net[best].at_ms && w->net[i].order < w->net[best].order))
			best = i;
	}
	return best;
}

/* One step towards `end`; false: nothing is left before it. */
static bool step(struct world *w, uint64_t end)
{
	uint64_t at = FAR_AWAY;
	unsigned packet = 0;
	struct peer *timer = NULL;

	run_local(w);
	if (w->n_net > 0) {
		packet = earliest(w);
		at = w->net[packet].at_ms;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (w->peers[i].next_ms < at) {
			at = w->peers[i].next_ms;
			timer = &w->peers[i];
		}
	}
	if (at > end)
		return false;
	if (at > w->now_ms)
		w->now_ms = at;
	if (w->watch != NULL)
		w->watch(w, true);
	if (timer != NULL)
		timer->next_ms = ike_tick(timer->m);
	else
		deliver(w, packet);
	run_local(w);
	if (w->watch != NULL)
		w->watch(w, false);
	return true;
}

void world_run(struct world *w, uint64_t ms)
{
	uint64_t end = w->now_ms + ms;

	while (step(w, end))
		;
	w->now_ms = end;
}

bool world_run_until(struct world *w, bool (*done)(struct world *w), uint64_t ms)
{
	uint64_t end = w->now_ms + ms;

	run_local(w);
	while (!done(w)) {
		if (!step(w, end)) {
			w->now_ms = end;
			return done(w);
		}
	}
	return true;
}

void world_settle(struct world *w)
{
	world_run(w, w->delay_ms * 8 + 10);
}

/* Stores */

static int store_put(void *user, uint64_t key, const uint8_t *record, size_t len)
{
	struct peer *p = user;
	struct kept_record *slot = NULL;

	if (p->store_full)
		return -ENOSPC;
	for (unsigned i = 0; i < sizeof(p->records) / sizeof(p->records[0]); i++) {
		if (p->records[i].data != NULL && p->records[i].key == key)
			slot = &p->records[i];
		else if (slot == NULL && p->records[i].data == NULL)
			slot = &p->records[i];
	}
	assert_non_null(slot);
	free(slot->data);
	slot->data = malloc(len);
	assert_non_null(slot->data);
	memcpy(slot->data, record, len);
	slot->key = key;
	slot->len = len;
	p->puts++;
	p->uncommitted++;
	return 0;
}

static int store_drop(void *user, uint64_t key)
{
	struct peer *p = user;

	for (unsigned i = 0; i < sizeof(p->records) / sizeof(p->records[0]); i++) {
		if (p->records[i].data == NULL || p->records[i].key != key)
			continue;
		free(p->records[i].data);
		p->records[i].data = NULL;
		p->uncommitted++;
		return 0;
	}
	return -ENOENT;
}

static int store_commit(void *user)
{
	((struct peer *)user)->uncommitted = 0;
	return 0;
}

static const struct ike_store_ops store_ops = {.put = store_put, .drop = store_drop, .commit = store_commit};

/* Peers' lives */

static void make_manager(struct peer *p)
{
	const struct world_options *options = &p->world->options;
	struct ike_params params = {.ops = &ops,
	                            .user = p,
	                            .homing = options->homing,
	                            .auth = p->auth,
	                            .boot_epoch = ++p->boot_epoch,
	                            .store = options->store ? &store_ops : NULL,
	                            .store_user = p};

	p->next_ms = FAR_AWAY;
	p->m = ike_create(&params);
	assert_non_null(p->m);
}

static void peer_start(struct world *w, unsigned index, struct rg_auth *auth)
{
	struct peer *p = &w->peers[index];

	p->world = w;
	p->letter = index == 0 ? 'c' : 'g';
	p->auth = auth;
	p->dp = test_calloc(1, sizeof(*p->dp));
	assert_non_null(p->dp);
	p->seed = w->options.seed * 2 + index;
	p->pool_next4 = address("10.99.0.2");
	p->pool_next6 = address("2001:db8:99::2");
	if (w->options.real_pools)
		assert_int_equal(rg_pools_new(rg_auth_config(auth), NULL, &p->pools), 0);
	make_manager(p);
}

void peer_restart(struct peer *p)
{
	while (p->n_jobs > 0 || p->n_batches > 0) {
		peer_run_jobs(p);
		peer_run_batches(p);
	}
	ike_destroy(p->m);
	for (unsigned i = 0; i < p->n_leases; i++)
		p->leases[i].users = 0;
	p->uncommitted = 0;
	make_manager(p);
}

/* What the records do not tell of is found in the dataplane, as control does after its start. */
static void adopt(struct peer *p)
{
	const struct fake_dataplane *dp = p->dp;

	for (unsigned i = 1; i < FAKE_MAX; i++) {
		struct rg_api_sa_info in = {.direction = RG_IN, .handle = dp->in[i].record.handle};
		struct rg_api_sa_info out = {.direction = RG_OUT, .handle = dp->out[i].record.handle};

		in.cookie = dp->in[i].record.cookie;
		out.cookie = dp->out[i].record.cookie;
		if (dp->in[i].used)
			(void)ike_adopt_sa(p->m, &in);
		if (dp->out[i].used)
			(void)ike_adopt_sa(p->m, &out);
		if (dp->tunnels[i].handle != 0)
			(void)ike_adopt_tunnel(p->m, &dp->tunnels[i]);
		if (dp->policies[i].handle != 0)
			(void)ike_adopt_policy(p->m, &dp->policies[i]);
	}
}

int peer_restore(struct peer *p)
{
	int error = 0;

	for (unsigned i = 0; i < sizeof(p->records) / sizeof(p->records[0]) && error == 0; i++) {
		if (p->records[i].data != NULL)
			error = ike_restore(p->m, p->records[i].data, p->records[i].len);
	}
	if (error == 0)
		adopt(p);
	return error;
}

struct world *world_new(const struct world_options *options)
{
	struct world *w = test_calloc(1, sizeof(*w));

	assert_non_null(w);
	if (options != NULL)
		w->options = *options;
	w->seed = w->options.seed + 1;
	w->now_ms = 1000000;
	w->delay_ms = 10;
	w->record = true;
	peer_start(w, 0, world_client_auth(&w->options));
	peer_start(w, 1, world_gateway_auth(&w->options));
	return w;
}

void world_free(struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		struct peer *p = &w->peers[i];

		peer_run_jobs(p);
		peer_run_batches(p);
		if (p->dp->wrong != NULL) {
			print_error("the dataplane of %c saw: %s\n", p->letter, p->dp->wrong);
			fail();
		}
		ike_destroy(p->m);
		rg_pools_free(p->pools);
		for (unsigned j = 0; j < sizeof(p->records) / sizeof(p->records[0]); j++)
			free(p->records[j].data);
		rg_auth_unref(p->auth);
		test_free(p->dp);
		test_free(w->last[i].data);
	}
	for (unsigned i = 0; i < w->n_net; i++)
		test_free(w->net[i].data);
	test_free(w);
}

uint64_t world_connect(struct world *w)
{
	struct ike_initiate req = {.connection = 0,
	                           .local = endpoint("198.51.100.7", 500),
	                           .remote = endpoint("192.0.2.1", 500),
	                           .remote_identity = "gw.example.net",
	                           .want_ip4 = true,
	                           .want_ip6 = true};
	int64_t id = ike_initiate(world_client(w)->m, &req);

	assert_true(id > 0);
	return (uint64_t)id;
}

static bool both_up(struct world *w)
{
	return peer_session(world_client(w)) != NULL && peer_session(world_gateway(w)) != NULL;
}

void world_up(struct world *w)
{
	world_connect(w);
	assert_true(world_run_until(w, both_up, 30000));
	world_settle(w);
	world_trace_clear(w);
}

void world_claim(struct ike_sa *sa, const char *identity)
{
	assert_int_equal(rg_id_parse(&sa->wishes->own, identity), 0);
	sa->own_id = &sa->wishes->own;
}

struct ike_sa *peer_session(struct peer *p)
{
	struct ike_sa *sa, *found = NULL;

	TAILQ_FOREACH (sa, &p->m->sas, link) {
		if (sa->state == IKE_STATE_ESTABLISHED)
			found = sa;
	}
	return found;
}

unsigned peer_sas(struct peer *p)
{
	struct ike_sa *sa;
	unsigned n = 0;

	TAILQ_FOREACH (sa, &p->m->sas, link)
		n += sa->state != IKE_STATE_CLOSED;
	return n;
}

uint64_t peer_counter(struct peer *p, const char *name)
{
	struct ike_counter counters[256];
	size_t n = ike_counters(p->m, counters, 256);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(counters[i].name, name) == 0)
			return counters[i].value;
	}
	print_error("there is no counter %s\n", name);
	fail();
	return 0;
}

static void first_packet(struct peer *to, struct fake_sa *in)
{
	struct rg_api_event event = {.type = RG_EVENT_FIRST_PACKET,
	                             .handle = in->record.handle,
	                             .tunnel = in->record.tunnel,
	                             .direction = RG_IN,
	                             .cookie = in->record.cookie};

	if (!in->seen_packet)
		ike_dp_event(to->m, &event);
	in->seen_packet = true;
}

bool world_esp(struct world *w, struct peer *from, struct peer *to, const struct rg_cfg_addr *inner_to)
{
	return world_esp_pair(w, from, to, NULL, inner_to);
}

bool world_esp_pair(struct world *w, struct peer *from, struct peer *to, const struct rg_cfg_addr *inner_from,
                    const struct rg_cfg_addr *inner_to)
{
	struct fake_sa *out = fake_route(from->dp, inner_from, inner_to), *in;
	struct rg_counters_sa *counters;

	if (out == NULL)
		return false;
	out->sequence++;
	in = fake_in_by_spi(to->dp, out->record.spi);
	if (in == NULL || memcmp(in->record.key, out->record.key, RG_API_KEY_MAX) != 0 ||
	    in->record.suite != out->record.suite || in->record.flags != out->record.flags ||
	    in->record.mode != out->record.mode || out->sequence <= in->sequence ||
	    (inner_from != NULL && !fake_selects(in, inner_to, inner_from)))
		return false;
	in->sequence = out->sequence;
	counters = &from->dp->counters_out[RG_SA_HANDLE_INDEX(out->record.handle) % FAKE_MAX];
	counters->sequence = out->sequence;
	counters->last_ms = w->now_ms;
	counters = &to->dp->counters_in[RG_SA_HANDLE_INDEX(in->record.handle) % FAKE_MAX];
	counters->sequence = in->sequence;
	counters->last_ms = w->now_ms;
	first_packet(to, in);
	run_local(w);
	return true;
}

bool world_traffic(struct world *w)
{
	struct ike_sa *sa = peer_session(world_client(w));
	struct rg_cfg_addr lan = address("10.20.0.9");

	return sa != NULL && sa->n_vips > 0 && world_esp(w, world_client(w), world_gateway(w), &lan) &&
	       world_esp(w, world_gateway(w), world_client(w), &sa->vips[0].addr);
}
