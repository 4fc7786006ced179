/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of both directions (RFC 7296 2.2, 2.3): which requests may be on the
 * wire at a time, which of the peer's are taken, and the answers that are kept. Internal
 * to exchange.c and request.c; core thread only.
 */
#ifndef RG_IKE_WINDOW_H
#define RG_IKE_WINDOW_H

#include "control/ike/ike_sa.h"

#define WINDOW_MAX 16u /* more is not used, whatever the peer promises */

/* May another request of ours go out? */
bool window_has_room(const struct ike_sa *sa);

/* Is a request of the peer with this ID one that it may send now, and new? */
bool window_takes(const struct ike_sa *sa, uint32_t id);

/* A request was answered: `r` is kept, what is beyond the window is not any more. */
void window_answered(struct ike_sa *sa, struct cached_response *r);

/* Our request with this ID, also one whose answer is at work. */
struct outstanding *request_find(const struct ike_sa *sa, uint32_t id);

/* The authentic answer to a request of ours is at work: x->request is set. */
void exchange_mark_answered(struct exchange *x);
/* It was not authentic at all, or nobody can tell: the request waits for another one. */
void exchange_wait_on(struct exchange *x);

#endif
