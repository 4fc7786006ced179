/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recorded exchange (fixtures/capture.py): its secrets in the order in which
 * charon logged them, its datagrams, and what tshark made of each. Tests only.
 */
#ifndef RG_TESTS_UNIT_WIRE_FIXTURE_H
#define RG_TESTS_UNIT_WIRE_FIXTURE_H

#include "control/ike/wire/payload.h"

#define FIXTURE_LINES 80

struct fixture_line {
	char key[16];
	char side;      /* of a message: i or r */
	char text[128]; /* of a chain */
	uint8_t *data;  /* from hex; of key_i and key_r: DER from base64 */
	size_t len;
};

struct fixture {
	struct fixture_line line[FIXTURE_LINES];
	size_t n;
};

/* Fails the test if the file is missing or malformed. */
void fixture_read(struct fixture *f, const char *name);
void fixture_free(struct fixture *f);

/* The `nth` line of the key, from 0; NULL: there is none. */
const struct fixture_line *fixture_find(const struct fixture *f, const char *key, size_t nth);
struct ike_view fixture_bytes(const struct fixture *f, const char *key, size_t nth);

#endif
