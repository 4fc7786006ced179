/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Negotiation of a Child SA (child.h). RFC 7296 1.3, 2.9, 2.17. Core thread only.
 */
#include "control/ike/child.h"

#include "control/ike/child_rights.h"
#include "control/ike/manager.h"
#include "control/ike/pad.h"
#include "control/ike/timers.h"
#include "control/ike/ts.h"

#include <openssl/crypto.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static void take_choice(struct child_sa *child, const struct ike_choice *choice)
{
	child->suite = rg_suite_find(choice->suite.encr, choice->suite.encr_bits, choice->suite.integ);
	child->esn = choice->suite.esn;
	child->dh_group = choice->suite.dh;
	child->window = child->sa->connection->window;
	child_set_limits(child);
	child->spi_out = htonl(ike_child_spi(choice->spi));
}

static uint16_t notify_for(struct ike_manager *m, enum ike_reject reason)
{
	uint16_t notify = ike_reject_notify(reason, true);

	manager_count_reject(m, reason);
	return notify != 0 ? notify : IKE_NOTIFY_INVALID_SYNTAX;
}

/* The peer's offer, as one of our children would take it. */
struct offer {
	struct ike_sa_payload sa;
	struct ike_selectors tsi, tsr;
	bool transport; /* USE_TRANSPORT_MODE, and the selectors are what it can carry */
};

static enum ike_reject read_offer(struct offer *o, const struct ike_msg *msg)
{
	struct ike_notify notify;
	enum ike_reject reason = ike_sa_decode(&o->sa, ike_msg_find(msg, IKE_PAYLOAD_SA));

	if (reason == IKE_OK)
		reason = ike_selectors_decode(&o->tsi, ike_msg_find(msg, IKE_PAYLOAD_TSi));
	if (reason == IKE_OK)
		reason = ike_selectors_decode(&o->tsr, ike_msg_find(msg, IKE_PAYLOAD_TSr));
	o->transport = reason == IKE_OK && ike_notify_find(msg, IKE_NOTIFY_USE_TRANSPORT_MODE, &notify);
	return reason;
}

/* Narrows the offer to what the child may carry. False: there is nothing. With transport mode
 * the addresses are those that we see (RFC 7296 2.23.1); without, those that the peer wrote.
 * `firsts`: how many of the two first selectors are in it as they are. */
static bool narrow(struct child_sa *child, const struct offer *o, unsigned *firsts)
{
	struct child_selectors local, remote;
	struct ike_selectors tsi = o->tsi, tsr = o->tsr;

	child->transport = child_wants_transport(child);
	if (child->transport && (!o->transport || !child_see_through_nat(child->sa, false, &tsi) ||
	                         !child_see_through_nat(child->sa, true, &tsr)))
		return false;
	child_rights(child, child->transport, &local, &remote);
	ts_narrow(&tsi, &remote, &child->remote);
	ts_narrow(&tsr, &local, &child->local);
	*firsts = ts_has_first(&tsi, &child->remote) + ts_has_first(&tsr, &child->local);
	return child->remote.n > 0 && child->local.n > 0;
}

/* A proposal of this child's, once its selectors fit. */
static enum ike_reject choose(struct child_sa *child, enum ike_select what, const struct offer *o,
                              struct ike_choice *choice)
{
	const struct rg_cfg_proposal *esp;
	size_t n = child_proposals(child, &esp);

	if (what == IKE_SELECT_CHILD && child_wants_pfs(child))
		what = IKE_SELECT_CHILD_PFS;
	return ike_select(choice, what, esp, n, &o->sa);
}

static bool has_flow(const struct ike_sa *sa, const struct rg_cfg_child *cfg)
{
	const struct flow *flow;

	TAILQ_FOREACH (flow, &sa->flows, link) {
		if (flow->cfg == cfg)
			return true;
	}
	return false;
}

/* RFC 7296 2.9: is there another of the connection's children, not there yet, for what is offered
 * and this one does not carry? */
static bool more_possible(const struct child_sa *child, const struct offer *o)
{
	struct child_sa other = {.sa = child->sa};
	struct ike_selectors local, remote;
	unsigned firsts;
	size_t index = 0;

	while ((other.cfg = child_cfg(child->sa, index++)) != NULL) {
		if (other.cfg == child->cfg || has_flow(child->sa, other.cfg) || !narrow(&other, o, &firsts))
			continue;
		ts_to_wire(&other.local, &local);
		ts_to_wire(&other.remote, &remote);
		if (!ts_contained(&local, &child->local) || !ts_contained(&remote, &child->remote))
			return true;
	}
	return false;
}

/* The connection's child that takes the first selectors, which are those of the packet that the peer has
 * (RFC 7296 2.9), else the first one that fits; one that was rekeyed stays what it is. */
static enum ike_reject choose_child(struct child_sa *child, enum ike_select what, const struct offer *o,
                                    struct ike_choice *choice, bool *fits)
{
	const struct rg_cfg_child *best = NULL, *last = NULL;
	enum ike_reject reason = IKE_REJECT_NO_PROPOSAL;
	unsigned firsts, most = 0;

