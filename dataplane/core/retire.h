/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that no table leads to any more and that a worker may still read:
 * a queue in the order of their grace periods. Main only; nothing here waits.
 * A batch reserves its places before its first store, so retiring cannot fail.
 */
#ifndef RG_DATAPLANE_CORE_RETIRE_H
#define RG_DATAPLANE_CORE_RETIRE_H

#include <stdint.h>

struct core;

#define RETIRE_FREE 65536u /* may wait however small the tables are */

typedef void (*retire_fn)(struct core *core, void *object);

struct retired {
	struct retired *next;
	uint64_t token; /* 0: its grace period has not begun */
	retire_fn free;
	void *object;
};

struct retire {
	struct retired *head, **tail, *unsealed; /* unsealed: the first one without token */
	struct retired *spare;
	uint32_t n_spare, n;
	uint64_t last; /* token of the last grace period that was begun */
};

void retire_init(struct retire *r);
/* -ENOMEM, or -EBUSY: so much waits for a stalled worker that no more may (H74). No effect then. */
int retire_reserve(struct core *core, uint32_t n);
/* Objects that may wait, in all. */
uint32_t retire_limit(const struct core *core);
/* After the store that unlinked `object`, with a place reserved. */
void retire(struct core *core, retire_fn fn, void *object);
/* After a batch's last store: begins one grace period for all retired since; its token. */
uint64_t retire_seal(struct core *core);
/* Frees what it can, at most `most` objects. */
void retire_reclaim(struct core *core, uint32_t most);
/* Without readers: frees all. */
void retire_drain(struct core *core);

#endif
