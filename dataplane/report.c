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

/* What the punt thread and this one count: all drops, and what workers have no part in. */
static bool show_counter(void *ctx, uint32_t index, struct rg_api_counter *out)
{
	static const enum counter ours[] = {COUNTER_PMTU_TOLD, COUNTER_PMTU_REFUSED, COUNTER_PMTU_TOO_SMALL,
	                                    COUNTER_PMTU_FULL};
	const struct report *r = (const struct report *)ctx;
	const char *name;

	if (r->punt == NULL || index >= DROP_COUNT - 1 + sizeof(ours) / sizeof(ours[0]))
		return false;
	*out = (struct rg_api_counter){.worker = UINT32_MAX, .is_drop = index < DROP_COUNT - 1};
	if (out->is_drop) {
		name = drop_name((enum drop)(index + 1));
		out->value =
		        counters_read(&r->punt->drop[index + 1]) + counters_read(&r->main->drop[index + 1]);
	} else {
		enum counter what = ours[index - (DROP_COUNT - 1)];

		name = counter_name(what);
		out->value = counters_read(&r->punt->count[what]) + counters_read(&r->main->count[what]);
	}
	snprintf(out->name, sizeof(out->name), "%s", name);
	return true;
}

static void show_status(void *ctx, struct rg_api_status *inout)
{
	const struct report *r = (const struct report *)ctx;

	inout->ports = r->dp->n_ports;
	inout->uptime_ms = loop_now_ms() - r->started_ms;
	snprintf(inout->crypto, sizeof(inout->crypto), "%s", crypto_name());
}

void report_init(struct report *r, const struct dp *dp, const struct counters *punt,
                 const struct counters *main)
{
	*r = (struct report){.dp = dp, .punt = punt, .main = main, .started_ms = loop_now_ms()};
}

void report_fill(struct report *r, struct api_server_config *api)
{
	api->port = show_port;
	api->worker = show_worker;
	api->counter = show_counter;
	api->status = show_status;
	api->ctx = r;
}
