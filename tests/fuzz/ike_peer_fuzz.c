/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer, stateful: the input is a script that a peer with the right keys
 * plays: it connects, rekeys, deletes, forgets, changes payloads of its next
 * request, sends datagrams of any bytes, while the network loses and doubles and time
 * goes by. Whatever it was, the gateway's dataplane stays in order, nothing grows, and the
 * client can come again.
 *
 * A first octet of 0x80 and more makes the peer a gateway too, and says of what nature both are
 * (peer_sites.h): either may begin, both at once, are asked to, lose their uplink or their process, and the
 * peer changes its answers as well; it may be behind a NAT that forgets its mappings. In the end they have
 * one session, the same one, or with `uniqueness: never` the same ones.
 */
#include "tests/exchange/mutate.h"

#include "tests/fuzz/peer_check.h"
#include "tests/fuzz/peer_sites.h"

#include "control/homing/homing.h"
#include "control/ike/succession.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_STEPS 24u
#define GATEWAYS  0x80u

/* The rest of the script; zeros after its end. */
struct script {
	const uint8_t *at, *end;
};

struct play {
	struct world *w;
	struct sites sites; /* where the peer is a gateway */
	struct script script;
	struct mutation m;
};

typedef void play_step(struct play *p);

static uint8_t next(struct script *s)
{
	return s->at < s->end ? *s->at++ : 0;
}

static unsigned next16(struct script *s)
{
	unsigned high = next(s);

	return high << 8 | next(s);
}

static uint64_t session(struct play *p)
{
	struct ike_sa *sa = peer_session(world_client(p->w));

	return sa != NULL ? ike_session_id(sa) : 0;
}

/* Mutations: of one payload of the request that is about to leave. */

static void change_bytes(struct script *s, struct mutable_payload *victim)
{
	for (unsigned i = next(s) % 8; i > 0 && victim->len > 0; i--) {
		size_t at = next16(s) % victim->len;

		victim->body[at] = next(s);
	}
}

static void add_payload(struct mutation *m, struct script *s)
{
	uint8_t type = (uint8_t)(33 + next(s) % 16), body[64];
	size_t len = next(s) % sizeof(body);

	for (size_t i = 0; i < len; i++)
		body[i] = next(s);
	if (type != IKE_PAYLOAD_SK && m->n < IKE_MAX_PAYLOADS)
		mutable_add(m, type, body, len);
}

static void change(struct mutation *m)
{
	struct script *s = m->context;
	struct mutable_payload *victim;

	if (m->n == 0) {
		add_payload(m, s);
		return;
	}
	victim = &m->payloads[next(s) % m->n];
	switch (next(s) % 6) {
	case 0:
		change_bytes(s, victim);
		break;
	case 1:
		victim->len = next16(s) % (victim->len + 1);
		break;
	case 2:
		mutable_remove(m, (unsigned)(victim - m->payloads));
		break;
	case 3:
		add_payload(m, s);
		break;
	case 4:
		victim->critical = true;
		victim->type = next(s) | 0x40;
		break;
	default:
		if (m->n < IKE_MAX_PAYLOADS)
			mutable_add(m, victim->type, victim->body, victim->len);
		break;
	}
}

/* Steps */

static void step_connect(struct play *p)
{
	if (peer_sas(world_client(p->w)) < 3)
		world_connect(p->w);
}

static void step_rekey_children(struct play *p)
{
	ike_rekey_children(world_client(p->w)->m, session(p));
}

static void step_rekey_session(struct play *p)
{
	ike_rekey_session(world_client(p->w)->m, session(p));
}

static void step_gateway_rekeys(struct play *p)
{
	struct ike_sa *sa = peer_session(world_gateway(p->w));

	if (sa == NULL)
		return;
	if (next(&p->script) & 1)
		ike_rekey_session(world_gateway(p->w)->m, ike_session_id(sa));
	else
		ike_rekey_children(world_gateway(p->w)->m, ike_session_id(sa));
}

static void step_terminate(struct play *p)
{
	ike_terminate(world_client(p->w)->m, session(p));
}

