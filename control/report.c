/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roamctl's commands: the daemon's own state, the counters, and those that
 * start something. Event loop's thread.
 */
#include "control/report.h"

#include "control/ike/manager.h"
#include "control/log.h"
#include "control/version.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNTERS_MAX 512

static json_t *hex64(uint64_t value)
{
	return json_sprintf("%016lx", (unsigned long)value);
}

static json_t *dataplane_status(struct control *c)
{
	struct dp_status s;

	dp_status(c->dp, &s);
	return json_pack("{s:b, s:s, s:o, s:i, s:I, s:I, s:I, s:I, s:I}", "connected", s.connected, "socket",
	                 rg_auth_config(c->auth)->dataplane.socket, "boot_id", hex64(s.boot_id), "restarts",
	                 (int)s.restarts, "batches", (json_int_t)s.batches, "refused", (json_int_t)s.refused,
	                 "pending", (json_int_t)dp_pending(c->dp), "events", (json_int_t)s.events,
	                 "events_lost", (json_int_t)s.events_lost);
}

struct count {
	json_int_t established, half_open, children;
	const struct rg_config *cfg;
	json_int_t *clients; /* of each uplink */
};

static void count_uplink(struct count *count, const struct rg_cfg_addr *local)
{
	for (size_t u = 0; u < count->cfg->n_uplinks; u++)
		for (size_t a = 0; a < count->cfg->uplinks[u].n_addresses; a++)
			count->clients[u] += addr_equal(&count->cfg->uplinks[u].addresses[a].addr, local);
}

static bool count_session(struct ike_sa *sa, void *context)
{
	struct count *count = context;
	const struct child_sa *child;

	if (sa->state == IKE_STATE_ESTABLISHED) {
		count->established++;
		count_uplink(count, &sa->local.addr);
	} else if (sa->is_half_open) {
		count->half_open++;
	}
	TAILQ_FOREACH (child, &sa->children, link)
		count->children += child->state == CHILD_INSTALLED || child->state == CHILD_REKEYING;
	return true;
}

static json_t *uplinks_status(struct control *c, const struct count *count)
{
	const struct rg_config *cfg = rg_auth_config(c->auth);
	json_t *list = json_array();
	char text[IKE_ENDPOINT_TEXT];

	for (size_t u = 0; u < cfg->n_uplinks; u++) {
		const struct rg_cfg_uplink *uplink = &cfg->uplinks[u];
		json_t *addresses = json_array();

		for (size_t a = 0; a < uplink->n_addresses; a++)
			json_array_append_new(addresses,
			                      json_string(addr_text(&uplink->addresses[a].addr, text)));
		json_array_append_new(list, json_pack("{s:s, s:b, s:i, s:o, s:I}", "name", uplink->name, "up",
		                                      links_up(c->links, uplink->port), "preference",
		                                      (int)uplink->preference, "addresses", addresses,
		                                      "clients", count->clients[u]));
	}
	return list;
}

static json_t *pools_status(struct control *c)
{
	const struct rg_config *cfg = rg_auth_config(c->auth);
	static const uint8_t families[] = {4, 6};
	json_t *list = json_array();
	struct rg_pools_usage usage;

	for (unsigned p = 0; p < cfg->n_pools; p++)
		for (size_t f = 0; f < 2; f++)
			if (rg_pools_usage(c->pools, p, families[f], &usage) == 0 && usage.size > 0)
				json_array_append_new(
				        list, json_pack("{s:s, s:i, s:I, s:I, s:f}", "name",
				                        cfg->pools[p].name, "family", families[f], "used",
				                        (json_int_t)usage.used, "reserved",
				                        (json_int_t)usage.reserved, "size", usage.size));
	return list;
}

static json_t *initiate_list(struct control *c)
{
	json_t *list = json_array();
	uint64_t now = control_now();
	struct initiate_status s;

	for (size_t i = 0; initiate_status(c->initiate, i, &s); i++)
		json_array_append_new(
		        list, json_pack("{s:s, s:s, s:I, s:i, s:I, s:s}", "connection", s.connection, "state",
		                        s.state, "client", (json_int_t)s.session, "failed_rounds",
		                        (int)s.rounds, "next_s",
		                        (json_int_t)(s.next_ms > now ? (s.next_ms - now + 999) / 1000 : 0),
		                        "reason", s.reason));
	return list;
}

static json_t *notes(size_t orphans)
{
	json_t *list = json_array();

	json_array_append_new(list,
	                      json_string("checkpoints of sessions are not in this version: sessions are not "
	                                  "restored after a restart of roamgate-control"));
	if (orphans)
		json_array_append_new(list,
		                      json_sprintf("%zu orphaned SAs forward until their hard lifetime, or "
		                                   "until their clients connect again",
		                                   orphans));
	return list;
}

static json_t *answer_status(struct control *c)
{
	size_t orphans = orphans_count(c->ike);
	const struct rg_config *cfg = rg_auth_config(c->auth);
	struct count count = {.cfg = cfg, .clients = calloc(cfg->n_uplinks + 1, sizeof(json_int_t))};
	json_t *o;

	if (!count.clients)
		return NULL;
	ike_for_each(c->ike, count_session, &count);
	o = json_pack("{s:s, s:i, s:I, s:s, s:s, s:o, s:{s:I, s:I, s:I}, s:I, s:o, s:o, s:o}", "version",
	              RG_VERSION, "pid", (int)getpid(), "uptime_s",
	              (json_int_t)((control_now() - c->started_ms) / 1000), "config", c->config_file,
	              "identity", cfg->gateway.identity, "dataplane", dataplane_status(c), "sessions",
	              "established", count.established, "half_open", count.half_open, "orphans",
	              (json_int_t)orphans, "child_sas", count.children, "notes", notes(orphans), "uplinks",
	              uplinks_status(c, &count), "pools", pools_status(c));
	free(count.clients);
	json_object_set_new(o, "initiate", initiate_list(c));
	return json_pack("{s:b, s:o}", "ok", 1, "status", o);
}

