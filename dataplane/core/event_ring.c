/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes into an event, and how often. Called by the SA's owner, but for
 * event_port() and event_pmtu(), which their ring's thread calls.
 */
#include "dataplane/core/event_ring.h"

#include "dataplane/core/selectors.h"

static struct rg_api_event about_sa(uint32_t type, const struct sa *sa)
{
	return (struct rg_api_event){
	        .type = type,
	        .handle = sa->handle,
	        .tunnel = sa->tunnel->handle,
	        .direction = sa_direction(sa),
	        .cookie = sa_rare(sa)->cookie,
	        .sequence = counters_read(&sa->live->sequence),
	};
}

void event_new_address(struct event_ring *r, struct sa *sa, uint64_t seq, uint64_t now_ms,
                       const struct rg_api_path *seen)
{
	struct rg_api_event e = about_sa(RG_EVENT_NEW_ADDRESS, sa);

	sa_rare(sa)->event_ms = (uint32_t)now_ms;
	e.sequence = seq;
	e.seen = *seen;
	event_put(r, &e);
}

void event_first_packet(struct event_ring *r, struct sa *sa, uint64_t seq)
{
	struct rg_api_event e;

	if (sa->told & SA_TOLD_FIRST)
		return;
	sa->told |= SA_TOLD_FIRST;
	e = about_sa(RG_EVENT_FIRST_PACKET, sa);
	e.sequence = seq;
	event_put(r, &e);
}

static bool reached(uint64_t value, uint64_t limit)
{
	return limit != 0 && value >= limit;
}

static void tell_once(struct event_ring *r, struct sa *sa, uint8_t told, uint32_t type)
{
	struct rg_api_event e;

	if (sa->told & told)
		return;
	sa->told |= told;
	e = about_sa(type, sa);
	event_put(r, &e);
}

void event_due(struct event_ring *r, struct sa *sa, struct rg_counters_sa *record, uint64_t now_ms)
{
	const struct rg_api_lifetime *l = sa_rare(sa)->lifetime;
	uint64_t packets, bytes;

	sa_settle(sa, record, now_ms);
	packets = record->packets;
	bytes = record->bytes;
	if (reached(packets, l->hard_packets) || reached(bytes, l->hard_bytes)) {
		atomic_store_explicit(&sa->state, SA_DEAD, memory_order_relaxed);
		sa->told |= SA_TOLD_SOFT;
		tell_once(r, sa, SA_TOLD_HARD, RG_EVENT_HARD_LIFETIME);
	} else if (reached(packets, l->soft_packets) || reached(bytes, l->soft_bytes)) {
		tell_once(r, sa, SA_TOLD_SOFT, RG_EVENT_SOFT_LIFETIME);
	}
	if ((sa->flags & SA_OUTBOUND) && record->sequence >= sa_sequence_soft(sa))
		tell_once(r, sa, SA_TOLD_SEQUENCE, RG_EVENT_SEQUENCE);
	sa_set_next_check(sa, record);
}

void event_no_answer(struct event_ring *r, const struct sa *sa, uint64_t now_ms)
{
	struct rg_api_event e = about_sa(RG_EVENT_NO_ANSWER, sa);

	e.value = now_ms - sa->tunnel->last_in_ms;
	event_put(r, &e);
}

static void describe(struct rg_api_event *e, const uint8_t *ip, uint32_t len)
{
	struct flow flow;

	if (!flow_parse(&flow, ip, len))
		return;
	e->value = flow.protocol;
	e->seen.family = flow.family;
	e->seen.local_port = htons(flow.source_port);
	e->seen.remote_port = htons(flow.destination_port);
	memcpy(e->seen.local, flow.source, flow.family == 4 ? 4 : 16);
	memcpy(e->seen.remote, flow.destination, flow.family == 4 ? 4 : 16);
}

void event_no_sa(struct event_ring *r, uint32_t policy, const uint8_t *ip, uint32_t len, uint64_t now_ms)
{
	struct event_no_sa_slot *slot = &r->no_sa[RG_SA_HANDLE_INDEX(policy) % EVENT_NO_SA_SLOTS];
	struct rg_api_event e = {.type = RG_EVENT_NO_SA, .handle = policy};
	uint64_t pause = slot->policy == policy ? EVENT_INTERVAL_MS : EVENT_SHARED_MS;

	if (slot->at_ms != 0 && now_ms - slot->at_ms < pause)
		return;
	*slot = (struct event_no_sa_slot){now_ms, policy};
	describe(&e, ip, len);
	event_put(r, &e);
}

void event_port(struct event_ring *r, uint32_t port, bool up)
{
	struct rg_api_event e = {.type = RG_EVENT_PORT, .handle = port, .value = up};

	event_put(r, &e);
}

void event_pmtu(struct event_ring *r, const struct sa *sa, uint32_t mtu)
{
	struct rg_api_event e = about_sa(RG_EVENT_PMTU, sa);

	e.value = mtu;
	event_put(r, &e);
}
