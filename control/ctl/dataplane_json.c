/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dataplane's records (dataplane/api/api.h) as JSON objects. One thread.
 */
#include "control/ctl/dataplane_json.h"

#include "config/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ENDPOINT_TEXT_MAX (RG_ADDR_TEXT_MAX + 8)
#define SELECTOR_TEXT_MAX (2 * RG_ADDR_TEXT_MAX + 32)

static struct rg_cfg_addr addr_of(uint8_t family, const uint8_t bytes[16])
{
	struct rg_cfg_addr addr = {.family = family};

	memcpy(addr.bytes, bytes, family == 6 ? 16 : 4);
	return addr;
}

/* "192.0.2.1:4500", "[2001:db8::1]:4500"; the address alone without a port. */
static char *endpoint_format(uint8_t family, const uint8_t bytes[16], uint16_t port,
                             char buf[static ENDPOINT_TEXT_MAX])
{
	struct rg_cfg_addr addr = addr_of(family, bytes);
	char text[RG_ADDR_TEXT_MAX];

	rg_addr_format(&addr, text);
	if (port == 0)
		snprintf(buf, ENDPOINT_TEXT_MAX, "%s", text);
	else
		snprintf(buf, ENDPOINT_TEXT_MAX, family == 6 ? "[%s]:%u" : "%s:%u", text, ntohs(port));
	return buf;
}

/* "10.20.0.0/24", or "10.0.0.1-10.0.0.9", with "[protocol]" or "[protocol/first-last]" where not any. */
static void selector_format(const struct rg_api_selector *s, char buf[static SELECTOR_TEXT_MAX])
{
	struct rg_cfg_range range = {addr_of(s->family, s->first), addr_of(s->family, s->last)}, rest;
	struct rg_cfg_prefix prefix;
	char first[RG_PREFIX_TEXT_MAX], last[RG_ADDR_TEXT_MAX];
	int n;

	if (rg_addr_compare(&range.first, &range.last) <= 0 && !rg_range_split(&range, &prefix, &rest))
		n = snprintf(buf, SELECTOR_TEXT_MAX, "%s", rg_prefix_format(&prefix, first));
	else
		n = snprintf(buf, SELECTOR_TEXT_MAX, "%s-%s", rg_addr_format(&range.first, first),
		             rg_addr_format(&range.last, last));
	if (n < 0 || n >= SELECTOR_TEXT_MAX)
		return;
	if (s->port_first != 0 || s->port_last != UINT16_MAX)
		snprintf(buf + n, SELECTOR_TEXT_MAX - (size_t)n, "[%u/%u-%u]", s->protocol, s->port_first,
		         s->port_last);
	else if (s->protocol != 0)
		snprintf(buf + n, SELECTOR_TEXT_MAX - (size_t)n, "[%u]", s->protocol);
}

