/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills API records from what the process knows beside the tables. Main.
 */
#include "dataplane/report.h"
#include "dataplane/crypto.h"
#include "dataplane/loop.h"

#include <stdio.h>

static bool show_port(void *ctx, uint32_t index, struct rg_api_port *out)
{
	const struct report *r = (const struct report *)ctx;
	const struct port *p;

	if (index >= r->dp->n_ports)
		return false;
	p = &r->dp->port[index];
	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", p->name);
	snprintf(out->device, sizeof(out->device), "%s", p->device);
	memcpy(out->mac, p->mac, 6);
	out->mtu = p->mtu;
	out->up = atomic_load_explicit(&p->up, memory_order_relaxed);
	for (unsigned i = 0; i < r->dp->n_workers; i++) {
		const struct port_counters *c = &r->dp->worker[i]->port[index];
		out->rx_packets += counters_read(&c->rx_packets);
		out->rx_bytes += counters_read(&c->rx_bytes);
		out->tx_packets += counters_read(&c->tx_packets);
		out->tx_bytes += counters_read(&c->tx_bytes);
		out->tx_full += counters_read(&c->tx_full);
	}
	return true;
}

static void show_worker(void *ctx, uint32_t index, struct rg_api_worker *inout)
{
	const struct report *r = (const struct report *)ctx;

	if (index < r->dp->n_workers) {
		inout->cpu = r->dp->worker[index]->cpu;
		inout->socket = r->dp->core->config.worker_node[index];
	}
}

/* The punt thread's drops. */
static bool show_counter(void *ctx, uint32_t index, struct rg_api_counter *out)
{
	const struct report *r = (const struct report *)ctx;

	if (r->punt == NULL || index + 1 >= DROP_COUNT)
		return false;
	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", drop_name((enum drop)(index + 1)));
	out->worker = UINT32_MAX;
	out->is_drop = 1;
	out->value = counters_read(&r->punt->drop[index + 1]);
	return true;
}

static void show_status(void *ctx, struct rg_api_status *inout)
{
	const struct report *r = (const struct report *)ctx;

	inout->ports = r->dp->n_ports;
	inout->uptime_ms = loop_now_ms() - r->started_ms;
	snprintf(inout->crypto, sizeof(inout->crypto), "%s", crypto_name());
}

void report_init(struct report *r, const struct dp *dp, const struct counters *punt)
{
	*r = (struct report){.dp = dp, .punt = punt, .started_ms = loop_now_ms()};
}

void report_fill(struct report *r, struct api_server_config *api)
{
	api->port = show_port;
	api->worker = show_worker;
	api->counter = show_counter;
	api->status = show_status;
	api->ctx = r;
}
