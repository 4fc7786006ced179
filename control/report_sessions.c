/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sessions look like from outside: clients, SAs and paths. Reads the
 * core's structures, changes nothing. Event loop's thread.
 */
#include "control/report.h"

#include "control/ctl/protocol.h"
#include "control/homing/homing.h"
#include "control/homing/session.h"
#include "control/ike/crypto/suite.h"
#include "control/ike/cp.h"
#include "control/ike/ike_sa.h"
#include "control/ike/journal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

struct listing {
	struct control *control;
	json_t *first, *second; /* NULL: not asked for */
};

/* {"from": what the page before said}; absent: the first one. A wrong one is behind the last. */
static uint64_t fill_page(struct listing *l, const json_t *request,
                          void (*add)(struct ike_sa *sa, void *context))
{
	return ike_for_page(l->control->ike, (uint64_t)json_integer_value(json_object_get(request, "from")),
	                    RG_CTL_PAGE, add, l);
}

/* Takes over `reply`. */
static json_t *end_page(json_t *reply, uint64_t next)
{
	if (next != 0)
		json_object_set_new(reply, "next", json_integer((json_int_t)next));
	return reply;
}

static json_t *identity_of(const struct ike_sa *sa)
{
	char text[RG_ID_TEXT] = "";

	if (sa->peer_id.type)
		rg_id_print(&sa->peer_id, text, sizeof(text));
	return json_string(text);
}

static json_t *endpoint_of(const struct ike_endpoint *e)
{
	char text[IKE_ENDPOINT_TEXT];

	return json_string(endpoint_text(e, text));
}

static json_t *uplink_of(const struct ike_sa *sa, const struct rg_cfg_addr *local)
{
	const struct rg_config *cfg = rg_auth_config(sa->auth);

	for (size_t u = 0; u < cfg->n_uplinks; u++)
		for (size_t a = 0; a < cfg->uplinks[u].n_addresses; a++)
			if (addr_equal(&cfg->uplinks[u].addresses[a].addr, local))
				return json_string(cfg->uplinks[u].name);
	return json_string("-");
}

static const char *encap_name(unsigned encap)
{
	return encap == RG_ENCAP_UDP ? "udp" : "none";
}

static const char *encap_of(const struct ike_sa *sa)
{
	struct rg_api_path path;

	ike_sa_path(sa, &path);
	return encap_name(path.encap);
}

static json_int_t seconds(uint64_t now, uint64_t then)
{
	return then && now > then ? (json_int_t)((now - then) / 1000) : 0;
}

/* Seconds until a deadline; 0: none, or due. */
static json_int_t left(uint64_t now, uint64_t deadline)
{
	return deadline > now ? (json_int_t)((deadline - now) / 1000) : 0;
}

/* The idle time of a client: since its last ESP packet or IKE message. */
static json_int_t idle(struct control *c, const struct ike_sa *sa, uint64_t now)
{
	const struct child_sa *child;
	uint64_t last = sa->last_in_ms;

	TAILQ_FOREACH (child, &sa->children, link) {
		const struct rg_counters_sa *record = dp_counters(c->dp, RG_IN, child->handle_in);

		if (record && record->last_ms > last)
			last = record->last_ms;
	}
	return seconds(now, last);
}

static json_t *virtual_of(const struct ike_sa *sa)
{
	json_t *list = json_array();
	char text[IKE_ENDPOINT_TEXT];

	for (unsigned i = 0; i < sa->n_vips; i++)
		json_array_append_new(list, json_string(addr_text(&sa->vips[i].addr, text)));
	return list;
}

/* Name servers that the peer has told us of. */
static json_t *servers_of(const struct cp_taken *taken)
{
	json_t *list = json_array();
	char text[IKE_ENDPOINT_TEXT];

	for (unsigned i = 0; i < taken->n_dns; i++)
		json_array_append_new(list, json_string(addr_text(&taken->dns[i], text)));
	return list;
}

/* SAs that have handed their session on, or never had one, are no clients. */
static bool is_client(const struct ike_sa *sa)
{
	return sa->peer_id.type && (sa->state == IKE_STATE_ESTABLISHED || sa->state == IKE_STATE_DELETING);
}

