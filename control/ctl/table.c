/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aligned tables of JSON objects: cells as text, their widths, the printing.
 * One thread.
 */
#include "control/ctl/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* C0 and C1 controls and DEL: what a terminal would obey. `text` is UTF-8, as jansson checks. */
static bool is_control(const unsigned char *text)
{
	return text[0] < 0x20 || text[0] == 0x7f || (text[0] == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0);
}

static void text_write(FILE *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (!is_control(p))
			fputc(*p, out);
		else if (*p == 0xc2)
			fprintf(out, "\\x%02x", *++p);
		else
			fprintf(out, "\\x%02x", *p);
	}
}

static void age_write(FILE *out, json_int_t s)
{
	if (s < 60)
		fprintf(out, "%" JSON_INTEGER_FORMAT "s", s);
	else if (s < 3600)
		fprintf(out, "%dm%02ds", (int)(s / 60), (int)(s % 60));
	else if (s < 86400)
		fprintf(out, "%dh%02dm", (int)(s / 3600), (int)(s / 60 % 60));
	else
		fprintf(out, "%" JSON_INTEGER_FORMAT "d%02dh", s / 86400, (int)(s / 3600 % 24));
}

static void bytes_write(FILE *out, json_int_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		fprintf(out, "%" JSON_INTEGER_FORMAT " B", bytes);
		return;
	}
	for (; value >= 1024 && unit < 4; unit++)
		value /= 1024;
	fprintf(out, "%.1f %s", value, units[unit]);
}

static void scalar_write(FILE *out, const json_t *value, enum cell kind)
{
	if (json_is_string(value))
		text_write(out, json_string_value(value));
	else if (json_is_integer(value) && kind == CELL_AGE)
		age_write(out, json_integer_value(value));
	else if (json_is_integer(value) && kind == CELL_BYTES)
		bytes_write(out, json_integer_value(value));
	else if (json_is_integer(value))
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		fprintf(out, "%.6g", json_real_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "yes" : "no", out);
	else
		fputc('-', out);
}

char *table_cell(const json_t *value, enum cell kind)
{
	char *text = NULL;
	size_t size, i;
	json_t *item;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (json_is_array(value) && json_array_size(value) > 0) {
		json_array_foreach(value, i, item)
		{
			fputs(i > 0 ? ", " : "", out);
			scalar_write(out, item, kind);
		}
	} else {
		scalar_write(out, value, kind);
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* Characters, not bytes. */
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void cell_print(FILE *out, const char *text, int columns, bool right, bool last)
{
	int pad = columns - width(text);

	if (right)
		fprintf(out, "%*s", pad, "");
	fputs(text, out);
	if (!last)
		fprintf(out, "%*s", (right ? 0 : pad) + 2, "");
}

static void row_print(FILE *out, char *const cells[], const struct column *columns, const int widths[],
                      size_t n)
{
	for (size_t c = 0; c < n; c++)
		cell_print(out, cells[c] ? cells[c] : "?", widths[c], columns[c].kind != CELL_TEXT,
		           c + 1 == n);
	fputc('\n', out);
}

static void titles_print(FILE *out, const struct column *columns, const int widths[], size_t n)
{
	for (size_t c = 0; c < n; c++)
		cell_print(out, columns[c].title, widths[c], columns[c].kind != CELL_TEXT, c + 1 == n);
	fputc('\n', out);
}

static size_t count_columns(const struct column *columns)
{
	size_t n = 0;

	while (n < TABLE_COLUMNS && columns[n].title)
		n++;
	return n;
}

static void begin(struct table *t, size_t n)
{
	for (size_t c = 0; c < n && !t->begun; c++)
		t->widths[c] = width(t->columns[c].title);
}

/* All cells first, since the widest decides where its column ends. */
void table_rows(struct table *t, const json_t *rows)
{
	size_t n = count_columns(t->columns), count = json_array_size(rows);
	char *(*cells)[TABLE_COLUMNS] = count > 0 ? calloc(count, sizeof(*cells)) : NULL;

	if (!cells)
		return;
	begin(t, n);
	for (size_t c = 0; c < n; c++) {
		for (size_t r = 0; r < count; r++) {
			cells[r][c] = table_cell(json_object_get(json_array_get(rows, r), t->columns[c].key),
			                         t->columns[c].kind);
			if (cells[r][c] && width(cells[r][c]) > t->widths[c])
				t->widths[c] = width(cells[r][c]);
		}
	}
	if (!t->begun)
		titles_print(t->out, t->columns, t->widths, n);
	t->begun = true;
	for (size_t r = 0; r < count; r++) {
		row_print(t->out, cells[r], t->columns, t->widths, n);
		for (size_t c = 0; c < n; c++)
			free(cells[r][c]);
	}
	free(cells);
}

void table_end(struct table *t, const char *empty)
{
	if (!t->begun)
		fprintf(t->out, "%s\n", empty);
}

void table_print(FILE *out, const json_t *rows, const struct column *columns, const char *empty)
{
	struct table table = {.out = out, .columns = columns};

	table_rows(&table, rows);
	table_end(&table, empty);
}

void table_print_object(FILE *out, const json_t *object, const struct column *columns)
{
	int widest = 0;

	for (const struct column *c = columns; c->title; c++)
		widest = width(c->title) > widest ? width(c->title) : widest;
	for (const struct column *c = columns; c->title; c++) {
		char *cell = table_cell(json_object_get(object, c->key), c->kind);

		fprintf(out, "%s:%*s %s\n", c->title, widest - width(c->title), "", cell ? cell : "?");
		free(cell);
	}
}
