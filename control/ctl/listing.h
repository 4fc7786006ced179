/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What control lists in pages (protocol.h), for people and for programs: each page is shown before the next
 * one is asked for. One thread; waits.
 */
#ifndef RG_CONTROL_CTL_LISTING_H
#define RG_CONTROL_CTL_LISTING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Sends `request` and waits for its reply; NULL: it failed, which has been said. */
typedef json_t *(*listing_ask)(void *user, const json_t *request);

bool listing_has(const char *command);
/* Shows it as tables, or as the one object {"ok":true,...} in a line. False: a page failed, and what was
 * shown is not all. */
bool listing_show(FILE *out, const char *command, bool json, listing_ask ask, void *user);
/* `page` is called with the rows under `key` of each page. False as above. */
bool listing_pages(json_t *request, const char *key, void (*page)(void *context, const json_t *rows),
                   void *context, listing_ask ask, void *user);

#endif