static void add_client(struct ike_sa *sa, void *context)
{
	struct listing *l = context;
	uint64_t now = control_now();
	json_t *o;

	if (!is_client(sa))
		return;
	o = json_pack("{s:I, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:s}", "id", (json_int_t)ike_session_id(sa),
	              "identity", identity_of(sa), "connection", sa->connection ? sa->connection->name : "-",
	              "state", ike_state_name(sa->state), "virtual", virtual_of(sa), "local",
	              endpoint_of(&sa->local), "remote", endpoint_of(&sa->remote), "uplink",
	              uplink_of(sa, &sa->local.addr), "encap", encap_of(sa));
	if (sa->connection && sa->connection->rule)
		json_object_set_new(o, "rule", json_string(sa->connection->rule->name));
	if (sa->taken && sa->taken->n_dns > 0)
		json_object_set_new(o, "dns", servers_of(sa->taken));
	json_object_set_new(o, "nat", json_boolean(sa->nat_local || sa->nat_remote));
	json_object_set_new(o, "mobike", json_boolean(sa->capabilities & IKE_CAP_MOBIKE));
	json_object_set_new(o, "moves", json_integer((json_int_t)sa->counters.moves));
	json_object_set_new(o, "rekeys", json_integer((json_int_t)sa->counters.rekeys));
	json_object_set_new(o, "retransmissions", json_integer((json_int_t)sa->counters.retransmissions));
	json_object_set_new(o, "orphan", json_false());
	json_object_set_new(o, "established_s", json_integer(seconds(now, sa->established_ms)));
	json_object_set_new(o, "idle_s", json_integer(idle(l->control, sa, now)));
	json_array_append_new(l->first, o);
}

json_t *report_clients(struct control *c, const json_t *request)
{
	struct listing l = {.control = c, .first = json_array()};
	uint64_t next = fill_page(&l, request, add_client);

	return end_page(json_pack("{s:b, s:o}", "ok", 1, "clients", l.first), next);
}

static json_t *hex(uint64_t value, int digits)
{
	char text[20];

	snprintf(text, sizeof(text), "%0*lx", digits, (unsigned long)value);
	return json_string(text);
}

static const char *suite_text(const struct ike_suite *suite, char text[96])
{
	ike_suite_print(suite, text, 96);
	return text;
}

/* "10.20.0.0/24", or "FIRST-LAST" where it is no prefix; with protocol and ports where they matter. */
static json_t *selector_text(const struct rg_api_selector *s)
{
	char first[INET6_ADDRSTRLEN], last[INET6_ADDRSTRLEN], ports[32] = "";
	unsigned bits = s->family == 4 ? 32 : 128, len = 0, rest;
	bool is_prefix = true;

	while (len < bits && !((s->first[len / 8] ^ s->last[len / 8]) & (0x80 >> len % 8)))
		len++;
	for (rest = len; rest < bits; rest++)
		is_prefix &= !(s->first[rest / 8] & (0x80 >> rest % 8)) &&
		             (s->last[rest / 8] & (0x80 >> rest % 8));
	inet_ntop(s->family == 4 ? AF_INET : AF_INET6, s->first, first, sizeof(first));
	inet_ntop(s->family == 4 ? AF_INET : AF_INET6, s->last, last, sizeof(last));
	if (s->protocol || s->port_first || s->port_last != 65535)
		snprintf(ports, sizeof(ports), "[%u/%u-%u]", s->protocol, s->port_first, s->port_last);
	if (is_prefix)
		return json_sprintf("%s/%u%s", first, len, ports);
	return json_sprintf("%s-%s%s", first, last, ports);
}

static json_t *selectors_of(const struct child_selectors *selectors)
{
	json_t *list = json_array();

	for (size_t i = 0; i < selectors->n; i++)
		json_array_append_new(list, selector_text(&selectors->s[i]));
	return list;
}

static void add_traffic(struct control *c, const struct child_sa *child, json_t *o)
{
	const struct rg_counters_sa *in = dp_counters(c->dp, RG_IN, child->handle_in);
	const struct rg_counters_sa *out = dp_counters(c->dp, RG_OUT, child->handle_out);

	if (in)
		json_object_set_new(o, "packets_in", json_integer((json_int_t)in->packets));
	if (out)
		json_object_set_new(o, "packets_out", json_integer((json_int_t)out->packets));
}

static json_t *esp_suite(const struct child_sa *child)
{
	const struct rg_suite_info *suite = rg_suite_info(child->suite);

	return json_sprintf("%s%s", suite ? suite->name : "none", child->esn ? "-esn" : "");
}

static void add_children(struct listing *l, const struct ike_sa *sa, uint64_t now)
{
	const struct child_sa *child;

	TAILQ_FOREACH (child, &sa->children, link) {
		json_t *o = json_pack(
		        "{s:I, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:b}", "client",
		        (json_int_t)ike_session_id(sa), "identity", identity_of(sa), "spi_in",
		        hex(ntohl(child->spi_in), 8), "spi_out", hex(ntohl(child->spi_out), 8), "state",
		        child_state_name(child->state), "suite", esp_suite(child), "local_ts",
		        selectors_of(&child->local), "remote_ts", selectors_of(&child->remote), "tunnel",
		        (json_int_t)sa->tunnel, "age_s", seconds(now, child->born_ms), "rekey_s",
		        left(now, child->rekey_ms), "current", child_is_current(child));

		add_traffic(l->control, child, o);
		json_array_append_new(l->second, o);
	}
}

