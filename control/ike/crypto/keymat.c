/* SPDX-License-Identifier: Apache-2.0 */
/* SKEYSEED, SK_* and KEYMAT (RFC 7296 2.14, 2.17, 2.18; RFC 5282 7.1). Any thread; no shared state. */
#include <errno.h>
#include <string.h>

#include "control/ike/crypto/keymat.h"
#include "control/ike/crypto/prf.h"
#include "control/ike/wire/bytes.h"

#define MAX_SEED   (2 * IKE_NONCE_MAX + 2 * IKE_SPI_LEN)
#define MAX_KEYMAT (7 * IKE_MAX_PRF + 8)

static bool nonces_ok(const struct ike_keymat_input *in)
{
	return in->ni.len >= IKE_NONCE_MIN && in->ni.len <= IKE_NONCE_MAX && in->nr.len >= IKE_NONCE_MIN &&
	       in->nr.len <= IKE_NONCE_MAX;
}

static size_t put_nonces(uint8_t *out, const struct ike_keymat_input *in)
{
	memcpy(out, in->ni.data, in->ni.len);
	memcpy(out + in->ni.len, in->nr.data, in->nr.len);
	return in->ni.len + in->nr.len;
}

/* The key that g^ir is put through. RFC 7296 2.14: of the two PRFs with AES, 64 bits of each nonce. */
static size_t put_seed_key(uint8_t *out, uint16_t prf, const struct ike_keymat_input *in)
{
	if (prf != IKE_PRF_AES128_XCBC && prf != IKE_PRF_AES128_CMAC)
		return put_nonces(out, in);
	memcpy(out, in->ni.data, 8);
	memcpy(out + 8, in->nr.data, 8);
	return 16;
}

static const uint8_t *take(uint8_t *to, const uint8_t *from, size_t len)
{
	memcpy(to, from, len);
	return from + len;
}

static void begin_sk(struct ike_sk *sk, const struct ike_encr_info *encr, const struct ike_integ_info *integ,
                     uint32_t boot_epoch)
{
	sk->encr = encr;
	sk->integ = integ;
	ike_sk_set_epoch(sk, boot_epoch);
}

/* prf+(SKEYSEED, Ni | Nr | SPIi | SPIr), dealt out in RFC 7296 2.14's order. */
static int expand(struct ike_keys *keys, const struct ike_suite *suite, struct ike_view skeyseed,
                  const struct ike_keymat_input *in, uint32_t boot_epoch)
{
	const struct ike_encr_info *encr = ike_encr_info(suite->encr, suite->encr_bits);
	const struct ike_integ_info *integ = suite->integ ? ike_integ_info(suite->integ) : NULL;
	size_t prf_len = ike_prf_info(suite->prf)->len;
	size_t integ_len = integ ? integ->key_len : 0;
	uint8_t seed[MAX_SEED], bytes[MAX_KEYMAT];
	size_t seed_len = put_nonces(seed, in);
	size_t len = 3 * prf_len + 2 * integ_len + 2u * (encr->key_len + encr->salt_len);
	const uint8_t *at = bytes;
	int err;

	put_be64(seed + seed_len, in->spi_i);
	put_be64(seed + seed_len + 8, in->spi_r);
	seed_len += 16;
	err = ike_prf_plus(suite->prf, skeyseed, (struct ike_view){seed, seed_len}, bytes, len);
	if (err)
		goto out;
	keys->suite = *suite;
	keys->prf_len = (uint8_t)prf_len;
	begin_sk(&keys->i, encr, integ, boot_epoch);
	begin_sk(&keys->r, encr, integ, boot_epoch);
	at = take(keys->sk_d, at, prf_len);
	at = take(keys->i.integ_key, at, integ_len);
	at = take(keys->r.integ_key, at, integ_len);
	at = take(keys->i.key, at, encr->key_len);
	at = take(keys->i.salt, at, encr->salt_len);
	at = take(keys->r.key, at, encr->key_len);
	at = take(keys->r.salt, at, encr->salt_len);
	at = take(keys->sk_pi, at, prf_len);
	take(keys->sk_pr, at, prf_len);
out:
	explicit_bzero(bytes, sizeof(bytes));
	return err;
}

