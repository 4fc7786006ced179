/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes a message on its way: the client's next request of one exchange is
 * opened with the client's own keys, its payloads are given to a test to change, and it is
 * sealed again. So a gateway meets every wrong message from a peer that has the right keys; and
 * a client too, where it is the gateway's answer that is changed.
 */
#ifndef RG_TESTS_MUTATE_H
#define RG_TESTS_MUTATE_H

#include "tests/exchange/world.h"

struct mutable_payload {
	uint8_t type;
	bool critical;
	uint8_t body[4096];
	size_t len;
};

struct mutation {
	struct world *w;
	uint8_t exchange;  /* whose request */
	bool answers;      /* if a test sets it: the gateway's answers are changed, not the requests */
	bool own_answers;  /* and so: the client's answers to what the gateway asks */
	bool gateway_asks; /* and so: the gateway's requests */
	unsigned skip;     /* so many of these messages pass first */
	void (*change)(struct mutation *m);
	void *context;
	struct ike_header hdr;
	struct mutable_payload payloads[IKE_MAX_PAYLOADS + 8];
	unsigned n;
	const uint8_t *raw; /* if a test sets it: the whole inside of SK, beginning with a `raw_first` */
	size_t raw_len;
	uint8_t raw_first;
	unsigned applied; /* how many messages were changed */
	uint16_t answer;  /* the first error notify of the gateway's answer; 0: none */
	bool answered;
	struct mutable_payload cp; /* of the answer; len 0: it had none */
};

/* Installs it as the world's filter. `m` must live as long as the world. */
void mutate(struct world *w, struct mutation *m, uint8_t exchange, void (*change)(struct mutation *m),
            void *context);
/* No more changes. */
void mutate_stop(struct world *w);

struct mutable_payload *mutable_find(struct mutation *m, uint8_t type);
void mutable_remove(struct mutation *m, unsigned index);
struct mutable_payload *mutable_add(struct mutation *m, uint8_t type, const void *body, size_t len);

#endif
