/* SPDX-License-Identifier: Apache-2.0 */
/* What each rejection is called and what follows it, from the table of reject.h. Pure; any thread. */
#include "control/ike/wire/reject.h"
#include "control/ike/wire/constants.h"

static const struct {
	const char *name;
	enum ike_action action;
	uint16_t notify;
} rejects[IKE_REJECT_COUNT] = {[IKE_OK] = {"ok", IKE_ACTION_NONE, 0},
#define X(name, counter, action, notify) [IKE_REJECT_##name] = {counter, IKE_ACTION_##action, notify},
                               IKE_REJECTS(X)
#undef X
};

const char *ike_reject_name(enum ike_reject reason)
{
	return (unsigned)reason < IKE_REJECT_COUNT ? rejects[reason].name : "unknown";
}

enum ike_action ike_reject_action(enum ike_reject reason)
{
	return (unsigned)reason < IKE_REJECT_COUNT ? rejects[reason].action : IKE_ACTION_DROP;
}

uint16_t ike_reject_notify(enum ike_reject reason, bool is_protected)
{
	switch (ike_reject_action(reason)) {
	case IKE_ACTION_ANSWER:
		return rejects[reason].notify;
	case IKE_ACTION_SYNTAX:
		return is_protected ? IKE_NOTIFY_INVALID_SYNTAX : 0;
	default:
		return 0;
	}
}
