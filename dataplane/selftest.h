/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to be right around a virtual port, checked at the start, with the command
 * that makes it right. Main.
 */
#ifndef RG_DATAPLANE_SELFTEST_H
#define RG_DATAPLANE_SELFTEST_H

#include "dataplane/mirror.h"

/*
 * Does the kernel drop what it receives on the interface below the port? Without
 * that it answers behind the dataplane's back, and may forward in clear. 0, or
 * -EPERM with the commands in `error`; a negative errno if netfilter cannot be asked.
 */
int selftest_ingress(const struct port *port, char *error, size_t error_len);

struct selftest {
	uint64_t started_ms;
	uint64_t told_checksums, told_gso; /* values of the counters when last told */
	bool links_done;
};

/* Begins the link test: asks for every gateway. */
void selftest_start(struct selftest *t, struct mirror *m, uint64_t now_ms);
/* Every tick: warns once of gateways that do not answer, and of peers that hand over
 * partial checksums or oversize frames. */
void selftest_tick(struct selftest *t, struct mirror *m, uint64_t now_ms);

#endif
