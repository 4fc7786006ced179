/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 4555 as its requests arrive: MOBIKE_SUPPORTED and address lists in IKE_AUTH
 * (3.2, 3.4), updates of addresses and lists (3.5, 3.6), COOKIE2, NAT detection and
 * NO_NATS_ALLOWED (3.7 to 3.9). Nothing here moves a packet: an update is handed to
 * the address transaction once its answer has left. Core thread only.
 */
#include "control/ike/mobike.h"
#include "control/homing/session.h"
#include "control/ike/census.h"
#include "control/ike/handlers.h"
#include "control/ike/journal.h"
#include "control/ike/manager.h"
#include "control/ike/natd.h"
#include "control/ike/store.h"
#include "control/ike/wire/bytes.h"

#include <string.h>

/* What a request says, collected before anything is done about it. */
struct mobike_request {
	bool update, list, natd, no_nats;
	struct ike_view cookie2, no_nats_data;
	struct rg_cfg_addr addrs[IKE_MAX_PEER_ADDRS];
	unsigned n_addrs, left_out;
};

static void collect_address(struct mobike_request *r, const struct ike_notify *n, uint8_t family)
{
	struct rg_cfg_addr addr = {.family = family};

	r->list = true;
	if (n->data.len != addr_len(&addr))
		return;
	memcpy(addr.bytes, n->data.data, n->data.len);
	if (!pair_addr_usable(&addr) || r->n_addrs == IKE_MAX_PEER_ADDRS)
		r->left_out++;
	else
		r->addrs[r->n_addrs++] = addr;
}

static void collect_notify(struct mobike_request *r, const struct ike_notify *n)
{
	switch (n->type) {
	case IKE_NOTIFY_UPDATE_SA_ADDRESSES:
		r->update = true;
		break;
	case IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS:
		collect_address(r, n, 4);
		break;
	case IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS:
		collect_address(r, n, 6);
		break;
	case IKE_NOTIFY_NO_ADDITIONAL_ADDRESSES:
		r->list = true;
		break;
	case IKE_NOTIFY_NAT_DETECTION_SOURCE_IP:
	case IKE_NOTIFY_NAT_DETECTION_DESTINATION_IP:
		r->natd = true;
		break;
	case IKE_NOTIFY_NO_NATS_ALLOWED:
		r->no_nats = true;
		r->no_nats_data = n->data;
		break;
	case IKE_NOTIFY_COOKIE2:
		r->cookie2 = n->data;
		break;
	default:
		break;
	}
}

static void collect(struct mobike_request *r, const struct ike_msg *msg)
{
	const struct ike_payload *p = ike_msg_find(msg, IKE_PAYLOAD_NOTIFY);

	memset(r, 0, sizeof(*r));
	for (; p != NULL; p = ike_msg_next(msg, p)) {
		struct ike_notify n;

		if (ike_notify_decode(&n, p) == IKE_OK)
			collect_notify(r, &n);
	}
}

/* RFC 4555 3.9 */
static bool no_nats_agree(const struct mobike_request *r, const struct exchange *x)
{
	const struct ike_view *d = &r->no_nats_data;
	size_t len = addr_len(&x->local.addr);

	if (len == 0 || d->len != 2 * len + 4)
		return false;
	return memcmp(d->data, x->remote.addr.bytes, len) == 0 &&
	       memcmp(d->data + len, x->local.addr.bytes, len) == 0 &&
	       get_be16(d->data + 2 * len) == x->remote.port &&
	       get_be16(d->data + 2 * len + 2) == x->local.port;
}

/* IKE_AUTH */

static void take_list(struct ike_sa *sa, const struct mobike_request *r)
{
	memcpy(sa->peer_addrs, r->addrs, sizeof(r->addrs));
	sa->n_peer_addrs = r->n_addrs;
	sa->manager->counters.addresses_capped += r->left_out;
}

