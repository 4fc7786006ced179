/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set-associative table of digests (cert_cache.h). What is above the leaf is the
 * same for many clients, so it is kept once, in a short list of paths. Locked; any
 * thread.
 */
#include "control/auth/cert_cache.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAYS 4u

struct entry {
	uint8_t key[CERT_CACHE_KEY_LEN];
	int64_t from, until; /* seconds; until 0: empty */
	uint32_t path;
	uint32_t used; /* the clock of its last use: the oldest of a set gives way */
};

struct cert_cache {
	pthread_mutex_t lock;
	uint32_t clock;
	size_t n_paths;
	STACK_OF(X509) * paths[CERT_CACHE_PATHS];
	struct entry entries[CERT_CACHE_ENTRIES];
};

struct cert_cache *cert_cache_new(void)
{
	struct cert_cache *cache = calloc(1, sizeof(*cache));

	if (cache && pthread_mutex_init(&cache->lock, NULL) != 0) {
		free(cache);
		cache = NULL;
	}
	return cache;
}

void cert_cache_free(struct cert_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < cache->n_paths; i++)
		sk_X509_pop_free(cache->paths[i], X509_free);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

bool cert_cache_key(const struct rg_auth_cert *certs, size_t n, uint8_t key[CERT_CACHE_KEY_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; i < n && ok; i++)
		ok = EVP_DigestUpdate(ctx, &certs[i].len, sizeof(certs[i].len)) == 1 &&
		     EVP_DigestUpdate(ctx, certs[i].der, certs[i].len) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, key, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* The first way of the key's set. */
static struct entry *set_of(struct cert_cache *cache, const uint8_t key[CERT_CACHE_KEY_LEN])
{
	size_t set = (size_t)(key[0] | key[1] << 8) % (CERT_CACHE_ENTRIES / WAYS);

	return &cache->entries[set * WAYS];
}

STACK_OF(X509) * cert_cache_find(struct cert_cache *cache, const uint8_t key[CERT_CACHE_KEY_LEN])
{
	int64_t now = (int64_t)time(NULL);
	struct entry *set = set_of(cache, key);
	STACK_OF(X509) *above = NULL;

	pthread_mutex_lock(&cache->lock);
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].until <= now || set[i].from > now ||
		    memcmp(set[i].key, key, CERT_CACHE_KEY_LEN) != 0)
			continue;
		set[i].used = ++cache->clock;
		above = X509_chain_up_ref(cache->paths[set[i].path]);
		break;
	}
	pthread_mutex_unlock(&cache->lock);
	return above;
}

/* Seconds until `t`; negative when it has passed. */
static bool distance(const ASN1_TIME *t, int64_t *seconds)
{
	int days, rest;

	if (ASN1_TIME_diff(&days, &rest, NULL, t) != 1)
		return false;
	*seconds = (int64_t)days * 86400 + rest;
	return true;
}

/* When all of the chain is valid. */
static bool span(STACK_OF(X509) * chain, struct entry *entry)
{
	int64_t now = (int64_t)time(NULL);

	entry->from = INT64_MIN;
	entry->until = INT64_MAX;
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);
		int64_t from, until;

		if (!distance(X509_get0_notBefore(cert), &from) ||
		    !distance(X509_get0_notAfter(cert), &until))
			return false;
		entry->from = now + from > entry->from ? now + from : entry->from;
		entry->until = now + until < entry->until ? now + until : entry->until;
	}
	return entry->until > now;
}

static bool same_path(STACK_OF(X509) * path, STACK_OF(X509) * chain)
{
	int n = sk_X509_num(path);

	if (n != sk_X509_num(chain) - 1)
		return false;
	for (int i = 0; i < n; i++)
		if (X509_cmp(sk_X509_value(path, i), sk_X509_value(chain, i + 1)) != 0)
			return false;
	return true;
}

/* Its index; -1: the list is full, or memory is. */
static int find_path(struct cert_cache *cache, STACK_OF(X509) * chain)
{
	STACK_OF(X509) * above;

	for (size_t i = 0; i < cache->n_paths; i++)
		if (same_path(cache->paths[i], chain))
			return (int)i;
	if (cache->n_paths == CERT_CACHE_PATHS)
		return -1;
	above = X509_chain_up_ref(chain);
	if (!above)
		return -1;
	X509_free(sk_X509_shift(above));
	cache->paths[cache->n_paths] = above;
	return (int)cache->n_paths++;
}

void cert_cache_keep(struct cert_cache *cache, const uint8_t key[CERT_CACHE_KEY_LEN], STACK_OF(X509) * chain)
{
	struct entry *set = set_of(cache, key), *victim = set, entry;
	int path;

	if (!span(chain, &entry))
		return;
	memcpy(entry.key, key, CERT_CACHE_KEY_LEN);
	pthread_mutex_lock(&cache->lock);
	path = find_path(cache, chain);
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].until != 0 && memcmp(set[i].key, key, CERT_CACHE_KEY_LEN) == 0) {
			victim = &set[i];
			break;
		}
		if (set[i].used < victim->used)
			victim = &set[i];
	}
	if (path >= 0) {
		entry.path = (uint32_t)path;
		entry.used = ++cache->clock;
		*victim = entry;
	}
	pthread_mutex_unlock(&cache->lock);
}

size_t cert_cache_used(struct cert_cache *cache)
{
	size_t n = 0;

	pthread_mutex_lock(&cache->lock);
	for (size_t i = 0; i < CERT_CACHE_ENTRIES; i++)
		n += cache->entries[i].until != 0;
	pthread_mutex_unlock(&cache->lock);
	return n;
}
