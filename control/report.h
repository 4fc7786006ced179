/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to roamctl as JSON (the shapes are in ctl/protocol.h), and the few commands that
 * change something. Event loop's thread.
 */
#ifndef RG_CONTROL_REPORT_H
#define RG_CONTROL_REPORT_H

#include "control/control.h"

/* A ctl_answer of the server; `user` is a struct control. */
json_t *report_answer(void *user, const char *command, const json_t *request);

/* report_sessions.c: one page each, with "next" where there is another one. */
json_t *report_clients(struct control *c, const json_t *request);
json_t *report_sas(struct control *c, const json_t *request);
json_t *report_paths(struct control *c, const json_t *request);
/* The whole story of one client, by its id. */
json_t *report_explain(struct control *c, uint64_t session);

#endif
