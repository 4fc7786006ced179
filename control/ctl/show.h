/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the replies of control and the dataplane look like to a person: one
 * function for every command, by name.
 */
#ifndef RG_CONTROL_CTL_SHOW_H
#define RG_CONTROL_CTL_SHOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct show {
	const char *command;
	void (*print)(FILE *out, const json_t *reply);
};

/* Each ends with a NULL command. */
extern const struct show show_control[], show_dataplane[];

/* False where the tables have no such command. */
bool show_reply(FILE *out, const struct show *shows, const char *command, const json_t *reply);
/* One line. */
void show_event(FILE *out, const json_t *event);

#endif
