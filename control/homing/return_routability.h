/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One return routability check (RFC 4555 3.7): an INFORMATIONAL request with
 * an unpredictable COOKIE2, sent on exactly one pair of addresses. This unit
 * decides what an answer proves; who sends it is not its business. Owned by
 * the address transaction; control loop only.
 */
#ifndef RG_CONTROL_HOMING_RETURN_ROUTABILITY_H
#define RG_CONTROL_HOMING_RETURN_ROUTABILITY_H

#include "control/homing/pair.h"

#define RR_COOKIE_LEN 32 /* RFC 4555 4.2.5: 8 to 64 */

/* What an answer means. */
enum rr_verdict {
	RR_PROVEN,    /* the cookie came back from the one pair that it was sent on */
	RR_AMBIGUOUS, /* the request went to several addresses: ask again on one */
	RR_MISSING,   /* the answer has no COOKIE2: unproven */
	RR_MISMATCH,  /* its COOKIE2 differs: the IKE SA must be closed */
};

struct return_routability {
	uint8_t cookie[RR_COOKIE_LEN];
	struct pair pair; /* the pair on trial */
	bool several;     /* it was sent on another pair as well (H46) */
	bool sent;
};

/* `random` fills bytes that the peer cannot predict. */
void return_routability_begin(struct return_routability *rr, const struct pair *pair,
                              const uint8_t random[RR_COOKIE_LEN]);
/* To be called for each copy of the request that leaves, with the pair it left on. */
void return_routability_sent(struct return_routability *rr, const struct pair *pair);
/* `cookie` NULL: the answer has none. `accept_missing`: rr-missing-cookie: accept. */
enum rr_verdict return_routability_check(const struct return_routability *rr, const uint8_t *cookie,
                                         size_t len, bool accept_missing);

#endif