	if (child->flow != NULL) {
		*fits = narrow(child, o, &firsts);
		return choose(child, what, o, choice);
	}
	for (size_t i = 0; (child->cfg = child_cfg(child->sa, i)) != NULL; i++) {
		last = child->cfg;
		if (!narrow(child, o, &firsts))
			continue;
		*fits = true;
		reason = choose(child, what, o, choice);
		if (reason != IKE_OK || (best != NULL && firsts <= most))
			continue;
		best = last;
		most = firsts;
	}
	child->cfg = best != NULL ? best : child_cfg(child->sa, 0);
	if (best == NULL) /* what it offers for other traffic decides what it is told */
		return *fits ? reason : choose(child, what, o, choice);
	if (last != best) {
		(void)narrow(child, o, &firsts);
		reason = choose(child, what, o, choice);
	}
	child->more_possible = more_possible(child, o);
	return reason;
}

/* IM-17: RFC 4877 7.1 has transport mode for a home address, which the fast path could only tell from Mobile
 * IPv6's own headers; what comes from the address of the session is all that it carries. */
static void refuse_elsewhere(const struct ike_sa *sa)
{
	char remote[IKE_ENDPOINT_TEXT];

	IKE_COUNT(sa->manager, transport_elsewhere);
	ike_sa_log(sa, IKE_LOG_WARN,
	           "asks for transport mode with an address that is not the one of its session (%s): "
	           "transport mode is "
	           "between the addresses of the IKE SA; use tunnel mode for any other",
	           endpoint_text(&sa->remote, remote));
}

uint16_t child_read_request(struct child_sa *child, enum ike_select what, const struct ike_msg *msg,
                            struct ike_choice *choice)
{
	struct ike_manager *m = child->sa->manager;
	bool fits = false;
	struct offer o;
	enum ike_reject reason = read_offer(&o, msg);

	if (reason == IKE_OK)
		reason = choose_child(child, what, &o, choice, &fits);
	if (reason != IKE_OK)
		return notify_for(m, reason);
	take_choice(child, choice);
	if (child->spi_out == 0)
		return IKE_NOTIFY_INVALID_SYNTAX;
	if (fits && pad_claim(child->sa, &child->remote))
		return 0;
	if (!fits && o.transport && child_wants_transport(child))
		refuse_elsewhere(child->sa);
	IKE_COUNT(m, ts_unacceptable);
	return IKE_NOTIFY_TS_UNACCEPTABLE;
}

/* `packet`: first of what we offer; NULL. TSi stands before TSr in both roles (RFC 7296 appendix C). */
static void build_selectors(const struct child_sa *child, const struct child_selectors *local,
                            const struct child_selectors *remote, const struct child_packet *packet,
                            struct ike_build *out)
{
	struct ike_selectors i, r;

	ts_to_wire(child->we_initiated ? local : remote, &i);
	ts_to_wire(child->we_initiated ? remote : local, &r);
	if (packet != NULL) {
		ts_first_on_wire(&packet->source, &i);
		ts_first_on_wire(&packet->destination, &r);
	}
	ike_build_selectors(out, IKE_PAYLOAD_TSi, i.ts, i.n);
	ike_build_selectors(out, IKE_PAYLOAD_TSr, r.ts, r.n);
	if (child->transport)
		ike_build_status(out, IKE_NOTIFY_USE_TRANSPORT_MODE, NULL, 0);
}

void child_build_answer(const struct child_sa *child, const struct ike_choice *choice, struct ike_build *out)
{
	ike_build_sa_choice(out, choice, (const uint8_t *)&child->spi_in, sizeof(child->spi_in));
	build_selectors(child, &child->local, &child->remote, NULL, out);
	if (child->more_possible)
		ike_build_status(out, IKE_NOTIFY_ADDITIONAL_TS_POSSIBLE, NULL, 0);
}

/* What a request asks for: everything of the wanted families where addresses are yet to come. */
static void wanted(const struct child_sa *child, const struct child_sa *old, struct child_selectors *local,
                   struct child_selectors *remote)
{
	const struct ike_sa *sa = child->sa;

	if (old != NULL) {
		*local = old->local;
		*remote = old->remote;
		return;
	}
	child_rights(child, child->transport, local, remote);
	if (local->n > 0)
		return;
	if (sa->want_ip4)
		local->s[local->n++] = ts_any(4);
	if (sa->want_ip6)
		local->s[local->n++] = ts_any(6);
}

/* The packet that asked for it (RFC 7296 2.9), where we would send it there. Transport mode is between two
 * hosts whatever is offered, and a client does not know yet which address it will send from. */
static const struct child_packet *packet_for(const struct child_sa *child, const struct child_sa *old,
                                             const struct child_selectors *local,
                                             const struct child_selectors *remote)
{
	const struct ike_sa *sa = child->sa;

	if (sa->packet == NULL || old != NULL || child->transport ||
	    (sa->session_initiator && sa->n_vips == 0 && (sa->want_ip4 || sa->want_ip6)))
		return NULL;
	return ts_take_packet(local, remote, sa->packet) ? sa->packet : NULL;
}

