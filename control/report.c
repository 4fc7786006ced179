/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roamctl's commands: the daemon's own state, the counters, and those that
 * start something. Event loop's thread.
 */
#include "control/report.h"

#include "control/ctl/protocol.h"
#include "control/ike/census.h"
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

/* Sessions on the addresses of an uplink. */
static json_int_t clients_of(struct control *c, const struct rg_cfg_uplink *uplink)
{
	json_int_t n = 0;

	for (size_t a = 0; a < uplink->n_addresses; a++)
		n += census_at(c->ike, &uplink->addresses[a].addr);
	return n;
}

static json_t *uplinks_status(struct control *c)
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
		                                      "clients", clients_of(c, uplink)));
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

/* Figures that are kept, and none that is counted here: whatever there is, IKE does not wait. */
static json_t *answer_status(struct control *c)
{
	const struct census *census = &c->ike->census;
	size_t orphans = orphans_count(c->ike);
	const struct rg_config *cfg = rg_auth_config(c->auth);
	json_t *o;

	o = json_pack("{s:s, s:i, s:I, s:s, s:s, s:o, s:{s:I, s:I, s:I}, s:I, s:o, s:o, s:o}", "version",
	              RG_VERSION, "pid", (int)getpid(), "uptime_s",
	              (json_int_t)((control_now() - c->started_ms) / 1000), "config", c->config_file,
	              "identity", cfg->gateway.identity, "dataplane", dataplane_status(c), "sessions",
	              "established", (json_int_t)census->established, "half_open",
	              (json_int_t)c->ike->n_half_open, "orphans", (json_int_t)orphans, "child_sas",
	              (json_int_t)census->children, "notes", notes(orphans), "uplinks", uplinks_status(c),
	              "pools", pools_status(c));
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

/* A client by its identity as it is shown, where that is no text that a configuration would have. */
struct wanted {
	const char *identity;
	uint64_t found;
};

static void find_client(struct ike_sa *sa, void *context)
{
	struct wanted *wanted = context;
	char text[RG_ID_TEXT];

	if (sa->state == IKE_STATE_ESTABLISHED &&
	    strcmp(rg_id_print(&sa->peer_id, text, sizeof(text)), wanted->identity) == 0)
		wanted->found = ike_session_id(sa);
}

static uint64_t by_id(struct control *c, uint64_t id)
{
	const struct ike_sa *sa = ike_find_session(c->ike, id);

	return sa && sa->state == IKE_STATE_ESTABLISHED ? id : 0;
}

/* {"client": ID or "IDENTITY"}: the id; 0: none, or none on this page of all, and `next` is where the next
 * one begins. An identity as the configuration writes them has an index; only what is shown otherwise (a key
 * id) is searched for, page by page. */
static uint64_t client_of(struct control *c, const json_t *request, uint64_t *next)
{
	const json_t *client = json_object_get(request, "client");
	struct wanted wanted = {.identity = json_string_value(client)};
	const struct ike_sa *sa;
	struct rg_id peer;
	uint64_t id;
	char *end;

	*next = 0;
	if (!wanted.identity || !*wanted.identity)
		return by_id(c, (uint64_t)json_integer_value(client));
	id = strtoull(wanted.identity, &end, 10);
	if (!*end) /* "7" is an id as well */
		return by_id(c, id);
	sa = rg_id_parse(&peer, wanted.identity) == 0 ? ike_find_identity(c->ike, &peer, NULL) : NULL;
	if (sa)
		return ike_session_id(sa);
	*next = ike_for_page(c->ike, (uint64_t)json_integer_value(json_object_get(request, "from")),
	                     RG_CTL_PAGE, find_client, &wanted);
	if (wanted.found)
		*next = 0;
	return wanted.found;
}

/* It is on none of the pages so far: to be asked again from there. */
static json_t *search_on(uint64_t next)
{
	return json_pack("{s:b, s:I}", "ok", 1, "next", (json_int_t)next);
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
	uint64_t next, session = client_of(c, request, &next);

	if (next)
		return search_on(next);
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
	uint64_t next, session = client_of(c, request, &next);

	if (!session && name && initiate_hold_named(c->initiate, name) == 0)
		return done(0, "terminate");
	if (next)
		return search_on(next);
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
	uint64_t next, session = client_of(c, request, &next);

	if (next)
		return search_on(next);
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
