/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The changes that the writer may ask for. Main only. Each call takes `n` records
 * of one type, validates all and takes all memory, then publishes: with any
 * error nothing has changed. No call waits; `result->token` is the grace
 * period that began after the last store: once batch_quiescent() says so, no
 * worker uses anything that the batch replaced or removed.
 */
#ifndef RG_DATAPLANE_CORE_BATCH_H
#define RG_DATAPLANE_CORE_BATCH_H

#include "dataplane/core/core.h"

struct batch_result {
	uint32_t index; /* of the refused record */
	uint64_t token;
	char text[96]; /* what is wrong and what to do; empty if nothing is */
};

/*
 * All return 0 or: -EINVAL malformed; -ENOENT no such handle; -EEXIST handle in use;
 * -EAGAIN the SA's index is in quarantine: take another one; -ENOSPC index beyond
 * the table; -EBUSY the tunnel has SAs; -ESTALE generation not above the tunnel's;
 * -EBUSY too many objects wait for a stalled worker; -EADDRNOTAVAIL local address; -EOPNOTSUPP suite;
 * -ENOMEM.
 */
int batch_tunnel_add(struct core *core, const struct rg_api_tunnel *records, uint32_t n,
                     struct batch_result *result);
int batch_tunnel_del(struct core *core, const struct rg_api_handle *records, uint32_t n,
                     struct batch_result *result);
int batch_migrate(struct core *core, const struct rg_api_migrate *records, uint32_t n,
                  struct batch_result *result);
int batch_suspend(struct core *core, const struct rg_api_migrate *records, uint32_t n,
                  struct batch_result *result);
/* Orders the change of owners; it is done when a dump shows it. -EAGAIN: one is under way. */
int batch_owner(struct core *core, const struct rg_api_owner *records, uint32_t n,
                struct batch_result *result);
/* The caller wipes the records' keys. */
int batch_sa_add(struct core *core, enum rg_direction direction, const struct rg_api_sa *records, uint32_t n,
                 struct batch_result *result);
/* Policies that sent through the SA have none after. */
int batch_sa_del(struct core *core, enum rg_direction direction, const struct rg_api_handle *records,
                 uint32_t n, struct batch_result *result);
int batch_policy_add(struct core *core, const struct rg_api_policy *records, uint32_t n,
                     struct batch_result *result);
int batch_policy_set(struct core *core, const struct rg_api_policy_set *records, uint32_t n,
                     struct batch_result *result);
int batch_policy_del(struct core *core, const struct rg_api_handle *records, uint32_t n,
                     struct batch_result *result);

/* Room to retire `n` objects, or a refusal: before a batch's first store. */
int batch_reserve(struct core *core, uint32_t n, struct batch_result *result);
/* Says why there was no room: a stalled worker (-EBUSY), or no memory for `what`. Returns `rc`. */
int batch_refuse_room(const struct core *core, struct batch_result *result, int rc, const char *what);

bool batch_quiescent(const struct core *core, uint64_t token);

/* Notes what was refused and why; returns `rc`. */
int batch_refuse(struct batch_result *result, uint32_t index, int rc, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/*
 * Objects as dumps show them. Main. False: no object at that index. Indexes run
 * from 0 to dump_limit() - 1.
 */
enum dump_kind { DUMP_TUNNEL, DUMP_SA_IN, DUMP_SA_OUT, DUMP_POLICY };
uint32_t dump_limit(const struct core *core, enum dump_kind kind);
bool dump_tunnel(const struct core *core, uint32_t index, struct rg_api_tunnel *out);
bool dump_sa(const struct core *core, enum rg_direction direction, uint32_t index,
             struct rg_api_sa_info *out);
bool dump_policy(const struct core *core, uint32_t index, struct rg_api_policy *out);
/* Tunnels of that worker. */
uint32_t dump_owned(const struct core *core, uint32_t worker);
/* Fills the fields that the tables know. */
void dump_status(const struct core *core, struct rg_api_status *out);

#endif
