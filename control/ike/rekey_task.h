/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rekeys that we ask for, as the answering side has to know them to notice
 * a collision. Internal to control/ike/rekey_*.c; core thread only.
 */
#ifndef RG_IKE_REKEY_TASK_H
#define RG_IKE_REKEY_TASK_H

#include "control/ike/crypto/dh.h"
#include "control/ike/ike_sa.h"
#include "control/ike/rekey_child.h"
#include "control/ike/task.h"

struct rekey_child_task {
	struct task task;
	uint32_t old_spi, fresh_spi; /* ours, network byte order; 0: none yet */
	uint32_t rival_spi;          /* of the Child SA that the peer's own rekey made meanwhile; 0: none */
	bool old_deleted;            /* the peer deleted the old one while our request was out */
	bool is_retry;               /* after INVALID_KE_PAYLOAD */
	uint16_t group;              /* of the KE payload; 0: none */
	int dh_error;
	struct ike_dh dh;
	uint8_t nonce[REKEY_NONCE_LEN];
	uint8_t peer_nonce[IKE_NONCE_MAX];
	size_t peer_nonce_len;
	struct ike_choice choice;
};

struct rekey_ike_task {
	struct task task;
	uint64_t old_spi;   /* our SPI of the IKE SA to be replaced */
	uint64_t heir_spi;  /* our SPI of the new IKE SA; 0: none yet */
	uint64_t rival_spi; /* our SPI of the one that the peer's own rekey made meanwhile; 0: none */
	bool is_retry;
	uint16_t group;
	int dh_error;
	struct ike_dh dh;
	uint8_t nonce[REKEY_NONCE_LEN];
	uint8_t peer_nonce[IKE_NONCE_MAX];
	size_t peer_nonce_len;
	struct ike_choice choice;
};

extern const struct task_type rekey_child_type, rekey_ike_type;

/* Our rekey of the Child SA (or of the IKE SA) whose request is on the wire, or NULL. */
struct rekey_child_task *rekey_child_on_wire(const struct ike_sa *sa, uint32_t old_spi);
struct rekey_ike_task *rekey_ike_on_wire(const struct ike_sa *sa);

#endif
