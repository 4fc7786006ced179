/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stateless cookies (RFC 7296 2.6). The version in front says which secret made
 * one, so the secret before the last rotation goes on working (H35). The secrets' owner is
 * the event loop.
 */
#include <string.h>

#include <openssl/crypto.h>

#include "control/ike/crypto/algs.h"
#include "control/ike/crypto/hash.h"
#include "control/ike/crypto/prf.h"
#include "control/ike/wire/bytes.h"

int ike_cookie_init(struct ike_cookie_secret *s)
{
	memset(s, 0, sizeof(*s));
	return ike_random(s->current, sizeof(s->current));
}

int ike_cookie_rotate(struct ike_cookie_secret *s)
{
	uint8_t fresh[sizeof(s->current)];
	int err = ike_random(fresh, sizeof(fresh));

	if (!err) {
		memcpy(s->previous, s->current, sizeof(s->previous));
		memcpy(s->current, fresh, sizeof(s->current));
		s->has_previous = true;
		s->version++;
	}
	explicit_bzero(fresh, sizeof(fresh));
	return err;
}

static int make(uint32_t version, const uint8_t secret[32], uint64_t spi_i, struct ike_view nonce_i,
                const uint8_t *addr, size_t addr_len, uint16_t port, uint8_t out[IKE_COOKIE_LEN])
{
	uint8_t fixed[4 + 8 + 2];
	const struct ike_view parts[] = {{fixed, sizeof(fixed)}, {addr, addr_len}, nonce_i};

	put_be32(fixed, version);
	put_be64(fixed + 4, spi_i);
	put_be16(fixed + 12, port);
	put_be32(out, version);
	ike_hmac(IKE_MD_SHA256, (struct ike_view){secret, 32}, parts, 3, out + 4);
	return 0;
}

int ike_cookie_make(const struct ike_cookie_secret *s, uint64_t spi_i, struct ike_view nonce_i,
                    const uint8_t *addr, size_t addr_len, uint16_t port, uint8_t out[IKE_COOKIE_LEN])
{
	return make(s->version, s->current, spi_i, nonce_i, addr, addr_len, port, out);
}

bool ike_cookie_valid(const struct ike_cookie_secret *s, uint64_t spi_i, struct ike_view nonce_i,
                      const uint8_t *addr, size_t addr_len, uint16_t port, struct ike_view cookie)
{
	uint8_t expected[IKE_COOKIE_LEN];
	const uint8_t *secret;
	uint32_t version;

	if (cookie.len != IKE_COOKIE_LEN)
		return false;
	version = get_be32(cookie.data);
	if (version == s->version)
		secret = s->current;
	else if (s->has_previous && version == s->version - 1)
		secret = s->previous;
	else
		return false;
	if (make(version, secret, spi_i, nonce_i, addr, addr_len, port, expected))
		return false;
	return CRYPTO_memcmp(expected, cookie.data, IKE_COOKIE_LEN) == 0;
}

void ike_cookie_wipe(struct ike_cookie_secret *s)
{
	explicit_bzero(s, sizeof(*s));
}
