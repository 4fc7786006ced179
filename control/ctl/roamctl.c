/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roamctl: what an operator types. Options, commands, exit codes; the talking
 * and the tables are in the files beside this one. One thread; waits.
 */
#include "config/config.h"
#include "control/ctl/control_client.h"
#include "control/ctl/dataplane_json.h"
#include "control/ctl/listing.h"
#include "control/ctl/protocol.h"
#include "control/ctl/show.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_TIMEOUT_MS  5000
#define DEFAULT_CONTROL   "/run/roamgate/control.sock"
#define DEFAULT_DATAPLANE "/run/roamgate/dataplane.sock"

struct options {
	bool json, follow;
	const char *config, *socket;
};

static const char usage[] = "usage: roamctl [--config FILE | --socket PATH] [--json] COMMAND\n"
                            "\n"
                            "of roamgate-control:\n"
#define X(name, text) "  " #name "\t" text "\n"
        RG_CTL_COMMANDS(X)
#undef X
                "  explain CLIENT\ta client's whole story, by its id or identity\n"
                "  rekey ike|child CLIENT\tnew keys for a client, by its id or identity\n"
                "  terminate CLIENT\tdelete the SAs of a client, or of a connection that the gateway begins\n"
                "  initiate NAME\tbegin a connection that has `initiate` in the configuration\n"
                "of the dataplane, with or without roamgate-control:\n"
                "  dataplane status | sas | tunnels | paths | counters | ports | workers | policies\n"
                "of nobody:\n"
                "  check FILE\tis this configuration right, with the files that it names?\n"
                "\n"
                "  --config FILE  the configuration that names the sockets\n"
                "  --socket PATH  the socket itself\n"
                "  --json         the reply as it is, one object a line\n"
                "  -f, --follow   with events: go on as they happen\n"
                "exit codes: 0 good, 1 error, 2 usage, 3 the daemon is not there\n";

static int misuse(const char *what, const char *which)
{
	fprintf(stderr, "roamctl: %s%s%s\n%s", what, which ? ": " : "", which ? which : "", usage);
	return RG_CTL_USAGE;
}

/* Says why there is no connection; returns the exit code. */
static int unreachable(const char *daemon, const char *path, int rc)
{
	if (rc == -ENOENT || rc == -ECONNREFUSED) {
		fprintf(stderr,
		        "roamctl: %s is not running (%s: %s): start it with `systemctl start %s` or `%s "
		        "--config FILE`, "
		        "or name its socket with --config or --socket\n",
		        daemon, path, strerror(-rc), daemon, daemon);
		return RG_CTL_ABSENT;
	}
	if (rc == -EACCES || rc == -EPERM)
		fprintf(stderr,
		        "roamctl: may not talk to %s (%s: %s): run roamctl as root or as the daemon's user\n",
		        daemon, path, strerror(-rc));
	else
		fprintf(stderr, "roamctl: cannot talk to %s (%s: %s)\n", daemon, path, strerror(-rc));
	return RG_CTL_ERROR;
}

static int broken(const char *daemon, int rc)
{
	const char *what = strerror(-rc);

	if (rc == -ETIMEDOUT)
		what = "no answer within 5 s";
	else if (rc == -EPIPE || rc == -ECONNRESET) /* the latter where it had not read all */
		what = "it closed the connection: it stopped, or this user may not use it";
	fprintf(stderr, "roamctl: %s: %s\n", daemon, what);
	return RG_CTL_ERROR;
}

static void json_print(const json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	fputc('\n', stdout);
	fflush(stdout);
}

/* One object of control; NULL with the text said where it is none or says that it failed. */
static json_t *reply_parse(const char *line, size_t len)
{
	json_error_t error;
	json_t *reply = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);

	if (!json_is_object(reply)) {
		fprintf(stderr, "roamctl: roamgate-control answered what is no JSON object\n");
	} else if (json_is_false(json_object_get(reply, "ok"))) {
		const char *text = json_string_value(json_object_get(reply, "error"));

		fprintf(stderr, "roamctl: roamgate-control: %s\n", text ? text : "refused");
	} else {
		return reply;
	}
	json_decref(reply);
	return NULL;
}

static void event_out(const struct options *options, json_t *event)
{
	if (options->json) {
		json_t *line = json_pack("{s:O}", "event", event);

		json_print(line);
		json_decref(line);
	} else {
		show_event(stdout, event);
		fflush(stdout);
	}
}

/* A connection and what is to be done with what comes out of it. */
struct session {
	const struct options *options;
	struct control_client *client;
	int rc;     /* exit code, where asking failed */
	bool begun; /* events are shown */
	size_t n;   /* so many */
};