void child_build_request(struct child_sa *child, enum ike_select what, const struct child_sa *old,
                         struct ike_build *out)
{
	const struct rg_cfg_proposal *esp;
	size_t n = child_proposals(child, &esp);
	struct child_selectors local, remote;

	child->transport = old != NULL ? old->transport : child_wants_transport(child);
	wanted(child, old, &local, &remote);
	ike_build_sa_offer(out, what, esp, n, (const uint8_t *)&child->spi_in, sizeof(child->spi_in));
	build_selectors(child, &local, &remote, packet_for(child, old, &local, &remote), out);
}

/* The answer's selectors, as we see the addresses: TSi is our side, we asked. */
static bool read_selectors(struct child_sa *child, const struct child_sa *old, const struct ike_msg *msg)
{
	const struct ike_payload *p_tsi = ike_msg_find(msg, IKE_PAYLOAD_TSi);
	const struct ike_payload *p_tsr = ike_msg_find(msg, IKE_PAYLOAD_TSr);
	struct child_selectors local, remote;
	struct ike_selectors tsi, tsr;
	struct ike_notify notify;

	if (p_tsi == NULL || p_tsr == NULL || ike_selectors_decode(&tsi, p_tsi) != IKE_OK ||
	    ike_selectors_decode(&tsr, p_tsr) != IKE_OK)
		return false;
	/* Who asks for transport mode and gets a tunnel has no use for it (RFC 7296 1.3.1). */
	if (child->transport != ike_notify_find(msg, IKE_NOTIFY_USE_TRANSPORT_MODE, &notify))
		return false;
	if (child->transport &&
	    (!child_see_through_nat(child->sa, true, &tsi) || !child_see_through_nat(child->sa, false, &tsr)))
		return false;
	wanted(child, old, &local, &remote);
	if (!ts_contained(&tsi, &local) || !ts_contained(&tsr, &remote))
		return false;
	ts_from_wire(&tsi, &child->local);
	ts_from_wire(&tsr, &child->remote);
	return child->local.n > 0 && child->remote.n > 0;
}

int child_read_answer(struct child_sa *child, enum ike_select what, const struct child_sa *old,
                      const struct ike_msg *msg, struct ike_choice *choice)
{
	const struct ike_payload *p_sa = ike_msg_find(msg, IKE_PAYLOAD_SA);
	const struct rg_cfg_proposal *esp;
	size_t n = child_proposals(child, &esp);
	struct ike_sa_payload sa;

	if (p_sa == NULL || ike_sa_decode(&sa, p_sa) != IKE_OK ||
	    ike_select_answer(choice, what, esp, n, &sa) != IKE_OK)
		return -EPROTO;
	take_choice(child, choice);
	return read_selectors(child, old, msg) && child->spi_out != 0 ? 0 : -EPROTO;
}

int child_derive(struct child_sa *child, const struct ike_choice *choice, struct ike_view ni,
                 struct ike_view nr, struct ike_view shared)
{
	struct ike_keymat_input in = {.ni = ni, .nr = nr, .shared = shared};
	struct ike_child_keys keys;
	int error = ike_keymat_child(&keys, &child->sa->keys, &choice->suite, &in);

	if (error == 0) {
		memcpy(child->keys.out, child->we_initiated ? keys.initiator : keys.responder,
		       sizeof(child->keys.out));
		memcpy(child->keys.in, child->we_initiated ? keys.responder : keys.initiator,
		       sizeof(child->keys.in));
	}
	ike_child_keys_wipe(&keys);
	return error;
}

void child_set_limits(struct child_sa *child)
{
	const struct rg_cfg_connection *c = child->sa->connection;

	child->lifetime = (struct rg_api_lifetime){
	        .soft_bytes = c->lifetimes.child_bytes / 10 * 9,
	        .hard_bytes = c->lifetimes.child_bytes,
	        .soft_packets = c->lifetimes.child_packets / 10 * 9,
	        .hard_packets = c->lifetimes.child_packets,
	        .hard_seconds = child_lifetime_s(child),
	};
}

void child_start_lifetimes(struct child_sa *child)
{
	uint64_t now = ike_sa_now(child->sa), life = (uint64_t)child_lifetime_s(child) * 1000;

	child->rekey_ms = life == 0 ? 0 : now + timer_jitter(child->sa, life / 10 * 9);
	child->expire_ms = life == 0 ? 0 : now + life;
	child_schedule(child->sa);
}

void child_schedule(struct ike_sa *sa)
{
	struct child_sa *child;
	uint64_t at = 0;

	TAILQ_FOREACH (child, &sa->children, link) {
		const uint64_t times[] = {child->rekey_ms, child->expire_ms, child->outbound_ms,
		                          child->delete_ms};

		for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
			if (times[i] != 0 && (at == 0 || times[i] < at))
				at = times[i];
		}
	}
	ike_sa_timer(sa, TIMER_CHILD, at);
}
