/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_SA_INIT as responder: no state before a cookie where many are half-open,
 * then one half-open SA for each request (RFC 7296 1.2, 2.6, 2.7; H02, H08 to H11,
 * H33 to H36). Core thread only.
 */
#include "control/ike/auth_cert.h"
#include "control/ike/crypto/hash.h"
#include "control/ike/handlers.h"
#include "control/ike/init.h"
#include "control/ike/manager.h"
#include "control/ike/table.h"
#include "control/ike/timers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An answer for which there is no SA, and will be none. */
static void answer_stateless(struct ike_manager *m, const struct ike_datagram *dg,
                             const struct ike_header *in, uint16_t type, const void *data, size_t len)
{
	struct ike_header hdr = {.spi_i = in->spi_i, .exchange = in->exchange, .flags = IKE_FLAG_RESPONSE};
	uint8_t buf[128];
	struct ike_build b;

	ike_build_message(&b, buf, sizeof(buf), &hdr);
	ike_build_status(&b, type, data, len);
	if (ike_build_finish(&b) == 0)
		manager_send(m, &dg->local, &dg->remote, dg->natt, buf, b.len);
}

static void reject(struct ike_manager *m, const struct ike_datagram *dg, const struct ike_msg *msg,
                   enum ike_reject reason)
{
	uint16_t notify = ike_reject_notify(reason, false);
	bool critical = notify == IKE_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD;

	manager_count_reject(m, reason);
	if (notify != 0 && manager_may_notify(m))
		answer_stateless(m, dg, &msg->hdr, notify, &msg->critical, critical ? 1 : 0);
}

/* Cookie mode begins at the threshold and holds for a while, so that it does not flap (H35). */
static bool cookies_wanted(struct ike_manager *m)
{
	uint64_t now = manager_now(m);

	if (m->n_half_open >= rg_auth_config(m->auth)->control.cookie_threshold) {
		m->cookie_mode = true;
		m->cookie_until_ms = now + IKE_COOKIE_HOLD_MS;
	} else if (m->cookie_mode && now >= m->cookie_until_ms) {
		m->cookie_mode = false;
	}
	return m->cookie_mode;
}

/* True: the request carries a cookie of ours. Else it has been answered with one. */
static bool cookie_passed(struct ike_manager *m, const struct ike_datagram *dg, const struct ike_msg *msg)
{
	const struct rg_cfg_addr *addr = &dg->remote.addr;
	struct ike_view nonce;
	struct ike_notify notify;
	uint8_t cookie[IKE_COOKIE_LEN];
	enum ike_reject reason = ike_nonce_decode(&nonce, ike_msg_find(msg, IKE_PAYLOAD_NONCE));

	if (reason != IKE_OK) {
		reject(m, dg, msg, reason);
		return false;
	}
	if (ike_notify_find(msg, IKE_NOTIFY_COOKIE, &notify)) {
		if (ike_cookie_valid(&m->cookies, msg->hdr.spi_i, nonce, addr->bytes, addr_len(addr),
		                     dg->remote.port, notify.data))
			return true;
		IKE_COUNT(m, cookie_wrong);
	} else {
		IKE_COUNT(m, cookie_required);
	}
	if (ike_cookie_make(&m->cookies, msg->hdr.spi_i, nonce, addr->bytes, addr_len(addr), dg->remote.port,
	                    cookie) == 0)
		answer_stateless(m, dg, &msg->hdr, IKE_NOTIFY_COOKIE, cookie, sizeof(cookie));
	return false;
}

/* What stands between a request and its cost: a cookie, a share for each prefix (H34), and
 * the threads, which may have more to do than they can. */
static bool may_begin(struct ike_manager *m, const struct ike_datagram *dg, const struct ike_msg *msg)
{
	bool by_cookie = cookies_wanted(m);

	if (by_cookie && !cookie_passed(m, dg, msg))
		return false;
	if (by_cookie && !manager_has_quota(m, &dg->remote.addr))
		IKE_COUNT(m, half_open_quota);
	else if (m->n_init_jobs >= IKE_MAX_INIT_JOBS)
		IKE_COUNT(m, init_busy);
	else
		return true;
	return false;
}

static bool header_ok(struct ike_manager *m, const struct ike_header *hdr)
{
	struct ike_sa *own = manager_find(m, hdr->spi_i);

	if (!ike_header_from_initiator(hdr) ||
	    (own != NULL && own->is_initiator && own->spi_i == hdr->spi_i)) {
		IKE_COUNT(m, reflected);
		return false;
	}
	if (hdr->spi_r != 0) {
		IKE_COUNT(m, spi_mismatch);
		return false;
	}
	if (hdr->message_id != 0) {
		IKE_COUNT(m, message_id);
		return false;
	}
	return true;
}

static void accept_request(struct ike_manager *m, const struct ike_datagram *dg, const struct ike_header *hdr,
                           const uint8_t digest[32])
{
	struct ike_sa *sa = ike_sa_create(m, m->auth, false);

	if (sa == NULL) {
		IKE_COUNT(m, no_memory);
		return;
	}
	sa->spi_i = hdr->spi_i;
	sa->local = dg->local;
	sa->remote = dg->remote;
	sa->origin = dg->remote.addr;
	sa->natt = dg->natt;
	memcpy(sa->init_digest, digest, sizeof(sa->init_digest));
	manager_insert_init(m, sa);
	manager_half_open(m, sa);
	timers_enter(sa, IKE_STATE_NEW);
	exchange_begin_plain(sa, dg, hdr);
}

