/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notices that revocation lists or OCSP responses on disk have changed. Event
 * loop's thread; the files are read on a thread of the pool.
 */
#ifndef RG_CONTROL_STATUS_REFRESH_H
#define RG_CONTROL_STATUS_REFRESH_H

#include "control/control.h"

#define STATUS_REFRESH_MS 10000

/* NULL: no memory. */
struct status_refresh *status_refresh_create(struct control *c);
/* Before the loop's handles are closed; its memory goes with the loop's last turn. */
void status_refresh_stop(struct status_refresh *refresh);
void status_refresh_free(struct status_refresh *refresh);

#endif
