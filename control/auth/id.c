/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identities: decoding, matching against patterns, printing and hashing
 * (RFC 7296 3.5). Pure functions; any thread.
 */
#include "control/auth/id.h"

#include "config/addr.h"
#include "control/ike/crypto/hash.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ENTRIES_MAX (RG_ID_MAX / 7) /* of a name: an entry with an empty value has seven octets */

static bool is_text(uint8_t type)
{
	return type == RG_ID_FQDN || type == RG_ID_RFC822_ADDR;
}

static X509_NAME *dn_of(const struct rg_id *id)
{
	const unsigned char *at = id->value;
	X509_NAME *name = d2i_X509_NAME(NULL, &at, id->len);

	if (name && at != id->value + id->len) { /* octets behind the name */
		X509_NAME_free(name);
		name = NULL;
	}
	return name;
}

static bool text_is_clean(const uint8_t *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (value[i] <= ' ' || value[i] > '~')
			return false;
	return true;
}

static int check(const struct rg_id *id)
{
	X509_NAME *name;
	bool good;

	switch (id->type) {
	case RG_ID_IPV4_ADDR:
		return id->len == 4 ? 0 : -EINVAL;
	case RG_ID_IPV6_ADDR:
		return id->len == 16 ? 0 : -EINVAL;
	case RG_ID_FQDN:
	case RG_ID_RFC822_ADDR:
		return text_is_clean(id->value, id->len) ? 0 : -EINVAL;
	case RG_ID_DER_ASN1_DN:
		name = dn_of(id);
		/* An empty one would be that of every certificate without a subject. */
		good = name && X509_NAME_entry_count(name) > 0 && X509_NAME_entry_count(name) <= ENTRIES_MAX;
		X509_NAME_free(name);
		return good ? 0 : -EINVAL;
	case RG_ID_KEY_ID:
		return 0;
	default:
		return -EINVAL;
	}
}

int rg_id_decode(struct rg_id *id, uint8_t type, const uint8_t *value, size_t len)
{
	memset(id, 0, sizeof(*id));
	if (!len || len > RG_ID_MAX)
		return -EINVAL;
	id->type = type;
	id->len = (uint16_t)len;
	memcpy(id->value, value, len);
	if (check(id) == 0)
		return 0;
	memset(id, 0, sizeof(*id));
	return -EINVAL;
}

/* One "KEY=value" of a DN; `part` is cut in place. */
static int add_rdn(X509_NAME *name, char *part)
{
	char *value = strchr(part, '=');
	size_t len;

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	while (*part == ' ')
		part++;
	for (len = strlen(part); len && part[len - 1] == ' ';)
		part[--len] = '\0';
	while (*value == ' ')
		value++;
	for (len = strlen(value); len && value[len - 1] == ' ';)
		value[--len] = '\0';
	if (!*part || !*value)
		return -EINVAL;
	return X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (const unsigned char *)value, -1, -1,
	                                  0) == 1
	               ? 0
	               : -EINVAL;
}

static int parse_dn(struct rg_id *id, const char *text)
{
	X509_NAME *name = X509_NAME_new();
	unsigned char *at = id->value;
	char copy[RG_ID_MAX], *part, *save = NULL;
	int rc = -EINVAL, len;

	if (!name)
		return -ENOMEM;
	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		goto out;
	for (part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save))
		if (add_rdn(name, part))
			goto out;
	len = i2d_X509_NAME(name, NULL);
	if (len <= 0 || len > RG_ID_MAX || X509_NAME_entry_count(name) > ENTRIES_MAX)
		goto out;
	i2d_X509_NAME(name, &at);
	id->type = RG_ID_DER_ASN1_DN;
	id->len = (uint16_t)len;
	rc = 0;
out:
	X509_NAME_free(name);
	return rc;
}

int rg_id_parse(struct rg_id *id, const char *text)
{
	size_t len = strlen(text);

	memset(id, 0, sizeof(*id));
	if (inet_pton(AF_INET, text, id->value) == 1) {
		id->type = RG_ID_IPV4_ADDR;
		id->len = 4;
		return 0;
	}
	if (inet_pton(AF_INET6, text, id->value) == 1) {
		id->type = RG_ID_IPV6_ADDR;
		id->len = 16;
		return 0;
	}
	if (strchr(text, '='))
		return parse_dn(id, text);
	return rg_id_decode(id, strchr(text, '@') ? RG_ID_RFC822_ADDR : RG_ID_FQDN, (const uint8_t *)text,
	                    len);
}

