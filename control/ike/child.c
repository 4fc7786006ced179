/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Negotiation of a Child SA (child.h). RFC 7296 1.3, 2.9, 2.17. Core thread only.
 */
#include "control/ike/child.h"

#include "control/ike/manager.h"
#include "control/ike/pad.h"
#include "control/ike/timers.h"
#include "control/ike/ts.h"

#include <openssl/crypto.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* Our side of the traffic: a client's virtual addresses, a gateway's networks. */
static void allowed_local(const struct ike_sa *sa, struct child_selectors *out)
{
	*out = (struct child_selectors){0};
	if (sa->session_initiator && (sa->want_ip4 || sa->want_ip6)) {
		for (unsigned i = 0; i < sa->n_vips; i++) {
			struct rg_api_selector s = ts_host(&sa->vips[i].addr);

			ts_add(out, &s);
		}
		return;
	}
	pad_local(sa, out);
}

/* The peer's side: what its rule gives it, never more (H30). */
static void allowed_remote(const struct ike_sa *sa, struct child_selectors *out)
{
	if (!sa->session_initiator) {
		pad_remote(sa, out);
		return;
	}
	*out = sa->want_remote;
	if (out->n > 0)
		return;
	out->s[0] = ts_any(4);
	out->s[1] = ts_any(6);
	out->n = 2;
}

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

uint16_t child_read_request(struct child_sa *child, enum ike_select what, const struct ike_msg *msg,
                            struct ike_choice *choice)
{
	const struct rg_cfg_connection *c = child->sa->connection;
	struct ike_manager *m = child->sa->manager;
	struct child_selectors local, remote;
	struct ike_selectors tsi, tsr;
	struct ike_sa_payload sa;
	enum ike_reject reason = ike_sa_decode(&sa, ike_msg_find(msg, IKE_PAYLOAD_SA));

	if (reason == IKE_OK)
		reason = ike_select(choice, what, c->esp, c->n_esp, &sa);
	if (reason == IKE_OK)
		reason = ike_selectors_decode(&tsi, ike_msg_find(msg, IKE_PAYLOAD_TSi));
	if (reason == IKE_OK)
		reason = ike_selectors_decode(&tsr, ike_msg_find(msg, IKE_PAYLOAD_TSr));
	if (reason != IKE_OK)
		return notify_for(m, reason);
	take_choice(child, choice);
	if (child->spi_out == 0)
		return IKE_NOTIFY_INVALID_SYNTAX;
	allowed_local(child->sa, &local);
	allowed_remote(child->sa, &remote);
	ts_narrow(&tsi, &remote, &child->remote);
	ts_narrow(&tsr, &local, &child->local);
	if (child->remote.n > 0 && child->local.n > 0 && pad_claim(child->sa, &child->remote))
		return 0;
	IKE_COUNT(m, ts_unacceptable);
	return IKE_NOTIFY_TS_UNACCEPTABLE;
}

/* TSi stands before TSr in both roles (RFC 7296 appendix C). */
static void build_selectors(const struct child_sa *child, const struct child_selectors *local,
                            const struct child_selectors *remote, struct ike_build *out)
{
	struct ike_selectors i, r;

	ts_to_wire(child->we_initiated ? local : remote, &i);
	ts_to_wire(child->we_initiated ? remote : local, &r);
	ike_build_selectors(out, IKE_PAYLOAD_TSi, i.ts, i.n);
	ike_build_selectors(out, IKE_PAYLOAD_TSr, r.ts, r.n);
}

void child_build_answer(const struct child_sa *child, const struct ike_choice *choice, struct ike_build *out)
{
	ike_build_sa_choice(out, choice, (const uint8_t *)&child->spi_in, sizeof(child->spi_in));
	build_selectors(child, &child->local, &child->remote, out);
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
	allowed_local(sa, local);
	allowed_remote(sa, remote);
	if (local->n > 0)
		return;
	if (sa->want_ip4)
		local->s[local->n++] = ts_any(4);
	if (sa->want_ip6)
		local->s[local->n++] = ts_any(6);
}

void child_build_request(const struct child_sa *child, enum ike_select what, const struct child_sa *old,
                         struct ike_build *out)
{
	const struct rg_cfg_connection *c = child->sa->connection;
	struct child_selectors local, remote;

	wanted(child, old, &local, &remote);
	ike_build_sa_offer(out, what, c->esp, c->n_esp, (const uint8_t *)&child->spi_in,
	                   sizeof(child->spi_in));
	build_selectors(child, &local, &remote, out);
}

int child_read_answer(struct child_sa *child, enum ike_select what, const struct child_sa *old,
                      const struct ike_msg *msg, struct ike_choice *choice)
{
	const struct rg_cfg_connection *c = child->sa->connection;
	const struct ike_payload *p_sa = ike_msg_find(msg, IKE_PAYLOAD_SA);
	const struct ike_payload *p_tsi = ike_msg_find(msg, IKE_PAYLOAD_TSi);
	const struct ike_payload *p_tsr = ike_msg_find(msg, IKE_PAYLOAD_TSr);
	struct child_selectors local, remote;
	struct ike_selectors tsi, tsr;
	struct ike_sa_payload sa;

	if (p_sa == NULL || p_tsi == NULL || p_tsr == NULL || ike_sa_decode(&sa, p_sa) != IKE_OK ||
	    ike_select_answer(choice, what, c->esp, c->n_esp, &sa) != IKE_OK ||
	    ike_selectors_decode(&tsi, p_tsi) != IKE_OK || ike_selectors_decode(&tsr, p_tsr) != IKE_OK)
		return -EPROTO;
	wanted(child, old, &local, &remote);
	if (!ts_contained(&tsi, &local) || !ts_contained(&tsr, &remote))
		return -EPROTO;
	take_choice(child, choice);
	ts_from_wire(&tsi, &child->local);
	ts_from_wire(&tsr, &child->remote);
	return child->spi_out != 0 && child->local.n > 0 && child->remote.n > 0 ? 0 : -EPROTO;
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
	        .hard_seconds = c->lifetimes.child_s,
	};
}

void child_start_lifetimes(struct child_sa *child)
{
	uint64_t now = ike_sa_now(child->sa),
	         life = (uint64_t)child->sa->connection->lifetimes.child_s * 1000;

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