static void add_counter(json_t *list, const char *name, uint64_t value, bool is_drop)
{
	json_array_append_new(list, json_pack("{s:s, s:I, s:b}", "name", name, "value", (json_int_t)value,
	                                      "drop", is_drop));
}

static json_t *answer_counters(struct control *c)
{
	const struct sockets_counters *s = sockets_counters(c->sockets);
	struct ike_counter *counters = calloc(COUNTERS_MAX, sizeof(*counters));
	json_t *list = json_array();
	size_t n = counters ? ike_counters(c->ike, counters, COUNTERS_MAX) : 0;

	for (size_t i = 0; i < n; i++)
		add_counter(list, counters[i].name, counters[i].value, counters[i].is_drop);
	free(counters);
#define X(field, name, drop) add_counter(list, name, s->field, drop);
	SOCKETS_COUNTERS(X)
#undef X
	add_counter(list, "log-lines-suppressed", log_suppressed(), false);
	add_counter(list, "config-reloads", c->reloads, false);
	add_counter(list, "config-reloads-refused", c->reloads_refused, false);
	return json_pack("{s:b, s:o}", "ok", 1, "counters", list);
}

/* A client by its id or its identity; the newest of several. */
struct wanted {
	uint64_t id;
	const char *identity;
	uint64_t found;
};

static bool find_client(struct ike_sa *sa, void *context)
{
	struct wanted *wanted = context;
	char text[RG_ID_TEXT];

	if (sa->state != IKE_STATE_ESTABLISHED)
		return true;
	if (wanted->identity ? strcmp(rg_id_print(&sa->peer_id, text, sizeof(text)), wanted->identity) == 0
	                     : ike_session_id(sa) == wanted->id)
		wanted->found = ike_session_id(sa);
	return true;
}

/* {"client": ID or "IDENTITY"}; 0: none. */
static uint64_t client_of(struct control *c, const json_t *request)
{
	const json_t *client = json_object_get(request, "client");
	struct wanted wanted = {.id = (uint64_t)json_integer_value(client),
	                        .identity = json_string_value(client)};
	char *end;

	if (wanted.identity && *wanted.identity) { /* "7" is an id as well */
		uint64_t id = strtoull(wanted.identity, &end, 10);

		if (!*end) {
			wanted.id = id;
			wanted.identity = NULL;
		}
	}
	ike_for_each(c->ike, find_client, &wanted);
	return wanted.found;
}

static json_t *done(int rc, const char *what)
{
	if (rc == 0)
		return json_pack("{s:b}", "ok", 1);
	return ctl_error("%s: %s", what, strerror(-rc));
}

/* {"command":"rekey","sa":"ike"|"child","client":...} */
static json_t *answer_rekey(struct control *c, const json_t *request)
{
	const char *sa = json_string_value(json_object_get(request, "sa"));
	uint64_t session = client_of(c, request);

	if (!session)
		return ctl_error("no such client: name an id or an identity that `roamctl clients` shows");
	if (sa && strcmp(sa, "ike") == 0)
		return done(ike_rekey_session(c->ike, session), "rekey of the IKE SA");
	if (sa && strcmp(sa, "child") == 0)
		return done(ike_rekey_children(c->ike, session), "rekey of the Child SAs");
	return ctl_error("rekey: \"sa\" is \"ike\" or \"child\"");
}

static json_t *answer_terminate(struct control *c, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "client"));
	uint64_t session = client_of(c, request);

	if (!session && name && initiate_hold_named(c->initiate, name) == 0)
		return done(0, "terminate");
	if (!session)
		return ctl_error("no such client: name an id or an identity that `roamctl clients` shows, or "
		                 "a connection that this gateway begins");
	initiate_hold(c->initiate, session);
	return done(ike_terminate(c->ike, session), "terminate");
}

/* {"command":"initiate","connection":"NAME"} */
static json_t *answer_initiate(struct control *c, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "connection"));
	int rc = name ? initiate_ask(c->initiate, name, control_now()) : -ENOENT;

	if (rc == -ENOENT)
		return ctl_error("no such connection: name one that has `initiate` in the configuration");
	if (rc == -EALREADY)
		return ctl_error("connection %s is up already", name);
	return done(rc, "initiate");
}

static json_t *answer_explain(struct control *c, const json_t *request)
{
	uint64_t session = client_of(c, request);

	if (!session)
		return ctl_error(
		        "no such client: name an id or an identity that `roamctl clients` shows; why one "
		        "could not connect is in `roamctl events`");
	return report_explain(c, session);
}

json_t *report_answer(void *user, const char *command, const json_t *request)
{
	struct control *c = user;

	if (strcmp(command, "status") == 0)
		return answer_status(c);
	if (strcmp(command, "clients") == 0)
		return report_clients(c, request);
	if (strcmp(command, "sas") == 0)
		return report_sas(c, request);
	if (strcmp(command, "paths") == 0)
		return report_paths(c, request);
	if (strcmp(command, "counters") == 0)
		return answer_counters(c);
	if (strcmp(command, "rekey") == 0)
		return answer_rekey(c, request);
	if (strcmp(command, "terminate") == 0)
		return answer_terminate(c, request);
	if (strcmp(command, "initiate") == 0)
		return answer_initiate(c, request);
	if (strcmp(command, "explain") == 0)
		return answer_explain(c, request);
	return ctl_error(
	        "unknown command; there are status, clients, sas, paths, counters, events, explain, rekey, "
	        "terminate, initiate");
}
