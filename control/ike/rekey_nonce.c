/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule by which simultaneous rekeys end: the exchange with the lowest of the
 * four nonces loses (RFC 7296 2.8.1, 2.8.2). When a refused one is tried again (2.25), and with which
 * group (1.3).
 */
#include "control/ike/rekey_child.h"
#include "control/ike/ike_sa.h"
#include "control/ike/succession.h"
#include "control/ike/timers.h"

#include <string.h>

int rekey_compare_nonces(struct ike_view a, struct ike_view b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.data, b.data, len) : 0;

	if (order != 0 || a.len == b.len)
		return order;
	return a.len < b.len ? -1 : 1;
}

size_t rekey_lowest_nonce(struct ike_view a, struct ike_view b, uint8_t out[REKEY_NONCE_LEN])
{
	struct ike_view low = rekey_compare_nonces(a, b) < 0 ? a : b;
	size_t len = low.len < REKEY_NONCE_LEN ? low.len : REKEY_NONCE_LEN;

	memcpy(out, low.data, len);
	return len;
}

uint64_t rekey_retry_ms(const struct ike_sa *sa)
{
	uint16_t jitter;

	ike_sa_random(sa, &jitter, sizeof(jitter));
	return ike_sa_now(sa) + REKEY_RETRY_MS / 2 + jitter % REKEY_RETRY_MS;
}

uint16_t rekey_other_group(const struct rg_cfg_proposal *ours, size_t n, uint16_t tried,
                           const struct ike_msg *answer)
{
	struct ike_notify notify;

	if (exchange_error_of(answer) != IKE_NOTIFY_INVALID_KE_PAYLOAD ||
	    !ike_notify_find(answer, IKE_NOTIFY_INVALID_KE_PAYLOAD, &notify))
		return 0;
	return ike_select_retry_group(ours, n, tried, &notify);
}

void rekey_refused(struct ike_sa *sa, uint16_t error)
{
	uint64_t now = ike_sa_now(sa);

	if (error != IKE_NOTIFY_TEMPORARY_FAILURE)
		return;
	if (sa->refused_ms == 0)
		sa->refused_ms = now;
	else if (now - sa->refused_ms >= REKEY_GIVE_UP_MS)
		ike_sa_delete(sa, "the peer answers TEMPORARY_FAILURE for minutes");
}

void rekey_renewal_refused(struct ike_sa *sa, uint16_t error)
{
	if (error == IKE_NOTIFY_NO_ADDITIONAL_SAS)
		succession_instead(sa);
	else
		rekey_refused(sa, error);
}
