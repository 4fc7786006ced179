/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges of an IKE SA that has keys: message IDs and windows
 * (RFC 7296 2.1 to 2.3), retransmission with exponential backoff, the cached
 * response (of the very request only), and the message that a handler is working on. Core
 * thread only.
 */
#ifndef RG_IKE_EXCHANGE_H
#define RG_IKE_EXCHANGE_H

#include "control/ike/again.h"
#include "control/ike/endpoint.h"
#include "control/ike/ops.h"
#include "control/ike/task.h"
#include "control/ike/wire/build.h"
#include "control/ike/wire/payload.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ike_sa;
struct ike_datagram;

#define EXCHANGE_PARKED 1 /* a handler's result: a job or batch will call exchange_finish() */

/* A message of ours as it is on the wire, whole or in fragments. */
struct packets {
	uint8_t n;
	struct packet {
		uint8_t *data;
		size_t len;
	} * p;
};

/* The peer's message at work, decrypted. A request's handler writes its answer
 * to `out`; a response's reads only. It lives until exchange_finish(). */
struct exchange {
	struct ike_sa *sa;
	bool is_response;
	struct ike_msg msg; /* payloads point into `plain` */
	uint8_t *plain;     /* owned, wiped at the end */
	size_t plain_len;
	struct outstanding *request;       /* a response: what it answers, until exchange_finish() */
	struct ike_endpoint local, remote; /* where it came to and from: the answer goes back there */
	bool natt;
	uint8_t digest[32];   /* of the datagram (of fragment 1), which a retransmission equals */
	struct ike_build out; /* its buffer is owned */
	size_t out_high;      /* octets of it that an answer once had which was begun anew */
	void *context;        /* of a handler that parked */
	void (*free_context)(void *context);
	bool close_after; /* the SA is closed once the answer is out */
};

/* A request of ours on the wire. Those of an IKE SA are in order of their message IDs. */
struct outstanding {
	TAILQ_ENTRY(outstanding) link;
	struct task *task;
	bool answered; /* its answer is at work: it is sent no more */
	uint32_t message_id;
	struct packets packets;
	unsigned retransmissions;
	uint64_t first_ms, next_ms, interval_ms;
	bool several_pairs; /* copies went to more than one pair: an answer proves none (KD-9, H46) */
	struct ike_endpoint local, remote; /* of the last copy */
};

TAILQ_HEAD(outstanding_list, outstanding);

/* An answer of ours that is kept for as long as its request may come again: as many of
 * them as the window that we promised (RFC 7296 2.3). */
struct cached_response {
	TAILQ_ENTRY(cached_response) link;
	uint32_t message_id;
	uint8_t digest[32];
	struct packets packets;
	struct again *again; /* NULL until the request came again */
};

TAILQ_HEAD(response_list, cached_response);

/* A protected datagram of the SA: retransmissions, decryption, fragments, the
 * transition table, then the handler. */
void exchange_input(struct ike_sa *sa, const struct ike_datagram *dg);

/* An unprotected IKE_SA_INIT message of this SA: to its handler. */
void exchange_begin_plain(struct ike_sa *sa, const struct ike_datagram *dg, const struct ike_header *hdr);

/* A copy of a request that was answered: the cached answer goes out again, to where
 * this copy came from, only if it is that very request (H38), whose sender may have cut it into fragments
 * anew (RFC 7383 2.6.1), and not for each copy of a burst (KD-10). */
void exchange_answer_again(struct ike_sa *sa, const struct ike_datagram *dg, const struct ike_msg *msg);

/* Takes up datagrams that came while the SA was parked. */
void exchange_drain(struct ike_sa *sa);

/* Ends a message that a handler parked: result as the handler would have returned
 * it (0, or a negative errno: no answer, the SA is closed). Sends the answer of a request, frees `x`. */
void exchange_finish(struct exchange *x, int result);

/* Puts a lone error notify into the answer, dropping what is there, and
 * returns 0, to be used as `return exchange_error(x, IKE_NOTIFY_...)`. */
int exchange_error(struct exchange *x, uint16_t notify, const void *data, size_t len);

/* The oldest request that still waits for its answer, or NULL. */
struct outstanding *exchange_waiting(const struct ike_sa *sa);
/* The request whose answer is at work, or NULL. */
struct outstanding *exchange_answered(const struct ike_sa *sa);

/* Sends one more copy of each waiting request on a pair of addresses (homing). */
void exchange_resend_on(struct ike_sa *sa, const struct ike_endpoint *local,
                        const struct ike_endpoint *remote);

/* The session's pair is another: waiting requests that were last sent elsewhere and are not
 * pinned go out on it, and begin anew. */
void exchange_follow(struct ike_sa *sa);

/* Were all waiting requests last sent on this very pair, and may be sent on others? */
bool exchange_all_on(const struct ike_sa *sa, const struct ike_endpoint *local,
                     const struct ike_endpoint *remote);

/* Starts the retransmission of waiting requests anew (homing keeps trying). */
void exchange_restart(struct ike_sa *sa);
/* The same, and the time that the peer has to answer (the process was not there to ask). */
void exchange_begin_anew(struct ike_sa *sa);

/* The answer to a request has come and was handled: it leaves the window. */
void exchange_settle(struct outstanding *request, struct ike_sa *sa);

/* The window that the peer promised (SET_WINDOW_SIZE), and ours, said once on each IKE SA (true: now). */
void exchange_window_read(struct ike_sa *sa, const struct ike_msg *msg);
bool exchange_window_write(struct ike_sa *sa, struct ike_build *out);

/* Our answer to the peer's request with this ID, while it is kept. */
struct cached_response *exchange_find_answer(const struct ike_sa *sa, uint32_t message_id);
/* Wipes the answers that are kept. */
void exchange_forget_answers(struct ike_sa *sa);

/* TIMER_RETRANSMIT */
void exchange_retransmit(struct ike_sa *sa);

/* Called by task_run(): seals and sends what the task built. */
int exchange_start(struct ike_sa *sa, struct task *task);

/* The error notify of a message (RFC 7296 3.10.1: type below 16384), or 0. */
uint16_t exchange_error_of(const struct ike_msg *msg);

void packets_free(struct packets *packets);

/* A message at work; NULL if memory is short. */
struct exchange *exchange_new(struct ike_sa *sa, const struct ike_datagram *dg, const struct ike_header *hdr);

/* Frees `x` without an answer. */
void exchange_free(struct exchange *x);

#endif
