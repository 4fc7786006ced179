/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server and a peer of EAP-MSCHAPv2 whose randomness counts, and what passes between
 * them. One thread.
 */
#ifndef RG_TESTS_UNIT_EAP_RIG_H
#define RG_TESTS_UNIT_EAP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/eap/eap.h"

extern const char *right_password; /* carol's, as the server has it */
extern uint8_t rig_counter;        /* of what is random here */
extern const struct eap_env rig_server_env;

struct eap *rig_server(void);
/* A server that has said its challenge; with the identity given, so that it speaks first. */
struct eap *rig_challenging(void);
/* `password` NULL: it has none. */
struct eap *rig_peer(const char *name, const char *password);
/* Of both, one of which may be NULL. */
void rig_end(struct eap *s, struct eap *p);

enum eap_verdict rig_give(struct eap *to, struct eap *from);
/* Passes packets until one side has an end; returns the server's. */
enum eap_verdict rig_talk(struct eap *s, struct eap *p);
/* The text in a server's last packet. */
const char *rig_message(const struct eap *s);

/* Responds with a password to the challenge of a server's last packet, for tries by hand. */
void rig_respond(struct eap *s, const char *password, uint8_t add_id);
enum eap_verdict rig_send_typed(struct eap *to, uint8_t code, uint8_t type, const void *data, size_t len);

#endif
