/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers from the heap behind rte_mempool's interface; see pool.h. */
#include "tests/support/pool.h"

#include "dataplane/pkt.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT_AT 64u /* the object's header is just in front of it */
#define ROOM      RTE_MBUF_DEFAULT_BUF_SIZE

struct pool {
	struct rte_mempool mp; /* what DPDK sees: with no cache its private area follows at once */
	struct rte_pktmbuf_pool_private priv;
	_Atomic uint32_t live, limit;
	_Atomic uint64_t taken;
};

static struct pool *pool_of(const struct rte_mempool *mp)
{
	return (struct pool *)mp->pool_data;
}

static uint8_t *own_room(struct rte_mbuf *m)
{
	return (uint8_t *)(m + 1) + PKT_PRIV;
}

static int pool_put(struct rte_mempool *mp, void *const *objects, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = (struct rte_mbuf *)objects[i];
		if (m->buf_addr != own_room(m))
			free(m->buf_addr);
		free((uint8_t *)objects[i] - OBJECT_AT);
	}
	atomic_fetch_sub(&pool_of(mp)->live, n);
	return 0;
}

static int take_one(struct rte_mempool *mp, void **object)
{
	struct pool *p = pool_of(mp);
	uint8_t *piece;

	if (atomic_fetch_add(&p->live, 1) >= atomic_load(&p->limit)) {
		atomic_fetch_sub(&p->live, 1);
		return -ENOBUFS;
	}
	piece = (uint8_t *)aligned_alloc(64, (OBJECT_AT + mp->elt_size + 63) & ~63u);
	if (piece == NULL)
		abort();
	memset(piece, 0, OBJECT_AT);
	rte_mempool_get_header(piece + OBJECT_AT)->mp = mp;
	rte_pktmbuf_init(mp, NULL, piece + OBJECT_AT, 0);
	*object = piece + OBJECT_AT;
	atomic_fetch_add(&p->taken, 1);
	return 0;
}

static int pool_get(struct rte_mempool *mp, void **objects, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (take_one(mp, &objects[i]) == 0)
			continue;
		pool_put(mp, objects, i);
		return -ENOBUFS;
	}
	return 0;
}

static unsigned pool_count(const struct rte_mempool *mp)
{
	return atomic_load(&pool_of(mp)->limit) - atomic_load(&pool_of(mp)->live);
}

static int pool_start(struct rte_mempool *mp)
{
	(void)mp;
	return 0;
}

static const struct rte_mempool_ops heap_ops = {.name = "heap",
                                                .alloc = pool_start,
                                                .enqueue = pool_put,
                                                .dequeue = pool_get,
                                                .get_count = pool_count};

RTE_MEMPOOL_REGISTER_OPS(heap_ops)

struct rte_mempool *pool_new(uint32_t limit)
{
	struct pool *p = (struct pool *)aligned_alloc(64, (sizeof(*p) + 63) & ~(size_t)63);

	if (p == NULL)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->mp.elt_size = (uint32_t)(sizeof(struct rte_mbuf) + PKT_PRIV + ROOM);
	p->mp.header_size = OBJECT_AT;
	p->mp.private_data_size = sizeof(p->priv);
	p->mp.socket_id = SOCKET_ID_ANY;
	p->mp.pool_data = p;
	p->priv.mbuf_data_room_size = ROOM;
	p->priv.mbuf_priv_size = PKT_PRIV;
	atomic_store(&p->limit, limit);
	if (rte_mempool_set_ops_byname(&p->mp, "heap", NULL) != 0) {
		free(p);
		return NULL;
	}
	p->mp.flags |= RTE_MEMPOOL_F_POOL_CREATED;
	return &p->mp;
}

void pool_free(struct rte_mempool *pool)
{
	if (pool != NULL)
		free(pool_of(pool));
}

struct rte_mbuf *pool_tight(struct rte_mempool *pool, uint16_t headroom, uint16_t len, uint16_t tailroom)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	size_t size = (size_t)headroom + len + tailroom;
	void *room;

	if (m == NULL)
		return NULL;
	room = malloc(size);
	if (room == NULL)
		abort();
	m->buf_addr = room;
	m->buf_len = (uint16_t)size;
	m->data_off = headroom;
	m->data_len = len;
	m->pkt_len = len;
	return m;
}

uint32_t pool_live(const struct rte_mempool *pool)
{
	return atomic_load(&pool_of(pool)->live);
}

uint64_t pool_taken(const struct rte_mempool *pool)
{
	return atomic_load(&pool_of(pool)->taken);
}

void pool_limit(struct rte_mempool *pool, uint32_t limit)
{
	atomic_store(&pool_of(pool)->limit, limit);
}
