/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a session's path in doubt? Judged from the dataplane's own counters first:
 * traffic that is answered needs no probe (RFC 7296 2.4, RFC 4555 3.12). Pure;
 * times are milliseconds of CLOCK_MONOTONIC. Control loop only.
 */
#ifndef RG_CONTROL_HOMING_PATH_HEALTH_H
#define RG_CONTROL_HOMING_PATH_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct path_health {
	uint64_t in_ms;      /* last authenticated ESP packet that arrived; 0: none */
	uint64_t ike_ms;     /* last authenticated IKE message, or the session's start */
	uint64_t foreign_ms; /* last ESP from elsewhere than the path's remote; 0: none */
	bool silent;         /* the dataplane said: traffic without an answer */
};

/* What the counters of one inbound SA say; called for each SA of the session. */
void path_health_traffic(struct path_health *health, uint64_t in_ms);
void path_health_ike(struct path_health *health, uint64_t now_ms);
/* ESP from another address says nothing about this path (RFC 4555 3.12). */
void path_health_foreign(struct path_health *health, uint64_t now_ms);
/* Sent traffic has had no answer (RG_EVENT_NO_ANSWER). */
void path_health_silence(struct path_health *health);

/* When a probe is due (perhaps in the past: now), given the dead peer detection
 * interval; UINT64_MAX where the interval is 0. */
uint64_t path_health_probe_ms(const struct path_health *health, uint64_t interval_ms);

#endif
