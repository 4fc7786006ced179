/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the IKE core asks for, given to it by the parts of this process
 * (ike/ops.h). Event loop's thread.
 */
#include "control/control.h"
#include "control/ike/ike_sa.h"
#include "control/log.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RANDOM_AHEAD 1024u

uint64_t control_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t op_now(void *user)
{
	(void)user;
	return control_now();
}

static void fresh_random(void *buf, size_t len)
{
	if (RAND_bytes(buf, (int)len) == 1)
		return;
	log_error("control",
	          "no random octets to be had: SPIs and nonces would be guessable, so this process ends");
	exit(EXIT_FAILURE);
}

/* A setup asks for five small ones, and each call of OpenSSL's generator takes two microseconds and a
 * syscall. What is handed out is forgotten here. */
static void op_random(void *user, void *buf, size_t len)
{
	static uint8_t ahead[RANDOM_AHEAD];
	static size_t left; /* at the end of `ahead` */
	uint8_t *from;

	(void)user;
	if (len > sizeof(ahead)) {
		fresh_random(buf, len);
		return;
	}
	if (len > left) {
		fresh_random(ahead, sizeof(ahead));
		left = sizeof(ahead);
	}
	from = ahead + sizeof(ahead) - left;
	memcpy(buf, from, len);
	explicit_bzero(from, len);
	left -= len;
}

static void op_send(void *user, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                    bool natt, const uint8_t *data, size_t len)
{
	struct control *c = user;

	sockets_send(c->sockets, local, remote, natt, data, len);
}

static void op_submit_job(void *user, struct ike_job *job)
{
	struct control *c = user;

	jobs_submit(c->jobs, job);
}

static void op_dp_submit(void *user, struct ike_batch *batch)
{
	struct control *c = user;

	dp_submit(c->dp, batch);
}

static const struct rg_counters_sa *op_counters(void *user, enum rg_direction direction, uint32_t handle)
{
	struct control *c = user;

	return dp_counters(c->dp, direction, handle);
}

/* The loop asks for the deadline before each sleep (control.c), so nothing is left to do here. */
static void op_wake(void *user)
{
	(void)user;
}

/* It has its addresses until the event has been told. */
static void note_end(struct control *c, const struct ike_sa *sa)
{
	struct rg_cfg_addr had[IKE_MAX_VIPS];

	for (unsigned i = 0; i < sa->n_vips; i++)
		had[i] = sa->vips[i].addr;
	initiate_had(c->initiate, ike_session_id(sa), had, sa->n_vips);
}

static void op_event(void *user, const struct ike_event *event)
{
	static const char *const names[] = {
#define X(name, text) [IKE_EVENT_##name] = (text),
	        IKE_EVENTS(X)
#undef X
	};
	struct control *c = user;
	char identity[RG_ID_TEXT] = "";
	uint64_t session = 0;

	if (event->sa) {
		session = ike_session_id(event->sa);
		if (event->sa->peer_id.type)
			rg_id_print(&event->sa->peer_id, identity, sizeof(identity));
	}
	events_log_add(c->events, names[event->type], session, identity, event->text);
	if (event->type == IKE_EVENT_SESSION_DOWN || event->type == IKE_EVENT_AUTH_FAILED ||
	    event->type == IKE_EVENT_PEER_UNREACHABLE)
		initiate_note(c->initiate, session, event->text);
	if (event->type == IKE_EVENT_SESSION_DOWN && event->sa && event->sa->session_initiator)
		note_end(c, event->sa);
	log_info("event", "%s: client %lu %s: %s", names[event->type], (unsigned long)session, identity,
	         event->text);
}

static void op_log(void *user, enum ike_log_level level, const char *component, const char *text)
{
	static const enum log_level levels[] = {LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO,
	                                        LOG_LEVEL_DEBUG};

	(void)user;
	log_line(levels[level], component, "%s", text);
}

static int op_acquire(void *user, unsigned pool, uint64_t identity, uint64_t cookie, uint8_t family,
                      const struct rg_cfg_addr *wanted, struct rg_cfg_addr *out)
{
	struct control *c = user;
	int rc = rg_pools_acquire(c->pools, pool, family, identity, cookie, wanted, out);

	return rc == -EAFNOSUPPORT || rc == -EINVAL ? -ENOENT : rc;
}

static void op_release(void *user, uint64_t cookie, const struct rg_cfg_addr *addr)
{
	struct control *c = user;

	rg_pools_release(c->pools, addr, cookie);
}

static void op_unreserve(void *user, uint64_t cookie, const struct rg_cfg_addr *addr)
{
	struct control *c = user;

	(void)rg_pools_unreserve(c->pools, addr, cookie);
}

const struct ike_ops core_ops = {
        .now = op_now,
        .random = op_random,
        .send = op_send,
        .submit_job = op_submit_job,
        .dp_submit = op_dp_submit,
        .counters = op_counters,
        .wake = op_wake,
        .event = op_event,
        .log = op_log,
        .pool = {.acquire = op_acquire, .release = op_release, .unreserve = op_unreserve},
};
