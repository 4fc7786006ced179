/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/homing/address_transaction.c with its ops replaced by a recorder: what was asked, sent and
 * published. One thread.
 */
#ifndef RG_TESTS_UNIT_IKE_ADDRESS_RECORDER_H
#define RG_TESTS_UNIT_IKE_ADDRESS_RECORDER_H

#include "control/homing/address_transaction.h"

#include <stddef.h>
#include <stdint.h>

struct recorder {
	unsigned proves, publishes, ended[16];
	enum address_outcome last;
	struct address_move last_move;
	int publish_result;
	uint8_t fill;
};

struct ike_endpoint recorder_endpoint(uint8_t last, uint16_t port);
struct pair_path recorder_path(uint8_t remote);
struct address_move recorder_move(uint8_t remote, bool proof, uint64_t order);
void recorder_begin(struct address_transaction *tx, struct recorder *r, uint32_t updates);
int recorder_ask(struct address_transaction *tx, uint8_t remote, bool proof, uint64_t order, uint64_t now);
enum rr_verdict recorder_answer(struct address_transaction *tx, uint64_t now);

#endif