static char *escape(const uint8_t *value, size_t len, char *out, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = value[i];
		bool plain = c >= ' ' && c <= '~' && c != '\\';
		size_t need = plain ? 1 : 4;

		if (n + need >= size)
			break;
		if (plain) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	if (size)
		out[n] = '\0';
	return out;
}

static char *print_dn(const struct rg_id *id, char *out, size_t size)
{
	X509_NAME *name = dn_of(id);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;

	if (name && bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		len = BIO_get_mem_data(bio, &text);
	if (len > 0)
		escape((const uint8_t *)text, (size_t)len, out, size);
	else
		escape(id->value, id->len, out, size);
	BIO_free(bio);
	X509_NAME_free(name);
	return out;
}

char *rg_id_print(const struct rg_id *id, char *out, size_t size)
{
	char address[INET6_ADDRSTRLEN];

	switch (id->type) {
	case RG_ID_IPV4_ADDR:
	case RG_ID_IPV6_ADDR:
		inet_ntop(id->type == RG_ID_IPV4_ADDR ? AF_INET : AF_INET6, id->value, address,
		          sizeof(address));
		return escape((const uint8_t *)address, strlen(address), out, size);
	case RG_ID_DER_ASN1_DN:
		return print_dn(id, out, size);
	default:
		return escape(id->value, id->len, out, size);
	}
}

bool rg_id_equal(const struct rg_id *a, const struct rg_id *b)
{
	X509_NAME *left, *right;
	bool equal;

	if (!a->type || a->type != b->type)
		return false;
	if (a->type == RG_ID_DER_ASN1_DN) {
		left = dn_of(a);
		right = dn_of(b);
		equal = left && right && X509_NAME_cmp(left, right) == 0;
		X509_NAME_free(left);
		X509_NAME_free(right);
		return equal;
	}
	if (a->len != b->len)
		return false;
	if (is_text(a->type))
		return strncasecmp((const char *)a->value, (const char *)b->value, a->len) == 0;
	return memcmp(a->value, b->value, a->len) == 0;
}

/* "2001:db8::/32" and the like, for identities that are addresses. */
static bool is_within(const struct rg_id *id, const char *pattern)
{
	struct rg_cfg_prefix prefix;
	struct rg_cfg_addr addr = {.family = id->type == RG_ID_IPV4_ADDR ? 4 : 6};

	if ((id->type != RG_ID_IPV4_ADDR && id->type != RG_ID_IPV6_ADDR) ||
	    rg_prefix_parse(pattern, &prefix) < 0)
		return false;
	memcpy(addr.bytes, id->value, id->len);
	return rg_prefix_contains(&prefix, &addr);
}

bool rg_id_matches(const struct rg_id *id, const char *pattern)
{
	struct rg_id exact;
	size_t len = strlen(pattern);

	if (!id->type)
		return false;
	if (strcmp(pattern, "*") == 0)
		return true;
	if (strchr(pattern, '/') && is_within(id, pattern))
		return true;
	if (pattern[0] != '*')
		return rg_id_parse(&exact, pattern) == 0 && rg_id_equal(id, &exact);
	if (id->type != (pattern[1] == '@' ? RG_ID_RFC822_ADDR : RG_ID_FQDN) ||
	    (pattern[1] != '@' && pattern[1] != '.'))
		return false;
	len--; /* without the star, which stands for one octet at least */
	return id->len > len && strncasecmp((const char *)id->value + id->len - len, pattern + 1, len) == 0;
}

static bool is_compared_as_text(int type)
{
	switch (type) {
	case V_ASN1_UTF8STRING:
	case V_ASN1_BMPSTRING:
	case V_ASN1_UNIVERSALSTRING:
	case V_ASN1_PRINTABLESTRING:
	case V_ASN1_T61STRING:
	case V_ASN1_IA5STRING:
	case V_ASN1_VISIBLESTRING:
		return true;
	default:
		return false;
	}
}

/* In place: in lower case, each run of blanks one, none at the ends. The new length. */
static size_t fold(unsigned char *text, size_t len)
{
	bool blank = false;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = text[i] < 0x80 ? (unsigned char)tolower(text[i]) : text[i];

		if (c < 0x80 && isspace(c)) {
			blank = n > 0;
			continue;
		}
		if (blank)
			text[n++] = ' ';
		text[n++] = c;
		blank = false;
	}
	return n;
}

