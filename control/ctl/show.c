/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which keys of which reply make which columns. The keys of control are those
 * of protocol.h, those of the dataplane come from dataplane_json.c.
 */
#include "control/ctl/show.h"

#include "control/ctl/table.h"

#include <stdlib.h>
#include <string.h>

/* The object and those inside it as one, so that their columns align. */
static json_t *status_flat(const json_t *status)
{
	json_t *flat = json_object();

	json_object_update(flat, (json_t *)json_object_get(status, "sessions"));
	json_object_update(flat, (json_t *)json_object_get(status, "dataplane"));
	json_object_update(flat, (json_t *)status);
	return flat;
}

static void status_print(FILE *out, const json_t *reply)
{
	static const struct column own[] = {{"version", "version", CELL_TEXT},
	                                    {"pid", "pid", CELL_TEXT},
	                                    {"up", "uptime_s", CELL_AGE},
	                                    {"configuration", "config", CELL_TEXT},
	                                    {"identity", "identity", CELL_TEXT},
	                                    {"sessions", "established", CELL_TEXT},
	                                    {"half-open", "half_open", CELL_TEXT},
	                                    {"orphans", "orphans", CELL_TEXT},
	                                    {"Child SAs", "child_sas", CELL_TEXT},
	                                    {"dataplane connected", "connected", CELL_TEXT},
	                                    {"dataplane socket", "socket", CELL_TEXT},
	                                    {"dataplane boot", "boot_id", CELL_TEXT},
	                                    {"dataplane restarts", "restarts", CELL_TEXT},
	                                    {0}};
	static const struct column uplinks[] = {{"UPLINK", "name", CELL_TEXT},
	                                        {"UP", "up", CELL_TEXT},
	                                        {"PREFERENCE", "preference", CELL_NUMBER},
	                                        {"CLIENTS", "clients", CELL_NUMBER},
	                                        {"ADDRESSES", "addresses", CELL_TEXT},
	                                        {0}};
	static const struct column pools[] = {
	        {"POOL", "name", CELL_TEXT},        {"IPV", "family", CELL_NUMBER},
	        {"USED", "used", CELL_NUMBER},      {"KEPT", "reserved", CELL_NUMBER},
	        {"ADDRESSES", "size", CELL_NUMBER}, {0}};
	static const struct column initiate[] = {{"BEGUN HERE", "connection", CELL_TEXT},
	                                         {"STATE", "state", CELL_TEXT},
	                                         {"ID", "client", CELL_NUMBER},
	                                         {"FAILED", "failed_rounds", CELL_NUMBER},
	                                         {"NEXT", "next_s", CELL_AGE},
	                                         {"REASON", "reason", CELL_TEXT},
	                                         {0}};
	const json_t *status = json_object_get(reply, "status"), *note;
	json_t *flat = status_flat(status);
	size_t i;

	table_print_object(out, flat, own);
	json_decref(flat);
	fputc('\n', out);
	table_print(out, json_object_get(status, "uplinks"), uplinks, "no uplinks");
	fputc('\n', out);
	table_print(out, json_object_get(status, "pools"), pools, "no pools");
	if (json_array_size(json_object_get(status, "initiate"))) {
		fputc('\n', out);
		table_print(out, json_object_get(status, "initiate"), initiate, "none");
	}
	json_array_foreach(json_object_get(status, "notes"), i, note)
	{
		char *text = table_cell(note, CELL_TEXT);

		fprintf(out, "\nnote: %s\n", text ? text : "?");
		free(text);
	}
}

/* Workers added up and zeros left out: for people, in one line a cause. */
static json_t *counters_sum(const json_t *counters)
{
	json_t *sums = json_object(), *rows = json_array(), *row, *counter;
	const char *name;
	size_t i;

	json_array_foreach(counters, i, counter)
	{
		json_int_t value = json_integer_value(json_object_get(counter, "value"));

		name = json_string_value(json_object_get(counter, "name"));
		if (!name || value == 0)
			continue;
		row = json_object_get(sums, name);
		if (row)
			value += json_integer_value(json_object_get(row, "value"));
		json_object_set_new(sums, name,
		                    json_pack("{s:s,s:I,s:b}", "name", name, "value", value, "drop",
		                              json_is_true(json_object_get(counter, "drop"))));
	}
	json_object_foreach(sums, name, row) json_array_append(rows, row);
	json_decref(sums);
	return rows;
}

