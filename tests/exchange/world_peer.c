/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two peers of the world: their lives (a start, a kill, what comes back from
 * records and dataplane), their jobs and batches, and what a test asks of them.
 */
#include "control/ike/census.h"
#include "tests/exchange/world_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

void peer_inject(struct peer *p, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                 bool natt, const uint8_t *data, size_t len)
{
	struct ike_datagram dg = {.local = *local, .remote = *remote, .natt = natt, .data = data, .len = len};

	ike_input(p->m, &dg);
}

static void make_manager(struct peer *p)
{
	const struct world_options *options = &p->world->options;
	struct ike_params params = {.ops = &peer_ops,
	                            .user = p,
	                            .homing = options->homing,
	                            .auth = p->auth,
	                            .boot_epoch = ++p->boot_epoch,
	                            .store = options->store ? &peer_store_ops : NULL,
	                            .store_user = p};

	p->next_ms = FAR_AWAY;
	p->m = ike_create(&params);
	assert_non_null(p->m);
}

void peer_start(struct world *w, unsigned index, struct rg_auth *auth)
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

/* The figures that are kept are those that a count gives. */
static void check_census(struct peer *p)
{
	const struct census *census = &p->m->census;
	uint32_t established = 0, children = 0, placed = 0;
	const struct ike_sa *sa;
	const struct child_sa *child;

	TAILQ_FOREACH (sa, &p->m->sas, link) {
		established += sa->state == IKE_STATE_ESTABLISHED;
		placed += sa->counted == CENSUS_NOWHERE;
		if (sa->state == IKE_STATE_ESTABLISHED && sa->counted != CENSUS_NOWHERE)
			assert_true(addr_equal(&census->at[sa->counted - 1].addr, &sa->local.addr));
		TAILQ_FOREACH (child, &sa->children, link)
			children += child->state == CHILD_INSTALLED || child->state == CHILD_REKEYING;
	}
	for (unsigned i = 0; i < census->n; i++)
		placed += census->at[i].n;
	assert_int_equal(census->established, established);
	assert_int_equal(placed, established);
	assert_int_equal(census->children, children);
}

void peer_end(struct peer *p)
{
	peer_run_jobs(p);
	peer_run_batches(p);
	check_census(p);
	if (p->dp->wrong != NULL) {
		print_error("the dataplane of %c saw: %s\n", p->letter, p->dp->wrong);
		fail();
	}
	ike_destroy(p->m);
	rg_pools_free(p->pools);
	for (unsigned i = 0; i < sizeof(p->records) / sizeof(p->records[0]); i++)
		free(p->records[i].data);
	rg_auth_unref(p->auth);
	test_free(p->dp);
}

void peer_come_back(struct peer *p)
{
	peer_restart(p);
	assert_int_equal(peer_restore(p), 0);
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

uint64_t peer_session_id(struct peer *p)
{
	return ike_session_id(peer_session(p));
}

unsigned peer_sas(struct peer *p)
{
	struct ike_sa *sa;
	unsigned n = 0;

	TAILQ_FOREACH (sa, &p->m->sas, link)
		n += sa->state != IKE_STATE_CLOSED;
	return n;
}

void peer_has_one_of_everything(struct peer *p)
{
	assert_int_equal(peer_sas(p), 1);
	assert_int_equal(fake_count_in(p->dp), 1);
	assert_int_equal(fake_count_out(p->dp), 1);
	assert_int_equal(fake_count_tunnels(p->dp), 1);
	assert_int_equal(fake_count_policies(p->dp), TAILQ_FIRST(&peer_session(p)->flows)->n_policies);
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