/* The reply to a request; NULL with the reason said and its exit code noted. */
static json_t *ask(void *user, const json_t *request)
{
	struct session *s = user;
	char *text = json_dumps(request, JSON_COMPACT);
	const char *line;
	json_t *reply = NULL;
	size_t len;
	int rc = text ? control_client_send(s->client, text) : -ENOMEM;

	free(text);
	if (rc == 0)
		rc = control_client_line(s->client, REPLY_TIMEOUT_MS, &line, &len);
	if (rc != 0)
		s->rc = broken("roamgate-control", rc);
	else if (!(reply = reply_parse(line, len)))
		s->rc = RG_CTL_ERROR;
	return reply;
}

static bool is_one_document(const struct options *options)
{
	return options->json && !options->follow;
}

static void events_page(void *context, const json_t *events)
{
	struct session *s = context;
	json_t *event;
	size_t i;

	if (is_one_document(s->options) && !s->begun)
		fputs("{\"ok\":true,\"events\":[", stdout);
	s->begun = true;
	json_array_foreach(events, i, event)
	{
		if (is_one_document(s->options)) {
			fputs(s->n++ > 0 ? "," : "", stdout);
			json_dumpf(event, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		} else {
			event_out(s->options, event);
		}
	}
}

/* Each as it comes, until control ends. */
static int events_follow(struct session *s)
{
	while (!ferror(stdout)) {
		const char *line;
		size_t len;
		int rc = control_client_line(s->client, -1, &line, &len);
		json_t *reply;

		if (rc < 0)
			return broken("roamgate-control", rc);
		reply = reply_parse(line, len);
		if (!reply)
			return RG_CTL_ERROR;
		if (json_object_get(reply, "event"))
			event_out(s->options, json_object_get(reply, "event"));
		json_decref(reply);
	}
	return RG_CTL_ERROR;
}

/* The recent ones, and those that come. */
static int events_show(struct session *s, json_t *request)
{
	if (!listing_pages(request, "events", events_page, s, ask, s))
		return s->rc;
	if (is_one_document(s->options))
		fputs("]}\n", stdout);
	return s->options->follow ? events_follow(s) : RG_CTL_OK;
}

/* A client that has to be searched for: page by page, until it is found or there is no more. */
static json_t *ask_on(struct session *s, json_t *request)
{
	json_t *reply = ask(s, request);
	json_int_t from = 0, next;

	while (reply && (next = json_integer_value(json_object_get(reply, "next"))) > from) {
		json_object_set_new(request, "from", json_integer(next));
		json_decref(reply);
		reply = ask(s, request);
		from = next;
	}
	return reply;
}

static int control_exchange(struct session *s, json_t *request, const char *command)
{
	json_t *reply;

	if (strcmp(command, "events") == 0)
		return events_show(s, request);
	if (listing_has(command))
		return listing_show(stdout, command, s->options->json, ask, s) ? RG_CTL_OK : s->rc;
	reply = ask_on(s, request);
	if (!reply)
		return s->rc;
	if (s->options->json)
		json_print(reply);
	else
		show_reply(stdout, show_control, command, reply);
	json_decref(reply);
	return RG_CTL_OK;
}

/* The words as a request; NULL: out of memory. command_run() has counted them. */
static json_t *request_make(const struct options *options, char **words)
{
	json_t *request = json_pack("{s:s}", "command", words[0]);

	if (strcmp(words[0], "rekey") == 0) {
		json_object_set_new(request, "sa", json_string(words[1]));
		json_object_set_new(request, "client", json_string(words[2]));
	} else if (strcmp(words[0], "terminate") == 0 || strcmp(words[0], "explain") == 0) {
		json_object_set_new(request, "client", json_string(words[1]));
	}
	if (strcmp(words[0], "initiate") == 0)
		json_object_set_new(request, "connection", json_string(words[1]));
	if (options->follow)
		json_object_set_new(request, "follow", json_true());
	return request;
}

static int control_command(const struct options *options, const char *path, char **words)
{
	json_t *request = request_make(options, words);
	struct control_client client;
	struct session s = {.options = options, .client = &client};
	int rc = request ? control_client_open(&client, path) : -ENOMEM;

	if (rc < 0) {
		rc = unreachable("roamgate-control", path, rc);
	} else {
		rc = control_exchange(&s, request, words[0]);
		control_client_close(&client);
	}
	json_decref(request);
	return rc;
}

static int dataplane_exchange(const struct options *options, const char *query, struct rg_client *client)
{
	struct rg_api_reply hello;
	json_t *reply = NULL;
	int rc = rg_client_hello(client, &hello, REPLY_TIMEOUT_MS);

	if (rc == 0)
		rc = dataplane_json_query(client, query, REPLY_TIMEOUT_MS, &reply);
	if (rc < 0)
		return broken("roamgate-dataplane", rc);
	if (options->json)
		json_print(reply);
	else
		show_reply(stdout, show_dataplane, query, reply);
	json_decref(reply);
	return RG_CTL_OK;
}

static int dataplane_command(const struct options *options, const char *path, const char *query)
{
	struct rg_client *client;
	int rc = rg_client_open(path, RG_ROLE_READER, "roamctl", &client);

	if (rc < 0)
		return unreachable("roamgate-dataplane", path, rc);
	rc = dataplane_exchange(options, query, client);
	rg_client_close(client);
	return rc;
}

static int check_command(const struct options *options, const char *file)
{
	struct rg_cfg_error error;
	struct rg_config *cfg = rg_config_load(file, RG_CFG_FILES, &error);
	char text[1024];
	json_t *reply;

	if (options->json) {
		reply = cfg ? json_pack("{s:b,s:s}", "ok", 1, "file", file)
		            : json_pack("{s:b,s:s,s:i,s:i,s:s}", "ok", 0, "file", file, "line",
		                        (int)error.line, "column", (int)error.column, "error", error.text);
		json_print(reply);
		json_decref(reply);
	} else if (cfg) {
		printf("%s: good: %zu ports, %zu uplinks, %zu networks, %zu pools, %zu connections\n", file,
		       cfg->dataplane.n_ports, cfg->n_uplinks, cfg->n_networks, cfg->n_pools,
		       cfg->n_connections);
	} else {
		fprintf(stderr, "%s\n", rg_cfg_error_format(&error, text, sizeof(text)));
	}
	rg_config_free(cfg);
	return cfg ? RG_CTL_OK : RG_CTL_ERROR;
}

static bool has_command(const struct show *shows, const char *command)
{
	for (; shows->command; shows++)
		if (strcmp(shows->command, command) == 0)
			return true;
	return false;
}

/* Runs what needs a socket: the one named, that of the configuration named, or the default one. */
static int with_socket(const struct options *options, bool dataplane, char **words)
{
	const char *path = options->socket ? options->socket
	                   : dataplane     ? DEFAULT_DATAPLANE
	                                   : DEFAULT_CONTROL;
	struct rg_config *cfg = NULL;
	struct rg_cfg_error error;
	char text[1024];
	int rc;

	if (options->config && !options->socket) {
		cfg = rg_config_load(options->config, RG_CFG_SYNTAX, &error);
		if (!cfg) {
			fprintf(stderr, "%s\n", rg_cfg_error_format(&error, text, sizeof(text)));
			return RG_CTL_ERROR;
		}
		path = dataplane ? cfg->dataplane.socket : cfg->control.socket;
	}
	rc = dataplane ? dataplane_command(options, path, words[1]) : control_command(options, path, words);
	rg_config_free(cfg);
	return rc;
}

static int command_run(const struct options *options, int n, char **words)
{
	if (n == 0)
		return misuse("a command is missing", NULL);
	if (options->follow && strcmp(words[0], "events") != 0)
		return misuse("--follow goes with events", NULL);
	if (strcmp(words[0], "check") == 0)
		return n == 2 ? check_command(options, words[1]) : misuse("check takes one file", NULL);
	if (strcmp(words[0], "dataplane") == 0) {
		if (n != 2)
			return misuse("dataplane takes one query", NULL);
		if (!has_command(show_dataplane, words[1]))
			return misuse("unknown query of the dataplane", words[1]);
		return with_socket(options, true, words);
	}
	if (strcmp(words[0], "rekey") == 0) {
		if (n != 3 || (strcmp(words[1], "ike") != 0 && strcmp(words[1], "child") != 0))
			return misuse("rekey takes ike or child, and a client", NULL);
		return with_socket(options, false, words);
	}
	if (strcmp(words[0], "terminate") == 0)
		return n == 2 ? with_socket(options, false, words)
		              : misuse("terminate takes one client", NULL);
	if (strcmp(words[0], "initiate") == 0)
		return n == 2 ? with_socket(options, false, words)
		              : misuse("initiate takes one connection", NULL);
	if (strcmp(words[0], "explain") == 0)
		return n == 2 ? with_socket(options, false, words) : misuse("explain takes one client", NULL);
	if (!has_command(show_control, words[0]) && !listing_has(words[0]) && strcmp(words[0], "events") != 0)
		return misuse("unknown command", words[0]);
	if (n != 1)
		return misuse("one word too many", words[1]);
	return with_socket(options, false, words);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
	        {"config", required_argument, NULL, 'c'}, {"socket", required_argument, NULL, 's'},
	        {"json", no_argument, NULL, 'j'},         {"follow", no_argument, NULL, 'f'},
	        {"help", no_argument, NULL, 'h'},         {0}};
	struct options options = {0};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "fh", longs, NULL)) != -1) {
		if (c == 'c')
			options.config = optarg;
		else if (c == 's')
			options.socket = optarg;
		else if (c == 'j')
			options.json = true;
		else if (c == 'f')
			options.follow = true;
		else if (c == 'h')
			return fputs(usage, stdout) < 0;
		else
			return misuse("unknown option", argv[optind - 1]);
	}
	return command_run(&options, argc - optind, argv + optind);
}
