/* SPDX-License-Identifier: Apache-2.0 */
/* The octets that AUTH covers, and the shared key's AUTH (RFC 7296 2.15). Any thread; no shared state. */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>

#include "control/ike/crypto/auth.h"
#include "control/ike/crypto/prf.h"

static const uint8_t key_pad[] = "Key Pad for IKEv2"; /* 17 octets: its NUL is not used */

int ike_auth_octets(const struct ike_keys *keys, const struct ike_auth_input *in, uint8_t *out, size_t cap,
                    size_t *len)
{
	struct ike_view sk_p = {in->initiator ? keys->sk_pi : keys->sk_pr, keys->prf_len};
	size_t need = in->message.len + in->nonce.len + keys->prf_len;
	uint8_t mac[IKE_MAX_PRF];
	int err;

	if (need > cap)
		return -EMSGSIZE;
	err = ike_prf(keys->suite.prf, sk_p, &in->id_body, 1, mac);
	if (err)
		return err;
	memcpy(out, in->message.data, in->message.len);
	memcpy(out + in->message.len, in->nonce.data, in->nonce.len);
	memcpy(out + in->message.len + in->nonce.len, mac, keys->prf_len);
	*len = need;
	explicit_bzero(mac, sizeof(mac));
	return 0;
}

int ike_auth_psk(const struct ike_keys *keys, struct ike_view key, struct ike_view octets, uint8_t *out)
{
	const struct ike_view pad = {key_pad, sizeof(key_pad) - 1};
	uint8_t inner[IKE_MAX_PRF];
	int err = ike_prf(keys->suite.prf, key, &pad, 1, inner);

	if (!err)
		err = ike_prf(keys->suite.prf, (struct ike_view){inner, keys->prf_len}, &octets, 1, out);
	explicit_bzero(inner, sizeof(inner));
	return err;
}

bool ike_auth_psk_equal(const struct ike_keys *keys, const uint8_t *expected, struct ike_view got)
{
	return got.len == keys->prf_len && CRYPTO_memcmp(expected, got.data, got.len) == 0;
}
