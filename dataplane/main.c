/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roamgate-dataplane: brings everything up in order, runs the main thread's loop, takes
 * everything down in reverse. The main thread owns all tables; see docs/threading.md.
 */
#include "dataplane/api_server.h"
#include "dataplane/core/numa.h"
#include "dataplane/crypto.h"
#include "dataplane/eal.h"
#include "dataplane/kernel.h"
#include "dataplane/loop.h"
#include "dataplane/punt_thread.h"
#include "dataplane/report.h"
#include "dataplane/selftest.h"
#include "dataplane/steer.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_launch.h>

struct process {
	struct punt_thread punt;
	const struct rg_config *cfg;
	struct api_server *api;
	struct nl nl;
	struct report report;
	struct counters counters; /* of this thread */
	struct selftest selftest;
	struct steer steer;
	struct pmtu_search pmtu;
	struct loop loop;
	struct mirror mirror;
	struct dp dp;
	struct rte_mempool *pool[NUMA_NODES]; /* EAL's end is theirs */
	struct kernel kernel;
	int signals;
	bool eal, launched;
	char error[1024];
};

static int say(struct process *p, const char *what, int rc)
{
	if (p->error[0] == '\0')
		snprintf(p->error, sizeof(p->error), "%s: %s", what, strerror(-rc));
	return rc;
}

/* The pool of a NUMA node, for the queues of its ports; one for all where there is one node. */
static struct rte_mempool *pool_on(struct process *p, int socket)
{
	const struct rg_cfg_dataplane *cfg = &p->cfg->dataplane;
	unsigned at = rte_socket_count() > 1 && socket > 0 && socket < NUMA_NODES ? (unsigned)socket : 0;

	if (p->pool[at] == NULL)
		p->pool[at] = port_pool_new((unsigned)cfg->n_ports, (unsigned)cfg->n_workers,
		                            rte_socket_count() > 1 ? (int)at : SOCKET_ID_ANY);
	if (p->pool[at] == NULL)
		snprintf(p->error, sizeof(p->error),
		         "packet pool: no memory for it on NUMA node %u in %u MiB; raise dataplane.memory",
		         at, cfg->memory_mib);
	return p->pool[at];
}

static int open_port(struct process *p, struct port *port)
{
	const unsigned workers = (unsigned)p->cfg->dataplane.n_workers;
	struct rte_mempool *pool = pool_on(p, rte_eth_dev_socket_id(port->ethdev));
	int rc = pool == NULL ? -ENOMEM : 0;

	port->one_pool = rte_socket_count() < 2;
	if (rc == 0)
		rc = port_open(port, workers, pool, p->error, sizeof(p->error));
	if (rc == 0 && workers > 1)
		fprintf(stderr, "port %s: %u queues, %s\n", port->name, workers,
		        port->rss != 0 ? "filled by RSS" : "filled as the device likes: it has no RSS");
	return rc;
}

static int open_ports(struct process *p)
{
	const struct rg_cfg_dataplane *cfg = &p->cfg->dataplane;
	char device[64];
	int rc = 0;

	p->dp.pool = pool_on(p, (int)rte_lcore_to_socket_id(EAL_WORKER_LCORE(0)));
	if (p->dp.pool == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < cfg->n_ports && rc == 0; i++) {
		struct port *port = &p->dp.port[i];
		snprintf(port->name, sizeof(port->name), "%s", cfg->ports[i].name);
		snprintf(port->device, sizeof(port->device), "%s", cfg->ports[i].device);
		snprintf(port->netdev, sizeof(port->netdev), "%s", port_device_netdev(&cfg->ports[i]));
		port->virtual_device = port->netdev[0] != '\0';
		port->tap = -1;
		port_device_name(&cfg->ports[i], (unsigned)i, device, sizeof(device));
		rc = selftest_ingress(port, p->error, sizeof(p->error));
		if (rc == 0 && rte_eth_dev_get_port_by_name(device, &port->ethdev) != 0) {
			snprintf(p->error, sizeof(p->error), "port %s: there is no device %s", port->name,
			         device);
			rc = -ENODEV;
		}
		if (rc == 0)
			rc = open_port(p, port);
		if (rc == 0)
			p->dp.n_ports++;
		/* others are told by the mirror */
		atomic_store(&port->up, !port->virtual_device);
	}
	for (size_t i = 0; i < p->cfg->n_networks; i++)
		p->dp.port[p->cfg->networks[i].port].network = true;
	return rc;
}