static void digest_part(EVP_MD_CTX *ctx, int type, const unsigned char *data, size_t len)
{
	const uint8_t head[] = {(uint8_t)type, (uint8_t)(len >> 8), (uint8_t)len};

	EVP_DigestUpdate(ctx, head, sizeof(head));
	EVP_DigestUpdate(ctx, data, len);
}

/* A value as X509_NAME_cmp() sees it: one text is the same in all kinds that it compares as text, and
 * each other kind is itself. */
static void digest_value(EVP_MD_CTX *ctx, const ASN1_STRING *value)
{
	int type = ASN1_STRING_type(value);
	unsigned char *text = NULL;
	int len = is_compared_as_text(type) ? ASN1_STRING_to_UTF8(&text, value) : -1;

	if (len >= 0)
		digest_part(ctx, V_ASN1_UTF8STRING, text, fold(text, (size_t)len));
	else
		digest_part(ctx, type, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	OPENSSL_free(text);
}

struct entry_digest {
	int set;
	uint8_t octets[EVP_MAX_MD_SIZE];
};

/* By place in the name, then by what they are: the attributes of one place have no order. */
static int compare_entries(const void *a, const void *b)
{
	const struct entry_digest *left = a, *right = b;

	if (left->set != right->set)
		return left->set < right->set ? -1 : 1;
	return memcmp(left->octets, right->octets, sizeof(left->octets));
}

static bool digest_entry(EVP_MD_CTX *ctx, const X509_NAME_ENTRY *entry, struct entry_digest *out)
{
	const ASN1_OBJECT *key = X509_NAME_ENTRY_get_object(entry);

	memset(out, 0, sizeof(*out));
	out->set = X509_NAME_ENTRY_set(entry);
	if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return false;
	digest_part(ctx, V_ASN1_OBJECT, OBJ_get0_data(key), OBJ_length(key));
	digest_value(ctx, X509_NAME_ENTRY_get_data(entry));
	return EVP_DigestFinal_ex(ctx, out->octets, NULL) == 1;
}

/* Names that are equal have one cookie, however they are encoded: one session, one lease. */
static void digest_dn(EVP_MD_CTX *ctx, const X509_NAME *name)
{
	struct entry_digest entries[ENTRIES_MAX];
	EVP_MD_CTX *each = EVP_MD_CTX_new();
	int n = name && each ? X509_NAME_entry_count(name) : 0;

	for (int i = 0; i < n; i++)
		if (!digest_entry(each, X509_NAME_get_entry(name, i), &entries[i]))
			n = 0;
	qsort(entries, (size_t)n, sizeof(entries[0]), compare_entries);
	for (int i = 0; i < n; i++) {
		uint8_t set = (uint8_t)entries[i].set;

		EVP_DigestUpdate(ctx, &set, 1);
		EVP_DigestUpdate(ctx, entries[i].octets, sizeof(entries[i].octets));
	}
	EVP_MD_CTX_free(each);
}

static bool digest_dn_id(const struct rg_id *id, uint8_t out[EVP_MAX_MD_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	X509_NAME *name = dn_of(id);
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	if (ok) {
		EVP_DigestUpdate(ctx, &id->type, 1);
		digest_dn(ctx, name);
		ok = EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	}
	X509_NAME_free(name);
	EVP_MD_CTX_free(ctx);
	return ok;
}

uint64_t rg_id_cookie(const struct rg_id *id)
{
	uint8_t text[1 + RG_ID_MAX] = {id->type}, digest[EVP_MAX_MD_SIZE];
	uint64_t cookie = 0;

	if (id->type != RG_ID_DER_ASN1_DN) {
		for (size_t i = 0; i < id->len; i++)
			text[1 + i] = is_text(id->type) ? (uint8_t)tolower(id->value[i]) : id->value[i];
		ike_sha256(text, 1 + id->len, digest);
	} else if (!digest_dn_id(id, digest)) {
		return 1;
	}
	for (size_t i = 0; i < sizeof(cookie); i++)
		cookie = cookie << 8 | digest[i];
	return cookie ? cookie : 1;
}
