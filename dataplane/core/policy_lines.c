/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of policy sets: one region, so that a line's number is all that a table needs. A
 * set that goes leaves its lines to the next one of its size; when the region is used
 * up, larger pieces are cut, and at last neighbours are joined. Main only.
 */
#include "dataplane/core/writer.h"

#include <stdlib.h>
#include <sys/mman.h>

static uint32_t lines_of(unsigned n)
{
	return (uint32_t)((offsetof(struct policy_set, entry) + n * sizeof(struct policy_entry) + 63) / 64);
}

static void *line_at(const struct core *core, uint32_t line)
{
	return (uint8_t *)core->policies.base + (size_t)line * 64;
}

/* A free piece begins with the number of the next one of its size. */
static void push(struct core *core, uint32_t line, uint32_t lines)
{
	struct set_lines *l = &core->writer->lines;

	memcpy(line_at(core, line), &l->free[lines], sizeof(uint32_t));
	l->free[lines] = line;
}

static uint32_t pop(struct core *core, uint32_t lines)
{
	struct set_lines *l = &core->writer->lines;
	uint32_t line = l->free[lines];

	if (line != 0)
		memcpy(&l->free[lines], line_at(core, line), sizeof(uint32_t));
	return line;
}

/* The front of a larger piece; 0: there is none. */
static uint32_t cut(struct core *core, uint32_t want)
{
	for (uint32_t lines = want + 1; lines <= SET_LINES_MAX; lines++) {
		uint32_t line = pop(core, lines);
		if (line == 0)
			continue;
		push(core, line + want, lines - want);
		return line;
	}
	return 0;
}

static void push_run(struct core *core, uint32_t line, uint32_t lines)
{
	for (; lines > SET_LINES_MAX; lines -= SET_LINES_MAX, line += SET_LINES_MAX)
		push(core, line, SET_LINES_MAX);
	push(core, line, lines);
}

/* Makes one piece of free ones side by side. False: nothing was given back since the last time. */
static bool join(struct core *core)
{
	struct set_lines *l = &core->writer->lines;
	uint8_t *is_free;
	uint32_t line, from = 0;

	if (!l->given)
		return false;
	is_free = calloc(l->end + 1ul, 1);
	if (is_free == NULL)
		return false;
	for (uint32_t lines = 1; lines <= SET_LINES_MAX; lines++) {
		while ((line = pop(core, lines)) != 0)
			memset(is_free + line, 1, lines);
	}
	for (line = 1; line <= l->end; line++) {
		if (is_free[line] && from == 0)
			from = line;
		if (is_free[line] || from == 0)
			continue;
		push_run(core, from, line - from);
		from = 0;
	}
	free(is_free);
	l->given = false;
	return true;
}

static uint32_t take(struct core *core, uint32_t want)
{
	struct set_lines *l = &core->writer->lines;
	uint32_t line = pop(core, want);

	if (line != 0)
		return line;
	if (l->end - l->at >= want) {
		line = l->at;
		l->at += want;
		return line;
	}
	line = cut(core, want);
	if (line != 0 || !join(core))
		return line;
	line = pop(core, want);
	return line != 0 ? line : cut(core, want);
}

uint32_t policy_lines_take(struct core *core, unsigned n)
{
	uint32_t line = take(core, lines_of(n));

	if (line != 0)
		return line;
	retire_reclaim(core, UINT32_MAX); /* main's timer may be late */
	return take(core, lines_of(n));
}

void policy_lines_give(struct core *core, uint32_t line, unsigned n)
{
	push(core, line, lines_of(n));
	core->writer->lines.given = true;
}

static size_t region_lines(const struct core *core)
{
	/* a set in use, its successor, the one in its grace period, and some to spare */
	return (size_t)core->writer->max_policies * 4 + 1024;
}

static size_t first_bytes(const struct core *core)
{
	return region_lines(core) * sizeof(*core->policies.first);
}

bool policy_lines_init(struct core *core)
{
	core->policies.base = slab_map(region_lines(core) * 64);
	core->policies.first = slab_map(first_bytes(core));
	core->writer->lines.at = 1;
	core->writer->lines.end = (uint32_t)region_lines(core);
	return core->policies.base != NULL && core->policies.first != NULL;
}

void policy_lines_fini(struct core *core)
{
	if (core->policies.base != NULL)
		munmap(core->policies.base, region_lines(core) * 64);
	if (core->policies.first != NULL)
		munmap((void *)core->policies.first, first_bytes(core));
}
