/* SPDX-License-Identifier: Apache-2.0 */
/* How many tunnels a second the API moves. */
#include "bench/esp/api_rig.h"
#include "bench/esp/bench.h"

#include "dataplane/core/writer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#define TUNNELS   10000u
#define A_MESSAGE 1000u

struct moves {
	uint32_t tunnels, batch;
	uint64_t moved;
	double per_second;
};

static void fill_path(struct rg_api_path *path, uint32_t tunnel, uint32_t generation)
{
	const uint32_t local = htonl(0xcb007102),
	               remote = htonl(0xc6120000u + (tunnel << 1) + (generation & 1));

	memset(path, 0, sizeof(*path));
	path->family = 4;
	path->encap = RG_ENCAP_UDP;
	path->local_port = path->remote_port = htons(4500);
	memcpy(path->local, &local, 4);
	memcpy(path->remote, &remote, 4);
}

static int add_tunnels(struct api_rig *rig, uint32_t tunnels, uint32_t batch)
{
	struct rg_api_tunnel *records = calloc(batch, sizeof(*records));
	int rc = records == NULL ? -ENOMEM : 0;

	for (uint32_t first = 0; rc == 0 && first < tunnels; first += batch) {
		for (uint32_t i = 0; i < batch; i++) {
			records[i].handle = RG_SA_HANDLE(first + i + 1, 1);
			records[i].generation = 1;
			fill_path(&records[i].path, first + i, 1);
		}
		rc = api_rig_send(rig, RG_MSG_TUNNEL_ADD, records, batch);
	}
	free(records);
	return rc == 0 ? api_rig_drain(rig) : rc;
}

static int migrate_all(struct api_rig *rig, double seconds, struct moves *result)
{
	struct rg_api_migrate *records = calloc(result->batch, sizeof(*records));
	uint32_t at = 0, generation = 2;
	const double start = api_rig_now();
	int rc = records == NULL ? -ENOMEM : 0;

	while (rc == 0 && api_rig_now() < start + seconds) {
		for (uint32_t i = 0; i < result->batch; i++) {
			records[i].handle = RG_SA_HANDLE(at + i + 1, 1);
			records[i].generation = generation;
			fill_path(&records[i].path, at + i, generation);
		}
		rc = api_rig_send(rig, RG_MSG_MIGRATE, records, result->batch);
		result->moved += result->batch;
		at += result->batch;
		if (at >= result->tunnels) {
			at = 0;
			generation++;
		}
	}
	if (rc == 0)
		rc = api_rig_drain(rig);
	if (rc == 0 && rig->core->writer->migrations != result->moved)
		rc = -EPROTO; /* answered, but not done */
	result->per_second = (double)result->moved / (api_rig_now() - start);
	free(records);
	return rc;
}

static int move_all(double seconds, struct moves *result)
{
	struct core_config config = {.n_workers = 1, .max_sas = result->tunnels + 2};
	struct api_rig rig;
	int rc = api_rig_open(&rig, &config);

	if (rc == 0)
		rc = add_tunnels(&rig, result->tunnels, result->batch);
	if (rc == 0)
		rc = migrate_all(&rig, seconds, result);
	if (rc != 0)
		fprintf(stderr, "bench: migrations: %s\n", strerror(-rc));
	api_rig_close(&rig);
	return rc;
}

int migrations_run(struct bench *b)
{
	struct moves moves = {.tunnels = TUNNELS, .batch = A_MESSAGE};
	struct bench_record record = {.suite = "migrate", .direction = "api", .sas = TUNNELS};
	int rc = move_all(b->options.quick ? 0.5 : 3.0, &moves);
	json_t *json;

	if (rc != 0)
		return rc;
	/* a migration in place of a packet, and no bytes */
	record.mpps = moves.per_second / 1e6;
	record.cycles = (double)rte_get_tsc_hz() / moves.per_second;
	json = report_add(b, &record);
	json_object_set_new(json, "batch", json_integer(A_MESSAGE));
	json_object_set_new(json, "migrations_per_s", json_real(moves.per_second));
	printf("migrations through the API: %.0f a second (%u tunnels, %u a message)\n", moves.per_second,
	       TUNNELS, A_MESSAGE);
	return 0;
}
