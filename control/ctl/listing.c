/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages one after the other (listing.h), and which lists make up which command. One thread; waits.
 */
#include "control/ctl/listing.h"

#include "control/ctl/table.h"

#include <string.h>

/* One list of a command's reply. */
struct part {
	const char *command;
	const char *of; /* of the request; NULL: the command has this list alone */
	const char *key;
	const struct column *columns;
	const char *empty;
};

static const struct column client_columns[] = {{"ID", "id", CELL_NUMBER},
                                               {"IDENTITY", "identity", CELL_TEXT},
                                               {"CONNECTION", "connection", CELL_TEXT},
                                               {"RULE", "rule", CELL_TEXT},
                                               {"STATE", "state", CELL_TEXT},
                                               {"VIRTUAL", "virtual", CELL_TEXT},
                                               {"LOCAL", "local", CELL_TEXT},
                                               {"REMOTE", "remote", CELL_TEXT},
                                               {"UPLINK", "uplink", CELL_TEXT},
                                               {"ENCAP", "encap", CELL_TEXT},
                                               {"NAT", "nat", CELL_TEXT},
                                               {"MOBIKE", "mobike", CELL_TEXT},
                                               {"MOVES", "moves", CELL_NUMBER},
                                               {"UP", "established_s", CELL_AGE},
                                               {"IDLE", "idle_s", CELL_AGE},
                                               {0}};

static const struct column ike_columns[] = {
        {"CLIENT", "client", CELL_NUMBER}, {"IDENTITY", "identity", CELL_TEXT},
        {"IKE SPI I", "spi_i", CELL_TEXT}, {"SPI R", "spi_r", CELL_TEXT},
        {"STATE", "state", CELL_TEXT},     {"SUITE", "suite", CELL_TEXT},
        {"ROLE", "role", CELL_TEXT},       {"AGE", "age_s", CELL_AGE},
        {"REKEY IN", "rekey_s", CELL_AGE}, {0}};

static const struct column child_columns[] = {{"CLIENT", "client", CELL_NUMBER},
                                              {"IDENTITY", "identity", CELL_TEXT},
                                              {"SPI IN", "spi_in", CELL_TEXT},
                                              {"SPI OUT", "spi_out", CELL_TEXT},
                                              {"STATE", "state", CELL_TEXT},
                                              {"SUITE", "suite", CELL_TEXT},
                                              {"LOCAL", "local_ts", CELL_TEXT},
                                              {"REMOTE", "remote_ts", CELL_TEXT},
                                              {"AGE", "age_s", CELL_AGE},
                                              {"REKEY IN", "rekey_s", CELL_AGE},
                                              {0}};

static const struct column path_columns[] = {
        {"CLIENT", "client", CELL_NUMBER}, {"IDENTITY", "identity", CELL_TEXT},
        {"LOCAL", "local", CELL_TEXT},     {"REMOTE", "remote", CELL_TEXT},
        {"UPLINK", "uplink", CELL_TEXT},   {"ENCAP", "encap", CELL_TEXT},
        {"STATE", "state", CELL_TEXT},     {"GENERATION", "generation", CELL_NUMBER},
        {"SINCE", "since_s", CELL_AGE},    {0}};

static const struct part parts[] = {{"clients", NULL, "clients", client_columns, "no clients"},
                                    {"sas", "ike", "ike", ike_columns, "no IKE SAs"},
                                    {"sas", "child", "child", child_columns, "no Child SAs"},
                                    {"paths", NULL, "paths", path_columns, "no paths"}};

#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

bool listing_has(const char *command)
{
	for (size_t i = 0; i < N_PARTS; i++)
		if (strcmp(parts[i].command, command) == 0)
			return true;
	return false;
}

bool listing_pages(json_t *request, const char *key, void (*page)(void *context, const json_t *rows),
                   void *context, listing_ask ask, void *user)
{
	json_int_t next = 0, from;

	do {
		json_t *reply = ask(user, request);

		if (!reply)
			return false;
		page(context, json_object_get(reply, key));
		from = next;
		next = json_integer_value(json_object_get(reply, "next"));
		json_decref(reply);
		json_object_set_new(request, "from", json_integer(next));
	} while (next > from); /* a server that goes round in circles is at its end */
	return true;
}

/* Rows of JSON, one behind the other; nothing before the first page is there. */
struct array {
	FILE *out;
	const char *before, *key;
	bool begun;
	size_t n;
};

static void array_page(void *context, const json_t *rows)
{
	struct array *array = context;
	json_t *row;
	size_t i;

	if (!array->begun)
		fprintf(array->out, "%s,\"%s\":[", array->before, array->key);
	array->begun = true;
	json_array_foreach(rows, i, row)
	{
		fputs(array->n++ > 0 ? "," : "", array->out);
		json_dumpf(row, array->out, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
	}
}

static void table_page(void *context, const json_t *rows)
{
	struct table *table = context;

	table_rows(table, rows);
	fflush(table->out);
}

static bool part_show(FILE *out, const struct part *part, bool json, bool first, listing_ask ask, void *user)
{
	json_t *request = json_pack("{s:s}", "command", part->command);
	struct table table = {.out = out, .columns = part->columns};
	struct array array = {.out = out, .before = first ? "{\"ok\":true" : "", .key = part->key};
	bool good;

	if (part->of)
		json_object_set_new(request, "of", json_string(part->of));
	if (!json && !first)
		fputc('\n', out);
	good = json ? listing_pages(request, part->key, array_page, &array, ask, user)
	            : listing_pages(request, part->key, table_page, &table, ask, user);
	json_decref(request);
	if (good && json)
		fputc(']', out);
	else if (good)
		table_end(&table, part->empty);
	return good;
}

bool listing_show(FILE *out, const char *command, bool json, listing_ask ask, void *user)
{
	bool first = true;

	for (size_t i = 0; i < N_PARTS; i++) {
		if (strcmp(parts[i].command, command) != 0)
			continue;
		if (!part_show(out, &parts[i], json, first, ask, user))
			return false;
		first = false;
	}
	if (json)
		fputs("}\n", out);
	return true;
}
