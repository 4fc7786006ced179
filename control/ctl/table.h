/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aligned tables of JSON objects, for people. What comes from peers is
 * escaped: no control character reaches the terminal.
 */
#ifndef RG_CONTROL_CTL_TABLE_H
#define RG_CONTROL_CTL_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum cell {
	CELL_TEXT,   /* strings; lists joined by ", "; true and false as yes and no */
	CELL_NUMBER, /* to the right */
	CELL_AGE,    /* seconds, as 42s, 3m10s, 2h05m or 4d03h */
	CELL_BYTES,  /* as 1234 B, 12.3 KiB ... */
};

struct column {
	const char *title, *key; /* a NULL title ends the columns */
	enum cell kind;
};

#define TABLE_COLUMNS 24

/* A table of which the rows come bit by bit. Zero but for `out` and `columns`; a column is as wide as its
 * widest cell so far. */
struct table {
	FILE *out;
	const struct column *columns;
	int widths[TABLE_COLUMNS];
	bool begun; /* the titles are out */
};
void table_rows(struct table *table, const json_t *rows);
/* `empty` where there was none. */
void table_end(struct table *table, const char *empty);
/* One line for each object of the array `rows` under a line of titles; `empty` where there is none. */
void table_print(FILE *out, const json_t *rows, const struct column *columns, const char *empty);
/* "title: value" lines of one object. */
void table_print_object(FILE *out, const json_t *object, const struct column *columns);
/* A value as a cell shows it, escaped; "-" where it is absent. NULL only without memory; free() it. */
char *table_cell(const json_t *value, enum cell kind);

#endif
