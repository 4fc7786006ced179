/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Encrypted payload, SK, and the Encrypted Fragment payload, SKF
 * (RFC 7296 3.14, RFC 5282, RFC 7383). A `struct ike_sk` is one direction's key;
 * it is used by one thread at a time.
 *
 * IVs: GCM, CTR and ChaCha20-Poly1305 take 8 octets, boot epoch << 32 | counter, so
 * that a session that is restored after a restart never repeats one; CBC takes
 * unpredictable random octets.
 */
#ifndef RG_IKE_CRYPTO_SK_H
#define RG_IKE_CRYPTO_SK_H

#include "control/ike/crypto/suite.h"
#include "control/ike/wire/frag.h"

struct ike_sk {
	const struct ike_encr_info *encr;
	const struct ike_integ_info *integ; /* NULL with an AEAD cipher */
	uint64_t iv;                        /* of the next seal */
	uint8_t key[32];
	uint8_t salt[4];
	uint8_t integ_key[IKE_MAX_PRF];
};

/* Sets the boot epoch of the IVs: the counter begins at epoch << 32. Before the first seal. */
void ike_sk_set_epoch(struct ike_sk *sk, uint32_t epoch);

/* Octets that a message has beyond the plaintext, IKE header and the largest
 * padding included. */
size_t ike_sk_overhead(const struct ike_sk *sk, bool fragment);

/* Writes a whole message to `out`: header (`hdr`; its next and length are
 * ignored), SK with `plain` inside, ICV. `first` is the type of the first inner
 * payload (struct ike_build: buf, len, first). `out` must not overlap `plain`.
 * 0, -EMSGSIZE, -EOVERFLOW when the IVs are used up, -EIO. */
int ike_sk_seal(struct ike_sk *sk, const struct ike_header *hdr, uint8_t first, const uint8_t *plain,
                size_t plain_len, uint8_t *out, size_t cap, size_t *out_len);

/* One fragment: `frag` gives number, total and (in number 1) first. */
int ike_sk_seal_fragment(struct ike_sk *sk, const struct ike_header *hdr, const struct ike_frag *frag,
                         const uint8_t *plain, size_t plain_len, uint8_t *out, size_t cap, size_t *out_len);

/* Verifies and decrypts the SK or SKF of a parsed message. `plain` gets at most
 * `cap` octets, without padding; cap of msg->len always suffices. It may be the
 * message's own buffer at ike_sk_ciphertext(), which makes it in place; after a
 * rejection what it holds is wiped, so decrypt elsewhere where the datagram is needed
 * again (a forged message must not destroy a retransmission that is compared). */
enum ike_reject ike_sk_open(const struct ike_sk *sk, const struct ike_msg *msg, uint8_t *plain, size_t cap,
                            size_t *plain_len);
/* Offset of the ciphertext (behind the IV) in msg->data; 0 if the payload is too short. */
size_t ike_sk_ciphertext(const struct ike_sk *sk, const struct ike_msg *msg);

void ike_sk_wipe(struct ike_sk *sk);

#endif
