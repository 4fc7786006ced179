/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells a running dataplane of the clients over its API, in control's place: the same
 * records that control sends. One thread, one connection, which it leaves again: SAs
 * outlive their writer.
 */
#include "bench/pktgen/clients.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH      512u
#define TIMEOUT_MS 10000

static int fill(uint16_t type, void *record, uint32_t client)
{
	switch (type) {
	case RG_MSG_TUNNEL_ADD:
		clients_fill_tunnel(record, client);
		return 0;
	case RG_MSG_SA_IN_ADD:
	case RG_MSG_SA_OUT_ADD:
		return clients_fill_sa(record, client);
	case RG_MSG_POLICY_ADD:
		clients_fill_policy(record, client);
		return 0;
	default:
		*(struct rg_api_handle *)record = (struct rg_api_handle){.handle = clients_handle(client)};
		return 0;
	}
}

/* A batch; -EAGAIN of a full socket or of an index in quarantine is worth another try. */
static int call(struct rg_client *client, uint16_t type, const void *records, uint32_t n)
{
	const struct timespec nap = {.tv_nsec = 1000000};
	struct rg_api_reply reply = {0};
	int rc = -EAGAIN;

	for (unsigned tries = 0; rc == -EAGAIN && tries < 1000; tries++) {
		if (tries > 0)
			nanosleep(&nap, NULL);
		reply = (struct rg_api_reply){0};
		rc = rg_client_call(client, type, records, n, &reply, TIMEOUT_MS);
	}
	if (rc != 0)
		fprintf(stderr, "pktgen-clients: the dataplane refused a batch of type %u: %s%s%s\n", type,
		        strerror(-rc), reply.text[0] != '\0' ? ": " : "", reply.text);
	return rc;
}

static int send_all(struct rg_client *client, uint16_t type, uint32_t n)
{
	const size_t size = rg_api_record_size(type);
	uint32_t most = rg_client_max_records(client, type);
	uint8_t *records;
	int rc = 0;

	if (most > BATCH)
		most = BATCH;
	records = malloc(most * size);
	if (records == NULL)
		return -ENOMEM;
	for (uint32_t at = 0; rc == 0 && at < n; at += most) {
		const uint32_t some = n - at < most ? n - at : most;

		for (uint32_t i = 0; rc == 0 && i < some; i++)
			rc = fill(type, records + i * size, at + i);
		if (rc == 0)
			rc = call(client, type, records, some);
	}
	explicit_bzero(records, most * size);
	free(records);
	return rc;
}

static int connect_writer(const char *socket, struct rg_client **client)
{
	struct rg_api_reply reply = {0};
	int rc = rg_client_open(socket, RG_ROLE_WRITER, "pktgen-clients", client);

	if (rc == 0) {
		rc = rg_client_hello(*client, &reply, TIMEOUT_MS);
		if (rc != 0)
			rg_client_close(*client);
	}
	if (rc != 0)
		fprintf(stderr,
		        "pktgen-clients: %s: %s%s%s; is roamgate-dataplane running, and no "
		        "roamgate-control?\n",
		        socket, strerror(-rc), reply.text[0] != '\0' ? ": " : "", reply.text);
	return rc;
}

static int send_types(const char *socket, uint32_t n, const uint16_t *types, unsigned n_types)
{
	struct rg_client *client = NULL;
	struct timespec start, end;
	int rc = connect_writer(socket, &client);

	if (rc != 0)
		return rc;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (unsigned i = 0; rc == 0 && i < n_types; i++)
		rc = send_all(client, types[i], n);
	clock_gettime(CLOCK_MONOTONIC, &end);
	rg_client_close(client);
	if (rc == 0)
		printf("%u clients in %.0f ms\n", n,
		       (double)(end.tv_sec - start.tv_sec) * 1e3 +
		               (double)(end.tv_nsec - start.tv_nsec) / 1e6);
	return rc;
}

int install_all(const char *socket, uint32_t n)
{
	static const uint16_t types[] = {RG_MSG_TUNNEL_ADD, RG_MSG_SA_IN_ADD, RG_MSG_SA_OUT_ADD,
	                                 RG_MSG_POLICY_ADD};

	return send_types(socket, n, types, 4);
}

int install_renew(const char *socket, uint32_t n)
{
	static const uint16_t types[] = {RG_MSG_SA_IN_DEL, RG_MSG_SA_IN_ADD};

	return send_types(socket, n, types, 2);
}
