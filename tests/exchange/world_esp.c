/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "ESP packets" between the two fake dataplanes: whether there is a way for one,
 * with SAs that fit each other, is what tests ask after every move and rekey.
 */
#include "tests/exchange/world_parts.h"

#include <string.h>

static void first_packet(struct peer *to, struct fake_sa *in)
{
	struct rg_api_event event = {.type = RG_EVENT_FIRST_PACKET,
	                             .handle = in->record.handle,
	                             .tunnel = in->record.tunnel,
	                             .direction = RG_IN,
	                             .cookie = in->record.cookie};

	if (!in->seen_packet)
		ike_dp_event(to->m, &event);
	in->seen_packet = true;
}

bool world_esp(struct world *w, struct peer *from, struct peer *to, const struct rg_cfg_addr *inner_to)
{
	return world_esp_pair(w, from, to, NULL, inner_to);
}

bool world_esp_pair(struct world *w, struct peer *from, struct peer *to, const struct rg_cfg_addr *inner_from,
                    const struct rg_cfg_addr *inner_to)
{
	struct fake_sa *out = fake_route(from->dp, inner_from, inner_to), *in;
	struct rg_counters_sa *counters;

	if (out == NULL)
		return false;
	out->sequence++;
	in = fake_in_by_spi(to->dp, out->record.spi);
	if (in == NULL || memcmp(in->record.key, out->record.key, RG_API_KEY_MAX) != 0 ||
	    in->record.suite != out->record.suite || in->record.flags != out->record.flags ||
	    in->record.mode != out->record.mode || out->sequence <= in->sequence ||
	    (inner_from != NULL && !fake_selects(in, inner_to, inner_from)))
		return false;
	in->sequence = out->sequence;
	counters = &from->dp->counters_out[RG_SA_HANDLE_INDEX(out->record.handle) % FAKE_MAX];
	counters->sequence = out->sequence;
	counters->last_ms = w->now_ms;
	counters = &to->dp->counters_in[RG_SA_HANDLE_INDEX(in->record.handle) % FAKE_MAX];
	counters->sequence = in->sequence;
	counters->last_ms = w->now_ms;
	first_packet(to, in);
	world_local(w);
	return true;
}

bool world_traffic(struct world *w)
{
	struct ike_sa *sa = peer_session(world_client(w));
	struct rg_cfg_addr lan = address("10.20.0.9");

	return sa != NULL && sa->n_vips > 0 && world_esp(w, world_client(w), world_gateway(w), &lan) &&
	       world_esp(w, world_gateway(w), world_client(w), &sa->vips[0].addr);
}
