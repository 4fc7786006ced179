/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mover's commands (mover.h), one a line. One thread.
 */
#include "tests/net/mover/mover.h"

#include "config/addr.h"
#include "control/ike/ike_sa.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS   6u
#define QUIT_MS 2000u

struct command {
	const char *name;
	unsigned words; /* behind the name, at least */
	int (*run)(struct mover *mv, char **words);
};

void mover_say(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

static struct ike_sa *session(struct mover *mv)
{
	struct ike_sa *sa = ike_find_session(mv->ike, mv->session);

	return sa != NULL && sa->state == IKE_STATE_ESTABLISHED ? sa : NULL;
}

/* A pair of addresses; the local one is listened on from now on. */
static int take_pair(struct mover *mv, char **words, struct rg_cfg_addr *local, struct rg_cfg_addr *remote)
{
	if (rg_addr_parse(words[0], local) < 0 || rg_addr_parse(words[1], remote) < 0 ||
	    local->family != remote->family)
		return -EINVAL;
	return net_listen(&mv->net, local);
}

static int run_connect(struct mover *mv, char **words)
{
	struct ike_initiate request = {
	        .local.port = IKE_PORT, .remote.port = IKE_PORT, .want_ip4 = true, .want_ip6 = true};
	int error = take_pair(mv, words, &request.local.addr, &request.remote.addr);
	int64_t id;

	if (error < 0)
		return error;
	request.remote_identity = words[2];
	id = ike_initiate(mv->ike, &request);
	if (id < 0)
		return (int)id;
	mv->session = (uint64_t)id;
	return 0;
}

static int run_move(struct mover *mv, char **words)
{
	struct rg_cfg_addr local, remote;
	int error = take_pair(mv, words, &local, &remote);

	return error < 0 ? error : homing_move(mv->ike, mv->session, &local, &remote);
}

static int run_rekey(struct mover *mv, char **words)
{
	if (strcmp(words[0], "ike") == 0)
		return ike_rekey_session(mv->ike, mv->session);
	return strcmp(words[0], "child") == 0 ? ike_rekey_children(mv->ike, mv->session) : -EINVAL;
}

static int run_probe(struct mover *mv, char **words)
{
	if (strcmp(words[0], "stop") == 0)
		return probe_stop(&mv->probe, mover_now());
	if (words[1] == NULL || words[2] == NULL)
		return -EINVAL;
	return probe_start(&mv->probe, words[0], (uint16_t)strtoul(words[1], NULL, 10),
	                   (unsigned)strtoul(words[2], NULL, 10), mover_now());
}

static int run_request(struct mover *mv, char **words)
{
	struct ike_sa *sa = session(mv);
	struct ike_endpoint local, remote;
	bool is_update = strcmp(words[0], "update") == 0;
	int error = take_pair(mv, words + 1, &local.addr, &remote.addr);

	if (error < 0)
		return error;
	if (sa == NULL)
		return -ENOENT;
	if (!is_update && strcmp(words[0], "empty") != 0)
		return -EINVAL;
	local.port = sa->local.port;
	remote.port = sa->remote.port;
	return hostile_request(sa, &local, &remote, is_update);
}

static int run_spoof(struct mover *mv, char **words)
{
	int error = rg_addr_parse(words[0], &mv->hostile.spoof);

	mv->hostile.spoofs = error == 0 ? (unsigned)strtoul(words[1], NULL, 10) : 0;
	return error;
}

static int run_cookie(struct mover *mv, char **words)
{
	static const char *const names[] = {[HOSTILE_COOKIE_KEEP] = "keep",
	                                    [HOSTILE_COOKIE_OMIT] = "omit",
	                                    [HOSTILE_COOKIE_ALTER] = "alter"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(words[0], names[i]) == 0) {
			mv->hostile.cookie = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int run_quit(struct mover *mv, char **words)
{
	(void)words;
	mv->quitting = true;
	mv->quit_ms = mover_now() + QUIT_MS;
	ike_terminate_all(mv->ike);
	return 0;
}

static const struct command commands[] = {
        {"connect", 3, run_connect}, {"move", 2, run_move},       {"rekey", 1, run_rekey},
        {"probe", 1, run_probe},     {"request", 3, run_request}, {"spoof", 2, run_spoof},
        {"cookie", 1, run_cookie},   {"quit", 0, run_quit},
};

static int run(struct mover *mv, char **words, unsigned n)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(words[0], commands[i].name) != 0)
			continue;
		return n > commands[i].words ? commands[i].run(mv, words + 1) : -EINVAL;
	}
	return -EOPNOTSUPP;
}

void mover_command(struct mover *mv, char *line)
{
	char *words[WORDS + 1] = {NULL}, *word;
	unsigned n = 0;
	json_t *answer;
	int error;

	while (n < WORDS && (word = strsep(&line, " ")) != NULL)
		if (word[0] != '\0')
			words[n++] = word;
	if (n == 0)
		return;
	if (strcmp(words[0], "status") == 0) {
		mover_say(mover_status(mv));
		return;
	}
	error = run(mv, words, n);
	/* The answer to this one is its report. */
	if (error == 0 && strcmp(words[0], "probe") == 0 && strcmp(words[1], "stop") == 0)
		return;
	answer = json_pack("{s:s, s:I}", "answer", words[0], "ms", (json_int_t)mover_now());
	if (error < 0)
		json_object_set_new(answer, "error", json_string(strerror(-error)));
	mover_say(answer);
}
