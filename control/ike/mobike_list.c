/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our address list (RFC 4555 3.4, 3.6), and NO_NATS_ALLOWED beside it (3.9). Core
 * thread only.
 */
#include "control/ike/manager.h"
#include "control/ike/mobike.h"
#include "control/ike/mobike_task.h"
#include "control/ike/wire/bytes.h"

#include <string.h>

size_t mobike_additional(struct ike_sa *sa, struct rg_cfg_addr *out, size_t max)
{
	struct address_set set;
	size_t n = 0;

	uplinks_local(sa, &set);
	for (unsigned i = 0; i < set.count && n < max; i++)
		if (!addr_equal(&set.items[i].addr, &sa->local.addr))
			out[n++] = set.items[i].addr;
	return n;
}

static void write_list(struct ike_sa *sa, struct ike_build *out, bool none_too)
{
	struct rg_cfg_addr addrs[ADDRESS_SET_MAX];
	size_t n = mobike_additional(sa, addrs, ADDRESS_SET_MAX);

	for (size_t i = 0; i < n; i++)
		ike_build_status(out,
		                 addrs[i].family == 4 ? IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS
		                                      : IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS,
		                 addrs[i].bytes, addr_len(&addrs[i]));
	if (n == 0 && none_too)
		ike_build_status(out, IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES, NULL, 0);
}

/* RFC 4555 3.9: source, destination, source port, destination port. */
void mobike_write_no_nats(struct ike_sa *sa, struct ike_build *out)
{
	size_t len = addr_len(&sa->local.addr);
	uint8_t data[36];

	if (!uplinks_forbids_nat(sa, &sa->local.addr))
		return;
	memcpy(data, sa->local.addr.bytes, len);
	memcpy(data + len, sa->remote.addr.bytes, len);
	put_be16(data + 2 * len, sa->local.port);
	put_be16(data + 2 * len + 2, sa->remote.port);
	ike_build_status(out, IKE_NOTIFY_NO_NATS_ALLOWED, data, 2 * len + 4);
}

static int list_build(struct ike_sa *sa, struct task *task, struct ike_build *out)
{
	if (mobike_task_of(task)->hs == NULL)
		return TASK_SKIP;
	write_list(sa, out, true);
	mobike_write_no_nats(sa, out);
	return 0;
}

/* RFC 4555 3.6: one that was sent from several sources has to be sent anew. */
static int list_response(struct ike_sa *sa, struct task *task, struct exchange *x)
{
	struct mobike_task *t = mobike_task_of(task);
	struct ike_notify n;

	(void)sa;
	if (t->hs == NULL)
		return 0;
	if (t->several || ike_notify_find(&x->msg, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED, &n)) {
		if (t->hs->list_tries++ < MOBIKE_TRIES)
			mobike_send_list(t->hs);
		return 0;
	}
	t->hs->list_tries = 0;
	return 0;
}

const struct task_type mobike_list_type = {
        .name = "address list",
        .exchange = IKE_EXCHANGE_INFORMATIONAL,
        .ready = mobike_task_ready,
        .build = list_build,
        .response = list_response,
        .sent = mobike_task_sent,
        .abandoned = mobike_task_abandoned,
        .free = mobike_task_free,
};

void mobike_send_list(struct homing_session *hs)
{
	struct task *waiting = task_find(hs->sa, &mobike_list_type);
	struct mobike_task *t;

	if (waiting != NULL && !mobike_task_on_wire(hs, waiting))
		return; /* what it says is collected when it leaves */
	t = mobike_task_make(hs, &mobike_list_type);
	if (t == NULL)
		return;
	t->task.urgent = false;
	ike_sa_event(hs->sa, IKE_EVENT_ADDRESS_LIST, "our list to the peer");
	task_queue(hs->sa, &t->task);
}
