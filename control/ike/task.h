/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task is one request of ours and what its answer means. Tasks of an IKE SA
 * wait in a queue; as many are on the wire as the peer's window allows (RFC 7296
 * 2.3), and as do not get in each other's way. Core thread only.
 */
#ifndef RG_IKE_TASK_H
#define RG_IKE_TASK_H

#include "control/ike/endpoint.h"
#include "control/ike/wire/build.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct ike_sa;
struct exchange;
struct task;

/* What prepare, build and response may return besides 0 and negative errnos. */
#define TASK_PARKED 1 /* a job or batch is under way; see the function */
#define TASK_SKIP   2 /* the reason for the task is gone: free it, send nothing */

struct task_type {
	const char *name;
	uint8_t exchange; /* enum ike_exchange */
	/* Nothing else is on the wire with it: what it changes is below all others. */
	bool alone;
	/* May be NULL: may it start beside those that are on the wire? Asked again whenever one of them ends.
	 */
	bool (*ready)(const struct ike_sa *sa, const struct task *task);
	/* May be NULL: when it is to be asked at the latest, though nothing has ended; 0: nothing to wait
	 * for. */
	uint64_t (*ready_ms)(const struct ike_sa *sa, const struct task *task);
	/* Before `build`, may be NULL. 0: ready. TASK_PARKED: it submitted a job whose
	 * end calls ike_sa_resume(); then prepare is called again, and says 0.
	 * Negative: the task is abandoned. */
	int (*prepare)(struct ike_sa *sa, struct task *task);
	/* Writes the inner payloads. 0: send it. */
	int (*build)(struct ike_sa *sa, struct task *task, struct ike_build *out);
	/* The answer came; `x->msg` holds its payloads, already checked against the
	 * transition table. 0: the task is done and freed. TASK_PARKED: a job or
	 * batch goes on with it, and calls exchange_finish(x) at its end.
	 * Negative: the IKE SA cannot go on and is closed. It may call ike_sa_close(). */
	int (*response)(struct ike_sa *sa, struct task *task, struct exchange *x);
	/* May be NULL: a copy of the request left (first or again). */
	void (*sent)(struct ike_sa *sa, struct task *task, const struct ike_endpoint *local,
	             const struct ike_endpoint *remote);
	/* May be NULL: it ended without an answer (the SA closes, gave up, or
	 * prepare failed). `free` follows. */
	void (*abandoned)(struct ike_sa *sa, struct task *task);
	/* Wipes and frees what the task holds, and the task. */
	void (*free)(struct task *task);
};

/* The first member of every task's own structure. */
struct task {
	TAILQ_ENTRY(task) link;
	const struct task_type *type;
	/* Sent and sent again on this pair only (RFC 4555 3.7), else on the SA's
	 * current one. */
	bool pinned;
	struct ike_endpoint local, remote;
	bool urgent;            /* goes before those that are not: Delete, moves */
	uint64_t not_before_ms; /* do not start earlier (TEMPORARY_FAILURE, RFC 7296 2.25); 0: now */
};

TAILQ_HEAD(task_list, task);

/* Takes over the task. It starts at once if nothing is on the wire and the SA
 * is not parked. */
void task_queue(struct ike_sa *sa, struct task *task);

/* The first waiting or running task of the type, or NULL. */
struct task *task_find(struct ike_sa *sa, const struct task_type *type);

/* The first of the type whose request is on the wire, or whose answer is at work. */
struct task *task_on_wire(const struct ike_sa *sa, const struct task_type *type);

/* Starts the next task if it may start. Called by the core whenever that changes. */
void task_run(struct ike_sa *sa);

/* Abandons and frees all, also those on the wire. */
void task_abandon_all(struct ike_sa *sa);

#endif
