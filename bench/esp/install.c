/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many SA pairs a second the API installs, and what they weigh: for each client a
 * tunnel of its own, to an address of its own with a resolved next hop, an SA in each
 * direction with an expanded AES-GCM key and a window of 1024, and a policy for its inner
 * address. What they weigh is what the process grew by, the counters memfd with it.
 */
#include "bench/esp/api_rig.h"
#include "bench/esp/bench.h"
#include "bench/proc.h"

#include "dataplane/core/slab.h"
#include "dataplane/crypto.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_cycles.h>

#define PAIRS 500000u
#define BATCH 500u /* pairs */

struct installed {
	uint32_t pairs;
	double per_second;
	double bytes_per_sa; /* all that a client needs, by two */
};

struct batch {
	struct rg_api_tunnel tunnels[BATCH];
	struct rg_api_sa in[BATCH], out[BATCH];
	struct rg_api_policy policies[BATCH];
};

struct install {
	struct api_rig rig;
	struct batch *batch;
};

static uint32_t handle_of(uint32_t i)
{
	return RG_SA_HANDLE(i + 1, 1);
}

static void put_address(uint8_t *where, uint32_t host_order)
{
	uint32_t addr = htonl(host_order);

	memcpy(where, &addr, 4);
}

static struct rg_api_selector selector(uint32_t first, uint32_t last)
{
	struct rg_api_selector s = {.family = 4, .port_last = 65535};

	put_address(s.first, first);
	put_address(s.last, last);
	return s;
}

static void fill_tunnel(struct rg_api_tunnel *t, uint32_t i)
{
	*t = (struct rg_api_tunnel){.handle = handle_of(i), .generation = 1, .cookie = i};
	t->path = (struct rg_api_path){
	        .family = 4, .encap = RG_ENCAP_UDP, .local_port = htons(4500), .remote_port = htons(4500)};
	put_address(t->path.local, 0xcb007102);
	put_address(t->path.remote, 0xc6000000u + i + 1);
}

/* What does not change from client to client stays in the record. */
static void fill_sa(struct rg_api_sa *sa, uint32_t i)
{
	sa->handle = sa->tunnel = handle_of(i);
	sa->spi = htonl(1u << 28 | sa->handle);
	sa->cookie = i;
	memcpy(sa->key, &i, sizeof(i));
	put_address(sa->remote[0].first, 0x0a000000u + i + 1);
	put_address(sa->remote[0].last, 0x0a000000u + i + 1);
}

static void fill_policy(struct rg_api_policy *p, uint32_t i)
{
	*p = (struct rg_api_policy){
	        .handle = handle_of(i), .sa = handle_of(i), .cookie = i, .family = 4, .prefix_len = 32};
	put_address(p->prefix, 0x0a000000u + i + 1);
}

static void prepare(struct batch *b)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		b->in[i] = (struct rg_api_sa){
		        .flags = RG_SA_ESN,
		        .suite = RG_SUITE_AES128_GCM16,
		        .window = 1024,
		        .lifetime = {.soft_bytes = 1ull << 36,
		                     .hard_bytes = 1ull << 37,
		                     .soft_seconds = 3000,
		                     .hard_seconds = 3600},
		};
		b->in[i].local[0] = selector(0x0a800000, 0x0a80ffff);
		b->in[i].remote[0] = selector(0, 0);
		b->out[i] = b->in[i];
	}
}

static int send_pairs(struct install *s, uint32_t first, uint32_t n)
{
	struct batch *b = s->batch;
	int rc;

	for (uint32_t i = 0; i < n; i++) {
		fill_tunnel(&b->tunnels[i], first + i);
		fill_sa(&b->in[i], first + i);
		fill_sa(&b->out[i], first + i);
		fill_policy(&b->policies[i], first + i);
	}
	rc = api_rig_send(&s->rig, RG_MSG_TUNNEL_ADD, b->tunnels, n);
	if (rc == 0)
		rc = api_rig_send(&s->rig, RG_MSG_SA_IN_ADD, b->in, n);
	if (rc == 0)
		rc = api_rig_send(&s->rig, RG_MSG_SA_OUT_ADD, b->out, n);
	return rc == 0 ? api_rig_send(&s->rig, RG_MSG_POLICY_ADD, b->policies, n) : rc;
}