static void counters_print(FILE *out, const json_t *reply)
{
	static const struct column columns[] = {{"COUNTER", "name", CELL_TEXT},
	                                        {"VALUE", "value", CELL_NUMBER},
	                                        {"DROPPED", "drop", CELL_TEXT},
	                                        {0}};
	json_t *rows = counters_sum(json_object_get(reply, "counters"));

	table_print(out, rows, columns, "every counter is 0");
	json_decref(rows);
}

void show_event(FILE *out, const json_t *event)
{
	static const char *const keys[] = {"time", "type", "identity", "text"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char *cell = table_cell(json_object_get(event, keys[i]), CELL_TEXT);

		fprintf(out, "%s%s", i > 0 ? "  " : "", cell ? cell : "?");
		free(cell);
	}
	fputc('\n', out);
}

static void dp_status_print(FILE *out, const json_t *reply)
{
	static const struct column columns[] = {{"boot", "boot_id", CELL_TEXT},
	                                        {"up", "uptime_s", CELL_AGE},
	                                        {"crypto", "crypto", CELL_TEXT},
	                                        {"workers", "workers", CELL_TEXT},
	                                        {"ports", "ports", CELL_TEXT},
	                                        {"tunnels", "tunnels", CELL_TEXT},
	                                        {"SAs in", "sas_in", CELL_TEXT},
	                                        {"SAs out", "sas_out", CELL_TEXT},
	                                        {"policies", "policies", CELL_TEXT},
	                                        {"retired", "retired", CELL_TEXT},
	                                        {"control's pid", "writer_pid", CELL_TEXT},
	                                        {"events lost", "events_lost", CELL_TEXT},
	                                        {"migrations", "migrations", CELL_TEXT},
	                                        {0}};

	table_print_object(out, json_object_get(reply, "status"), columns);
}

static void dp_sas_print(FILE *out, const json_t *reply)
{
	static const struct column columns[] = {{"DIR", "direction", CELL_TEXT},
	                                        {"SPI", "spi", CELL_TEXT},
	                                        {"HANDLE", "handle", CELL_NUMBER},
	                                        {"TUNNEL", "tunnel", CELL_NUMBER},
	                                        {"SUITE", "suite", CELL_TEXT},
	                                        {"OWNER", "owner", CELL_NUMBER},
	                                        {"SEQUENCE", "sequence", CELL_NUMBER},
	                                        {"PACKETS", "packets", CELL_NUMBER},
	                                        {"BYTES", "bytes", CELL_BYTES},
	                                        {"REPLAYED", "replayed", CELL_NUMBER},
	                                        {"BAD ICV", "auth_failed", CELL_NUMBER},
	                                        {"BAD TS", "selector_mismatch", CELL_NUMBER},
	                                        {"LOCAL", "local_ts", CELL_TEXT},
	                                        {"REMOTE", "remote_ts", CELL_TEXT},
	                                        {"AGE", "age_s", CELL_AGE},
	                                        {"IDLE", "idle_s", CELL_AGE},
	                                        {0}};

	table_print(out, json_object_get(reply, "sas"), columns, "no SAs");
}

static void dp_tunnels_print(FILE *out, const json_t *reply)
{
	static const struct column columns[] = {
	        {"TUNNEL", "handle", CELL_NUMBER},         {"COOKIE", "cookie", CELL_TEXT},
	        {"GENERATION", "generation", CELL_NUMBER}, {"SUSPENDED", "suspended", CELL_TEXT},
	        {"DROPPED", "dropped", CELL_NUMBER},       {0}};

	table_print(out, json_object_get(reply, "tunnels"), columns, "no tunnels");
}

static void dp_paths_print(FILE *out, const json_t *reply)
{
	static const struct column columns[] = {{"TUNNEL", "tunnel", CELL_NUMBER},
	                                        {"LOCAL", "local", CELL_TEXT},
	                                        {"REMOTE", "remote", CELL_TEXT},
	                                        {"ENCAP", "encap", CELL_TEXT},
	                                        {"MTU", "mtu", CELL_NUMBER},
	                                        {"GENERATION", "generation", CELL_NUMBER},
	                                        {"PACKETS IN", "packets_in", CELL_NUMBER},
	                                        {"PACKETS OUT", "packets_out", CELL_NUMBER},
	                                        {0}};

	table_print(out, json_object_get(reply, "paths"), columns, "no paths");
}

