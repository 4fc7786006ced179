/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the dataplane's API socket (api.h), for control, roamctl, tests and
 * bench. One connection belongs to one thread. The socket never blocks: an
 * event loop polls rg_client_fd() and calls rg_client_receive(); tools use
 * rg_client_call() and rg_client_dump(), which wait with a timeout.
 */
#ifndef RG_DATAPLANE_API_CLIENT_H
#define RG_DATAPLANE_API_CLIENT_H

#include "dataplane/api/api.h"

#include <stdbool.h>
#include <stddef.h>

struct rg_client;

/* One datagram; `records` is inside the client and valid until its next call. */
struct rg_client_msg {
	uint16_t type; /* enum rg_api_type */
	uint32_t count, seq;
	const void *records;
};

/* Bytes of one record of a type; 0: no such type. */
size_t rg_api_record_size(uint16_t type);
/* "new-address"; "unknown". Of enum rg_event_type. */
const char *rg_api_event_name(uint32_t type);

/*
 * Connects and sends HELLO as request 1; does not wait for its reply. -ENOENT or
 * -ECONNREFUSED: no dataplane there; -EACCES; -ENAMETOOLONG; -EAGAIN: it is
 * overloaded; -ENOMEM.
 */
int rg_client_open(const char *path, enum rg_api_role role, const char *name, struct rg_client **client);
/* The same over a connected SOCK_SEQPACKET socket, which the client owns from now on, even on error. */
int rg_client_adopt(int fd, enum rg_api_role role, const char *name, struct rg_client **client);
void rg_client_close(struct rg_client *client);

/* For POLLIN; and for POLLOUT after -EAGAIN from a send. */
int rg_client_fd(const struct rg_client *client);
/* The counters memfd that came with the reply to HELLO, or -1. The caller owns it from now on. */
int rg_client_take_counters(struct rg_client *client);
/* How many records of a type one datagram may carry on this connection. */
uint32_t rg_client_max_records(const struct rg_client *client, uint16_t type);

/*
 * Sends one batch; `*seq` (may be NULL) is what its reply will carry. -EAGAIN:
 * nothing was sent, wait for POLLOUT; -EMSGSIZE: too many records;
 * -EINVAL: no such type or none; -EPIPE: the dataplane is gone.
 */
int rg_client_send(struct rg_client *client, uint16_t type, const void *records, uint32_t count,
                   uint32_t *seq);
/* A batch of a chain. */
struct rg_client_run {
	uint16_t type;
	uint32_t count;
	const void *records;
};

/* Octets that a chain's batches may take on this connection, and what one of them takes. */
size_t rg_client_max_chain(const struct rg_client *client);
size_t rg_client_run_bytes(uint16_t type, uint32_t count);

/* Sends several batches of additions as a chain (api.h), one alone as itself. As rg_client_send(); -EINVAL
 * also: a type that cannot be in a chain. */
int rg_client_send_runs(struct rg_client *client, const struct rg_client_run *runs, uint32_t n,
                        uint32_t *seq);
/* One datagram, whatever it is. -EAGAIN: none now; -EPIPE: gone; -EPROTO: not one of ours. */
int rg_client_receive(struct rg_client *client, struct rg_client_msg *msg);

/*
 * Sends a batch and waits for its reply; datagrams of other requests are
 * skipped. Returns reply->error where a reply came, else -ETIMEDOUT or as above.
 */
int rg_client_call(struct rg_client *client, uint16_t type, const void *records, uint32_t count,
                   struct rg_api_reply *reply, int timeout_ms);
/* Waits for the reply to HELLO. */
int rg_client_hello(struct rg_client *client, struct rg_api_reply *reply, int timeout_ms);
/*
 * Sends a DUMP or QUERY and calls `each` for every record that answers; a
 * value other than 0 from it ends the calls, not the receiving, and is returned.
 */
int rg_client_dump(struct rg_client *client, uint16_t type, const struct rg_api_dump *dump,
                   int (*each)(void *ctx, uint16_t type, const void *record), void *ctx,
                   struct rg_api_reply *reply, int timeout_ms);

/* The counters memfd, mapped for reading. It outlives the dataplane. */
struct rg_counters_map {
	const struct rg_counters_hdr *hdr;
	size_t bytes;
};

/* Keeps no reference to `fd`. -EBADMSG: its header fails its check. */
int rg_counters_map(struct rg_counters_map *map, int fd);
void rg_counters_unmap(struct rg_counters_map *map);
/* -ENOENT: no record for this SA, or one that fails its check. `spi`: network byte order. */
int rg_counters_read(const struct rg_counters_map *map, enum rg_direction direction, uint32_t handle,
                     uint32_t spi, struct rg_counters_sa *out);

#endif
