/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Child SA: a pair of ESP SAs (RFC 7296 2.8, RFC 4301). Internal to control/ike
 * and control/homing, and readable by roamctl's answers. Core thread only. Where
 * its packets go is no part of it: that is the session's tunnel.
 */
#ifndef RG_IKE_CHILD_SA_H
#define RG_IKE_CHILD_SA_H

#include "config/config.h"
#include "dataplane/api/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct ike_sa;
struct ike_batch;

/* X(state, "name") */
#define CHILD_STATES(X)                                                                                      \
	X(NEW, "new")             /* negotiating; the inbound handle is taken */                             \
	X(INBOUND, "inbound")     /* inbound installed; a rekeyed SA's outbound is there but not current */  \
	X(INSTALLED, "installed") /* both ways, current */                                                   \
	X(REKEYING, "rekeying")   /* current; we asked for its successor */                                  \
	X(REKEYED, "rekeyed")     /* has a successor; still accepts, waits for its Delete */                 \
	X(DELETING, "deleting")   /* we sent its Delete */                                                   \
	X(DELETED, "deleted")     /* has a successor; inbound alone, for packets that are late */            \
	X(DEAD, "dead")           /* out of the dataplane, to be freed */

enum child_state {
#define X(name, text) CHILD_##name,
	CHILD_STATES(X)
#undef X
	        N_CHILD_STATES
};

struct child_selectors {
	size_t n;
	struct rg_api_selector s[RG_API_MAX_SELECTORS];
};

/* A packet that asks for a Child SA, each side as the selector of nothing else; family 0: none. */
struct child_packet {
	struct rg_api_selector source, destination;
};

/* Kept for the life of the SA: a dataplane that was restarted gets them again. */
struct child_keys {
	uint8_t in[RG_API_KEY_MAX], out[RG_API_KEY_MAX];
};

struct child_sa {
	TAILQ_ENTRY(child_sa) link;
	struct ike_sa *sa;
	struct flow *flow;              /* what it carries; NULL until it is installed */
	const struct rg_cfg_child *cfg; /* never NULL */
	enum child_state state;
	bool we_initiated;  /* this Child SA: decides the direction of keys and collisions */
	uint32_t spi_in;    /* network byte order; ours */
	uint32_t spi_out;   /* network byte order; the peer's */
	uint32_t handle_in; /* the SPI's low 28 bits */
	uint32_t handle_out;
	uint32_t suite;    /* enum rg_suite */
	uint16_t dh_group; /* of the exchange that made it; 0: none */
	bool esn;
	bool transport;     /* mode */
	bool more_possible; /* responder: another one could carry what this one does not (RFC 7296 2.9) */
	unsigned window;
	struct child_keys keys;
	struct child_selectors local, remote;
	struct rg_api_lifetime lifetime; /* given to the dataplane */

	uint64_t born_ms;
	uint64_t rekey_ms;    /* soft, jittered; 0: never */
	uint64_t expire_ms;   /* hard; 0: never */
	uint64_t outbound_ms; /* responder of a rekey: when the outbound becomes current at the latest; 0 */
	uint64_t delete_ms; /* when a REKEYED one whose Delete never came, or a DELETED one, is removed; 0 */
	bool peer_has;      /* it came about at the peer too: our answer was not lost */
	bool in_added, out_added;   /* handed to the dataplane */
	bool recover;               /* was reinstalled after a crash of the dataplane: to be rekeyed */
	struct child_sa *successor; /* of a REKEYED one, NULL otherwise */
	/* Nonces of the exchange that made it, for simultaneous rekeys (RFC 7296 2.8.1):
	 * the lower of both, kept only while the exchange's collision is open. */
	uint8_t lowest_nonce[32];
	size_t lowest_nonce_len;
};

TAILQ_HEAD(child_list, child_sa);

const char *child_state_name(enum child_state state);

/* The only writer of `state`; refuses (-EPERM, logged and counted) what
 * table.h does not list. */
int child_set_state(struct child_sa *child, enum child_state state);

/* A new one in state NEW with an inbound handle and SPI of ours, of the first of the
 * connection's children; NULL if memory or the SPI space is exhausted, or the session has too many. */
struct child_sa *child_create(struct ike_sa *sa, bool we_initiated);
/* The same in place of `old`: of its flow and its configuration. */
struct child_sa *child_create_heir(struct child_sa *old, bool we_initiated);

/* Removes it from the dataplane where it is there, wipes and frees it. The
 * pointer is invalid afterwards. */
void child_destroy(struct child_sa *child);

/* Frees it without a word to the dataplane: its records are in a batch already. */
void child_free(struct child_sa *child);

/* Of those that are not DELETED. */
struct child_sa *child_by_spi_in(struct ike_sa *sa, uint32_t spi);  /* network byte order */
struct child_sa *child_by_spi_out(struct ike_sa *sa, uint32_t spi); /* network byte order */
struct child_sa *child_by_handle(struct ike_sa *sa, enum rg_direction direction, uint32_t handle);
/* The Child SA that the session's first flow uses; NULL while there is none. */
struct child_sa *child_current(struct ike_sa *sa);
/* Do its flow's packets leave through it? */
bool child_is_current(const struct child_sa *child);

/* Appends the records that install both directions, inbound first, with the
 * session's tunnel before them if it is not there yet. With `current` the session's
 * policies follow, so that the outbound is used at once; without, the old one is used until
 * child_make_current(). Keys must have been derived. 0, -ENOSPC (handles). */
int child_steps_install(struct child_sa *child, bool current, struct ike_batch *batch);
/* To operators, if they know of its session. */
void child_announce(struct child_sa *child);
/* The state that follows from a batch with child_steps_install(): INSTALLED or
 * INBOUND, lifetimes begin, the time to the switch runs. To be called when it was applied. */
void child_installed(struct child_sa *child, bool current);
/* Both directions with sequence numbers to go on from (a dataplane that was restarted). */
void child_steps_sas(struct child_sa *child, uint64_t sequence_in, uint64_t sequence_out,
                     struct ike_batch *batch);
/* Appends what removes it. Policies that use it point at nothing after that (RG_EVENT_NO_SA). */
void child_steps_remove(struct child_sa *child, struct ike_batch *batch);

/* Makes a rekeyed Child SA's outbound current now: policies are swapped
 * (POLICY_SET), the timer is cleared. Idempotent. */
void child_make_current(struct child_sa *child);

/* Does the peer have it as far as we know: our answer that made it came, or must have by now? */
bool child_is_shared(const struct child_sa *child);
/* When it is held to be at the latest, by our SPI; 0: there is none. */
uint64_t child_shared_ms(const struct ike_sa *sa, uint32_t spi_in);

/* Its Delete was answered, or came. One that has a successor stays for a moment to receive what
 * is late, the others go at once. */
void child_deleted(struct child_sa *child);

/* It is about to go: if it sends, what followed it does from now on. */
void child_hand_over(struct child_sa *child);

/* `child` goes, at the peer's wish, before those that it was to replace: they serve again. */
void child_revert(struct child_sa *child);

#endif
