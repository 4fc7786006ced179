/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: datagrams to the real API server over real tables (H73). The input
 * is a list of steps, each a type, a count and bytes that are XORed over valid
 * records, so that zeros are a valid batch and every bit is one mutation away. After
 * every input the tables must agree with what their dumps say.
 */
#include "dataplane/api/client.h"
#include "dataplane/api_server.h"
#include "dataplane/core/owner.h"
#include "dataplane/core/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEPS_MAX   40
#define RECORDS_MAX 3
#define WORKERS     3 /* this thread plays them: they obey orders (owner.h), and have no packets */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

static uint8_t take_byte(struct input *in)
{
	if (in->size == 0)
		return 0;
	in->size--;
	return *in->data++;
}

static struct rg_api_path valid_path(uint8_t remote)
{
	struct rg_api_path p = {.family = 4, .encap = RG_ENCAP_UDP, .local_port = 4500, .remote_port = 4500};

	memcpy(p.local, (uint8_t[]){192, 0, 2, 1}, 4);
	memcpy(p.remote, (uint8_t[]){203, 0, 113, (uint8_t)(remote + 1)}, 4);
	return p;
}

static struct rg_api_sa valid_sa(uint32_t handle, uint32_t tunnel)
{
	struct rg_api_sa sa = {.handle = handle,
	                       .spi = htonl(0x10000000 | handle),
	                       .tunnel = tunnel,
	                       .suite = RG_SUITE_AES128_GCM16,
	                       .window = 64};

	sa.local[0] = (struct rg_api_selector){.family = 4, .port_last = 65535, .last = {255, 255, 255, 255}};
	sa.remote[0] = sa.local[0];
	return sa;
}

/* A record of the type that is valid if object `n` is, or is not, there. */
static void valid_record(uint16_t type, uint8_t n, uint32_t step, void *out)
{
	uint32_t handle = RG_SA_HANDLE(1 + n % 32, n / 32);
	struct rg_api_tunnel tunnel = {.handle = handle, .generation = 1, .path = valid_path(n)};
	struct rg_api_sa sa = valid_sa(handle, handle);
	struct rg_api_policy policy = {.handle = handle, .sa = handle, .family = 4, .prefix_len = 24 + n % 9};
	struct rg_api_migrate migrate = {.handle = handle, .generation = 2 + step, .path = valid_path(n / 2)};

	memcpy(policy.prefix, (uint8_t[]){10, 0, 0, n}, 4);
	switch (type) {
	case RG_MSG_TUNNEL_ADD:
		memcpy(out, &tunnel, sizeof(tunnel));
		return;
	case RG_MSG_SA_IN_ADD:
	case RG_MSG_SA_OUT_ADD:
		memcpy(out, &sa, sizeof(sa));
		return;
	case RG_MSG_POLICY_ADD:
		memcpy(out, &policy, sizeof(policy));
		return;
	case RG_MSG_MIGRATE:
	case RG_MSG_SUSPEND:
		memcpy(out, &migrate, sizeof(migrate));
		return;
	case RG_MSG_POLICY_SET:
		memcpy(out, &(struct rg_api_policy_set){handle, handle}, sizeof(struct rg_api_policy_set));
		return;
	case RG_MSG_OWNER:
		memcpy(out, &(struct rg_api_owner){handle, n % 3}, sizeof(struct rg_api_owner));
		return;
	default:
		if (type >= RG_MSG_TUNNEL_DEL && type <= RG_MSG_POLICY_DEL)
			memcpy(out, &handle, sizeof(handle));
	}
}

/* Batches of one record each. */
static size_t build_chain(uint8_t object, uint32_t step, uint32_t count, uint8_t *out)
{
	static const uint16_t types[] = {RG_MSG_TUNNEL_ADD, RG_MSG_SA_IN_ADD, RG_MSG_SA_OUT_ADD,
	                                 RG_MSG_POLICY_ADD};
	size_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct rg_api_run run = {.type = types[(object + i) % 4], .count = 1};

		memcpy(out + n, &run, sizeof(run));
		valid_record(run.type, object, step, out + n + sizeof(run));
		n += rg_client_run_bytes(run.type, 1);
	}
	return n;
}

