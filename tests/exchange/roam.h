/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world whose client has two access networks and may stand behind a NAT, and a
 * trace that names what is inside each message, with its addresses. For the tests
 * of mobility and rekeys; one thread.
 *
 *      "c>g 198.51.100.7:4500>192.0.2.1:4500 INFORMATIONAL? 2 UPDATE_SA_ADDRESSES ..."
 *      "g MIGRATE 2 192.0.2.1>203.0.113.77"      the dataplane, between the messages around it
 */
#ifndef RG_TESTS_ROAM_H
#define RG_TESTS_ROAM_H

#include "control/homing/homing.h"
#include "control/homing/session.h"
#include "tests/exchange/world.h"

#define ROAM_LINES 2048u
#define ROAM_LINE  320u

#define ISP1      "192.0.2.1"
#define ISP1_6    "2001:db8:1::1"
#define ISP2      "203.0.113.1"
#define WLAN      "198.51.100.7"
#define LTE       "203.0.113.77"
#define WLAN6     "2001:db8:77::7"
#define PUBLIC    "192.0.2.99" /* of the NAT */
#define ELSEWHERE "192.0.2.77"

struct roam {
	struct world *w;
	uint64_t session;
	struct rg_cfg_addr dead[8];
	unsigned n_dead;
	bool nat;
	uint16_t nat_port; /* outside of port 4500; of 500 one less */
	struct rg_cfg_addr nat_inside;
	/* A test's own: false: lost. `line` tells what it is, as in the trace. */
	bool (*filter)(struct roam *r, struct datagram *dg, const char *line);
	unsigned filter_count;
	unsigned migrations[2];
	char trace[ROAM_LINES][ROAM_LINE];
	unsigned n_trace;
};

/* `gateway` and `client` are the inside of the connection's mobility map, `esp` the ESP
 * proposals; NULL: the usual. */
struct roam *roam_new(const char *gateway, const char *client, const char *esp);
/* With fragmentation to 576 bytes and a DH group whose values need it. */
struct roam *roam_new_fragmented(void);
void roam_free(struct roam *r);
/* Connects over WLAN and ISP1; with `nat` set before, through the NAT. */
void roam_up(struct roam *r);
/* The client goes on over another pair. */
void roam_move(struct roam *r, const char *local, const char *remote);
void roam_run(struct roam *r, uint64_t ms);

void roam_kill(struct roam *r, const char *addr);
void roam_revive(struct roam *r, const char *addr);
/* An uplink's port of the gateway (or client) by its index in the configuration. */
void roam_port(struct peer *p, unsigned port, bool up);

struct ike_sa *roam_client(struct roam *r);
struct ike_sa *roam_gateway(struct roam *r);
/* "192.0.2.1>198.51.100.7", with encapsulation "192.0.2.1:4500>198.51.100.7:4500". */
const char *roam_path(struct peer *p, struct ike_sa *sa, char text[128]);
void roam_expect_paths(struct roam *r, const char *client, const char *gateway);
#define ROAM_COUNT(r, field) (world_gateway((r)->w)->m->counters.field)

/* An INFORMATIONAL request under the client's keys that its state machine did not make,
 * with these notifies (0 ends) and COOKIE2 of 8 octets where named. */
void roam_forge(struct roam *r, uint32_t message_id, const char *from, const char *to,
                const uint16_t *notifies);
/* The same on an IKE SA of the client's that need not be the session's. */
void roam_forge_on(struct roam *r, struct ike_sa *sa, uint32_t message_id, const char *from, const char *to,
                   const uint16_t *notifies);
/* The dataplane saw authenticated ESP from there; port 0: without UDP. */
void roam_esp_from(struct roam *r, const char *addr, uint16_t port);

/* A client that never moves by itself: it takes lists and says nothing (as strongSwan's
 * responder-driven change goes: no UPDATE comes). */
bool roam_no_update(struct roam *r, struct datagram *dg, const char *line);

/* The first line at or after `from` that has all the words (separated by '|') in their order; -1. */
int roam_find(struct roam *r, unsigned from, const char *words);
unsigned roam_count(struct roam *r, unsigned from, const char *words);
/* All the patterns (NULL ends) in this order; fails with the trace otherwise. */
void roam_order(struct roam *r, unsigned from, ...);
/* Where the trace is now. */
unsigned roam_now(struct roam *r);

#endif