void mobike_auth_read(struct ike_sa *sa, const struct ike_msg *msg)
{
	struct mobike_request r;
	struct ike_notify n;

	if (!ike_notify_find(msg, IKE_NOTIFY_MOBIKE_SUPPORTED, &n))
		return;
	sa->capabilities |= IKE_CAP_MOBIKE;
	collect(&r, msg);
	take_list(sa, &r);
}

bool mobike_auth_unexpected_nat(const struct exchange *x)
{
	struct mobike_request r;

	collect(&r, &x->msg);
	if (!r.no_nats || no_nats_agree(&r, x))
		return false;
	IKE_COUNT(x->sa->manager, unexpected_nat);
	return true;
}

void mobike_auth_write(struct ike_sa *sa, struct ike_build *out)
{
	struct rg_cfg_addr addrs[ADDRESS_SET_MAX];
	size_t n;

	if (!sa->is_initiator && (sa->capabilities & IKE_CAP_MOBIKE) == 0)
		return;
	ike_build_status(out, IKE_NOTIFY_MOBIKE_SUPPORTED, NULL, 0);
	n = mobike_additional(sa, addrs, ADDRESS_SET_MAX);
	for (size_t i = 0; i < n; i++)
		ike_build_status(out,
		                 addrs[i].family == 4 ? IKE_NOTIFY_ADDITIONAL_IP4_ADDRESS
		                                      : IKE_NOTIFY_ADDITIONAL_IP6_ADDRESS,
		                 addrs[i].bytes, addr_len(&addrs[i]));
	if (sa->is_initiator)
		mobike_write_no_nats(sa, out);
}

/* INFORMATIONAL */

static void answer_cookie(const struct mobike_request *r, struct exchange *x)
{
	if (r->cookie2.len > 0)
		ike_build_status(&x->out, IKE_NOTIFY_COOKIE2, r->cookie2.data, r->cookie2.len);
}

/* An error in the place of a normal answer; COOKIE2 is copied all the same (RFC 4555 3.7). */
static int refuse(const struct mobike_request *r, struct exchange *x, uint16_t notify)
{
	ike_build_status(&x->out, notify, NULL, 0);
	answer_cookie(r, x);
	return 0;
}

/* RFC 4555 3.5: the pair in the IP header, by local policy (H50). */
static bool acceptable(const struct ike_sa *sa, const struct exchange *x)
{
	return pair_addr_usable(&x->remote.addr) && !uplinks_is_ours(sa, &x->remote.addr) &&
	       uplinks_is_local(sa, &x->local.addr);
}

/* The IKE SA takes the addresses at once; ESP follows after the answer and its proof. */
static void take_update(struct ike_sa *sa, const struct mobike_request *r, const struct exchange *x,
                        uint64_t order)
{
	struct homing_session *hs = sa->homing;
	struct pair pair = {x->local, x->remote};
	struct pair_path to;
	char text[PAIR_TEXT];

	sa->local = x->local;
	sa->remote = x->remote;
	sa->natt = x->natt;
	census_count(sa);
	if (r->natd)
		(void)natd_read(&x->msg, x->sa->spi_i, x->sa->spi_r, &x->local, &x->remote, &sa->nat_local,
		                &sa->nat_remote);
	to = homing_path(sa, &pair);
	hs->update = (struct address_move){.asker = ADDRESS_BY_PEER_UPDATE,
	                                   .to = to,
	                                   .order = order,
	                                   .needs_proof = homing_needs_proof(hs, &to)};
	if (hs->update_due)
		IKE_COUNT(sa->manager, addresses_coalesced);
	hs->update_due = true;
	store_touch(sa); /* the answer may leave under another IKE SA */
	homing_schedule(hs, ike_sa_now(sa));
	IKE_COUNT(sa->manager, addresses_updates);
	journal_path(sa, JOURNAL_ASKED, 0, 0, &to);
	ike_sa_event(sa, IKE_EVENT_ADDRESS_UPDATE, "the peer asks for %s", pair_path_text(&to, text));
}

