/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A direct-mapped table of our own IKE SPIs; see the header for who touches it.
 */
#include "dataplane/ike_spi.h"

#include <stdatomic.h>
#include <string.h>

#define SLOTS          65536u
#define FLAG_INITIATOR 0x08 /* RFC 7296 3.1: sent by the original initiator */
/* The first payloads of what belongs to an IKE SA or begins one (RFC 7296 3.2, RFC 7383 2.5). */
#define PAYLOAD_SA  33
#define PAYLOAD_SK  46
#define PAYLOAD_SKF 53

static _Atomic uint64_t slots[SLOTS];

static uint64_t spi_at(const uint8_t *ike, bool responder)
{
	uint64_t spi;
	memcpy(&spi, ike + (responder ? 8 : 0), 8);
	return spi;
}

static _Atomic uint64_t *slot_of(uint64_t spi)
{
	return &slots[(spi * 0x9e3779b97f4a7c15ull) >> 48];
}

/* Unprotected notifies repeat what a stranger wrote: INVALID_MAJOR_VERSION, INVALID_IKE_SPI (RFC
 * 7296 2.21.4, 2.5). */
static bool is_of_an_sa(const uint8_t *ike)
{
	return ike[16] == PAYLOAD_SA || ike[16] == PAYLOAD_SK || ike[16] == PAYLOAD_SKF;
}

void ike_spi_learn(const uint8_t *ike, uint32_t len)
{
	uint64_t spi;

	if (len < IKE_HEADER || !is_of_an_sa(ike))
		return;
	/* Zero in an answer to IKE_SA_INIT that makes no SA: a cookie, an error. */
	spi = spi_at(ike, (ike[19] & FLAG_INITIATOR) == 0);
	if (spi == 0)
		return;
	atomic_store_explicit(slot_of(spi), spi, memory_order_relaxed);
}

bool ike_spi_is_known(const uint8_t *ike, uint32_t len)
{
	if (len < IKE_HEADER)
		return false;
	uint64_t spi = spi_at(ike, (ike[19] & FLAG_INITIATOR) != 0);
	return spi != 0 && atomic_load_explicit(slot_of(spi), memory_order_relaxed) == spi;
}
