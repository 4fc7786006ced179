/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every counter of the IKE core beside those of rejected payloads (wire/reject.h) and of
 * failed authentications (auth/auth.h).
 * Each drop has one of its own. X(field, "name", is_drop). Written by the core's thread only.
 */
#ifndef RG_IKE_COUNTERS_H
#define RG_IKE_COUNTERS_H

#include "control/auth/auth.h"
#include "control/ike/wire/reject.h"

#include <stdint.h>

#define IKE_COUNTERS(X)                                                                                      \
	X(received, "ike-received", 0)                                                                       \
	X(sent, "ike-sent", 0)                                                                               \
	X(retransmitted, "ike-retransmitted", 0)                                                             \
	X(answered_again, "ike-answered-again", 0)                                                           \
	X(spi_zero, "ike-drop-spi-zero", 1)                                                                  \
	X(spi_unknown, "ike-drop-spi-unknown", 1)                                                            \
	X(spi_mismatch, "ike-drop-spi-mismatch", 1)                                                          \
	X(reflected, "ike-drop-reflected", 1)                                                                \
	X(message_id, "ike-drop-message-id", 1)                                                              \
	X(not_identical, "ike-drop-retransmission-differs", 1)                                               \
	X(burst, "ike-drop-retransmission-burst", 1)                                                         \
	X(in_progress, "ike-drop-in-progress", 1)                                                            \
	X(queue_full, "ike-drop-queue-full", 1)                                                              \
	X(unexpected, "ike-drop-unexpected", 1)                                                              \
	X(unprotected, "ike-drop-unprotected", 1)                                                            \
	X(no_keys, "ike-drop-no-keys", 1)                                                                    \
	X(fragment_expired, "ike-drop-fragment-expired", 1)                                                  \
	X(payload_illegal, "ike-drop-payload-illegal", 1)                                                    \
	X(invalid_syntax, "ike-invalid-syntax", 0)                                                           \
	X(cookie_required, "ike-cookie-required", 1)                                                         \
	X(cookie_wrong, "ike-drop-cookie", 1)                                                                \
	X(half_open_quota, "ike-drop-half-open-quota", 1)                                                    \
	X(init_busy, "ike-drop-busy", 1)                                                                     \
	X(leaving, "ike-drop-leaving", 1)                                                                    \
	X(half_open_evicted, "ike-half-open-evicted", 0)                                                     \
	X(half_open_expired, "ike-half-open-expired", 0)                                                     \
	X(no_memory, "ike-drop-no-memory", 1)                                                                \
	X(auth_failed, "ike-authentication-failed", 0)                                                       \
	X(eap_failed, "ike-eap-failed", 0)                                                                   \
	X(eap_broken, "ike-eap-broken", 0)                                                                   \
	X(denied_by_rule, "ike-denied-by-rule", 0)                                                           \
	X(too_many_sessions, "ike-too-many-sessions", 0)                                                     \
	X(claimed_by_another, "ike-selector-of-another", 0)                                                  \
	X(ts_unacceptable, "ike-ts-unacceptable", 0)                                                         \
	X(transport_elsewhere, "ike-transport-not-its-address", 0)                                           \
	X(vip_refused, "ike-virtual-address-refused", 0)                                                     \
	X(address_failure, "ike-internal-address-failure", 0)                                                \
	X(temporary_failure, "ike-temporary-failure", 0)                                                     \
	X(no_additional_sas, "ike-no-additional-sas", 0)                                                     \
	X(child_not_found, "ike-child-sa-not-found", 0)                                                      \
	X(child_refused, "ike-child-refused", 0)                                                             \
	X(notify_ignored, "ike-notify-ignored", 0)                                                           \
	X(illegal_moves, "ike-illegal-state-moves", 0)                                                       \
	X(dataplane_refused, "ike-dataplane-refused", 0)                                                     \
	X(bad_answer, "ike-answer-not-acceptable", 0)                                                        \
	X(gave_up, "ike-gave-up", 0)                                                                         \
	X(message_id_told, "ike-invalid-message-id-sent", 0)                                                 \
	X(message_id_heard, "ike-invalid-message-id-received", 0)                                            \
	X(hints, "ike-unprotected-hints", 0)                                                                 \
	X(liveness_checks, "ike-liveness-checks", 0)                                                         \
	X(keepalives, "ike-nat-keepalives", 0)                                                               \
	X(rekey_collisions, "ike-rekey-collisions", 0)                                                       \
	X(reauthenticated, "ike-reauthenticated", 0)                                                         \
	X(crossed, "ike-sessions-crossed", 0)                                                                \
	X(reauthentication_failed, "ike-reauthentication-failed", 0)                                         \
	X(records_written, "ike-records-written", 0)                                                         \
	X(records_failed, "ike-records-failed", 0)                                                           \
	X(restored, "ike-restored", 0)                                                                       \
	X(not_restored, "ike-not-restored", 0)                                                               \
	X(established, "ike-established", 0)                                                                 \
	X(closed, "ike-closed", 0)                                                                           \
	X(addresses_updates, "mobike-updates", 0)                                                            \
	X(addresses_refused, "mobike-refused", 0)                                                            \
	X(addresses_stale, "mobike-stale", 0)                                                                \
	X(addresses_coalesced, "mobike-coalesced", 0)                                                        \
	X(addresses_capped, "mobike-addresses-capped", 0)                                                    \
	X(esp_elsewhere, "esp-from-elsewhere", 0)                                                            \
	X(unexpected_nat, "mobike-unexpected-nat", 0)                                                        \
	X(foreign_address, "mobike-request-from-elsewhere", 0)                                               \
	X(rr_started, "mobike-return-routability-started", 0)                                                \
	X(rr_proved, "mobike-return-routability-proved", 0)                                                  \
	X(rr_timeout, "mobike-return-routability-timeout", 0)                                                \
	X(rr_missing, "mobike-return-routability-cookie-missing", 0)                                         \
	X(rr_mismatch, "mobike-return-routability-cookie-differs", 0)                                        \
	X(looked_at, "control-sessions-looked-at", 0)                                                        \
	X(moves, "mobike-moves", 0)                                                                          \
	X(moves_failed, "mobike-moves-failed", 0)                                                            \
	X(path_mtu_lowered, "path-mtu-lowered", 0)                                                           \
	X(path_mtu_raised, "path-mtu-raised", 0)                                                             \
	X(path_mtu_ignored, "path-mtu-ignored", 0)

struct ike_counter_values {
#define X(field, name, drop) uint64_t field;
	IKE_COUNTERS(X)
#undef X
	uint64_t rejects[IKE_REJECT_COUNT];         /* by enum ike_reject */
	uint64_t auth_failures[RG_AUTH_FAIL_COUNT]; /* by enum rg_auth_failure */
};

/* Counts for the session's or the manager's table: IKE_COUNT(m, moves). */
#define IKE_COUNT(m, field) ((void)(m)->counters.field++)

#endif
