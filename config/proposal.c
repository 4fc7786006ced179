/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proposals as text: tokens joined by '-', one of each kind, into IANA's
 * IKEv2 transform IDs (RFC 7296 3.3.2, RFC 8247, RFC 5282, RFC 4868, RFC 5903, RFC 8031; of
 * ESP: RFC 4106, RFC 4543, RFC 7634, RFC 3602, RFC 3686, RFC 2404, RFC 2410).
 * Pure; any thread.
 */
#include "config/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum kind { ENCR, INTEG, PRF, DH, ESN, KINDS };

/* X(token, kind, transform ID, key bits where the ID leaves them open (of an integrity algorithm: the PRF
 * that goes with it), what may use it) */
#define TOKENS(X)                                                                                            \
	X("aes128gcm16", ENCR, 20, 128, BOTH)                                                                \
	X("aes192gcm16", ENCR, 20, 192, BOTH)                                                                \
	X("aes256gcm16", ENCR, 20, 256, BOTH)                                                                \
	X("aes128gcm12", ENCR, 19, 128, BOTH)                                                                \
	X("aes192gcm12", ENCR, 19, 192, BOTH)                                                                \
	X("aes256gcm12", ENCR, 19, 256, BOTH)                                                                \
	X("aes128gcm8", ENCR, 18, 128, BOTH)                                                                 \
	X("aes192gcm8", ENCR, 18, 192, BOTH)                                                                 \
	X("aes256gcm8", ENCR, 18, 256, BOTH)                                                                 \
	X("chacha20poly1305", ENCR, 28, 0, BOTH)                                                             \
	X("aes128", ENCR, 12, 128, BOTH)                                                                     \
	X("aes192", ENCR, 12, 192, BOTH)                                                                     \
	X("aes256", ENCR, 12, 256, BOTH)                                                                     \
	X("aes128ctr", ENCR, 13, 128, BOTH)                                                                  \
	X("aes192ctr", ENCR, 13, 192, BOTH)                                                                  \
	X("aes256ctr", ENCR, 13, 256, BOTH)                                                                  \
	X("aes128gmac", ENCR, 21, 128, ESP)                                                                  \
	X("aes192gmac", ENCR, 21, 192, ESP)                                                                  \
	X("aes256gmac", ENCR, 21, 256, ESP)                                                                  \
	X("null", ENCR, 11, 0, ESP)                                                                          \
	X("sha256", INTEG, 12, 5, BOTH)                                                                      \
	X("sha384", INTEG, 13, 6, BOTH)                                                                      \
	X("sha512", INTEG, 14, 7, BOTH)                                                                      \
	X("sha1", INTEG, 2, 2, BOTH)                                                                         \
	X("aesxcbc", INTEG, 5, 4, IKE)                                                                       \
	X("aescmac", INTEG, 8, 8, IKE)                                                                       \
	X("prfsha256", PRF, 5, 0, IKE)                                                                       \
	X("prfsha384", PRF, 6, 0, IKE)                                                                       \
	X("prfsha512", PRF, 7, 0, IKE)                                                                       \
	X("prfsha1", PRF, 2, 0, IKE)                                                                         \
	X("prfaesxcbc", PRF, 4, 0, IKE)                                                                      \
	X("prfaescmac", PRF, 8, 0, IKE)                                                                      \
	X("x25519", DH, 31, 0, BOTH)                                                                         \
	X("ecp256", DH, 19, 0, BOTH)                                                                         \
	X("ecp384", DH, 20, 0, BOTH)                                                                         \
	X("ecp521", DH, 21, 0, BOTH)                                                                         \
	X("x448", DH, 32, 0, BOTH)                                                                           \
	X("modp2048", DH, 14, 0, BOTH)                                                                       \
	X("modp3072", DH, 15, 0, BOTH)                                                                       \
	X("modp4096", DH, 16, 0, BOTH)                                                                       \
	X("modp6144", DH, 17, 0, BOTH)                                                                       \
	X("modp8192", DH, 18, 0, BOTH)                                                                       \
	X("modp1024", DH, 2, 0, BOTH)                                                                        \
	X("esn", ESN, 1, 0, ESP)                                                                             \
	X("noesn", ESN, 0, 0, ESP)

#define ENCR_NULL 11
#define ENCR_CBC  12
#define ENCR_CTR  13

enum use { IKE = 1, ESP = 2, BOTH = IKE | ESP };

static const struct token {
	const char *text;
	enum kind kind;
	uint16_t id, bits;
	enum use use;
} tokens[] = {
#define X(text, kind, id, bits, use) {text, kind, id, bits, use},
        TOKENS(X)
#undef X
};

