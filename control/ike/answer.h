/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer to a request of the peer. Internal to exchange.c; what handlers use of it is in exchange.h. Core
 * thread only.
 */
#ifndef RG_IKE_ANSWER_H
#define RG_IKE_ANSWER_H

#include "control/ike/ike_sa.h"

/* Octets of an answer's first buffer: ten thousand of them may wait for the dataplane. */
#define ANSWER_FIRST 1024

/* It starts empty: a whole message for IKE_SA_INIT, else inner payloads. */
void answer_begin(struct exchange *x, bool is_error);
/* Seals, keeps and sends what the handler wrote. 0 or a negative errno. */
int answer_send(struct exchange *x);

#endif
