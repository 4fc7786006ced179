/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE fragments (RFC 7383): the fields of an SKF payload, reassembly of one
 * message at a time, and the plan by which a message is cut. A fragment is
 * stored only after the caller's function verified its ICV (H22); inserting is
 * O(1), whatever the order (H20); the bytes that one message and all messages
 * together may hold are bounded. Expiry is the owner's timer. One reassembly
 * object belongs to one IKE SA; the event loop's thread only.
 */
#ifndef RG_IKE_WIRE_FRAG_H
#define RG_IKE_WIRE_FRAG_H

#include "control/ike/wire/msg.h"

#define IKE_FRAG_HDR_LEN  4u  /* number and total, behind the generic header (RFC 7383 2.5) */
#define IKE_MAX_FRAGMENTS 64u /* of one message */

struct ike_frag {
	uint16_t number, total;
	uint8_t first; /* type of the first payload, in fragment 1; else 0 */
};

/* `msg` has an SKF payload (sk_type). */
enum ike_reject ike_frag_decode(struct ike_frag *frag, const struct ike_msg *msg);

/* What all reassemblies of a process share. `limit` is in octets. */
struct ike_frag_budget {
	size_t used, limit;
};

struct ike_reasm {
	struct ike_frag_budget *budget; /* the owner's; outlives this */
	uint8_t *part[IKE_MAX_FRAGMENTS];
	uint16_t part_len[IKE_MAX_FRAGMENTS];
	uint32_t message_id;
	uint32_t bytes;
	uint16_t total; /* 0: nothing here */
	uint16_t have;
	uint8_t first, exchange, flags;
};

/* Verifies the ICV and decrypts: at most `cap` octets to `plain`. ike_sk_open()
 * of crypto/sk.h behind the owner's key does. */
typedef enum ike_reject (*ike_frag_open_fn)(void *arg, const struct ike_msg *msg, uint8_t *plain, size_t cap,
                                            size_t *len);

void ike_reasm_init(struct ike_reasm *r, struct ike_frag_budget *budget);
/* Wipes and frees what is stored: on completion, expiry, end of the SA. Can be used again. */
void ike_reasm_reset(struct ike_reasm *r);

/* Takes one fragment. IKE_OK: stored, and *complete says whether it was the
 * last. A message ID other than that of the message at work is
 * IKE_REJECT_FRAG_MESSAGE before anything else: the owner knows which ID it waits for
 * and resets when it moves on. A greater total starts anew (RFC 7383 2.6.1). */
enum ike_reject ike_reasm_add(struct ike_reasm *r, const struct ike_msg *msg, ike_frag_open_fn open,
                              void *arg, bool *complete);

/* The plaintext of a complete message: -EMSGSIZE if `cap` is too small (needs
 * r->bytes), -EAGAIN if it isn't complete. Its first payload is r->first. */
int ike_reasm_take(struct ike_reasm *r, uint8_t *plain, size_t cap, size_t *len);

/* How `plain_len` octets of inner payloads are cut so that no datagram has more
 * than `max_message` octets of IKE message; `overhead` is ike_sk_overhead() with
 * fragment = true. Gives the octets of each but the last; 0: impossible (too
 * many fragments, or no room). The number of fragments goes to *total. */
size_t ike_frag_plan(size_t plain_len, size_t max_message, size_t overhead, uint16_t *total);

#endif