static int install_all(struct install *s, struct installed *result)
{
	const double start = api_rig_now();
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < result->pairs; i += BATCH)
		rc = send_pairs(s, i, result->pairs - i < BATCH ? result->pairs - i : BATCH);
	if (rc == 0)
		rc = api_rig_drain(&s->rig);
	result->per_second = result->pairs / (api_rig_now() - start);
	return rc;
}

/* Are they all there, and does each destination lead to its SA? */
static int check_all(struct install *s, const struct installed *result)
{
	const struct rg_api_dump all = {0};
	const struct rg_api_status *status;
	const struct core *core = s->rig.core;
	struct rg_client_msg msg;
	int rc = rg_client_send(s->rig.client, RG_MSG_QUERY_STATUS, &all, 1, NULL);

	if (rc == 0)
		rc = api_rig_await(&s->rig, &msg);
	status = rc == 0 ? msg.records : NULL;
	if (rc == 0 && (msg.type != RG_MSG_STATUS || status->sas_in != result->pairs ||
	                status->sas_out != result->pairs || status->policies != result->pairs))
		rc = -EBADMSG;
	for (uint32_t i = 0; rc == 0 && i < result->pairs; i++) {
		const struct policy_set *set = policy_find4(&core->policies, htonl(0x0a000000u + i + 1));
		const struct sa *in = sa_in_find(core, htonl(1u << 28 | handle_of(i)));
		const struct sa *out = set != NULL ? policy_first(set) : NULL;
		if (in == NULL || out == NULL || in->handle != handle_of(i) || out->handle != handle_of(i))
			rc = -EBADMSG;
	}
	return rc == 0 ? api_rig_await_reply(&s->rig) : rc;
}

/*
 * The host of a virtual machine backs memory when it is touched, at less than 1 GB/s; the
 * kernel's own clearing of backed pages is 20 times as fast, and is part of what is measured.
 */
static void back_memory(size_t bytes)
{
	void *p = slab_map(bytes);

	if (p == NULL)
		return;
	memset(p, 1, bytes);
	munmap(p, bytes);
}

/* As the mirror does once it knows the neighbour. */
static void resolve(void *ctx, struct route *route)
{
	struct install *s = ctx;
	struct nexthop nh = {.l2 = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}, .mtu = 1500};

	route_set_nexthop(s->rig.core, route, &nh);
}

static int install(struct installed *result)
{
	struct install s = {.batch = calloc(1, sizeof(*s.batch))};
	struct core_config config = {.n_workers = 1,
	                             .max_sas = result->pairs + 2,
	                             .key_size = CRYPTO_KEY_BYTES,
	                             .key_align = CRYPTO_KEY_ALIGN,
	                             .key_bytes = crypto_key_bytes,
	                             .key_has_spare = crypto_key_has_spare,
	                             .key_expand = crypto_key_expand,
	                             .route_added = resolve,
	                             .ctx = &s};
	uint64_t before;
	int rc;

	if (s.batch == NULL)
		return -ENOMEM;
	prepare(s.batch);
	back_memory((size_t)result->pairs * 3072);
	before = proc_rss(getpid());
	rc = api_rig_open(&s.rig, &config);
	if (rc == 0)
		rc = install_all(&s, result);
	result->bytes_per_sa = (double)(proc_rss(getpid()) - before) / 2 / result->pairs;
	if (rc == 0)
		rc = check_all(&s, result);
	if (rc != 0)
		fprintf(stderr, "bench: install: %s\n", strerror(-rc));
	api_rig_close(&s.rig);
	free(s.batch);
	return rc;
}

int install_run(struct bench *b)
{
	struct installed result = {.pairs = PAIRS};
	struct bench_record record = {.suite = "install", .direction = "api", .sas = 2 * PAIRS};
	int rc = install(&result);
	json_t *json;

	if (rc != 0)
		return rc;
	/* a pair of SAs in place of a packet, and no bytes */
	record.mpps = result.per_second / 1e6;
	record.cycles = (double)rte_get_tsc_hz() / result.per_second;
	json = report_add(b, &record);
	json_object_set_new(json, "pairs_per_s", json_real(result.per_second));
	json_object_set_new(json, "bytes_per_sa", json_real(result.bytes_per_sa));
	printf("SA pairs installed through the API: %.0f a second (%u SAs held, %.0f bytes an SA in all)\n",
	       result.per_second, 2 * PAIRS, result.bytes_per_sa);
	return 0;
}