static json_t *selectors_json(const struct rg_api_selector selectors[RG_API_MAX_SELECTORS])
{
	json_t *list = json_array();
	char text[SELECTOR_TEXT_MAX];

	for (size_t i = 0; i < RG_API_MAX_SELECTORS && selectors[i].family != 0; i++) {
		selector_format(&selectors[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *hex64(uint64_t value)
{
	return json_sprintf("%016" PRIx64, value);
}

static json_t *suite_json(uint32_t suite, bool esn)
{
	const struct rg_suite_info *info = rg_suite_info(suite);

	return json_sprintf("%s%s", info ? info->name : "unknown", info && esn ? "-esn" : "");
}

/* Names in records are the other process's: they may lack their NUL or be no UTF-8. */
static json_t *name_json(const char *name, size_t size)
{
	json_t *text = json_stringn(name, strnlen(name, size));

	return text ? text : json_string("?");
}

static json_t *path_json(const struct rg_api_tunnel *t, json_t *object)
{
	char text[ENDPOINT_TEXT_MAX];
	const struct rg_api_path *p = &t->path;
	bool udp = p->encap == RG_ENCAP_UDP;

	json_object_set_new(object, "local",
	                    json_string(endpoint_format(p->family, p->local, udp ? p->local_port : 0, text)));
	json_object_set_new(
	        object, "remote",
	        json_string(endpoint_format(p->family, p->remote, udp ? p->remote_port : 0, text)));
	json_object_set_new(object, "encap", json_string(udp ? "udp" : "none"));
	json_object_set_new(object, "mtu", json_integer(t->mtu));
	json_object_set_new(object, "generation", json_integer(t->generation));
	json_object_set_new(object, "packets_in", json_integer((json_int_t)t->packets_in));
	json_object_set_new(object, "packets_out", json_integer((json_int_t)t->packets_out));
	json_object_set_new(object, "bytes_in", json_integer((json_int_t)t->bytes_in));
	json_object_set_new(object, "bytes_out", json_integer((json_int_t)t->bytes_out));
	return object;
}

static json_t *tunnel_json(const void *record)
{
	const struct rg_api_tunnel *t = record;
	json_t *object =
	        json_pack("{s:I,s:o,s:b,s:I}", "handle", (json_int_t)t->handle, "cookie", hex64(t->cookie),
	                  "suspended", t->suspended != 0, "dropped", (json_int_t)t->dropped);

	return object ? path_json(t, object) : NULL;
}

static json_t *dscp_json(uint8_t dscp)
{
	return dscp & RG_DSCP_SET ? json_integer(dscp & 0x3f) : json_string("copy");
}

static json_t *sa_json(const void *record)
{
	static const char *const df[] = {[RG_DF_SET] = "set", [RG_DF_COPY] = "copy", [RG_DF_CLEAR] = "clear"};
	const struct rg_api_sa_info *s = record;
	bool esn = (s->flags & RG_SA_ESN) != 0;
	json_t *idle = s->idle_ms == UINT64_MAX ? json_null() : json_integer((json_int_t)(s->idle_ms / 1000));

	return json_pack(
	        "{s:s,s:I,s:o,s:I,s:o,s:b,s:I,s:I,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:s,s:s,s:o}",
	        "direction", s->direction == RG_IN ? "in" : "out", "handle", (json_int_t)s->handle, "spi",
	        json_sprintf("%08x", ntohl(s->spi)), "tunnel", (json_int_t)s->tunnel, "suite",
	        suite_json(s->suite, esn), "esn", esn, "window", (json_int_t)s->window, "owner",
	        (json_int_t)s->owner, "cookie", hex64(s->cookie), "sequence", (json_int_t)s->sequence,
	        "packets", (json_int_t)s->packets, "bytes", (json_int_t)s->bytes, "replayed",
	        (json_int_t)s->replayed, "auth_failed", (json_int_t)s->auth_failed, "selector_mismatch",
	        (json_int_t)s->selector_mismatch, "age_s", (json_int_t)(s->age_ms / 1000), "idle_s", idle,
	        "local_ts", selectors_json(s->local), "remote_ts", selectors_json(s->remote), "mode",
	        s->mode == RG_MODE_TRANSPORT ? "transport" : "tunnel", "df",
	        s->df <= RG_DF_CLEAR ? df[s->df] : "?", "dscp", dscp_json(s->dscp));
}

static json_t *policy_json(const void *record)
{
	const struct rg_api_policy *p = record;
	struct rg_cfg_prefix prefix = {addr_of(p->family, p->prefix), p->prefix_len};
	char text[RG_PREFIX_TEXT_MAX];

	return json_pack("{s:I,s:I,s:o,s:I,s:s}", "handle", (json_int_t)p->handle, "sa", (json_int_t)p->sa,
	                 "cookie", hex64(p->cookie), "priority", (json_int_t)p->priority, "prefix",
	                 rg_prefix_format(&prefix, text));
}

static json_t *counter_json(const void *record)
{
	const struct rg_api_counter *c = record;
	json_t *worker = c->worker == UINT32_MAX ? json_null() : json_integer(c->worker);

	return json_pack("{s:o,s:o,s:I,s:b}", "name", name_json(c->name, sizeof(c->name)), "worker", worker,
	                 "value", (json_int_t)c->value, "drop", c->is_drop != 0);
}

static json_t *port_json(const void *record)
{
	const struct rg_api_port *p = record;
	const uint8_t *m = p->mac;

	return json_pack("{s:o,s:o,s:o,s:b,s:i,s:I,s:I,s:I,s:I,s:I}", "name",
	                 name_json(p->name, sizeof(p->name)), "device",
	                 name_json(p->device, sizeof(p->device)), "mac",
	                 json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]),
	                 "up", p->up != 0, "mtu", p->mtu, "rx_packets", (json_int_t)p->rx_packets, "rx_bytes",
	                 (json_int_t)p->rx_bytes, "tx_packets", (json_int_t)p->tx_packets, "tx_bytes",
	                 (json_int_t)p->tx_bytes, "tx_full", (json_int_t)p->tx_full);
}

static json_t *worker_json(const void *record)
{
	const struct rg_api_worker *w = record;

	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "index",
	                 (json_int_t)w->index, "cpu", (json_int_t)w->cpu, "polls", (json_int_t)w->polls,
	                 "empty_polls", (json_int_t)w->empty_polls, "sleeps", (json_int_t)w->sleeps,
	                 "packets", (json_int_t)w->packets, "handed_over", (json_int_t)w->handed_over,
	                 "received", (json_int_t)w->received, "ring_full", (json_int_t)w->ring_full,
	                 "passed_on", (json_int_t)w->passed_on, "sas_granted", (json_int_t)w->sas_granted,
	                 "tunnels", (json_int_t)w->tunnels, "socket", (json_int_t)w->socket);
}

static json_t *status_json(const void *record)
{
	const struct rg_api_status *s = record;

	return json_pack("{s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "boot_id",
	                 hex64(s->boot_id), "uptime_s", (json_int_t)(s->uptime_ms / 1000), "workers",
	                 (json_int_t)s->workers, "ports", (json_int_t)s->ports, "tunnels",
	                 (json_int_t)s->tunnels, "sas_in", (json_int_t)s->sas_in, "sas_out",
	                 (json_int_t)s->sas_out, "policies", (json_int_t)s->policies, "retired",
	                 (json_int_t)s->retired, "writer_pid", (json_int_t)s->writer_pid, "events_lost",
	                 (json_int_t)s->events_lost, "migrations", (json_int_t)s->migrations, "crypto",
	                 name_json(s->crypto, sizeof(s->crypto)));
}

json_t *dataplane_json_record(uint16_t type, const void *record)
{
	static json_t *(*const makers[])(const void *) = {
	        [RG_MSG_TUNNEL] = tunnel_json,   [RG_MSG_SA_INFO] = sa_json, [RG_MSG_POLICY] = policy_json,
	        [RG_MSG_COUNTER] = counter_json, [RG_MSG_PORT] = port_json,  [RG_MSG_WORKER] = worker_json,
	        [RG_MSG_STATUS] = status_json};

	if (type >= sizeof(makers) / sizeof(makers[0]) || !makers[type])
		return NULL;
	return makers[type](record);
}

static int record_append(void *ctx, uint16_t type, const void *record)
{
	json_t *object = dataplane_json_record(type, record);

	return object ? json_array_append_new(ctx, object) : 0;
}

/* A path is a tunnel's record seen from the other side. */
static int path_append(void *ctx, uint16_t type, const void *record)
{
	const struct rg_api_tunnel *t = record;

	if (type != RG_MSG_TUNNEL)
		return 0;
	return json_array_append_new(ctx, path_json(t, json_pack("{s:I}", "tunnel", (json_int_t)t->handle)));
}

static const struct query {
	const char *name;
	uint16_t types[2]; /* of the requests; 0: no second one */
	int (*each)(void *ctx, uint16_t type, const void *record);
} queries[] = {
        {"status", {RG_MSG_QUERY_STATUS}, record_append},
        {"sas", {RG_MSG_DUMP_SAS_IN, RG_MSG_DUMP_SAS_OUT}, record_append},
        {"tunnels", {RG_MSG_DUMP_TUNNELS}, record_append},
        {"paths", {RG_MSG_DUMP_TUNNELS}, path_append},
        {"counters", {RG_MSG_DUMP_COUNTERS}, record_append},
        {"ports", {RG_MSG_DUMP_PORTS}, record_append},
        {"workers", {RG_MSG_DUMP_WORKERS}, record_append},
        {"policies", {RG_MSG_DUMP_POLICIES}, record_append},
};

static const struct query *query_find(const char *name)
{
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		if (strcmp(queries[i].name, name) == 0)
			return &queries[i];
	return NULL;
}

int dataplane_json_query(struct rg_client *client, const char *name, int timeout_ms, json_t **reply)
{
	const struct query *query = query_find(name);
	const struct rg_api_dump dump = {0};
	struct rg_api_reply end;
	json_t *records;
	int rc = 0;

	if (!query)
		return -EINVAL;
	records = json_array();
	for (size_t i = 0; i < 2 && query->types[i] != 0 && rc == 0; i++)
		rc = rg_client_dump(client, query->types[i], &dump, query->each, records, &end, timeout_ms);
	if (rc == 0 && strcmp(name, "status") == 0)
		*reply = json_pack("{s:b,s:O}", "ok", 1, name, json_array_get(records, 0));
	else if (rc == 0)
		*reply = json_pack("{s:b,s:O}", "ok", 1, name, records);
	json_decref(records);
	if (rc == 0 && !*reply)
		rc = -EPROTO;
	return rc;
}
