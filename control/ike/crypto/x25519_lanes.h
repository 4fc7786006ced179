/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X25519 (RFC 7748 5), eight multiplications side by side; private to this folder. Any
 * thread; no shared state.
 */
#ifndef RG_IKE_CRYPTO_X25519_LANES_H
#define RG_IKE_CRYPTO_X25519_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define X25519_LANES 8u
#define X25519_LEN   32u

/* Whether this CPU can: it has AVX-512 with IFMA. */
bool x25519_lanes_usable(void);

/* out[i] = X25519(scalars[i], us[i]) for the first n, at most X25519_LANES; as long for one as for eight.
 * All zeros where us[i] is of small order: the caller's to refuse. Time and memory accesses depend on no
 * value. */
void x25519_lanes(uint8_t out[][X25519_LEN], const uint8_t scalars[][X25519_LEN],
                  const uint8_t us[][X25519_LEN], size_t n);

#endif
