/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-ike-setups: what an IKE setup costs the control process. The real
 * roamgate-control on a CPU of its own, the dataplane's real tables behind its API, and
 * clients over the loopback interface of a network namespace that goes with the bench.
 * bench/swarm sizes deployments; this one is for a profiler.
 */
#include "bench/ike/setups.h"

#include "bench/proc.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
        "usage: bench-ike-setups [--control FILE] [--auth psk|ecdsa] [--n N] [--window N] [--threads N] "
        "[--cookies N]\n"
        "                        [--idle SECONDS] [--profile SECONDS] [--gateway-cpu N] [--client-cpu N]\n"
        "  --window 0 starts all at once; --profile waits so long before the first, and says the pid\n";

static void parse(int argc, char **argv, struct setups_options *o)
{
	static const struct option options[] = {{"control", required_argument, NULL, 'c'},
	                                        {"auth", required_argument, NULL, 'a'},
	                                        {"n", required_argument, NULL, 'n'},
	                                        {"window", required_argument, NULL, 'w'},
	                                        {"threads", required_argument, NULL, 't'},
	                                        {"cookies", required_argument, NULL, 'k'},
	                                        {"idle", required_argument, NULL, 'i'},
	                                        {"profile", required_argument, NULL, 'p'},
	                                        {"gateway-cpu", required_argument, NULL, 'G'},
	                                        {"client-cpu", required_argument, NULL, 'C'},
	                                        {0}};
	unsigned *numbers[] = {['n'] = &o->n,       ['w'] = &o->window, ['t'] = &o->threads,
	                       ['k'] = &o->cookies, ['i'] = &o->idle_s, ['p'] = &o->profile_s};
	unsigned long number;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			o->control = optarg;
		else if (option == 'a')
			o->ecdsa = strcmp(optarg, "ecdsa") == 0;
		else if (option == '?' || !proc_number(optarg, 0, INT_MAX, &number))
			setups_fail("\n%s", usage);
		else if (option == 'G')
			o->gateway_cpu = (int)number;
		else if (option == 'C')
			o->client_cpu = (int)number;
		else
			*numbers[option] = (unsigned)number;
	}
	if (optind < argc || o->n == 0)
		setups_fail("\n%s", usage);
}

/* To the loopback interface: an address by an alias of its name. */
static bool add_address(int fd, const char *alias, const char *text)
{
	struct ifreq req = {0};
	struct sockaddr_in name = {.sin_family = AF_INET};

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", alias);
	inet_pton(AF_INET, text, &name.sin_addr);
	memcpy(&req.ifr_addr, &name, sizeof(name));
	return ioctl(fd, SIOCSIFADDR, &req) == 0;
}

static void own_network(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		setups_fail("needs root, for a network namespace of its own");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0 || !add_address(fd, "lo:1", SETUPS_GATEWAY) ||
	    !add_address(fd, "lo:2", SETUPS_CLIENT))
		setups_fail("the loopback interface does not come up");
	close(fd);
}

/* It listens on its uplink when the dataplane has answered. */
static void await(pid_t gateway)
{
	double end = monotonic_s() + 20;
	char line[256];

	while (monotonic_s() < end) {
		FILE *f = fopen("/proc/self/net/udp", "r");
		bool found = false;

		while (f != NULL && fgets(line, sizeof(line), f) != NULL)
			found |= strstr(line, "010200C0:1194") != NULL;
		if (f != NULL)
			fclose(f);
		if (found)
			return;
		if (waitpid(gateway, NULL, WNOHANG) != 0)
			setups_fail("roamgate-control ended");
		usleep(20000);
	}
	setups_fail("roamgate-control does not listen");
}

/* Datagrams that found a socket's buffer full, on either side. */
static unsigned long lost_datagrams(void)
{
	FILE *f = fopen("/proc/self/net/snmp", "r");
	unsigned long full = 0;
	char line[512], *at;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "Udp: ", 5) != 0 || !isdigit((unsigned char)line[5]))
			continue; /* the names stand above the numbers */
		at = line + 5;
		for (unsigned i = 0; i < 5; i++) /* in, no ports, errors, out, this */
			full = strtoul(at, &at, 10);
		break;
	}
	if (f != NULL)
		fclose(f);
	return full;
}

static double cpu_s(pid_t pid)
{
	return (double)proc_cpu_ns(pid) / 1e9;
}

static void idle(pid_t gateway, unsigned seconds)
{
	double cpu, began;

	if (seconds == 0)
		return;
	clients_idle(2);
	cpu = cpu_s(gateway);
	began = monotonic_s();
	clients_idle(seconds);
	printf("idle: %.3f %% of a core\n", 100 * (cpu_s(gateway) - cpu) / (monotonic_s() - began));
}

int main(int argc, char **argv)
{
	struct setups_options o = {.control = "build/control/roamgate-control",
	                           .n = 2000,
	                           .window = 64,
	                           .threads = 1,
	                           .cookies = 1000000,
	                           .gateway_cpu = 0,
	                           .client_cpu = 1};
	struct setups_files files;
	struct clients_result result;
	pid_t dataplane, gateway;
	double cpu;
	uint64_t rss;

	parse(argc, argv, &o);
	own_network();
	pin_to(o.client_cpu);
	files_make(&files, &o);
	dataplane = dataplane_fork(&files, &o);
	gateway = gateway_fork(&files, &o);
	await(gateway);
	if (o.profile_s > 0) {
		printf("gateway: pid %d\n", (int)gateway);
		fflush(stdout);
		sleep(o.profile_s);
	}
	cpu = cpu_s(gateway);
	rss = proc_rss(gateway);
	clients_run(&files, &o, &result);
	cpu = cpu_s(gateway) - cpu;
	printf("%s x25519: %u up, %u failed, %.2f s, %.0f setups/s, control %.1f us a setup, p50 %.2f ms, "
	       "p99 "
	       "%.2f ms, %.0f bytes resident an SA, %lu datagrams lost\n",
	       o.ecdsa ? "ecdsa" : "psk", result.up, result.failed, result.seconds,
	       result.up / result.seconds, cpu * 1e6 / result.up, result.p50_ms, result.p99_ms,
	       (double)(proc_rss(gateway) - rss) / result.up, lost_datagrams());
	idle(gateway, o.idle_s);
	kill(gateway, SIGKILL);
	kill(dataplane, SIGKILL);
	while (wait(NULL) > 0)
		;
	files_remove(&files);
	return result.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