static void add_sas(struct ike_sa *sa, void *context)
{
	struct listing *l = context;
	uint64_t now = control_now();
	char suite[96];

	if (!sa->peer_id.type)
		return;
	if (l->second)
		add_children(l, sa, now);
	if (!l->first)
		return;
	json_array_append_new(l->first, json_pack("{s:I, s:o, s:o, s:o, s:s, s:s, s:s, s:I, s:I}", "client",
	                                          (json_int_t)ike_session_id(sa), "identity", identity_of(sa),
	                                          "spi_i", hex(sa->spi_i, 16), "spi_r", hex(sa->spi_r, 16),
	                                          "state", ike_state_name(sa->state), "suite",
	                                          suite_text(&sa->keys.suite, suite), "role",
	                                          sa->is_initiator ? "initiator" : "responder", "age_s",
	                                          seconds(now, sa->created_ms), "rekey_s",
	                                          left(now, sa->timer[TIMER_REKEY])));
}

/* {"of":"ike"} or {"of":"child"}: one kind alone. */
json_t *report_sas(struct control *c, const json_t *request)
{
	const char *of = json_string_value(json_object_get(request, "of"));
	struct listing l = {.control = c};
	json_t *reply = json_pack("{s:b}", "ok", 1);
	uint64_t next;

	if (!of || strcmp(of, "ike") == 0)
		l.first = json_array();
	if (!of || strcmp(of, "child") == 0)
		l.second = json_array();
	next = fill_page(&l, request, add_sas);
	if (l.first)
		json_object_set_new(reply, "ike", l.first);
	if (l.second)
		json_object_set_new(reply, "child", l.second);
	return end_page(reply, next);
}

static json_t *path_object(const struct ike_sa *sa, const struct ike_endpoint *local,
                           const struct ike_endpoint *remote, const char *state)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:s}", "client", (json_int_t)ike_session_id(sa), "identity",
	                 identity_of(sa), "local", endpoint_of(local), "remote", endpoint_of(remote), "state",
	                 state);
}

/* What the fast path uses; where homing knows better (an update is not proved yet), it is not IKE's pair. */
static json_t *current_path(const struct ike_sa *sa)
{
	const struct homing_session *hs = sa->homing;
	char text[256] = "";
	json_t *o = path_object(sa, hs ? &hs->tx.current.pair.local : &sa->local,
	                        hs ? &hs->tx.current.pair.remote : &sa->remote, "current");

	json_object_set_new(o, "uplink",
	                    uplink_of(sa, hs ? &hs->tx.current.pair.local.addr : &sa->local.addr));
	json_object_set_new(o, "encap", json_string(hs ? encap_name(hs->tx.current.encap) : encap_of(sa)));
	json_object_set_new(o, "generation", json_integer((json_int_t)sa->tunnel_generation));
	json_object_set_new(o, "homing", json_string(homing_describe(sa, text, sizeof(text))));
	return o;
}

static void add_paths(struct ike_sa *sa, void *context)
{
	const struct homing_session *hs = sa->homing;
	struct listing *l = context;

	if (!is_client(sa))
		return;
	json_array_append_new(l->first, current_path(sa));
	if (hs && hs->tx.state != ADDRESS_IDLE)
		json_array_append_new(l->first, path_object(sa, &hs->tx.active.to.pair.local,
		                                            &hs->tx.active.to.pair.remote, "verifying"));
	for (unsigned i = 0; i < sa->n_peer_addrs; i++) {
		struct ike_endpoint candidate = {.addr = sa->peer_addrs[i], .port = sa->remote.port};

		if (candidate.addr.family == sa->local.addr.family)
			json_array_append_new(l->first, path_object(sa, &sa->local, &candidate, "candidate"));
	}
}

json_t *report_paths(struct control *c, const json_t *request)
{
	struct listing l = {.control = c, .first = json_array()};
	uint64_t next = fill_page(&l, request, add_paths);

	return end_page(json_pack("{s:b, s:o}", "ok", 1, "paths", l.first), next);
}

json_t *report_explain(struct control *c, uint64_t session)
{
	struct listing l = {.control = c, .first = json_array()};
	struct ike_sa *sa = ike_find_session(c->ike, session);
	const struct journal_entry *entry;
	json_t *story = json_array(), *client;
	uint64_t now = control_now();
	char text[JOURNAL_TEXT];

	if (sa)
		add_client(sa, &l);
	for (unsigned i = 0; sa && (entry = journal_at(sa, i)); i++) {
		uint64_t when = journal_when_ms(entry, now);

		json_array_append_new(story,
		                      json_pack("{s:I, s:I, s:s, s:s}", "ms", (json_int_t)when, "ago_s",
		                                seconds(now, when), "what", journal_kind_name(entry->kind),
		                                "text", journal_text(sa, entry, text)));
	}
	client = json_incref(json_array_get(l.first, 0));
	json_decref(l.first);
	return json_pack("{s:b, s:o, s:I, s:o}", "ok", 1, "client", client ? client : json_object(),
	                 "forgotten", (json_int_t)(sa && sa->journal ? sa->journal->dropped : 0), "story",
	                 story);
}
