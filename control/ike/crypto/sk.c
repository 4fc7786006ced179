/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SK and SKF: seal and open (RFC 7296 3.14, RFC 5282 3 to 5, RFC 7634, RFC 5930, RFC 7383 2.5). The
 * associated data, or what the HMAC covers, begins at the IKE header. One thread
 * at a time for each key.
 */
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "control/ike/crypto/algs.h"
#include "control/ike/crypto/prf.h"
#include "control/ike/crypto/sk.h"
#include "control/ike/wire/bytes.h"

/* Where the parts of a sealed payload lie, as offsets from the IKE header. */
struct layout {
	size_t iv, text, text_len, icv, icv_len, end;
};

static size_t icv_len(const struct ike_sk *sk)
{
	return sk->integ ? sk->integ->icv_len : sk->encr->icv_len;
}

void ike_sk_set_epoch(struct ike_sk *sk, uint32_t epoch)
{
	sk->iv = (uint64_t)epoch << 32;
}

size_t ike_sk_overhead(const struct ike_sk *sk, bool fragment)
{
	return IKE_HEADER_LEN + IKE_PAYLOAD_HDR_LEN + (fragment ? IKE_FRAG_HDR_LEN : 0) + sk->encr->iv_len +
	       sk->encr->block_len + icv_len(sk);
}

static const EVP_CIPHER *cipher(const struct ike_sk *sk)
{
	const struct ike_algs *a = ike_algs();
	unsigned bits = sk->encr->key_bits == 256   ? IKE_AES_256
	                : sk->encr->key_bits == 192 ? IKE_AES_192
	                                            : IKE_AES_128;

	if (!a)
		return NULL;
	switch (sk->encr->id) {
	case IKE_ENCR_CHACHA20_POLY1305:
		return a->chacha;
	case IKE_ENCR_AES_CTR:
		return a->ctr[bits];
	case IKE_ENCR_AES_CBC:
		return a->cbc[bits];
	default:
		return a->gcm[bits];
	}
}

/* MAC over header to ciphertext, truncated (RFC 4868 2.3, RFC 2404, RFC 3566, RFC 4494) by the caller. */
static int compute_icv(const struct ike_sk *sk, const uint8_t *data, size_t len, uint8_t out[IKE_MAX_PRF])
{
	struct ike_view key = {sk->integ_key, sk->integ->key_len};
	struct ike_view part = {data, len};
	enum ike_md md = IKE_MD_SHA1;

	switch (sk->integ->id) {
	case IKE_INTEG_AES_XCBC_96:
		return ike_aes_mac(IKE_AES_XCBC, sk->integ_key, &part, 1, out);
	case IKE_INTEG_AES_CMAC_96:
		return ike_aes_mac(IKE_AES_CMAC, sk->integ_key, &part, 1, out);
	case IKE_INTEG_HMAC_SHA2_256_128:
		md = IKE_MD_SHA256;
		break;
	case IKE_INTEG_HMAC_SHA2_384_192:
		md = IKE_MD_SHA384;
		break;
	case IKE_INTEG_HMAC_SHA2_512_256:
		md = IKE_MD_SHA512;
		break;
	default:
		break;
	}
	ike_hmac(md, key, &part, 1, out);
	return 0;
}

/* What the cipher takes as IV. RFC 5282 4, RFC 7634 2: salt, IV; RFC 5930 2: salt, IV, a counter from 1. */
static const uint8_t *full_iv(const struct ike_sk *sk, const uint8_t *iv, uint8_t out[16])
{
	if (!sk->encr->salt_len)
		return iv;
	memcpy(out, sk->salt, 4);
	memcpy(out + 4, iv, 8);
	put_be32(out + 12, 1); /* an AEAD cipher takes the first 12 */
	return out;
}

/* The cipher alone, `len` octets from `in` to `out`; a tag is made or checked where there is one. */
static bool crypt(const struct ike_sk *sk, bool encrypt, const uint8_t *message, const struct layout *l,
                  const uint8_t *in, uint8_t *out, uint8_t *tag)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t space[16];
	bool is_aead = sk->encr->icv_len != 0;
	int n, aad_len = (int)l->iv, len = (int)l->text_len;
	bool ok;

	ok = ctx && EVP_CipherInit_ex(ctx, cipher(sk), NULL, sk->key, full_iv(sk, message + l->iv, space),
	                              encrypt) == 1;
	if (is_aead) {
		ok = ok && EVP_CipherUpdate(ctx, NULL, &n, message, aad_len) == 1;
		if (ok && !encrypt)
			ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)l->icv_len, tag) == 1;
	} else {
		ok = ok && EVP_CIPHER_CTX_set_padding(ctx, 0) == 1;
	}
	ok = ok && EVP_CipherUpdate(ctx, out, &n, in, len) == 1 && n == len;
	ok = ok && EVP_CipherFinal_ex(ctx, out + len, &n) == 1;
	if (ok && is_aead && encrypt)
		ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)l->icv_len, tag) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

static int make_iv(struct ike_sk *sk, uint8_t *iv)
{
	if (sk->encr->block_len > 1) /* CBC */
		return ike_random(iv, sk->encr->iv_len);
	if ((uint32_t)sk->iv == UINT32_MAX)
		return -EOVERFLOW;
	put_be64(iv, sk->iv++);
	return 0;
}

