/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and texts of drop reasons and counters, from their one list. Any thread.
 */
#include "dataplane/core/drops.h"

struct label {
	const char *name, *text;
};

/* clang-format off */
static const struct label drops[DROP_COUNT] = {
	[DROP_NONE] = {"none", "not dropped"},
#define X(id, kebab, what) [DROP_##id] = {kebab, what},
	DROP_REASONS(X)
#undef X
};

static const struct label counts[COUNTER_COUNT] = {
#define X(id, kebab, what) [COUNTER_##id] = {kebab, what},
	EVENT_COUNTERS(X)
#undef X
};
/* clang-format on */

const char *drop_name(enum drop reason)
{
	return reason < DROP_COUNT ? drops[reason].name : "unknown";
}

const char *drop_text(enum drop reason)
{
	return reason < DROP_COUNT ? drops[reason].text : "unknown";
}

const char *counter_name(enum counter what)
{
	return what < COUNTER_COUNT ? counts[what].name : "unknown";
}

const char *counter_text(enum counter what)
{
	return what < COUNTER_COUNT ? counts[what].text : "unknown";
}
