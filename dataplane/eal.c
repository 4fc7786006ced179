/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds EAL's arguments: no shared files, no hugepages unless there are enough,
 * one lcore a worker pinned to its CPU, one device a port. Main, once.
 */
#include "dataplane/eal.h"
#include "dataplane/port.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#define ARGS_MAX 64
#define ARG_LEN  512
#define FRAMES   512 /* of an af_packet ring: a burst or two, so that the set stays in the cache */

struct args {
	int n;
	char text[ARGS_MAX][ARG_LEN];
	char *argv[ARGS_MAX + 1];
};

static void add(struct args *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct args *a, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (a->n < ARGS_MAX)
		vsnprintf(a->text[a->n++], ARG_LEN, format, ap);
	va_end(ap);
}

/* May this process run on that CPU, if it asks? Isolated ones (isolcpus) are in nobody's mask. */
static bool may_use(unsigned cpu, const cpu_set_t *mine)
{
	cpu_set_t one;
	bool may;

	if (cpu >= CPU_SETSIZE)
		return false;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	may = sched_setaffinity(0, sizeof(one), &one) == 0;
	return sched_setaffinity(0, sizeof(*mine), mine) == 0 && may;
}

/* "0@(0,1),1@0,2@1": main floats over all CPUs that are not isolated, workers stay on theirs. */
static int add_lcores(struct args *a, const struct rg_cfg_dataplane *dp, char *error, size_t error_len)
{
	char text[ARG_LEN];
	cpu_set_t cpus;
	size_t at;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
		return -errno;
	at = (size_t)snprintf(text, sizeof(text), "0@(");
	for (unsigned cpu = 0, first = 1; cpu < CPU_SETSIZE && at < sizeof(text) - 16; cpu++) {
		if (!CPU_ISSET(cpu, &cpus))
			continue;
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%u", first ? "" : ",", cpu);
		first = 0;
	}
	at += (size_t)snprintf(text + at, sizeof(text) - at, ")");
	for (size_t i = 0; i < dp->n_workers; i++) {
		unsigned cpu = dp->workers[i];
		if (!may_use(cpu, &cpus)) {
			snprintf(
			        error, error_len,
			        "dataplane.workers: CPU %u is not one of this machine's, or this process may "
			        "not use it; name others",
			        cpu);
			return -EINVAL;
		}
		if (at < sizeof(text))
			at += (size_t)snprintf(text + at, sizeof(text) - at, ",%zu@%u", EAL_WORKER_LCORE(i),
			                       cpu);
	}
	if (at >= sizeof(text)) {
		snprintf(error, error_len, "dataplane.workers: too many CPUs to name");
		return -E2BIG;
	}
	add(a, "--lcores");
	add(a, "%s", text);
	add(a, "--main-lcore=0");
	return 0;
}

static unsigned long free_hugepages(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	char line[32] = "";
	bool read;

	if (f == NULL)
		return 0;
	read = fgets(line, sizeof(line), f) != NULL;
	fclose(f);
	return read ? strtoul(line, NULL, 10) : 0;
}

static void add_memory(struct args *a, const struct rg_cfg_dataplane *dp)
{
	unsigned long have = dp->hugepages ? free_hugepages() : 0, need = (dp->memory_mib + 1ul) / 2;

	if (dp->hugepages && have >= need) {
		fprintf(stderr, "memory: %u MiB in hugepages\n", dp->memory_mib);
		add(a, "--in-memory");
	} else {
		if (dp->hugepages)
			fprintf(stderr,
			        "memory: %u MiB without hugepages: %lu of 2 MiB are free, %lu are needed "
			        "(vm.nr_hugepages)\n",
			        dp->memory_mib, have, need);
		add(a, "--no-huge");
		add(a, "--no-shconf"); /* what --in-memory would say, but EAL refuses the two together */
	}
	add(a, "-m");
	add(a, "%u", dp->memory_mib);
}

static int add_port(struct args *a, const struct rg_cfg_dataplane *dp, unsigned i, char *error,
                    size_t error_len)
{
	const struct rg_cfg_port *port = &dp->ports[i];
	char name[64];

	port_device_name(port, i, name, sizeof(name));
	if (strncmp(port->device, "af_packet:", 10) == 0) {
		add(a, "--vdev=%s,iface=%s,qpairs=%zu,framecnt=%d", name, port->device + 10, dp->n_workers,
		    FRAMES);
	} else if (strncmp(port->device, "af_xdp:", 7) == 0) {
		add(a, "--vdev=%s,iface=%s,start_queue=0,queue_count=%zu", name, port->device + 7,
		    dp->n_workers);
	} else if (strncmp(port->device, "vdev:", 5) == 0) {
		add(a, "--vdev=%s", port->device + 5);
	} else if (strchr(port->device, ':') != NULL) {
		add(a, "--allow=%s", port->device);
	} else {
		snprintf(error, error_len,
		         "port %s: device \"%s\" is none of \"af_packet:IFNAME\", \"af_xdp:IFNAME\", "
		         "\"vdev:...\" or a PCI address",
		         port->name, port->device);
		return -EINVAL;
	}
	return 0;
}

static bool needs_pci(const struct rg_cfg_dataplane *dp)
{
	for (size_t i = 0; i < dp->n_ports; i++) {
		const char *d = dp->ports[i].device;
		if (strncmp(d, "af_packet:", 10) != 0 && strncmp(d, "af_xdp:", 7) != 0 &&
		    strncmp(d, "vdev:", 5) != 0)
			return true;
	}
	return false;
}

static void fill(struct args *a)
{
	for (int i = 0; i < a->n; i++)
		a->argv[i] = a->text[i];
	a->argv[a->n] = NULL;
}

int eal_start(const struct rg_config *cfg, char *error, size_t error_len)
{
	const struct rg_cfg_dataplane *dp = &cfg->dataplane;
	struct args *a = (struct args *)calloc(1, sizeof(*a));
	int rc;

	if (a == NULL)
		return -ENOMEM;
	add(a, "roamgate-dataplane");
	rc = add_lcores(a, dp, error, error_len);
	if (rc != 0)
		goto out;
	add_memory(a, dp);
	add(a, "--file-prefix=roamgate-%ld", (long)getpid());
	add(a, "--no-telemetry");
	add(a, "--log-level=warning");
	if (!needs_pci(dp))
		add(a, "--no-pci");
	for (size_t i = 0; i < dp->n_ports && rc == 0; i++)
		rc = add_port(a, dp, (unsigned)i, error, error_len);
	if (rc != 0)
		goto out;
	fill(a);
	/* EAL's default stream writes to syslog as well: ours is stderr alone */
	rte_openlog_stream(stderr);
	if (rte_eal_init(a->n, a->argv) < 0) {
		rc = rte_errno != 0 ? -rte_errno : -EIO;
		snprintf(error, error_len, "DPDK does not start: %s; see its lines above", strerror(-rc));
		goto out;
	}
	/* EAL made a folder for files that it was told not to make */
	rmdir(rte_eal_get_runtime_dir());
out:
	/* EAL keeps no pointer into its arguments */
	free(a);
	return rc;
}

void eal_stop(void)
{
	rte_eal_cleanup();
}
