/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See peer_check.h.
 */
#include "tests/fuzz/peer_check.h"

#define HALF_OPEN_OR_OLD_MS         40000u
#define LONGER_THAN_ANY_PATIENCE_MS 700000u

static void expect(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static bool works(struct world *w)
{
	return peer_session(world_client(w)) != NULL && peer_session(world_gateway(w)) != NULL &&
	       world_traffic(w);
}

void peer_check_applied(const struct mutation *m)
{
	expect(m->applied == 1);
}

void peer_check_alive(struct world *w)
{
	struct ike_sa *sa;

	w->loss_percent = w->duplicate_percent = w->jitter_ms = 0;
	world_run(w, HALF_OPEN_OR_OLD_MS);
	if (peer_sas(world_gateway(w)) != 1 || !works(w))
		world_run(w, LONGER_THAN_ANY_PATIENCE_MS);
	if (!works(w)) {
		sa = peer_session(world_client(w));
		if (sa != NULL)
			ike_sa_close(sa, "the fuzzer comes again");
		world_run(w, 1000);
		world_connect(w);
		world_run(w, 5000);
	}
	expect(works(w));
	expect(peer_sas(world_gateway(w)) == 1);
}
