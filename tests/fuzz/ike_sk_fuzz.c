/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as the inside of SK, from a peer that has the right keys.
 * Octet 0 chooses the request whose inside it becomes (IKE_AUTH, CREATE_CHILD_SA,
 * INFORMATIONAL), octet 1 the type of the first payload. Whatever it is, the gateway answers
 * or drops it, its dataplane stays in order, and the client can come again.
 */
#include "tests/exchange/mutate.h"

#include "tests/fuzz/peer_check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void keep(struct mutation *m)
{
	(void)m;
}

static void ask(struct world *w, uint8_t exchange, bool ike)
{
	struct ike_manager *m = world_client(w)->m;
	uint64_t id;

	if (exchange == IKE_EXCHANGE_IKE_AUTH) {
		world_connect(w);
		return;
	}
	id = ike_session_id(peer_session(world_client(w)));
	if (exchange == IKE_EXCHANGE_INFORMATIONAL)
		ike_terminate(m, id);
	else if (ike)
		ike_rekey_session(m, id);
	else
		ike_rekey_children(m, id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t exchanges[] = {IKE_EXCHANGE_IKE_AUTH, IKE_EXCHANGE_CREATE_CHILD_SA,
	                                    IKE_EXCHANGE_CREATE_CHILD_SA, IKE_EXCHANGE_INFORMATIONAL};
	static struct mutation m;
	uint8_t exchange;
	struct world *w;

	if (size < 2)
		return 0;
	exchange = exchanges[data[0] % 4];
	w = world_new(NULL);
	if (exchange != IKE_EXCHANGE_IKE_AUTH)
		world_up(w);
	mutate(w, &m, exchange, keep, NULL);
	m.raw = data + 2;
	m.raw_len = size - 2;
	m.raw_first = data[1];
	ask(w, exchange, data[0] % 4 == 2);
	world_run(w, 1000);
	peer_check_applied(&m);
	mutate_stop(w);
	peer_check_alive(w);
	world_free(w);
	return 0;
}
