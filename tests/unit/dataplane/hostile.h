/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hostile tests share: the default expectation of each packet that must not pass. It is
 * dropped, exactly one named counter rises, nothing is answered or handed to the
 * kernel, no SA notes anything but the failure, no buffer is kept.
 */
#ifndef RG_TESTS_UNIT_DATAPLANE_HOSTILE_H
#define RG_TESTS_UNIT_DATAPLANE_HOSTILE_H

#include "tests/support/gateway.h"
#include "tests/support/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Everything that a packet may change. */
struct before {
	uint64_t drop[DROP_COUNT];
	uint64_t punted, encrypted, decrypted, events, too_big, time_exceeded;
	struct rg_counters_sa sa[2][GATEWAY_CLIENTS + 1];
	uint32_t live;
};

/* Group fixtures: the crypto library starts and ends. */
int hostile_begin(void **state);
int hostile_end(void **state);

/* The clients, from 1 on, that most tests have: what differs is how their packets look. */
#define HOSTILE_USUAL 4u
extern const struct gateway_session hostile_usual[HOSTILE_USUAL];
/* One client for each kind of outer packet: both families, with UDP and without. */
#define HOSTILE_OUTER 4u
extern const struct gateway_session hostile_outer[HOSTILE_OUTER];

/* A gateway of two workers with these `n` clients. 0 or -1, as a setup says it. */
int hostile_open(struct gateway *g, const struct gateway_session *sessions, unsigned n);

/* All of it, now. */
void before_take(struct before *b, struct gateway *g);
/* The drop counters say `n` times `why`, and nothing else. */
void assert_drops(struct gateway *g, const struct before *b, enum drop why, uint64_t n);
/* Nothing came of it, on the wire, towards the kernel or in memory. */
void assert_no_effect(struct gateway *g, const struct before *b);
/* No SA changed, but for the failures that client `c`'s inbound SA counts; 0: none at all. */
void assert_sas_unaffected(struct gateway *g, const struct before *b, unsigned c);
/* Default expectation for `n` frames that were offered since `b`, before their ICV was good. */
void assert_hostile(struct gateway *g, const struct before *b, enum drop why, uint64_t n, unsigned client);
/* A good packet of the client's, `seq`, comes out on the LAN as it was sent. */
void assert_passes(struct gateway *g, unsigned client, uint64_t seq);
/* A LAN packet for the client leaves as ESP that the client can open; its number. */
uint64_t assert_reaches(struct gateway *g, unsigned client);

/* All of the usual clients reach the LAN and are reached, without a drop, and no buffer is kept. */
void assert_all_well(struct gateway *g);

/* ESP of a client around a good packet; its length. */
uint32_t good_esp(struct gateway *g, unsigned client, uint64_t seq, uint8_t *esp);

/* A LAN packet for the client, with that fragment field if it is IPv4; its length. */
uint32_t lan_frame(unsigned client, uint8_t family, uint32_t len, uint16_t fragment, uint8_t *frame);
void offer_lan(struct gateway *g, unsigned client, unsigned queue, uint32_t len, uint16_t fragment);
/* Any IPv6 packet from somebody. */
void offer6(struct gateway *g, unsigned port, const uint8_t *to, uint8_t protocol, const uint8_t *payload,
            uint32_t len);

#endif