void init_input(struct ike_manager *m, const struct ike_datagram *dg, const struct ike_header *hdr)
{
	const struct table_row *row;
	struct ike_msg msg;
	enum ike_reject reason;
	uint8_t digest[32];
	struct ike_sa *sa;

	if (!header_ok(m, hdr))
		return;
	if (m->leaving) {
		IKE_COUNT(m, leaving);
		return;
	}
	reason = ike_msg_parse(&msg, dg->data, dg->len);
	if (reason != IKE_OK) {
		reject(m, dg, &msg, reason);
		return;
	}
	if (msg.sk_type != 0 || table_find(&msg, false, IKE_STATE_NEW, &row) != TABLE_OK) {
		IKE_COUNT(m, payload_illegal);
		return;
	}
	ike_sha256(dg->data, dg->len, digest);
	sa = manager_find_init(m, hdr->spi_i, digest);
	if (sa != NULL && exchange_find_answer(sa, 0) != NULL)
		exchange_answer_again(sa, dg, &msg);
	else if (sa != NULL)
		IKE_COUNT(m, in_progress);
	else if (may_begin(m, dg, &msg))
		accept_request(m, dg, hdr, digest);
}

static size_t add_proposals(const struct rg_cfg_connection *c, struct rg_cfg_proposal *out, size_t n)
{
	for (size_t i = 0; i < c->n_ike && n < INIT_MAX_PROPOSALS; i++)
		out[n++] = c->ike[i];
	return n;
}

/* The peer is not known yet: what any connection or rule takes may be chosen here;
 * IKE_AUTH checks it against the peer's own. */
static size_t all_proposals(const struct rg_config *c, struct rg_cfg_proposal out[INIT_MAX_PROPOSALS])
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_connections; i++)
		n = add_proposals(&c->connections[i], out, n);
	for (size_t i = 0; i < c->n_connections; i++) {
		for (size_t j = 0; j < c->connections[i].n_rules && n < INIT_MAX_PROPOSALS; j++) {
			if (c->connections[i].rules[j].own.ike != c->connections[i].ike)
				n = add_proposals(&c->connections[i].rules[j].own, out, n);
		}
	}
	return n;
}

static void init_finish(struct ike_job *job, bool gone)
{
	struct init_job *j = (struct init_job *)job;
	struct exchange *x = j->x;
	struct ike_sa *sa = x->sa;
	int result = j->error;

	sa->manager->n_init_jobs--;
	if (!gone)
		init_take_back(sa, j);
	init_job_free(j);
	if (!gone && result == -EBADMSG) {
		manager_count_reject(sa->manager, IKE_REJECT_KE_VALUE);
		x->close_after = true;
		result = exchange_error(x, IKE_NOTIFY_INVALID_SYNTAX, NULL, 0);
	} else if (!gone && result == 0) {
		struct init_context *init = sa->init;

		ike_build_sa_choice(&x->out, &init->choice, NULL, 0);
		ike_build_ke(&x->out, init->dh.group, init->dh.public_value, init->dh.public_len);
		ike_build_nonce(&x->out, init->nonce_r, init->nonce_r_len);
		init_write_common(sa, &x->local, &x->remote, &x->out);
		auth_certreq_write(sa, &x->out);
		ike_set_state(sa, IKE_STATE_INIT_ANSWERED);
	}
	exchange_finish(x, result);
}

static enum ike_reject read_request(struct ike_sa *sa, const struct exchange *x, struct init_context *init,
                                    struct ike_ke *ke)
{
	struct rg_cfg_proposal ours[INIT_MAX_PROPOSALS];
	size_t n = all_proposals(rg_auth_config(sa->auth), ours);
	struct ike_sa_payload payload;
	struct ike_view nonce;
	enum ike_reject reason = ike_sa_decode(&payload, ike_msg_find(&x->msg, IKE_PAYLOAD_SA));

	if (reason == IKE_OK)
		reason = ike_select(&init->choice, IKE_SELECT_IKE, ours, n, &payload);
	if (reason == IKE_OK)
		reason = ike_ke_decode(ke, ike_msg_find(&x->msg, IKE_PAYLOAD_KE));
	if (reason == IKE_OK)
		reason = ike_select_check_ke(&init->choice, ke);
	if (reason == IKE_OK)
		reason = ike_dh_check_length(init->choice.suite.dh, ke);
	if (reason == IKE_OK)
		reason = ike_nonce_decode(&nonce, ike_msg_find(&x->msg, IKE_PAYLOAD_NONCE));
	if (reason != IKE_OK)
		return reason;
	init->offered = payload.proposals;
	memcpy(init->nonce_i, nonce.data, nonce.len);
	init->nonce_i_len = nonce.len;
	init->nonce_r_len = INIT_NONCE_LEN;
	ike_sa_random(sa, init->nonce_r, INIT_NONCE_LEN);
	return IKE_OK;
}

int init_request(struct ike_sa *sa, struct exchange *x)
{
	enum ike_reject reason;
	struct ike_ke ke;

	sa->init = calloc(1, sizeof(*sa->init));
	if (sa->init == NULL)
		return -ENOMEM;
	reason = read_request(sa, x, sa->init, &ke);
	if (reason != IKE_OK) {
		uint16_t notify = ike_reject_notify(reason, false);
		uint16_t group = htons(sa->init->choice.suite.dh);
		bool with_group = notify == IKE_NOTIFY_INVALID_KE_PAYLOAD;

		manager_count_reject(sa->manager, reason);
		x->close_after = true;
		return notify == 0 ? -EPROTO
		                   : exchange_error(x, notify, &group, with_group ? sizeof(group) : 0);
	}
	if (init_read_common(sa, x) < 0 || init_submit(sa, x, &ke, true, init_finish) < 0)
		return -ENOMEM;
	sa->manager->n_init_jobs++;
	return EXCHANGE_PARKED;
}