/* Initiator: the address that we send to may be gone from the responder's list: then go
 * where the list came from (RFC 4555 3.5, 3.6). */
static void follow_list(struct ike_sa *sa, const struct exchange *x)
{
	struct pair pair = {x->local, x->remote};

	if (!sa->session_initiator || addr_equal(&x->remote.addr, &sa->remote.addr))
		return;
	for (unsigned i = 0; i < sa->n_peer_addrs; i++)
		if (addr_equal(&sa->peer_addrs[i], &sa->remote.addr))
			return;
	sa->homing->follow_due = true;
	sa->homing->follow = pair;
	homing_schedule(sa->homing, ike_sa_now(sa));
}

#define REKEYS_BACK 4u /* an older IKE SA is not asked about any more */

/* The IKE SA that has the session, and how many rekeys ago it was the one that the request came on. A peer's
 * request may have been on its way when the IKE SA was rekeyed, or be sent before it has our answer; its
 * answer ends it for the peer, so that it has to count. NULL: the session has ended. */
static struct ike_sa *session_of(const struct exchange *x, uint64_t *age)
{
	struct ike_manager *m = x->sa->manager;
	struct ike_sa *now = x->sa->heir_has_it ? ike_find_session(m, x->sa->session) : x->sa;
	const struct ike_sa *at = now;

	for (*age = 0; at != NULL && at != x->sa && *age < REKEYS_BACK; ++*age)
		at = at->ancestor_spi != 0 ? manager_find(m, at->ancestor_spi) : NULL;
	if (at != x->sa || now->state != IKE_STATE_ESTABLISHED || now->homing == NULL)
		return NULL;
	return *age <= now->homing->epoch ? now : NULL;
}

/* `age`: as session_of(). What came on an older IKE SA is older, whatever its message ID is. */
static int update(struct ike_sa *sa, uint64_t age, struct mobike_request *r, struct exchange *x)
{
	struct homing_session *hs = sa->homing;
	uint64_t order = (hs->epoch - age) << 32 | x->msg.hdr.message_id;

	if (r->list && order >= hs->list_order) {
		hs->list_order = order;
		take_list(sa, r);
		store_touch(sa);
		journal_note(sa, JOURNAL_ADDRESS_LIST, 0, r->n_addrs);
		ike_sa_event(sa, IKE_EVENT_ADDRESS_LIST, "the peer has %u more addresses", r->n_addrs);
		follow_list(sa, x);
	}
	if (!r->update)
		return 0;
	if (sa->session_initiator) { /* RFC 4555 4.2.4: only the initiator sends it */
		IKE_COUNT(sa->manager, notify_ignored);
		return 0;
	}
	if (order < hs->tx.newest_order || (hs->update_due && order < hs->update.order)) {
		IKE_COUNT(sa->manager, addresses_stale); /* H47: answered, not applied */
		return 0;
	}
	if (!acceptable(sa, x)) {
		IKE_COUNT(sa->manager, addresses_refused);
		return IKE_NOTIFY_UNACCEPTABLE_ADDRESSES;
	}
	take_update(sa, r, x, order);
	return 0;
}

int mobike_request(struct ike_sa *sa, struct exchange *x)
{
	uint64_t age;
	struct ike_sa *session = session_of(x, &age);
	struct mobike_request r;
	int notify;

	collect(&r, &x->msg);
	if (session != NULL && (r.update || r.list)) {
		if (r.no_nats && !no_nats_agree(&r, x)) {
			IKE_COUNT(sa->manager, unexpected_nat);
			return refuse(&r, x, IKE_NOTIFY_UNEXPECTED_NAT_DETECTED);
		}
		notify = update(session, age, &r, x);
		if (notify != 0)
			return refuse(&r, x, (uint16_t)notify);
	}
	if (r.natd)
		natd_write(&x->out, sa->spi_i, sa->spi_r, &x->local, &x->remote);
	answer_cookie(&r, x);
	return 0;
}