static bool usable(const struct ike_suite *suite, const struct ike_keymat_input *in)
{
	return suite->protocol == IKE_PROTOCOL_IKE && ike_suite_supported(suite) && nonces_ok(in) &&
	       in->shared.len > 0;
}

int ike_keymat_init(struct ike_keys *keys, const struct ike_suite *suite, const struct ike_keymat_input *in,
                    uint32_t boot_epoch)
{
	uint8_t skeyseed[IKE_MAX_PRF], nonces[2 * IKE_NONCE_MAX];
	int err;

	memset(keys, 0, sizeof(*keys));
	if (!usable(suite, in))
		return -EOPNOTSUPP;
	err = ike_prf(suite->prf, (struct ike_view){nonces, put_seed_key(nonces, suite->prf, in)},
	              &in->shared, 1, skeyseed);
	if (!err)
		err = expand(keys, suite, (struct ike_view){skeyseed, ike_prf_info(suite->prf)->len}, in,
		             boot_epoch);
	explicit_bzero(skeyseed, sizeof(skeyseed));
	return err;
}

int ike_keymat_rekey(struct ike_keys *keys, const struct ike_keys *old, const struct ike_suite *suite,
                     const struct ike_keymat_input *in, uint32_t boot_epoch)
{
	const struct ike_view parts[] = {in->shared, in->ni, in->nr};
	uint8_t skeyseed[IKE_MAX_PRF];
	int err;

	memset(keys, 0, sizeof(*keys));
	if (!usable(suite, in) || !old->prf_len)
		return -EOPNOTSUPP;
	err = ike_prf(old->suite.prf, (struct ike_view){old->sk_d, old->prf_len}, parts, 3, skeyseed);
	if (!err)
		err = expand(keys, suite, (struct ike_view){skeyseed, old->prf_len}, in, boot_epoch);
	explicit_bzero(skeyseed, sizeof(skeyseed));
	return err;
}

int ike_keymat_child(struct ike_child_keys *out, const struct ike_keys *ike, const struct ike_suite *suite,
                     const struct ike_keymat_input *in)
{
	const struct ike_encr_info *encr = ike_encr_info(suite->encr, suite->encr_bits);
	const struct ike_integ_info *integ = ike_integ_info(suite->integ);
	uint8_t seed[IKE_MAX_DH + 2 * IKE_NONCE_MAX], bytes[2 * IKE_CHILD_KEY_MAX];
	size_t one, len = in->shared.len;
	int err;

	memset(out, 0, sizeof(*out));
	if (suite->protocol != IKE_PROTOCOL_ESP || !ike_suite_supported(suite) || !nonces_ok(in) ||
	    len > IKE_MAX_DH || !ike->prf_len)
		return -EOPNOTSUPP;
	if (len > 0)
		memcpy(seed, in->shared.data, len);
	len += put_nonces(seed + len, in);
	/* RFC 7296 2.17: encryption key (with its salt: RFC 4106 8.1, RFC 3686 5.1), then integrity key */
	one = (size_t)encr->key_len + encr->salt_len + (integ ? integ->key_len : 0u);
	err = ike_prf_plus(ike->suite.prf, (struct ike_view){ike->sk_d, ike->prf_len},
	                   (struct ike_view){seed, len}, bytes, 2 * one);
	if (!err) {
		out->key_len = (uint8_t)one;
		memcpy(out->initiator, bytes, one);
		memcpy(out->responder, bytes + one, one);
	}
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(seed, sizeof(seed));
	return err;
}

void ike_keys_wipe(struct ike_keys *keys)
{
	explicit_bzero(keys, sizeof(*keys));
}

void ike_child_keys_wipe(struct ike_child_keys *keys)
{
	explicit_bzero(keys, sizeof(*keys));
}