static const char *const kind_names[KINDS] = {[ENCR] = "cipher",
                                              [INTEG] = "integrity algorithm",
                                              [PRF] = "PRF",
                                              [DH] = "key exchange group",
                                              [ESN] = "ESN choice"};

static const struct token *token_find(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		if (strlen(tokens[i].text) == len && memcmp(tokens[i].text, text, len) == 0)
			return &tokens[i];
	return NULL;
}

static int unknown(const char *text, size_t len, char *why, size_t size)
{
	int n = snprintf(why, size, "unknown algorithm '%.*s'; expected some of", len < 40 ? (int)len : 40,
	                 text);

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]) && n > 0 && (size_t)n < size; i++)
		n += snprintf(why + n, size - (size_t)n, " %s", tokens[i].text);
	return -EINVAL;
}

static int tokens_read(const char *text, const struct token *found[static KINDS], char *why, size_t size)
{
	for (;;) {
		size_t len = strcspn(text, "-");
		const struct token *token = token_find(text, len);

		if (!token)
			return unknown(text, len, why, size);
		if (found[token->kind]) {
			snprintf(why, size,
			         "two %ss (%s, %s); expected one in a proposal, write two proposals",
			         kind_names[token->kind], found[token->kind]->text, token->text);
			return -EINVAL;
		}
		found[token->kind] = token;
		if (text[len] == '\0')
			return 0;
		text += len + 1;
	}
}

/* Whether the cipher authenticates by itself. */
static bool is_aead(const struct token *encr)
{
	return encr->id != ENCR_NULL && encr->id != ENCR_CBC && encr->id != ENCR_CTR;
}

/* What is wrong with the combination; NULL if nothing. */
static const char *ike_problem(const struct token *const found[static KINDS])
{
	if (!found[ENCR])
		return "no cipher; expected one such as aes128gcm16";
	if (found[ESN])
		return "esn and noesn are for ESP proposals";
	if (!found[DH])
		return "no key exchange group; expected one such as x25519";
	if (is_aead(found[ENCR]) && found[INTEG])
		return "AES-GCM and ChaCha20-Poly1305 take no integrity algorithm; expected a PRF such as "
		       "prfsha256 in its place";
	if (is_aead(found[ENCR]) && !found[PRF])
		return "AES-GCM and ChaCha20-Poly1305 need a PRF; expected one such as prfsha256";
	if (!is_aead(found[ENCR]) && !found[INTEG])
		return "AES-CBC and AES-CTR need an integrity algorithm; expected one such as sha256";
	return NULL;
}

/* RFC 8221 4: exactly one of the two authenticates. */
static const char *esp_problem(const struct token *const found[static KINDS])
{
	if (found[PRF])
		return "a PRF is for IKE proposals";
	if (!found[ENCR])
		return "no cipher; expected one such as aes128gcm16";
	if (is_aead(found[ENCR]) && found[INTEG])
		return "AES-GCM, AES-GMAC and ChaCha20-Poly1305 take no integrity algorithm";
	if (!is_aead(found[ENCR]) && !found[INTEG])
		return "AES-CBC, AES-CTR and null need an integrity algorithm; expected one such as sha256";
	return NULL;
}

/* A token that only the other protocol has. */
static const struct token *misplaced(const struct token *const found[static KINDS], enum use use)
{
	for (size_t i = 0; i < KINDS; i++)
		if (found[i] && !(found[i]->use & use) && (i == ENCR || i == INTEG))
			return found[i];
	return NULL;
}

int cfg_proposal_parse(const char *text, bool esp, struct rg_cfg_proposal *out, char *why, size_t size)
{
	const struct token *found[KINDS] = {0};
	const struct token *other;
	const char *problem;
	int rc = tokens_read(text, found, why, size);

	if (rc < 0)
		return rc;
	other = misplaced(found, esp ? ESP : IKE);
	if (other) {
		snprintf(why, size, "%s is for %s proposals only; expected another %s", other->text,
		         esp ? "IKE" : "ESP", kind_names[other->kind]);
		return -EINVAL;
	}
	problem = esp ? esp_problem(found) : ike_problem(found);
	if (problem) {
		snprintf(why, size, "%s", problem);
		return -EINVAL;
	}
	*out = (struct rg_cfg_proposal){
	        .encr = found[ENCR]->id,
	        .encr_bits = found[ENCR]->bits,
	        .integ = found[INTEG] ? found[INTEG]->id : 0,
	        .dh = found[DH] ? found[DH]->id : 0,
	        .esn = found[ESN] && found[ESN]->id == 1,
	};
	if (found[PRF])
		out->prf = found[PRF]->id;
	else if (found[INTEG] && !esp)
		out->prf = found[INTEG]->bits; /* the one of the same algorithm */
	return 0;
}
