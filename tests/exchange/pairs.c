/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two Child SAs under traffic (pairs.h).
 */
#include "tests/exchange/pairs.h"

#include <arpa/inet.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* DPD and lifetimes are not what is looked at; without the timer of design.md (`switch`) not one packet may
 * be lost. */
#define COMMON                                                                                               \
	"    authentication: {local: psk, remote: psk}\n"                                                    \
	"    lifetimes: {ike: 30d, child: 30d, dpd: off, switch: off}\n"

static const char gateway_yaml[] =
        "connections:\n"
        "  roam:\n"
        "    uplinks: {members: [isp1, isp2]}\n"
        "    identities: [carol@example.net]\n"
        "    pool: road\n" COMMON "    selectors: {local: [10.20.0.0/24, 10.30.0.0/24]}\n"
        "    children:\n"
        "      a: {selectors: {local: [10.20.0.0/24]}}\n"
        "      b: {selectors: {local: [10.30.0.0/24]}}\n";
static const char client_yaml[] = "connections:\n"
                                  "  home:\n"
                                  "    uplinks: {members: [wlan, lte]}\n"
                                  "    identities: [gw.example.net]\n" COMMON "    children:\n"
                                  "      a: {selectors: {remote: [10.20.0.0/24]}}\n"
                                  "      b: {selectors: {remote: [10.30.0.0/24]}}\n";

static struct pairs *current; /* of the world's watch */

static struct rg_cfg_addr inner(const struct pairs *p, bool client, unsigned which)
{
	return client ? p->vip : address(which == 0 ? "10.20.0.9" : "10.30.0.9");
}

static void lose(struct pairs *p, const char *why, uint32_t spi)
{
	if (getenv("WORLD_LOG") != NULL)
		print_message("%8lu lost on %08x: %s\n", p->w->now_ms, ntohl(spi), why);
	p->lost++;
	if (p->why == NULL)
		p->why = why;
	if (!p->strict)
		return;
	pairs_print(p);
	print_error("a packet was lost: %s\n", why);
	fail();
}

static void arrive(struct pairs *p, const struct flight *f)
{
	struct fake_sa *in = fake_in_by_spi(f->to->dp, f->record.spi);
	struct rg_api_event event = {.type = RG_EVENT_FIRST_PACKET, .direction = RG_IN};

	if (in == NULL || memcmp(in->record.key, f->record.key, RG_API_KEY_MAX) != 0 ||
	    in->record.flags != f->record.flags || in->record.mode != f->record.mode) {
		lose(p, in == NULL ? "the receiver has no such SA" : "the receiver's SA is another one",
		     f->record.spi);
		return;
	}
	if (in->seen_packet)
		return;
	in->seen_packet = true;
	event.handle = in->record.handle;
	event.tunnel = in->record.tunnel;
	event.cookie = in->record.cookie;
	ike_dp_event(f->to->m, &event);
}

static void depart(struct pairs *p, struct peer *from, struct peer *to, unsigned which)
{
	bool by_client = from == world_client(p->w);
	struct rg_cfg_addr src = inner(p, by_client, which), dst = inner(p, !by_client, which);
	const struct fake_sa *out = fake_route(from->dp, &src, &dst);
	struct flight *f = &p->flights[p->n_flights];

	p->sent++;
	if (out == NULL) {
		lose(p, "the sender has no SA", 0);
		return;
	}
	if (p->n_flights == PAIRS_FLIGHTS)
		return;
	p->seed = p->seed * 6364136223846793005ull + 1442695040888963407ull;
	*f = (struct flight){.to = to, .record = out->record, .at_ms = p->w->now_ms};
	f->at_ms += p->esp_delay_ms > 0 ? (p->seed >> 33) % p->esp_delay_ms : 0;
	p->n_flights++;
}

static void land(struct pairs *p, uint64_t until)
{
	for (unsigned i = 0; i < p->n_flights;) {
		struct flight f = p->flights[i];

		if (f.at_ms > until) {
			i++;
			continue;
		}
		p->flights[i] = p->flights[--p->n_flights];
		arrive(p, &f);
	}
}

/* One packet of each kind after each event. */
static void watch(struct world *w, bool before)
{
	land(current, before ? w->now_ms - 1 : w->now_ms);
	if (before)
		return;
	for (unsigned which = 0; which < PAIRS_CHILDREN; which++) {
		depart(current, world_client(w), world_gateway(w), which);
		depart(current, world_gateway(w), world_client(w), which);
	}
	if (current->esp_delay_ms == 0)
		land(current, w->now_ms);
}

static bool both_have_two(struct world *w)
{
	return fake_count_in(world_client(w)->dp) == PAIRS_CHILDREN && pairs_quiet(w);
}

struct pairs *pairs_new(const struct world_options *options)
{
	struct world_options o = options != NULL ? *options : (struct world_options){0};
	struct pairs *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	o.gateway_yaml = gateway_yaml;
	o.client_yaml = client_yaml;
	p->w = world_new(&o);
	p->seed = o.seed;
	world_up(p->w);
	assert_true(world_run_until(p->w, both_have_two, 5000));
	world_run(p->w, 3000);
	world_trace_clear(p->w);
	p->vip = peer_session(world_client(p->w))->vips[0].addr;
	current = p;
	p->w->watch = watch;
	watch(p->w, false);
	land(p, UINT64_MAX);
	return p;
}