static int make_core(struct process *p)
{
	const struct rg_cfg_dataplane *cfg = &p->cfg->dataplane;
	struct core_config core = {
	        .n_workers = (unsigned)cfg->n_workers,
	        .max_sas = cfg->max_sas,
	        .balance = cfg->balance != 0,
	        .key_size = CRYPTO_KEY_BYTES,
	        .key_align = CRYPTO_KEY_ALIGN,
	        .key_bytes = crypto_key_bytes,
	        .key_has_spare = crypto_key_has_spare,
	        .key_expand = crypto_key_expand,
	        .local_table = mirror_local_table,
	        .route_added = mirror_route_added,
	        .ctx = &p->mirror,
	};
	int rc;

	for (size_t i = 0; i < cfg->n_workers && i < CORE_MAX_WORKERS; i++)
		core.worker_node[i] = (uint8_t)rte_lcore_to_socket_id((unsigned)EAL_WORKER_LCORE(i));
	rc = core_new(&core, &p->dp.core);

	if (rc != 0)
		return rc;
	p->dp.n_workers = (unsigned)cfg->n_workers;
	p->dp.sleep = cfg->idle == RG_IDLE_SLEEP;
	p->dp.mss_clamp = cfg->mss_clamp != 0;
	for (unsigned i = 0; i < p->dp.n_ports; i++)
		p->dp.prefetch_payload |= !p->dp.port[i].virtual_device;
	for (unsigned i = 0; i < p->dp.n_workers; i++) {
		struct worker *w = worker_new(&p->dp, i, true);
		if (w == NULL)
			return -ENOMEM;
		w->cpu = cfg->workers[i];
		w->lcore = EAL_WORKER_LCORE(i);
	}
	return 0;
}

static void restore_ports(struct process *p)
{
	for (unsigned i = 0; i < p->dp.n_ports; i++) {
		if ((p->mirror.back & 1u << i) == 0)
			continue;
		if (kernel_restore(&p->nl, &p->dp, p->cfg, i, p->error, sizeof(p->error)) != 0)
			fprintf(stderr, "%s\n", p->error);
	}
	p->mirror.back = 0;
}

static void on_tick(void *ctx, uint64_t now_ms)
{
	struct process *p = (struct process *)ctx;

	mirror_tick(&p->mirror, now_ms);
	if (p->mirror.back != 0)
		restore_ports(p);
	pmtu_tick(&p->pmtu, &p->punt.pmtu, p->dp.core, &p->counters);
	core_tick(p->dp.core, now_ms);
	steer_tick(&p->steer);
	selftest_tick(&p->selftest, &p->mirror, now_ms);
	api_server_dispatch(p->api, now_ms);
}

static int when_due(void *ctx, uint64_t now_ms)
{
	return api_server_timeout(((struct process *)ctx)->api, now_ms);
}

static void on_netlink(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	mirror_readable(&((struct process *)ctx)->mirror, loop_now_ms());
}

static void on_api(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	api_server_dispatch(((struct process *)ctx)->api, loop_now_ms());
}

static void on_signal(void *ctx, int fd, uint32_t events)
{
	struct process *p = (struct process *)ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		fprintf(stderr, "main: SIGHUP: only roamgate-control reads its configuration again; what is "
		                "changed in `dataplane:`, uplinks, networks or pools is for a restart\n");
		return;
	}
	fprintf(stderr, "main: signal %u: stopping\n", info.ssi_signo);
	p->loop.stop = true;
}

/* Before any thread is made: all of them inherit the mask. SIGHUP would end the process, and a supervisor
 * takes that for an end that was wanted. */
static int open_signals(struct process *p)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->signals < 0 ? -errno : 0;
}

static int open_loop(struct process *p)
{
	struct api_server_config api = {.path = p->cfg->dataplane.socket, .core = p->dp.core};
	int rc = loop_init(&p->loop);

	report_init(&p->report, &p->dp, &p->punt.counters, &p->counters);
	report_fill(&p->report, &api);
	p->loop.tick = on_tick;
	p->loop.hurry = when_due;
	p->loop.tick_ctx = p;
	if (rc == 0)
		rc = loop_add(&p->loop, p->signals, EPOLLIN, on_signal, p);
	if (rc == 0)
		rc = loop_add(&p->loop, mirror_fd(&p->mirror), EPOLLIN, on_netlink, p);
	if (rc != 0)
		return rc;
	rc = api_server_new(&api, &p->api);
	if (rc != 0) {
		snprintf(p->error, sizeof(p->error), "socket %s: %s%s", p->cfg->dataplane.socket,
		         strerror(-rc),
		         rc == -EADDRINUSE ? "; another dataplane answers there: stop it, or set "
		                             "dataplane.socket"
		         : rc == -ENOENT   ? "; make its folder, or set dataplane.socket"
		                           : "");
		return rc;
	}
	return loop_add(&p->loop, api_server_fd(p->api), EPOLLIN, on_api, p);
}

