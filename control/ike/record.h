/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session record: everything that an IKE SA and its session are made of, as
 * one string of octets: keys, message IDs, windows, cached answers, requests on the
 * wire, Child SAs, policies, addresses, homing, leases, deadlines, identities. A record that is read
 * into a fresh manager goes on where it was written. Internal to control/ike and
 * control/homing; core thread only.
 *
 * Layout: "RGSR", version (2), reserved (2), length of all (4); the session; check
 * (8). Whoever adds a field to a structure that is described here adds it to the
 * description and raises the version. Times are CLOCK_MONOTONIC: a record is of use within one
 * boot of the machine. What is only on its way (jobs, batches, tasks that wait and are no
 * Deletes, the journal) is no part of it.
 */
#ifndef RG_IKE_RECORD_H
#define RG_IKE_RECORD_H

#include "control/ike/ike_sa.h"
#include "control/ike/record_io.h"

#define RECORD_VERSION 3u
#define RECORD_MAX     65536u
#define RECORD_FRAME   20u /* octets before and behind the session */

/* Is there anything that is worth keeping: it knows its peer, and has keys. */
bool record_wanted(const struct ike_sa *sa);
/* 0, -EMSGSIZE. The key of a record is our SPI. */
int record_write(struct ike_sa *sa, uint8_t *to, size_t room, size_t *len);

/* record_child.c */
void record_selectors(struct record *r, struct child_selectors *s);
/* Child SAs, flows, tunnel; both ways. */
void record_carried(struct record *r, struct ike_sa *sa);
/* Gives back what was read of them: the record is not taken. */
void record_carried_undo(struct ike_sa *sa);

/* record_messages.c: message IDs, windows, answers that are kept, our requests. */
void record_messages(struct record *r, struct ike_sa *sa);
/* Requests that were read are on the wire again. */
void record_messages_resume(struct ike_sa *sa);

#endif
