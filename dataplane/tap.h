/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAP and TUN devices of this process: they go when it goes, however it ends.
 */
#ifndef RG_DATAPLANE_TAP_H
#define RG_DATAPLANE_TAP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Creates a TAP, or a TUN with `tun`, and returns its non-blocking descriptor, or a
 * negative errno with a line in `error` that says what to do. Main.
 */
int tap_open(const char *name, bool tun, char *error, size_t error_len);
/* The mirror's carrier follows the port's. 0 or a negative errno. Main. */
int tap_set_carrier(int fd, bool up);

#endif