static int launch(struct process *p)
{
	int rc = punt_thread_start(&p->punt, &p->dp, p->kernel.tun);

	p->launched = rc == 0;
	for (unsigned i = 0; i < p->dp.n_workers && rc == 0; i++)
		rc = rte_eal_remote_launch(worker_loop, p->dp.worker[i], p->dp.worker[i]->lcore);
	return rc;
}

static int bring_up(struct process *p)
{
	int rc = open_signals(p);

	if (rc != 0)
		return say(p, "signals", rc);
	rc = crypto_init();
	if (rc != 0)
		return say(p, crypto_report(), rc);
	fprintf(stderr, "main: %s\n", crypto_report());
	rc = eal_start(p->cfg, p->error, sizeof(p->error));
	if (rc != 0)
		return say(p, "DPDK", rc);
	p->eal = true;
	rc = open_ports(p);
	if (rc != 0)
		return say(p, "ports", rc);
	rc = make_core(p);
	if (rc != 0)
		return say(p, "tables", rc);
	rc = nl_open(&p->nl);
	if (rc == 0)
		rc = kernel_setup(&p->kernel, &p->nl, &p->dp, p->cfg, p->error, sizeof(p->error));
	if (rc != 0)
		return say(p, "kernel", rc);
	p->mirror.nl = p->nl;
	p->mirror.tun_ifindex = p->kernel.tun_ifindex;
	rc = mirror_open(&p->mirror, &p->dp, p->cfg);
	if (rc != 0)
		return say(p, "netlink", rc);
	rc = steer_open(&p->steer, &p->dp);
	if (rc != 0)
		return say(p, "steering", rc);
	rc = open_loop(p);
	if (rc != 0)
		return say(p, "loop", rc);
	rc = launch(p);
	return rc == 0 ? 0 : say(p, "threads", rc);
}

static void take_down(struct process *p)
{
	atomic_store_explicit(&p->dp.stop, true, memory_order_relaxed);
	if (p->eal)
		rte_eal_mp_wait_lcore();
	if (p->launched)
		punt_thread_stop(&p->punt);
	api_server_free(p->api);
	loop_fini(&p->loop);
	mirror_close(&p->mirror);
	kernel_teardown(&p->kernel, &p->dp);
	nl_close(&p->nl);
	for (unsigned i = 0; i < p->dp.n_workers; i++)
		worker_free(p->dp.worker[i]);
	steer_close(&p->steer);
	for (unsigned i = 0; i < p->dp.n_ports; i++)
		port_close(&p->dp.port[i]);
	if (p->dp.core != NULL)
		core_free(p->dp.core);
	fib_free((struct fib *)(uintptr_t)atomic_load(&p->dp.fib));
	if (p->eal)
		eal_stop();
	crypto_fini();
}

static int run(const struct rg_config *cfg)
{
	struct process *p = (struct process *)aligned_alloc(64, (sizeof(*p) + 63) & ~(size_t)63);
	int rc;

	if (p == NULL)
		return 1;
	memset(p, 0, sizeof(*p));
	p->cfg = cfg;
	p->kernel.tun = -1;
	/* keys must not reach a core file */
	prctl(PR_SET_DUMPABLE, 0);
	rc = bring_up(p);
	if (rc == 0) {
		fprintf(stderr, "main: %u ports, %u workers, %s; API at %s\n", p->dp.n_ports, p->dp.n_workers,
		        crypto_name(), cfg->dataplane.socket);
		selftest_start(&p->selftest, &p->mirror, loop_now_ms());
		loop_run(&p->loop);
	} else {
		fprintf(stderr, "%s\n", p->error);
	}
	take_down(p);
	free(p);
	return rc == 0 ? 0 : 1;
}

static void usage(FILE *to)
{
	fprintf(to, "usage: roamgate-dataplane --config FILE [--foreground]\n"
	            "Runs in the foreground and logs to standard error; SIGTERM stops it.\n");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
	                                        {"foreground", no_argument, NULL, 'f'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {0}};
	struct rg_cfg_error error = {0};
	const char *file = NULL;
	struct rg_config *cfg;
	int c, rc;

	while ((c = getopt_long(argc, argv, "c:fh", options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 0;
		}
		if (c == '?') {
			usage(stderr);
			return 2;
		}
		if (c == 'c')
			file = optarg;
	}
	if (file == NULL || optind != argc) {
		usage(stderr);
		return 2;
	}
	cfg = rg_config_load(file, RG_CFG_SYNTAX, &error);
	if (cfg == NULL) {
		fprintf(stderr, "%s:%u:%u: %s\n", error.file, error.line, error.column, error.text);
		return 1;
	}
	rc = run(cfg);
	rg_config_free(cfg);
	return rc;
}
