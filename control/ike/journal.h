/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session has been through, for `roamctl explain`: entries of 32 octets,
 * made to text only when asked for. The first ones (how it came about) are kept, of the rest the
 * newest. A session has none until something happens, and never more than 1 KiB.
 * It survives rekeys and reauthentication, not the process. Core thread only.
 */
#ifndef RG_IKE_JOURNAL_H
#define RG_IKE_JOURNAL_H

#include "control/ike/crypto/suite.h"
#include "control/ike/endpoint.h"

#include <stddef.h>
#include <stdint.h>

struct ike_sa;
struct child_sa;
struct pair_path;

#define JOURNAL_FIRST 8u  /* are kept for ever */
#define JOURNAL_MAX   32u /* in all */
#define JOURNAL_TEXT  256u

/* X(kind, "name") */
#define JOURNAL_KINDS(X)                                                                                     \
	X(PROPOSAL, "proposal")           /* of the IKE SA: chosen of how many */                            \
	X(AUTHENTICATED, "authenticated") /* how */                                                          \
	X(ADDRESS, "address")             /* a virtual address */                                            \
	X(PATH, "path")                   /* where the session began */                                      \
	X(CHILD_UP, "child-up")                                                                              \
	X(CHILD_REKEYED, "child-rekeyed")                                                                    \
	X(CHILD_DOWN, "child-down")                                                                          \
	X(IKE_REKEYED, "ike-rekeyed")                                                                        \
	X(REAUTHENTICATED, "reauthenticated")                                                                \
	X(ASKED, "move-asked") /* the peer, or we, ask for a move there */                                   \
	X(CHECK, "check")      /* return routability: asked there */                                         \
	X(PROVEN, "check-passed")                                                                            \
	X(MOVED, "moved")                                                                                    \
	X(REFUSED, "move-refused") /* and why */                                                             \
	X(PATH_DEAD, "path-dead")                                                                            \
	X(PATH_ALIVE, "path-alive")                                                                          \
	X(ADDRESS_LIST, "address-list")                                                                      \
	X(ERROR_SENT, "error-sent")                                                                          \
	X(ERROR_RECEIVED, "error-received")                                                                  \
	X(RESYNCED, "resynced")                                                                              \
	X(RESTORED, "restored")                                                                              \
	X(REAUTHENTICATION_FAILED, "reauthentication-failed")

enum journal_kind {
#define X(kind, name) JOURNAL_##kind,
	JOURNAL_KINDS(X)
#undef X
	        JOURNAL_N_KINDS
};

struct journal_entry {
	uint32_t when; /* hundredths of a second of CLOCK_MONOTONIC */
	uint8_t kind, detail;
	uint16_t value;
	uint8_t data[24];
};

struct journal {
	uint8_t n, room;
	uint8_t oldest;   /* of those behind the first ones, once all are there */
	uint32_t dropped; /* entries that gave way to newer ones */
	struct journal_entry entries[];
};

void journal_note(struct ike_sa *sa, enum journal_kind kind, unsigned detail, unsigned value);
void journal_path(struct ike_sa *sa, enum journal_kind kind, unsigned detail, uint64_t value,
                  const struct pair_path *path);
void journal_address(struct ike_sa *sa, const struct rg_cfg_addr *addr);
void journal_child(struct ike_sa *sa, enum journal_kind kind, const struct child_sa *child, uint32_t old_spi);
void journal_spis(struct ike_sa *sa, enum journal_kind kind, uint64_t spi_i, uint64_t spi_r);
/* The session is up: proposal (chosen of so many that were offered), authentication, addresses, path. */
void journal_begin(struct ike_sa *sa, unsigned offered);

/* The story goes on with another IKE SA: `from` has none after it, and what `to` has follows it. */
void journal_move(struct ike_sa *to, struct ike_sa *from);
void journal_free(struct ike_sa *sa);

/* The n-th entry in order of time, or NULL. */
const struct journal_entry *journal_at(const struct ike_sa *sa, unsigned n);
const char *journal_kind_name(unsigned kind);
uint64_t journal_when_ms(const struct journal_entry *entry, uint64_t now_ms);
/* One line for people; returns `text`. */
const char *journal_text(const struct ike_sa *sa, const struct journal_entry *entry, char text[JOURNAL_TEXT]);

#endif
