/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the parts of roamgate-control together, starts and stops them, and takes
 * another configuration in. Event loop's thread.
 */
#include "control/control.h"

#include "control/homing/homing.h"
#include "control/ike/ike_sa.h"
#include "control/ike/orphans.h"
#include "control/ike/traps.h"
#include "control/ike/ts.h"
#include "control/initiate_ops.h"
#include "control/log.h"
#include "control/reconcile.h"
#include "control/report.h"
#include "control/rules.h"
#include "control/status_refresh.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void control_event(struct control *c, const char *type, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	events_log_add(c->events, type, 0, "", text);
	log_info("event", "%s: %s", type, text);
}

/* --- the dataplane --- */

/* What a former process had up goes on until its peer notices; traffic does not ask for it meanwhile. */
static void begin_left_over(struct control *c)
{
	const struct rg_config *cfg = rg_auth_config(c->auth);
	struct rg_id peer;

	for (unsigned i = 0; i < cfg->n_connections; i++) {
		const struct rg_cfg_initiate *initiate = &cfg->connections[i].initiate;

		if (initiate->n_to > 0 && rg_id_parse(&peer, initiate->identity) == 0 &&
		    orphans_exist(c->ike, rg_id_cookie(&peer)))
			initiate_traffic(c->initiate, i, NULL, control_now());
	}
}

static void first_contact(struct control *c, const struct dp_snapshot *snapshot)
{
	struct reconcile_result result;

	reconcile_run(c->ike, snapshot, c->pools, &result);
	if (result.sas)
		control_event(c, "orphans-adopted",
		              "%zu SAs of a former roamgate-control forward until their hard lifetime",
		              result.sas);
	traps_load(c->ike, rg_auth_config(c->auth));
	begin_left_over(c);
	if (c->listening)
		return;
	/* Only now: the handles and addresses of orphans are known not to be free. */
	sockets_update(c->sockets, rg_auth_config(c->auth));
	c->listening = true;
	log_info("control", "listening for IKE on the uplinks' addresses");
}

static void dataplane_up(void *user, enum dp_start start, const struct dp_snapshot *snapshot,
                         const struct rg_counters_hdr *old)
{
	struct control *c = user;
	struct reconcile_result result;

	switch (start) {
	case DP_FIRST:
		control_event(c, "dataplane-up", "connected");
		first_contact(c, snapshot);
		break;
	case DP_AGAIN:
		ike_dp_reconnected(c->ike);
		/* fall through */
	case DP_COMPARE:
		reconcile_run(c->ike, snapshot, c->pools, &result);
		control_event(c, "dataplane-compared",
		              "%zu SAs without a session, %zu SAs of sessions are gone", result.sas,
		              result.missing);
		traps_again(c->ike, false);
		break;
	case DP_RESTART:
		control_event(c, "dataplane-restarted",
		              old ? "installing its SAs again from the counters that the old one left"
		                  : "its counters are gone: Child SAs are negotiated anew");
		ike_dp_restarted(c->ike, old);
		traps_again(c->ike, true);
		break;
	}
	virtual_tun_up(c->virtual, rg_auth_config(c->auth)->dataplane.tun, control_now());
	links_hold(c->links, false);
}

static void dataplane_down(void *user)
{
	struct control *c = user;

	/* Its mirror interfaces go with it, which is no news about the uplinks. */
	links_hold(c->links, true);
	virtual_tun_down(c->virtual);
	if (!c->stopping)
		control_event(c, "dataplane-down", "connection lost; sessions wait for it");
}

static void dataplane_event(void *user, const struct rg_api_event *event)
{
	struct control *c = user;
	struct child_packet packet;
	const char *port;

	if (event->type == RG_EVENT_PORT) {
		port = dp_port_name(c->dp, event->handle);
		if (port)
			links_set(c->links, port, event->value != 0);
		return;
	}
	log_debug("dataplane", "event %s: SA %08x, tunnel %08x, value %lu", rg_api_event_name(event->type),
	          event->handle, event->tunnel, (unsigned long)event->value);
	if (event->type == RG_EVENT_NO_SA && traps_find(c->ike, event->handle) >= 0)
		initiate_traffic(c->initiate, (unsigned)traps_find(c->ike, event->handle),
		                 ts_packet(event, &packet) ? &packet : NULL, control_now());
	ike_dp_event(c->ike, event);
}

static const struct dp_hooks hooks = {.up = dataplane_up, .down = dataplane_down, .event = dataplane_event};

/* --- uplinks and datagrams --- */

static void link_changed(void *user, unsigned port, bool up)
{
	struct control *c = user;
	const struct rg_config *cfg = rg_auth_config(c->auth);
	struct rg_api_event event = {.type = RG_EVENT_PORT, .handle = port, .value = up};

	for (size_t u = 0; u < cfg->n_uplinks; u++)
		if (cfg->uplinks[u].port == port)
			control_event(c, up ? "uplink-up" : "uplink-down", "%s", cfg->uplinks[u].name);
	ike_dp_event(c->ike, &event);
}

static void received(void *user, const struct ike_datagram *dg)
{
	struct control *c = user;

	ike_input(c->ike, dg);
}