void pairs_free(struct pairs *p)
{
	p->w->watch = NULL;
	world_free(p->w);
	free(p);
}

struct child_sa *pairs_child(struct peer *peer, unsigned which)
{
	struct ike_sa *sa = peer_session(peer);
	struct flow *flow;

	if (sa == NULL)
		return NULL;
	TAILQ_FOREACH (flow, &sa->flows, link) {
		if (flow->cfg->name[0] == (which == 0 ? 'a' : 'b') && flow_current(flow) != NULL)
			return flow_current(flow);
	}
	return NULL;
}

static bool peer_quiet(struct peer *p)
{
	const struct child_sa *child;
	const struct ike_sa *sa;

	TAILQ_FOREACH (sa, &p->m->sas, link) {
		if (sa->state == IKE_STATE_CLOSED)
			continue;
		if (sa->state != IKE_STATE_ESTABLISHED || sa->heir_has_it || !TAILQ_EMPTY(&sa->requests) ||
		    !TAILQ_EMPTY(&sa->tasks) || sa->parked)
			return false;
		TAILQ_FOREACH (child, &sa->children, link) {
			if (child->state != CHILD_INSTALLED)
				return false;
		}
	}
	return true;
}

bool pairs_quiet(struct world *w)
{
	return w->n_net == 0 && peer_quiet(world_client(w)) && peer_quiet(world_gateway(w));
}

bool pairs_settle(struct pairs *p, uint64_t ms)
{
	uint64_t end = p->w->now_ms + ms;

	while (!world_run_until(p->w, pairs_quiet, 500)) {
		if (p->w->now_ms >= end)
			return false;
		watch(p->w, false);
	}
	return true;
}

static const char *wrong_at(struct peer *p, struct peer *other, unsigned children)
{
	const struct ike_sa *sa = peer_session(p);
	struct ike_sa *theirs = peer_session(other);
	const struct child_sa *child;
	const struct flow *flow;
	unsigned n = 0, policies = 0;

	if (peer_sas(p) != 1 || sa == NULL)
		return "not exactly one IKE SA";
	if (theirs == NULL || sa->spi_i != theirs->spi_i || sa->spi_r != theirs->spi_r)
		return "the two have different IKE SAs";
	TAILQ_FOREACH (child, &sa->children, link) {
		const struct child_sa *half = child_by_spi_in(theirs, child->spi_out);

		n++;
		if (half == NULL || half->spi_out != child->spi_in)
			return "a Child SA without its other half";
		if (!child_is_current(child) || !child_is_current(half))
			return "a Child SA that nobody sends through";
	}
	TAILQ_FOREACH (flow, &sa->flows, link) {
		policies += flow->n_policies;
		if (flow_children(flow) > 1)
			return "two Child SAs for one purpose";
	}
	if (children != UINT_MAX && n != children)
		return "another number of Child SAs";
	if (fake_count_in(p->dp) != n || fake_count_out(p->dp) != n)
		return "the dataplane has other SAs";
	if (fake_count_tunnels(p->dp) > 1 || fake_count_policies(p->dp) != policies)
		return "the dataplane has other tunnels or policies";
	if (p->dp->wrong != NULL)
		return p->dp->wrong;
	return peer_counter(p, "ike-illegal-state-moves") != 0 ? "a state move that the table does not have"
	                                                       : NULL;
}

const char *pairs_wrong(struct pairs *p, unsigned children)
{
	const char *wrong = wrong_at(world_client(p->w), world_gateway(p->w), children);

	return wrong != NULL ? wrong : wrong_at(world_gateway(p->w), world_client(p->w), children);
}

static void print_peer(struct peer *p)
{
	const struct outstanding *r;
	const struct child_sa *child;
	const struct task *task;
	const struct ike_sa *sa;

	TAILQ_FOREACH (sa, &p->m->sas, link) {
		print_error("%c %016lx %s%s%s\n", p->letter, sa->spi_i, ike_state_name(sa->state),
		            sa->heir_has_it ? ", without the session" : "", sa->parked ? ", parked" : "");
		TAILQ_FOREACH (r, &sa->requests, link)
			print_error("  on the wire: %s, message %u\n", r->task->type->name, r->message_id);
		TAILQ_FOREACH (task, &sa->tasks, link)
			print_error("  waiting: %s\n", task->type->name);
		TAILQ_FOREACH (child, &sa->children, link)
			print_error("  %08x/%08x %s %s%s\n", ntohl(child->spi_in), ntohl(child->spi_out),
			            child->cfg->name, child_state_name(child->state),
			            child_is_current(child) ? ", current" : "");
	}
}

void pairs_print(struct pairs *p)
{
	print_error("%s", p->w->trace);
	print_peer(world_client(p->w));
	print_peer(world_gateway(p->w));
}
