/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client that takes one identity after the other, each with a network of its own, and a
 * gateway whose rules say what each may have. The sessions of those before stay.
 */
#ifndef RG_TESTS_GUEST_H
#define RG_TESTS_GUEST_H

#include "tests/exchange/world.h"

#include <stdbool.h>

/* Who connects, for which network of its own, or for virtual addresses. */
struct guest {
	const char *identity;
	const char *network; /* NULL: virtual addresses */
	const char *extra;   /* of its connection */
};

/* What every gateway's configuration begins with: connection "sites". */
extern const char guest_gateway_head[];

/* A gateway with these lines more in its connection. */
struct world *guest_gateway(const char *rules);

/* The session of the gateway that it made; NULL: it was refused. */
struct ike_sa *guest_visit(struct world *w, const struct guest *guest);
void guest_leave(struct world *w, const struct guest *guest);

/* Has the gateway a way to it? */
bool guest_reaches(struct world *w, const char *addr);
unsigned guest_policies(struct world *w);

#endif
