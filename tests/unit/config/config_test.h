/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the configuration share.
 */
#ifndef RG_TESTS_UNIT_CONFIG_H
#define RG_TESTS_UNIT_CONFIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/config.h"

/* Parses the text and fails the test unless it is refused just there, with `expected` in the message. */
static inline void expect_refused_at(const char *text, size_t len, unsigned line, unsigned column,
                                     const char *expected)
{
	struct rg_cfg_error error;
	struct rg_config *cfg = rg_config_parse(text, len, "test.yaml", &error);

	if (cfg)
		fail_msg("accepted, expected '%s' at %u:%u in:\n%.2000s", expected, line, column, text);
	if (error.line != line || error.column != column || !strstr(error.text, expected))
		fail_msg("found %u:%u '%s', expected %u:%u '%s' in:\n%.2000s", error.line, error.column,
		         error.text, line, column, expected, text);
	assert_string_equal(error.file, "test.yaml");
}

/* One line that is wrong, and what is said of it. */
struct refusal {
	unsigned replaced; /* the line of the base that `line` replaces; 0: it is added at the end */
	const char *line;
	unsigned at_line, at_column;
	const char *expected; /* part of the message */
};

/* `base` with its n-th line (from 1) replaced; with 0, the line is added at the end. */
static inline void config_with_line(const char *base, unsigned n, const char *line, char *out, size_t size)
{
	const char *at = base;

	for (unsigned i = 1; n > 0 && i < n; i++)
		at = strchr(at, '\n') + 1;
	if (n == 0)
		at = base + strlen(base);
	snprintf(out, size, "%.*s%s%s", (int)(at - base), base, line, n > 0 ? strchr(at, '\n') + 1 : "");
}

#endif
