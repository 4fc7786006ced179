/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the dataplane tells about a session's path: each is a hint that may start a
 * check, none moves anything by itself, except where RFC 7296 2.23 says so
 * (IM-4, H41, H43, RFC 4555 3.8, 3.12). Core thread only.
 */
#include "control/homing/session.h"
#include "control/ike/handlers.h"
#include "control/ike/manager.h"

/* Authenticated ESP came from elsewhere. The peer's NAT may have a new mapping: then the
 * host that is not behind a NAT may follow (RFC 4555 3.8), here after a proof. Any other
 * peer says by itself where it is. */
static void new_address(struct homing_session *hs, const struct rg_api_event *event)
{
	struct ike_sa *sa = hs->sa;
	struct pair_path seen, to = hs->tx.current;
	bool has_mobike = (sa->capabilities & IKE_CAP_MOBIKE) != 0;

	path_health_foreign(&hs->health, ike_sa_now(sa));
	pair_path_from_api(&event->seen, &seen);
	if (!sa->nat_remote || sa->nat_local || seen.encap != RG_ENCAP_UDP ||
	    seen.pair.remote.addr.family != to.pair.local.addr.family ||
	    !pair_addr_usable(&seen.pair.remote.addr) || uplinks_is_ours(sa, &seen.pair.remote.addr) ||
	    endpoint_equal(&seen.pair.remote, &to.pair.remote) ||
	    endpoint_equal(&seen.pair.remote, &hs->left)) {
		IKE_COUNT(sa->manager, esp_elsewhere);
		return;
	}
	/* Whoever else asks knows more than a packet's header. */
	if (hs->update_due ||
	    (hs->tx.state != ADDRESS_IDLE && hs->tx.active.asker != ADDRESS_BY_NAT_MAPPING)) {
		IKE_COUNT(sa->manager, esp_elsewhere);
		return;
	}
	to.pair.remote = seen.pair.remote;
	to.encap = RG_ENCAP_UDP;
	(void)homing_request(hs, ADDRESS_BY_NAT_MAPPING, &to, has_mobike && homing_needs_proof(hs, &to), 0);
	/* A request that waits for an answer through the dead mapping must not hold up the proof. */
	if (exchange_waiting(sa) != NULL && hs->tx.state == ADDRESS_WAITING)
		exchange_resend_on(sa, &to.pair.local, &to.pair.remote);
}

void hints_event(struct ike_sa *sa, const struct rg_api_event *event)
{
	struct homing_session *hs = sa->homing;

	if (hs == NULL)
		return;
	switch (event->type) {
	case RG_EVENT_NEW_ADDRESS:
		new_address(hs, event);
		break;
	case RG_EVENT_NO_ANSWER:
		path_health_silence(&hs->health);
		if (exchange_waiting(sa) == NULL)
			informational_probe(sa);
		break;
	case RG_EVENT_PMTU:
		path_mtu_told(hs, event->value);
		break;
	default:
		break;
	}
}
