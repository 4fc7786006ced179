/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes log lines, each with one write() so that lines of two processes on one
 * terminal do not mix. Event loop's thread only.
 */
#include "control/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUCKETS        64
#define LINE_MAX_BYTES 1024

/* A token bucket. Components that share one by their hash share its rate. */
struct bucket {
	uint64_t last_ms;
	uint32_t tokens; /* thousandths of a line */
	uint32_t suppressed;
	bool used;
};

static struct bucket buckets[BUCKETS];
static enum log_level threshold = LOG_LEVEL_INFO;
static uint64_t total_suppressed;

static const char *const level_names[] = {"error: ", "warning: ", "", "debug: "};

void log_set_level(enum log_level level)
{
	threshold = level;
}

uint64_t log_suppressed(void)
{
	return total_suppressed;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static struct bucket *bucket_of(enum log_level level, const char *component)
{
	uint32_t hash = 2166136261u + level;

	while (*component)
		hash = (hash ^ (uint8_t)*component++) * 16777619u;
	return &buckets[hash % BUCKETS];
}

static bool may_write(struct bucket *b)
{
	uint64_t now = now_ms(), gained = (now - b->last_ms) * LOG_RATE;

	if (!b->used || gained + b->tokens > LOG_BURST * 1000)
		b->tokens = LOG_BURST * 1000;
	else
		b->tokens += (uint32_t)gained;
	b->used = true;
	b->last_ms = now;
	if (b->tokens < 1000) {
		b->suppressed++;
		total_suppressed++;
		return false;
	}
	b->tokens -= 1000;
	return true;
}

/* One line; what is not printable is replaced, whoever wrote it. */
static void put(enum log_level level, const char *component, char *text)
{
	char line[LINE_MAX_BYTES + 64];
	int len;

	for (char *at = text; *at; at++)
		if ((unsigned char)*at < ' ' || (unsigned char)*at == 0x7f)
			*at = '?';
	len = snprintf(line, sizeof(line), "%s: %s%s\n", component, level_names[level], text);
	if (len >= (int)sizeof(line)) {
		len = sizeof(line);
		line[sizeof(line) - 1] = '\n';
	}
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return; /* nowhere is left to say so */
}

void log_line(enum log_level level, const char *component, const char *format, ...)
{
	struct bucket *b = bucket_of(level, component);
	char text[LINE_MAX_BYTES];
	va_list args;

	if (level > threshold || !may_write(b))
		return;
	if (b->suppressed) {
		snprintf(text, sizeof(text), "%u lines like the next were suppressed", b->suppressed);
		b->suppressed = 0;
		put(level, component, text);
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put(level, component, text);
}