static void put_headers(uint8_t *out, const struct ike_header *hdr, uint8_t first,
                        const struct ike_frag *frag, const struct layout *l)
{
	struct ike_build b;

	ike_build_message(&b, out, l->end, hdr);
	ike_build_begin(&b, frag ? IKE_PAYLOAD_SKF : IKE_PAYLOAD_SK);
	out[IKE_HEADER_LEN] = first;
	put_be32(out + 24, (uint32_t)l->end);
	put_be16(out + IKE_HEADER_LEN + 2, (uint16_t)(l->end - IKE_HEADER_LEN));
	if (frag) {
		ike_build_u16(&b, frag->number);
		ike_build_u16(&b, frag->total);
	}
}

static int seal(struct ike_sk *sk, const struct ike_header *hdr, uint8_t first, const struct ike_frag *frag,
                const uint8_t *plain, size_t plain_len, uint8_t *out, size_t cap, size_t *out_len)
{
	size_t block = sk->encr->block_len;
	struct layout l = {.icv_len = icv_len(sk)};
	uint8_t icv[IKE_MAX_PRF];
	uint8_t *text;
	size_t pad;
	int err;

	if (plain_len > UINT16_MAX)
		return -EMSGSIZE;
	l.iv = IKE_HEADER_LEN + IKE_PAYLOAD_HDR_LEN + (frag ? IKE_FRAG_HDR_LEN : 0);
	l.text = l.iv + sk->encr->iv_len;
	l.text_len = (plain_len + 1 + block - 1) / block * block;
	l.icv = l.text + l.text_len;
	l.end = l.icv + l.icv_len;
	if (l.end > cap || l.end > IKE_MAX_MESSAGE)
		return -EMSGSIZE;
	err = make_iv(sk, out + l.iv);
	if (err)
		return err;
	put_headers(out, hdr, first, frag, &l);
	text = out + l.text;
	pad = l.text_len - plain_len - 1;
	if (plain_len > 0)
		memcpy(text, plain, plain_len);
	memset(text + plain_len, 0, pad);
	text[l.text_len - 1] = (uint8_t)pad;
	if (!crypt(sk, true, out, &l, text, text, out + l.icv))
		err = -EIO;
	if (!err && sk->integ) {
		err = compute_icv(sk, out, l.icv, icv);
		memcpy(out + l.icv, icv, l.icv_len);
	}
	if (err)
		explicit_bzero(out, l.end);
	else
		*out_len = l.end;
	return err;
}

int ike_sk_seal(struct ike_sk *sk, const struct ike_header *hdr, uint8_t first, const uint8_t *plain,
                size_t plain_len, uint8_t *out, size_t cap, size_t *out_len)
{
	return seal(sk, hdr, first, NULL, plain, plain_len, out, cap, out_len);
}

int ike_sk_seal_fragment(struct ike_sk *sk, const struct ike_header *hdr, const struct ike_frag *frag,
                         const uint8_t *plain, size_t plain_len, uint8_t *out, size_t cap, size_t *out_len)
{
	return seal(sk, hdr, frag->number == 1 ? frag->first : 0, frag, plain, plain_len, out, cap, out_len);
}

/* ike_msg_parse() made sure that SK ends the message and SKF has its four octets. */
static bool find_parts(struct layout *l, const struct ike_sk *sk, const struct ike_msg *msg)
{
	size_t block = sk->encr->block_len;

	if (!msg->sk)
		return false;
	l->icv_len = icv_len(sk);
	l->end = msg->len;
	l->iv = msg->sk + IKE_PAYLOAD_HDR_LEN + (msg->sk_type == IKE_PAYLOAD_SKF ? IKE_FRAG_HDR_LEN : 0);
	l->text = l->iv + sk->encr->iv_len;
	if (l->end < l->text + l->icv_len + block)
		return false;
	l->icv = l->end - l->icv_len;
	l->text_len = l->icv - l->text;
	return l->text_len % block == 0;
}

size_t ike_sk_ciphertext(const struct ike_sk *sk, const struct ike_msg *msg)
{
	struct layout l;

	return find_parts(&l, sk, msg) ? l.text : 0;
}

static enum ike_reject check_icv(const struct ike_sk *sk, const struct ike_msg *msg, const struct layout *l)
{
	uint8_t icv[IKE_MAX_PRF];

	if (compute_icv(sk, msg->data, l->icv, icv))
		return IKE_REJECT_SK_CRYPTO;
	return CRYPTO_memcmp(icv, msg->data + l->icv, l->icv_len) == 0 ? IKE_OK : IKE_REJECT_SK_ICV;
}

enum ike_reject ike_sk_open(const struct ike_sk *sk, const struct ike_msg *msg, uint8_t *plain, size_t cap,
                            size_t *plain_len)
{
	enum ike_reject err = IKE_OK;
	uint8_t tag[IKE_MAX_ICV];
	struct layout l;
	size_t pad = 0;

	if (!find_parts(&l, sk, msg))
		return IKE_REJECT_SK_SHORT;
	if (l.text_len > cap)
		return IKE_REJECT_SK_CRYPTO;
	if (sk->integ)
		err = check_icv(sk, msg, &l);
	if (err)
		return err;
	memcpy(tag, msg->data + l.icv, l.icv_len);
	if (!crypt(sk, false, msg->data, &l, msg->data + l.text, plain, tag))
		err = sk->integ ? IKE_REJECT_SK_CRYPTO : IKE_REJECT_SK_ICV;
	if (!err) {
		pad = plain[l.text_len - 1];
		if (pad + 1 > l.text_len)
			err = IKE_REJECT_SK_PAD;
	}
	if (err)
		explicit_bzero(plain, l.text_len);
	else
		*plain_len = l.text_len - pad - 1;
	return err;
}

void ike_sk_wipe(struct ike_sk *sk)
{
	explicit_bzero(sk, sizeof(*sk));
}