static void step_forget(struct play *p)
{
	struct ike_sa *sa = peer_session(world_client(p->w));

	if (sa != NULL)
		ike_sa_close(sa, "the fuzzer forgets");
}

static void run(struct play *p, uint64_t ms)
{
	if (p->sites.w != NULL)
		sites_run(&p->sites, ms);
	else
		world_run(p->w, ms);
}

static void step_time(struct play *p)
{
	run(p, next16(&p->script));
}

static const uint8_t exchanges[] = {IKE_EXCHANGE_IKE_SA_INIT, IKE_EXCHANGE_IKE_AUTH,
                                    IKE_EXCHANGE_CREATE_CHILD_SA, IKE_EXCHANGE_INFORMATIONAL};

static void step_mutate(struct play *p)
{
	mutate(p->w, &p->m, exchanges[next(&p->script) % 4], change, &p->script);
}

static void step_mutate_answer(struct play *p)
{
	step_mutate(p);
	p->m.own_answers = true;
}

static void step_heal(struct play *p)
{
	mutate_stop(p->w);
}

/* A datagram of any bytes, behind a header with the session's SPIs. */
static void step_inject(struct play *p)
{
	struct ike_endpoint g = endpoint("192.0.2.1", 500), c = endpoint("198.51.100.7", 500);
	struct ike_sa *sa = peer_session(world_client(p->w));
	uint8_t msg[128] = {0};
	size_t len = 28 + next(&p->script) % 100;

	for (size_t i = 0; i < len; i++)
		msg[i] = next(&p->script);
	for (unsigned i = 0; sa != NULL && i < 8; i++) {
		msg[i] = (uint8_t)(sa->spi_i >> (56 - 8 * i));
		msg[8 + i] = (uint8_t)(sa->spi_r >> (56 - 8 * i));
	}
	msg[17] = 0x20;
	memset(msg + 24, 0, 3);
	msg[27] = (uint8_t)len;
	peer_inject(world_gateway(p->w), &g, &c, false, msg, len);
}

static void step_network(struct play *p)
{
	p->w->loss_percent = next(&p->script) % 60;
	p->w->duplicate_percent = next(&p->script) % 60;
	p->w->jitter_ms = next(&p->script);
}

static void step_traffic(struct play *p)
{
	world_traffic(p->w);
}

static play_step *const steps[] = {
        step_connect, step_rekey_children, step_rekey_session, step_gateway_rekeys, step_terminate,
        step_forget,  step_time,           step_time,          step_mutate,         step_heal,
        step_inject,  step_network,        step_traffic,
};

/* Steps of two gateways */

static struct site *either(struct play *p)
{
	return &p->sites.ends[next(&p->script) & 1];
}

static void step_begin_both(struct play *p)
{
	unsigned apart = next(&p->script) % 64;

	if (peer_sas(world_client(p->w)) > 4 || peer_sas(world_gateway(p->w)) > 4)
		return;
	sites_begin_now(&p->sites, !(apart & 1));
	run(p, apart);
	sites_begin_now(&p->sites, apart & 1);
}

static void step_ask(struct play *p)
{
	sites_ask(either(p));
}

static void step_packet(struct play *p)
{
	sites_packet(either(p));
}

static void step_hold(struct play *p)
{
	sites_hold(either(p));
}

static void step_uplink(struct play *p)
{
	unsigned which = next(&p->script), port = which >> 1 & 1;
	struct site *end = &p->sites.ends[which & 1];

	sites_uplink(end, port, end->down[port]);
}

/* Whoever began the session goes on over another pair. */
static void step_move(struct play *p)
{
	static const char *const addresses[2][2] = {{"198.51.100.7", "203.0.113.77"},
	                                            {"192.0.2.1", "203.0.113.1"}};
	unsigned which = next(&p->script), end = which & 1;
	struct rg_cfg_addr local = address(addresses[end][which >> 1 & 1]);
	struct rg_cfg_addr remote = address(addresses[!end][which >> 2 & 1]);
	struct peer *mover = p->sites.ends[end].peer;
	struct ike_sa *sa = peer_session(mover);

	if (sa != NULL)
		(void)homing_move(mover->m, ike_session_id(sa), &local, &remote);
}

