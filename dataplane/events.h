/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the workers' event rings to the connections that read events. Main thread only.
 */
#ifndef RG_DATAPLANE_EVENTS_H
#define RG_DATAPLANE_EVENTS_H

#include "dataplane/api_server_conn.h"

/* Empties the rings. What a connection does not take is counted as lost for it. */
void events_drain(struct api_server *server);
/* Sends RG_EVENT_LOST if the connection has not heard of what it lost. */
void events_tell_lost(struct api_server *server, struct conn *conn);

#endif