/* One datagram; some are cut or lie about their header. */
static size_t build(struct input *in, uint32_t step, uint8_t *out, size_t room)
{
	uint16_t type = take_byte(in) % 23;
	uint8_t how = take_byte(in), object = take_byte(in), spoil = take_byte(in) % 64;
	uint32_t count = 1 + how % RECORDS_MAX;
	size_t record = rg_api_record_size(type), n = sizeof(struct rg_api_hdr) + count * record;
	struct rg_api_hdr hdr = {RG_API_MAGIC, RG_API_VERSION, type, count, step};

	memset(out, 0, room);
	if (type == RG_MSG_CHAIN)
		n = sizeof(hdr) + build_chain(object, step, count, out + sizeof(hdr));
	for (uint32_t i = 0; i < count && type != RG_MSG_CHAIN; i++)
		valid_record(type, (uint8_t)(object + i), step, out + sizeof(hdr) + i * record);
	memcpy(out, &hdr, sizeof(hdr));
	for (size_t at = how & 0x80 ? 0 : sizeof(hdr); spoil > 0; spoil--, at++) {
		at += take_byte(in);
		if (at < n)
			out[at] ^= take_byte(in);
	}
	if ((how & 0x40) != 0) {
		size_t cut = (size_t)take_byte(in) + 1;

		return cut < n ? cut : n;
	}
	return n;
}

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_tables(const struct core *core)
{
	uint32_t n[4] = {0}, refs = 0;
	struct rg_api_sa_info sa;
	struct rg_api_tunnel t;
	struct rg_api_policy p;

	for (uint32_t i = 0; i < dump_limit(core, DUMP_TUNNEL); i++) {
		if (!dump_tunnel(core, i, &t))
			continue;
		const struct tunnel_slot *slot = &core->writer->tunnels[i];
		require(path_is_whole(tunnel_path(slot->tunnel)) && !slot->marked);
		refs += slot->refs;
		const struct sa *s = writer_sa_of(core, slot->sas);
		for (; s != NULL; s = writer_sa_of(core, sa_rare(s)->tunnel_next))
			require(sa_owner(s) == slot->tunnel->owner);
		n[0]++;
	}
	for (uint32_t i = 0; i < core->capacity; i++) {
		n[1] += dump_sa(core, RG_IN, i, &sa);
		n[2] += dump_sa(core, RG_OUT, i, &sa);
	}
	for (uint32_t i = 0; i < dump_limit(core, DUMP_POLICY); i++) {
		if (!dump_policy(core, i, &p))
			continue;
		require(p.sa == 0 || sa_by_handle(core, RG_OUT, p.sa) != NULL);
		uint32_t addr;
		memcpy(&addr, p.prefix, 4);
		require((p.family == 4 ? policy_find4(&core->policies, addr)
		                       : policy_find6(&core->policies, p.prefix)) != NULL);
		n[3]++;
	}
	require(n[0] == core->writer->n_tunnels && n[3] == core->writer->n_policies);
	require(n[1] == core->writer->n_sas[RG_IN] && n[2] == core->writer->n_sas[RG_OUT]);
	require(refs == n[1] + n[2]);
}

static void drain(int fd)
{
	static uint8_t answer[RG_API_MAX_MSG];

	while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		continue;
}

static void run(struct core *core, struct api_server *server, int fd, struct input *in)
{
	static uint8_t datagram[sizeof(struct rg_api_hdr) + (RECORDS_MAX + 1) * sizeof(struct rg_api_sa)];
	struct rg_api_hello hello = {.role = RG_ROLE_WRITER};
	struct rg_api_hdr hdr = {RG_API_MAGIC, RG_API_VERSION, RG_MSG_HELLO, 1, 0};
	uint64_t now = 1000;

	memcpy(datagram, &hdr, sizeof(hdr));
	memcpy(datagram + sizeof(hdr), &hello, sizeof(hello));
	(void)send(fd, datagram, sizeof(hdr) + sizeof(hello), MSG_NOSIGNAL);
	for (uint32_t step = 1; step < STEPS_MAX && in->size > 0; step++, now += 50) {
		size_t n = build(in, step, datagram, sizeof(datagram));
		if (send(fd, datagram, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE)
			return;
		core_tick(core, now);
		api_server_dispatch(server, now);
		owner_obey(core, step % (WORKERS + 1) % WORKERS);
		drain(fd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct core_config config = {.n_workers = WORKERS, .max_sas = 64, .key_size = 64};
	struct api_server_config server_config = {0};
	struct input in = {data, size};
	struct api_server *server = NULL;
	struct core *core = NULL;
	int pair[2];

	require(core_new(&config, &core) == 0);
	server_config.core = core;
	require(api_server_new(&server_config, &server) == 0);
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	require(api_server_adopt(server, pair[0], 1000) == 0);
	run(core, server, pair[1], &in);
	for (unsigned i = 0; i < WORKERS; i++)
		owner_obey(core, i);
	owner_collect(core);
	check_tables(core);
	close(pair[1]);
	api_server_free(server);
	core_free(core);
	return 0;
}
