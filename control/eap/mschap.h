/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of MS-CHAPv2 (RFC 2759 8) and of its keys (RFC 3079 3). MD4 and DES come
 * from OpenSSL's legacy provider, in a library context of their own, so that nothing else in
 * the process can ever reach them. Any thread; no shared state after the first call.
 */
#ifndef RG_CONTROL_EAP_MSCHAP_H
#define RG_CONTROL_EAP_MSCHAP_H

#include <stddef.h>
#include <stdint.h>

#define MSCHAP_CHALLENGE 16u
#define MSCHAP_HASH      16u
#define MSCHAP_RESPONSE  24u
#define MSCHAP_PROOF     20u /* behind "S=", before it is written in hexadecimal */
#define MSCHAP_KEY       16u
#define MSCHAP_PASSWORD  256u /* characters */

/* Loads the provider and fetches the algorithms; idempotent. 0, or -ENOTSUP where this OpenSSL
 * has no legacy provider. Everything below calls it. */
int mschap_init(void);

/* NtPasswordHash() of a password in UTF-8. -EINVAL: not UTF-8, or too long. */
int mschap_nt_hash(const uint8_t *password, size_t len, uint8_t out[MSCHAP_HASH]);

/* Both sides' challenges and the user's name as it was sent, a domain before a backslash
 * included: it is left out of the sum (RFC 2759 8.2). */
struct mschap_input {
	uint8_t authenticator[MSCHAP_CHALLENGE], peer[MSCHAP_CHALLENGE];
	const uint8_t *name;
	size_t name_len;
};

/* GenerateNTResponse(). 0 or -EIO. */
int mschap_response(const struct mschap_input *in, const uint8_t nt_hash[MSCHAP_HASH],
                    uint8_t out[MSCHAP_RESPONSE]);
/* GenerateAuthenticatorResponse() without its spelling. 0 or -EIO. */
int mschap_proof(const struct mschap_input *in, const uint8_t nt_hash[MSCHAP_HASH],
                 const uint8_t response[MSCHAP_RESPONSE], uint8_t out[MSCHAP_PROOF]);

/* GetMasterKey() and GetAsymmetricStartKey() of 128 bits: the key of what the client sends (its
 * send key, the server's receive key), and of what it receives. 0 or -EIO. */
int mschap_keys(const uint8_t nt_hash[MSCHAP_HASH], const uint8_t response[MSCHAP_RESPONSE],
                uint8_t client_sends[MSCHAP_KEY], uint8_t client_receives[MSCHAP_KEY]);

#endif
