/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a path needs a probe (RFC 7296 2.4, RFC 4555 3.12). Control loop only.
 */
#include "control/homing/path_health.h"

void path_health_traffic(struct path_health *health, uint64_t in_ms)
{
	if (in_ms <= health->in_ms)
		return;
	health->in_ms = in_ms;
	if (in_ms > health->foreign_ms)
		health->silent = false;
}

void path_health_ike(struct path_health *health, uint64_t now_ms)
{
	health->ike_ms = now_ms;
	health->silent = false;
}

void path_health_foreign(struct path_health *health, uint64_t now_ms)
{
	health->foreign_ms = now_ms;
}

void path_health_silence(struct path_health *health)
{
	health->silent = true;
}

uint64_t path_health_probe_ms(const struct path_health *health, uint64_t interval_ms)
{
	uint64_t evidence = health->ike_ms;

	if (interval_ms == 0)
		return UINT64_MAX;
	if (health->silent)
		return 0;
	if (health->in_ms > evidence && health->in_ms > health->foreign_ms)
		evidence = health->in_ms;
	return evidence + interval_ms;
}
