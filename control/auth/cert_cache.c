/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set-associative table of digests (cert_cache.h). What is above the leaf is the
 * same for many clients, so it is kept once, in a short list of paths, of which the
 * longest unused gives way with all its entries. Locked; any thread.
 */
#include "control/auth/cert_cache.h"

#include "control/ike/crypto/hash.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAYS 4u

struct entry {
	uint8_t key[CERT_CACHE_KEY_LEN];
	int64_t from, until;  /* seconds; until 0: empty */
	uint32_t path, issue; /* of the path that was meant: another one may have its place */
	uint32_t used;        /* the clock of its last use: the oldest of a set gives way */
};

struct path {
	STACK_OF(X509) * above; /* of the leaf; NULL: free */
	uint32_t issue;         /* counts those that had this place */
	uint32_t used;          /* as of an entry */
};

struct cert_cache {
	pthread_mutex_t lock;
	uint32_t clock;
	struct path paths[CERT_CACHE_PATHS];
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
	for (size_t i = 0; i < CERT_CACHE_PATHS; i++)
		sk_X509_pop_free(cache->paths[i].above, X509_free);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

bool cert_cache_key(const struct rg_auth_cert *certs, size_t n, uint8_t key[CERT_CACHE_KEY_LEN])
{
	struct ike_view parts[2 * RG_AUTH_CERTS_MAX];

	if (n > RG_AUTH_CERTS_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		parts[2 * i] = (struct ike_view){(const uint8_t *)&certs[i].len, sizeof(certs[i].len)};
		parts[2 * i + 1] = (struct ike_view){certs[i].der, certs[i].len};
	}
	ike_sha256_parts(parts, 2 * n, key);
	return true;
}

/* The first way of the key's set. */
static struct entry *set_of(struct cert_cache *cache, const uint8_t key[CERT_CACHE_KEY_LEN])
{
	size_t set = (size_t)(key[0] | key[1] << 8) % (CERT_CACHE_ENTRIES / WAYS);

	return &cache->entries[set * WAYS];
}

/* One whose path gave way is as good as empty. */
static bool is_kept(const struct cert_cache *cache, const struct entry *entry)
{
	return entry->until != 0 && cache->paths[entry->path].issue == entry->issue;
}

static void use(struct cert_cache *cache, struct entry *entry)
{
	entry->used = cache->paths[entry->path].used = ++cache->clock;
}

STACK_OF(X509) * cert_cache_find(struct cert_cache *cache, const uint8_t key[CERT_CACHE_KEY_LEN])
{
	int64_t now = (int64_t)time(NULL);
	struct entry *set = set_of(cache, key);
	STACK_OF(X509) *above = NULL;

	pthread_mutex_lock(&cache->lock);
	for (size_t i = 0; i < WAYS; i++) {
		if (!is_kept(cache, &set[i]) || set[i].until <= now || set[i].from > now ||
		    memcmp(set[i].key, key, CERT_CACHE_KEY_LEN) != 0)
			continue;
		use(cache, &set[i]);
		above = X509_chain_up_ref(cache->paths[set[i].path].above);
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

/* A place for it: that of the longest unused one, if all are taken. NULL: no memory. */
static struct path *make_path(struct cert_cache *cache, STACK_OF(X509) * chain)
{
	STACK_OF(X509) *above = X509_chain_up_ref(chain);
	struct path *oldest = &cache->paths[0];

	if (!above)
		return NULL;
	X509_free(sk_X509_shift(above));
	for (size_t i = 1; i < CERT_CACHE_PATHS; i++)
		if (cache->paths[i].used < oldest->used)
			oldest = &cache->paths[i];
	sk_X509_pop_free(oldest->above, X509_free);
	oldest->above = above;
	oldest->issue++;
	return oldest;
}

static struct path *find_path(struct cert_cache *cache, STACK_OF(X509) * chain)
{
	for (size_t i = 0; i < CERT_CACHE_PATHS; i++)
		if (cache->paths[i].above && same_path(cache->paths[i].above, chain))
			return &cache->paths[i];
	return make_path(cache, chain);
}

/* Where the key is, or may be put. */
static struct entry *choose(const struct cert_cache *cache, struct entry *set,
                            const uint8_t key[CERT_CACHE_KEY_LEN])
{
	struct entry *victim = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (is_kept(cache, &set[i]) && memcmp(set[i].key, key, CERT_CACHE_KEY_LEN) == 0)
			return &set[i];
		if (!is_kept(cache, &set[i]))
			set[i].used = 0;
		if (set[i].used < victim->used)
			victim = &set[i];
	}
	return victim;
}

void cert_cache_keep(struct cert_cache *cache, const uint8_t key[CERT_CACHE_KEY_LEN], STACK_OF(X509) * chain)
{
	struct entry entry = {0}, *place;
	struct path *path;

	if (!span(chain, &entry))
		return;
	memcpy(entry.key, key, CERT_CACHE_KEY_LEN);
	pthread_mutex_lock(&cache->lock);
	path = find_path(cache, chain);
	if (path) {
		entry.path = (uint32_t)(path - cache->paths);
		entry.issue = path->issue;
		place = choose(cache, set_of(cache, key), key);
		*place = entry;
		use(cache, place);
	}
	pthread_mutex_unlock(&cache->lock);
}

size_t cert_cache_used(struct cert_cache *cache)
{
	size_t n = 0;

	pthread_mutex_lock(&cache->lock);
	for (size_t i = 0; i < CERT_CACHE_ENTRIES; i++)
		n += is_kept(cache, &cache->entries[i]);
	pthread_mutex_unlock(&cache->lock);
	return n;
}
