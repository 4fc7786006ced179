/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What routers say of a session's path MTU (RFC 4301 8.2.1): a smaller one is published for the same pair,
 * and after a while the path is tried with the uplink's own once more, since nobody tells that it has grown
 * (RFC 1191 6.3, RFC 8201 4). If it has not, the next packet that is too big brings the hint again. Core
 * thread only.
 */
#include "control/homing/session.h"
#include "control/ike/manager.h"

#define MTU_MIN_IPV4 576u
#define MTU_MIN_IPV6 1280u
#define BUSY_MS      5000u /* another move is under way */

void path_mtu_told(struct homing_session *hs, uint64_t mtu)
{
	struct pair_path to = hs->tx.current;
	unsigned least = to.pair.local.addr.family == 4 ? MTU_MIN_IPV4 : MTU_MIN_IPV6;

	to.mtu = (uint16_t)(mtu < least ? least : mtu);
	if (!address_transaction_takes_mtu(&hs->tx) || mtu > UINT16_MAX ||
	    (hs->tx.current.mtu != 0 && to.mtu >= hs->tx.current.mtu)) {
		IKE_COUNT(hs->sa->manager, path_mtu_ignored);
		return;
	}
	(void)homing_request(hs, ADDRESS_BY_PMTU, &to, false, 0);
}

/* Up to a tenth later, so that sessions which shared a router do not all try at once. */
static uint64_t age(const struct homing_session *hs)
{
	uint64_t ms = (uint64_t)hs->sa->connection->path_mtu_age_s * 1000;
	uint32_t r;

	ike_sa_random(hs->sa, &r, sizeof(r));
	return ms + ms / 10 * (r % 1024) / 1024;
}

void path_mtu_watch(struct homing_session *hs)
{
	uint64_t ms = age(hs);

	hs->mtu_due_ms = hs->tx.current.mtu != 0 && ms != 0 ? ike_sa_now(hs->sa) + ms : 0;
	homing_schedule(hs, hs->mtu_due_ms != 0 ? hs->mtu_due_ms : UINT64_MAX);
}

void path_mtu_applied(struct homing_session *hs, const struct address_move *move)
{
	char text[PAIR_TEXT];

	if (move->asker == ADDRESS_BY_PMTU)
		IKE_COUNT(hs->sa->manager, path_mtu_lowered);
	else
		IKE_COUNT(hs->sa->manager, path_mtu_raised);
	ike_sa_log(hs->sa, IKE_LOG_DEBUG, "path MTU of %s: %u (0: that of the uplink)",
	           pair_path_text(&move->to, text), move->to.mtu);
	path_mtu_watch(hs);
}

void path_mtu_due(struct homing_session *hs, uint64_t now)
{
	struct pair_path to = hs->tx.current;

	if (hs->mtu_due_ms == 0 || hs->mtu_due_ms > now)
		return;
	hs->mtu_due_ms = 0;
	if (to.mtu == 0)
		return; /* the session has moved */
	if (!address_transaction_takes_mtu(&hs->tx)) {
		hs->mtu_due_ms = now + BUSY_MS;
		return;
	}
	hs->mtu_due_ms = now + age(hs); /* where it is refused */
	to.mtu = 0;
	(void)homing_request(hs, ADDRESS_BY_PMTU_AGE, &to, false, 0);
}