/* What the dataplane tells of a session's path, which may be what anybody on the way has made it tell. */
static void step_hint(struct play *p)
{
	static const uint32_t types[] = {RG_EVENT_PMTU, RG_EVENT_NO_ANSWER, RG_EVENT_NEW_ADDRESS};
	struct peer *peer = either(p)->peer;
	struct ike_sa *sa = peer_session(peer);
	struct child_sa *child = sa != NULL ? child_current(sa) : NULL;
	struct rg_api_event event = {.type = types[next(&p->script) % 3], .value = next16(&p->script)};

	if (child == NULL)
		return;
	event.tunnel = sa->tunnel;
	event.handle = event.type == RG_EVENT_PMTU ? child->handle_out : child->handle_in;
	event.seen = (struct rg_api_path){.family = 4,
	                                  .encap = RG_ENCAP_UDP,
	                                  .local_port = htons(4500),
	                                  .remote_port = htons((uint16_t)event.value),
	                                  .local = {192, 0, 2, 1},
	                                  .remote = {198, 51, 100, next(&p->script)}};
	ike_dp_event(peer->m, &event);
}

static void step_reload(struct play *p)
{
	sites_reload(either(p));
}

static void step_restart(struct play *p)
{
	sites_restart(&p->sites, either(p));
}

static void step_authenticate_anew(struct play *p)
{
	struct ike_sa *sa = peer_session(either(p)->peer);

	if (sa != NULL && peer_sas(world_client(p->w)) < 8)
		(void)succession_start(sa);
}

/* The next SA that is to be installed at this end is not. */
static void step_no_room(struct play *p)
{
	either(p)->peer->dp->fail_add = -ENOSPC;
}

static void step_rebind(struct play *p)
{
	sites_rebind(&p->sites, next(&p->script));
}

static void step_gateway_terminates(struct play *p)
{
	struct ike_sa *sa = peer_session(world_gateway(p->w));

	if (sa != NULL)
		ike_terminate(world_gateway(p->w)->m, ike_session_id(sa));
}

static play_step *const steps_of_gateways[] = {
        step_begin_both,
        step_rekey_children,
        step_rekey_session,
        step_gateway_rekeys,
        step_terminate,
        step_forget,
        step_time,
        step_time,
        step_mutate,
        step_heal,
        step_inject,
        step_network,
        step_packet,
        step_ask,
        step_hold,
        step_uplink,
        step_reload,
        step_restart,
        step_mutate_answer,
        step_gateway_terminates,
        step_move,
        step_hint,
        step_authenticate_anew,
        step_no_room, /* those with SITES_MORE */
        step_rebind,  /* the last one: those behind a NAT */
};

static void play(struct play *p, play_step *const *table, size_t n)
{
	for (unsigned i = 0; i < MAX_STEPS && p->script.at < p->script.end; i++) {
		table[next(&p->script) % n](p);
		run(p, 50);
	}
	mutate_stop(p->w);
}

static void play_gateways(struct play *p)
{
	size_t n = sizeof(steps_of_gateways) / sizeof(steps_of_gateways[0]) - 3;
	unsigned nature = next(&p->script) & ~GATEWAYS;

	if (nature & SITES_MORE)
		nature |= (unsigned)next(&p->script) << 8 & (SITES_NAT | SITES_NEVER);
	sites_open(&p->sites, nature);
	p->w = p->sites.w;
	if (nature & SITES_MORE)
		n += nature & SITES_NAT ? 3 : 2;
	play(p, steps_of_gateways, n);
	sites_check_alive(&p->sites);
	sites_close(&p->sites);
	p->sites.w = NULL;
}

static void play_client(struct play *p)
{
	p->w = world_new(NULL);
	play(p, steps, sizeof(steps) / sizeof(steps[0]));
	peer_check_alive(p->w);
	world_free(p->w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play p;

	p.script = (struct script){data, data + size};
	if (size > 0 && data[0] & GATEWAYS)
		play_gateways(&p);
	else
		play_client(&p);
	return 0;
}