static void dp_ports_print(FILE *out, const json_t *reply)
{
	static const struct column columns[] = {{"PORT", "name", CELL_TEXT},
	                                        {"DEVICE", "device", CELL_TEXT},
	                                        {"MAC", "mac", CELL_TEXT},
	                                        {"UP", "up", CELL_TEXT},
	                                        {"MTU", "mtu", CELL_NUMBER},
	                                        {"RX PACKETS", "rx_packets", CELL_NUMBER},
	                                        {"RX BYTES", "rx_bytes", CELL_BYTES},
	                                        {"TX PACKETS", "tx_packets", CELL_NUMBER},
	                                        {"TX BYTES", "tx_bytes", CELL_BYTES},
	                                        {"TX FULL", "tx_full", CELL_NUMBER},
	                                        {0}};

	table_print(out, json_object_get(reply, "ports"), columns, "no ports");
}

static void dp_workers_print(FILE *out, const json_t *reply)
{
	static const struct column columns[] = {{"WORKER", "index", CELL_NUMBER},
	                                        {"CPU", "cpu", CELL_NUMBER},
	                                        {"SOCKET", "socket", CELL_NUMBER},
	                                        {"TUNNELS", "tunnels", CELL_NUMBER},
	                                        {"POLLS", "polls", CELL_NUMBER},
	                                        {"EMPTY", "empty_polls", CELL_NUMBER},
	                                        {"SLEEPS", "sleeps", CELL_NUMBER},
	                                        {"PACKETS", "packets", CELL_NUMBER},
	                                        {"HANDED OVER", "handed_over", CELL_NUMBER},
	                                        {"RECEIVED", "received", CELL_NUMBER},
	                                        {"PASSED ON", "passed_on", CELL_NUMBER},
	                                        {"SAS GRANTED", "sas_granted", CELL_NUMBER},
	                                        {"RING FULL", "ring_full", CELL_NUMBER},
	                                        {0}};

	table_print(out, json_object_get(reply, "workers"), columns, "no workers");
}

static void dp_policies_print(FILE *out, const json_t *reply)
{
	static const struct column columns[] = {
	        {"POLICY", "handle", CELL_NUMBER},     {"PREFIX", "prefix", CELL_TEXT},
	        {"PRIORITY", "priority", CELL_NUMBER}, {"SA OUT", "sa", CELL_NUMBER},
	        {"COOKIE", "cookie", CELL_TEXT},       {0}};

	table_print(out, json_object_get(reply, "policies"), columns, "no policies");
}

static void explain_print(FILE *out, const json_t *reply)
{
	static const struct column client[] = {{"client", "id", CELL_TEXT},
	                                       {"identity", "identity", CELL_TEXT},
	                                       {"connection", "connection", CELL_TEXT},
	                                       {"state", "state", CELL_TEXT},
	                                       {"virtual addresses", "virtual", CELL_TEXT},
	                                       {"local", "local", CELL_TEXT},
	                                       {"remote", "remote", CELL_TEXT},
	                                       {"uplink", "uplink", CELL_TEXT},
	                                       {"moves", "moves", CELL_TEXT},
	                                       {"rekeys", "rekeys", CELL_TEXT},
	                                       {"connected for", "established_s", CELL_AGE},
	                                       {"silent for", "idle_s", CELL_AGE},
	                                       {0}};
	static const struct column story[] = {
	        {"AGO", "ago_s", CELL_AGE}, {"WHAT", "what", CELL_TEXT}, {"HOW", "text", CELL_TEXT}, {0}};
	json_int_t forgotten = json_integer_value(json_object_get(reply, "forgotten"));

	table_print_object(out, json_object_get(reply, "client"), client);
	fputc('\n', out);
	table_print(out, json_object_get(reply, "story"), story, "nothing is known of it");
	if (forgotten > 0)
		fprintf(out, "%lld older entries gave way to newer ones\n", (long long)forgotten);
}

const struct show show_control[] = {
        {"status", status_print}, {"counters", counters_print}, {"explain", explain_print}, {0}};

const struct show show_dataplane[] = {
        {"status", dp_status_print},   {"sas", dp_sas_print},           {"tunnels", dp_tunnels_print},
        {"paths", dp_paths_print},     {"counters", counters_print},    {"ports", dp_ports_print},
        {"workers", dp_workers_print}, {"policies", dp_policies_print}, {0}};

bool show_reply(FILE *out, const struct show *shows, const char *command, const json_t *reply)
{
	for (; shows->command; shows++) {
		if (strcmp(shows->command, command) == 0) {
			shows->print(out, reply);
			return true;
		}
	}
	return false;
}