static void event_added(void *user, const struct logged_event *event)
{
	struct control *c = user;

	ctl_server_event(c->ctl, event);
}

/* --- the loop --- */

static void slept(uv_timer_t *timer)
{
	(void)timer;
}

static void end_loop(struct control *c)
{
	c->stopped = true;
	uv_stop(&c->loop);
}

static bool close_session(struct ike_sa *sa, void *context)
{
	(void)context;
	ike_sa_close(sa, "the gateway goes down");
	return true;
}

/* Peers that do not answer have had their time: their SAs leave the dataplane, and that is all. */
static void check_stop(struct control *c)
{
	if (!c->stopping || c->stopped)
		return;
	if (ike_idle(c->ike) && !dp_pending(c->dp) && !jobs_running(c->jobs)) {
		end_loop(c);
	} else if (control_now() >= c->stop_after_ms + CONTROL_STOP_MS / 3) {
		log_warning("control", "stopping with work undone: the dataplane does not answer");
		end_loop(c);
	} else if (control_now() >= c->stop_after_ms && !c->closed_all) {
		c->closed_all = true;
		ike_for_each(c->ike, close_session, NULL);
	}
}

static void before_sleep(uv_prepare_t *prepare)
{
	struct control *c = prepare->data;
	bool more = sockets_serve_newcomers(c->sockets);
	uint64_t next = ike_tick(c->ike), now, begin;

	/* What it starts wants a turn of the core at once. */
	begin = c->stopping ? IKE_NEVER : initiate_run(c->initiate, control_now());
	if (begin != IKE_NEVER)
		next = ike_tick(c->ike);
	if (begin < next)
		next = begin;
	begin = virtual_run(c->virtual, c->ike, c->initiate, control_now());
	if (begin < next)
		next = begin;
	more |= dp_pump(c->dp);
	jobs_flush(c->jobs);
	uv_update_time(&c->loop);
	now = control_now();
	if (more || next <= now)
		uv_timer_start(&c->deadline, slept, 0, 0);
	else if (next != IKE_NEVER)
		uv_timer_start(&c->deadline, slept, next - now, 0);
	else
		uv_timer_stop(&c->deadline);
	check_stop(c);
}

/* --- signals --- */

static void stop_timeout(uv_timer_t *timer)
{
	check_stop(timer->data);
}

void control_stop(struct control *c)
{
	if (c->stopping)
		return;
	log_info("control", "stopping: telling the peers");
	c->stopping = true;
	c->stop_after_ms = control_now() + CONTROL_STOP_MS;
	ike_terminate_all(c->ike);
	uv_timer_start(&c->stop_timer, stop_timeout, 50, 50);
}

static void on_terminate(uv_signal_t *handle, int number)
{
	(void)number;
	control_stop(handle->data);
}

static void on_hangup(uv_signal_t *handle, int number)
{
	(void)number;
	control_reload(handle->data);
}

static void warn(void *user, const char *text)
{
	log_warning("config", "%s: %s", (const char *)user, text);
}

static struct rg_auth *load_config(const char *file)
{
	struct rg_cfg_error where = {0};
	struct rg_auth_error error;
	struct rg_config *cfg = rg_config_load(file, RG_CFG_FILES, &where);
	struct rg_auth *auth;

	if (!cfg) {
		log_error("config", "%s:%u:%u: %s", where.file[0] ? where.file : file, where.line,
		          where.column, where.text);
		return NULL;
	}
	auth = rg_auth_load(cfg, &error);
	if (!auth)
		log_error("config", "%s: %s", file, error.text);
	else
		rg_config_warn(rg_auth_config(auth), warn, (void *)file);
	return auth;
}

/* Leases go on in the pools that now have their addresses. */
static int swap_pools(struct control *c, const struct rg_config *cfg)
{
	struct rg_pools *pools;
	int rc = rg_pools_new(cfg, c->pools, &pools);

	if (rc < 0)
		return rc;
	rg_pools_free(c->pools);
	c->pools = pools;
	return 0;
}

int control_reload(struct control *c)
{
	struct rg_auth *auth = load_config(c->config_file);
	const struct rg_config *cfg;

	if (!auth || swap_pools(c, rg_auth_config(auth)) < 0) {
		rg_auth_unref(auth);
		c->reloads_refused++;
		log_error("config", "the configuration in force stays");
		control_event(c, "config-refused", "%s has errors; the old configuration stays",
		              c->config_file);
		return -EINVAL;
	}
	cfg = rg_auth_config(auth);
	if (strcmp(cfg->dataplane.socket, rg_auth_config(c->auth)->dataplane.socket) != 0 ||
	    strcmp(cfg->control.socket, rg_auth_config(c->auth)->control.socket) != 0)
		log_warning("config", "sockets take effect at the next start only");
	log_set_level((enum log_level)cfg->control.log_level);
	ike_reload(c->ike, auth);
	if (initiate_load(c->initiate, cfg, control_now()) < 0)
		log_error("config", "no memory: this gateway begins no connection");
	virtual_look(c->virtual);
	if (c->listening)
		traps_load(c->ike, cfg);
	rg_auth_unref(c->auth);
	c->auth = auth;
	if (c->listening)
		sockets_update(c->sockets, cfg);
	links_update(c->links, cfg);
	rules_apply(cfg);
	c->reloads++;
	control_event(c, "config-reloaded", "%s", c->config_file);
	return 0;
}

