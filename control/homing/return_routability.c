/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the answer to a return routability check proves (RFC 4555 3.7, 4.2.5;
 * H46). Control loop only.
 */
#include <string.h>

#include <openssl/crypto.h>

#include "control/homing/return_routability.h"

void return_routability_begin(struct return_routability *rr, const struct pair *pair,
                              const uint8_t random[RR_COOKIE_LEN])
{
	memset(rr, 0, sizeof(*rr));
	rr->pair = *pair;
	memcpy(rr->cookie, random, sizeof(rr->cookie));
}

void return_routability_sent(struct return_routability *rr, const struct pair *pair)
{
	rr->sent = true;
	if (!pair_equal(&rr->pair, pair))
		rr->several = true;
}

/* A wrong cookie outweighs all else: it comes from a peer that answers requests
 * which it has not seen. */
enum rr_verdict return_routability_check(const struct return_routability *rr, const uint8_t *cookie,
                                         size_t len, bool accept_missing)
{
	if (cookie != NULL && (len != sizeof(rr->cookie) || CRYPTO_memcmp(cookie, rr->cookie, len) != 0))
		return RR_MISMATCH;
	if (rr->several)
		return RR_AMBIGUOUS;
	if (cookie == NULL && !accept_missing)
		return RR_MISSING;
	return RR_PROVEN;
}
