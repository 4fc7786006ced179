/* SPDX-License-Identifier: Apache-2.0 */
/* See knock.h. */
#include "tests/exchange/knock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct datagram knock_kept;

static bool keep_first(struct world *w, struct datagram *dg)
{
	if (dg->from == world_client(w) && knock_kept.data == NULL) {
		knock_kept = *dg;
		knock_kept.data = malloc(dg->len);
		assert_non_null(knock_kept.data);
		memcpy(knock_kept.data, dg->data, dg->len);
	}
	return false;
}

void knock_keep(struct world *w)
{
	w->filter = keep_first;
	world_connect(w);
	world_run(w, 50);
	assert_non_null(knock_kept.data);
}

void knock_forget(void)
{
	free(knock_kept.data);
	knock_kept.data = NULL;
}

void knock(struct peer *g, const struct ike_endpoint *remote, unsigned number)
{
	struct ike_endpoint local = endpoint("192.0.2.1", 500);

	memcpy(knock_kept.data, &number, sizeof(number));
	knock_kept.data[7] = 1;
	peer_inject(g, &local, remote, false, knock_kept.data, knock_kept.len);
}