/* --- start and end --- */

static void address_changed(void *user, const char *text)
{
	control_event(user, "virtual-address", "%s", text);
}

static int init_loop(struct control *c)
{
	int rc = uv_loop_init(&c->loop);

	if (rc < 0)
		return rc;
	uv_prepare_init(&c->loop, &c->prepare);
	uv_timer_init(&c->loop, &c->deadline);
	uv_timer_init(&c->loop, &c->stop_timer);
	uv_signal_init(&c->loop, &c->sigterm);
	uv_signal_init(&c->loop, &c->sigint);
	uv_signal_init(&c->loop, &c->sighup);
	c->prepare.data = c->stop_timer.data = c;
	c->sigterm.data = c->sigint.data = c->sighup.data = c;
	return 0;
}

/* Threads beyond the CPUs that we may use only take them from each other. */
static unsigned pool_threads(const struct rg_config *cfg)
{
	unsigned cpus = uv_available_parallelism();

	return cfg->control.threads < cpus ? cfg->control.threads : cpus;
}

static int init_core(struct control *c)
{
	struct ike_params params = {.ops = &core_ops,
	                            .user = c,
	                            .homing = &homing_ops,
	                            .auth = c->auth,
	                            .boot_epoch = (uint32_t)time(NULL),
	                            .store = &store_null,
	                            .store_user = &c->store};

	if (rg_pools_new(rg_auth_config(c->auth), NULL, &c->pools) < 0)
		return -ENOMEM;
	c->jobs = jobs_create(&c->loop, pool_threads(rg_auth_config(c->auth)));
	c->events = events_log_create(event_added, c);
	c->sockets = sockets_create(&c->loop, received, c);
	c->ike = ike_create(&params);
	c->initiate = initiate_create(&initiate_ops, c);
	c->virtual = virtual_create(address_changed, c);
	if (!c->jobs || !c->events || !c->sockets || !c->ike || !c->initiate || !c->virtual)
		return -ENOMEM;
	return initiate_load(c->initiate, rg_auth_config(c->auth), control_now());
}

static int init_outside(struct control *c)
{
	const struct rg_config *cfg = rg_auth_config(c->auth);

	c->ctl = ctl_server_create(&c->loop, cfg->control.socket, c->events, report_answer, c);
	if (!c->ctl)
		return -errno;
	c->links = links_create(&c->loop, link_changed, c);
	c->dp = dp_create(&c->loop, cfg->dataplane.socket, &hooks, c);
	c->refresh = status_refresh_create(c);
	if (!c->links || !c->dp || !c->refresh)
		return -ENOMEM;
	return links_update(c->links, cfg);
}

int control_init(struct control *c, const char *config_file)
{
	int rc;

	memset(c, 0, sizeof(*c));
	c->config_file = config_file;
	c->started_ms = control_now();
	c->auth = load_config(config_file);
	if (!c->auth)
		return -EINVAL;
	log_set_level((enum log_level)rg_auth_config(c->auth)->control.log_level);
	rc = init_loop(c);
	if (!rc)
		rc = init_core(c);
	if (!rc)
		rc = init_outside(c);
	if (rc < 0) {
		log_error("control", "cannot start: %s", strerror(-rc));
		return rc;
	}
	rules_apply(rg_auth_config(c->auth)); /* logged where it fails; sessions of one uplink work without */
	uv_prepare_start(&c->prepare, before_sleep);
	uv_signal_start(&c->sigterm, on_terminate, SIGTERM);
	uv_signal_start(&c->sigint, on_terminate, SIGINT);
	uv_signal_start(&c->sighup, on_hangup, SIGHUP);
	return 0;
}

static void close_rest(uv_handle_t *handle, void *context)
{
	(void)context;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void control_fini(struct control *c)
{
	uv_prepare_stop(&c->prepare);
	/* The end of a job may ask for a batch, and that of a batch for a job: the core is freed
	 * when neither is left. A job takes milliseconds. */
	dp_stop(c->dp);
	while (dp_pump(c->dp) || jobs_running(c->jobs)) {
		jobs_flush(c->jobs);
		uv_run(&c->loop, jobs_running(c->jobs) ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	}
	jobs_close(c->jobs);
	dp_close(c->dp);
	ctl_server_close(c->ctl);
	c->ctl = NULL;
	links_close(c->links);
	status_refresh_stop(c->refresh);
	virtual_free(c->virtual);
	rules_apply(NULL);
	ike_destroy(c->ike);
	initiate_free(c->initiate);
	c->initiate = NULL;
	sockets_close(c->sockets);
	uv_walk(&c->loop, close_rest, NULL);
	uv_run(&c->loop, UV_RUN_DEFAULT);
	uv_loop_close(&c->loop);
	status_refresh_free(c->refresh);
	events_log_free(c->events);
	rg_pools_free(c->pools);
	rg_auth_unref(c->auth);
}
