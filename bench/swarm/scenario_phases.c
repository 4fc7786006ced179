/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phases of a scenario: which keys each kind has, and their defaults (scenario.h). Any thread.
 */
#include "bench/swarm/scenario_read.h"
#include "config/load.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define WINDOW       200u
#define SIZE         128u
#define PATIENCE_MS  30000u
#define LONGEST_S    (7u * 86400u)
#define FIELD(field) offsetof(struct scenario_phase, field)

static const struct read_word kind_words[] = {
#define X(name, text) {text, SCENARIO_##name},
        SCENARIO_KINDS(X)
#undef X
                {0},
};
static const struct read_word rekey_words[] = {{"child", 0}, {"ike", 1}, {0}};

static int read_what(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	const struct read_key one = {key->name, .words = rekey_words};
	struct scenario_phase *p = base;
	unsigned ike = 0;

	if (read_word(r, node, &one, &ike) < 0)
		return -EINVAL;
	p->rekey_ike = ike != 0;
	return 0;
}

/* "500/s", "max" (as fast as answers come), "all" (all at once). */
int read_pace(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	struct scenario_phase *p = base;
	uint64_t count, seconds;

	if (node->kind != CFG_SCALAR)
		return read_refuse(r, node, "%s must be a rate such as 500/s, or max, or all", key->name);
	if (strcmp(node->text, "max") == 0 || strcmp(node->text, "all") == 0) {
		p->pace = SCENARIO_BY_ANSWER;
		if (node->text[0] == 'a')
			p->window = UINT_MAX;
		return 0;
	}
	if (cfg_rate_parse(node->text, &count, &seconds) < 0 || count == 0 || count > 100000000)
		return read_refuse(
		        r, node,
		        "%s must be a rate such as 500/s (per s, min or h), or max, or all, not '%s'",
		        key->name, node->text);
	p->pace = SCENARIO_BY_RATE;
	p->rate = (double)count / (double)seconds;
	return 0;
}

static const struct read_key phase_keys[] = {
        {"do", read_word, .offset = FIELD(kind), .required = true, .words = kind_words},
        {"rate", read_pace, .offset = 0},
        {"window", read_number, .offset = FIELD(window), .min = 1, .max = SCENARIO_CLIENTS},
        {"count", read_number, .offset = FIELD(count), .min = 1, .max = SCENARIO_CLIENTS},
        {"for", read_milliseconds, .offset = FIELD(for_ms), .max = LONGEST_S},
        {"size", read_number, .offset = FIELD(size), .min = 64, .max = 1400},
        {"what", read_what, .offset = 0},
        {"background", read_flag, .offset = FIELD(background)},
        {"patience", read_milliseconds, .offset = FIELD(patience_ms), .max = LONGEST_S},
        {0},
};

/* Which keys make sense where; X(kind, keys). */
static const char *const allowed[] = {
        [SCENARIO_CONNECT] = "do rate window count patience background ",
        [SCENARIO_TRAFFIC] = "do rate for size background ",
        [SCENARIO_ROAM] = "do rate window count for patience background ",
        [SCENARIO_REKEY] = "do rate window count for what patience background ",
        [SCENARIO_DISCONNECT] = "do rate window count patience background ",
        [SCENARIO_RECONNECT] = "do rate window patience background ",
        [SCENARIO_FLOOD] = "do rate for background ",
        [SCENARIO_WAIT] = "do for ",
};

static bool is_allowed(enum scenario_kind kind, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = allowed[kind]; *at != '\0'; at += strcspn(at, " ") + 1)
		if (strncmp(at, name, len) == 0 && at[len] == ' ')
			return true;
	return false;
}

static int check_phase(struct reader *r, const struct cfg_node *node, const struct scenario_phase *p)
{
	const char *kind = scenario_kind_name(p->kind);
	bool paced = cfg_tree_get(node, "rate") != NULL;

	for (const struct cfg_node *value = node->first; value != NULL; value = value->next)
		if (!is_allowed(p->kind, value->key->text))
			return read_refuse(r, value->key, "a phase that does %s has no key '%s'; it has: %s",
			                   kind, value->key->text, allowed[p->kind]);
	if ((p->kind == SCENARIO_TRAFFIC || p->kind == SCENARIO_FLOOD) && p->pace != SCENARIO_BY_RATE)
		return read_refuse(r, node, "%s needs a rate such as 1000/s", kind);
	if ((p->kind == SCENARIO_TRAFFIC || p->kind == SCENARIO_FLOOD || p->kind == SCENARIO_WAIT) &&
	    p->for_ms == 0 && !p->background)
		return read_refuse(r, node, "%s needs `for`, a duration, or `background: on`", kind);
	if (p->kind == SCENARIO_WAIT && paced)
		return read_refuse(r, node, "wait has no rate");
	return 0;
}

int read_phases(struct reader *r, const struct cfg_node *node, const struct read_key *key, void *base)
{
	struct scenario *s = base;

	if (node->kind != CFG_LIST || node->count == 0 || node->count > SCENARIO_PHASES)
		return read_refuse(r, node, "%s must be a list of 1 to %u phases", key->name,
		                   SCENARIO_PHASES);
	for (const struct cfg_node *item = node->first; item != NULL; item = item->next) {
		struct scenario_phase *p = &s->phases[s->n_phases++];

		*p = (struct scenario_phase){.line = item->line,
		                             .pace = SCENARIO_BY_ANSWER,
		                             .window = WINDOW,
		                             .size = SIZE,
		                             .patience_ms = PATIENCE_MS};
		if (read_map(r, item, p, phase_keys, "a phase") < 0 || check_phase(r, item, p) < 0)
			return -EINVAL;
	}
	return 0;
}
