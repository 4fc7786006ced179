/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IKE sockets: a pair (500 and 4500) for each uplink address, so that an
 * answer leaves from where its request arrived (RFC 7296 2.11, 2.23). Puts the
 * non-ESP marker on and takes it off (RFC 3948 2.2). Requests for a new IKE SA wait until
 * everything else has been read. Event loop's thread.
 */
#ifndef RG_CONTROL_SOCKETS_H
#define RG_CONTROL_SOCKETS_H

#include "control/ike/ike.h"

#include <uv.h>

/* X(field, "name", is_drop) */
#define SOCKETS_COUNTERS(X)                                                                                  \
	X(keepalives, "socket-nat-keepalives", 0)                                                            \
	X(too_short, "socket-drop-too-short", 1)                                                             \
	X(no_marker, "socket-drop-esp-not-ike", 1) /* ESP that the dataplane did not take */                 \
	X(truncated, "socket-drop-truncated", 1)                                                             \
	X(bad_source, "socket-drop-source", 1)                                                               \
	X(newcomers, "socket-drop-newcomers", 1) /* more IKE_SA_INIT than may wait */                        \
	X(send_no_socket, "socket-send-no-such-address", 1)                                                  \
	X(send_full, "socket-send-buffer-full", 1)                                                           \
	X(send_failed, "socket-send-failed", 1)

struct sockets_counters {
#define X(field, name, drop) uint64_t field;
	SOCKETS_COUNTERS(X)
#undef X
};

struct sockets;

struct sockets *sockets_create(uv_loop_t *loop, void (*receive)(void *user, const struct ike_datagram *dg),
                               void *user);

/* Opens what the configuration's uplinks name, closes the rest. Addresses need not exist yet. What is
 * already open stays as it is. 0, or the first error (logged) after trying all. */
int sockets_update(struct sockets *sockets, const struct rg_config *cfg);

/* Hands on some of the newcomers that wait. True: others are left, so the loop must not sleep. */
bool sockets_serve_newcomers(struct sockets *sockets);

/* `natt`: from port 4500 behind the marker; otherwise from local->port. Losses are counted. */
void sockets_send(struct sockets *sockets, const struct ike_endpoint *local,
                  const struct ike_endpoint *remote, bool natt, const uint8_t *data, size_t len);

const struct sockets_counters *sockets_counters(const struct sockets *sockets);

/* Closes all; the memory goes when the loop has run once more. */
void sockets_close(struct sockets *sockets);

#endif
