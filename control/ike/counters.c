/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of counters.h by their names. Core thread only.
 */
#include "control/ike/counters.h"

#include "control/ike/manager.h"

#include <stddef.h>
#include <string.h>

void manager_count_reject(struct ike_manager *m, enum ike_reject reason)
{
	m->counters.rejects[reason]++;
}

static const struct {
	const char *name;
	size_t offset;
	bool is_drop;
} counter_table[] = {
#define X(field, name, drop) {name, offsetof(struct ike_counter_values, field), drop},
        IKE_COUNTERS(X)
#undef X
};

size_t ike_counters(const struct ike_manager *m, struct ike_counter *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(counter_table) / sizeof(counter_table[0]) && n < max; i++, n++) {
		const uint8_t *at = (const uint8_t *)&m->counters + counter_table[i].offset;

		out[n].name = counter_table[i].name;
		out[n].is_drop = counter_table[i].is_drop;
		memcpy(&out[n].value, at, sizeof(uint64_t));
	}
	for (unsigned r = 1; r < IKE_REJECT_COUNT && n < max; r++, n++)
		out[n] = (struct ike_counter){ike_reject_name(r), m->counters.rejects[r],
		                              ike_reject_action(r) == IKE_ACTION_DROP};
	for (unsigned f = 1; f < RG_AUTH_FAIL_COUNT && n < max; f++, n++)
		out[n] = (struct ike_counter){rg_auth_failure_name(f), m->counters.auth_failures[f], false};
	return n;
}
