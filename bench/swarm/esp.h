/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP of the clients (RFC 4303) by intel-ipsec-mb, in every suite that the dataplane has; tunnel
 * mode only. The key is expanded with the first packet: clients without traffic cost
 * nothing. One thread.
 */
#ifndef RG_BENCH_SWARM_ESP_H
#define RG_BENCH_SWARM_ESP_H

#include "dataplane/api/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ESP_OVERHEAD     96u /* header, IV, longest padding, trailer and ICV of any suite */
#define ESP_WINDOW_WORDS 8u  /* of 64 packets: how late one may come (RFC 6479) */

struct esp_sa {
	bool used, seen_packet, esn;
	uint8_t suite;
	uint32_t handle, spi, tunnel; /* spi: network byte order */
	uint64_t cookie;
	uint64_t sequence; /* outbound: last used; inbound: highest accepted */
	uint64_t packets, last_ms;
	uint64_t window[ESP_WINDOW_WORDS]; /* inbound */
	void *key;                         /* expanded; NULL: not yet */
	uint8_t raw[RG_API_KEY_MAX];
};

/* Main, once, before all others: 0 or what crypto_init() returns. */
int esp_start(void);
void esp_stop(void);

/* 0 or -EOPNOTSUPP. */
int esp_init(struct esp_sa *sa, const struct rg_api_sa *record);
void esp_free(struct esp_sa *sa);

/* Octets of the inner packet's place in an ESP packet of the SA. */
size_t esp_head(const struct esp_sa *sa);
/* The inner packet lies at packet + esp_head(); ESP_OVERHEAD octets more must fit. Octets of the packet,
 * or a negative errno; -EOVERFLOW: the sequence numbers are used up. */
int esp_seal(struct esp_sa *sa, uint8_t *packet, size_t len);
/* Decrypts in place; octets of the inner packet, which *inner points to. -EALREADY: a replay, -EBADMSG: the
 * ICV, -EPROTO: what is inside. */
int esp_open(struct esp_sa *sa, uint8_t *packet, size_t len, uint8_t **inner);

#endif
