/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pktgen-clients: the command line of what a traffic generator cannot do itself. bench.py
 * calls it; with physical ports an operator or the Lua script does.
 */
#include "bench/pktgen/clients.h"
#include "bench/proc.h"

#include <errno.h>
#include <getopt.h>
#include <net/ethernet.h>
#include <netinet/ether.h>
#include <stdlib.h>
#include <string.h>

struct options {
	const char *socket, *file;
	struct frames frames;
};

static void usage(FILE *to)
{
	fprintf(to,
	        "usage: pktgen-clients install [--socket PATH] [--clients N]\n"
	        "       pktgen-clients renew   [--socket PATH] [--clients N]\n"
	        "       pktgen-clients pcap    --direction encrypt|decrypt --size BYTES|imix --to MAC\n"
	        "                              [--from MAC] [--clients N] [--rounds N] --write FILE\n"
	        "install: tunnels, SAs and policies of N clients (default 10000) into a running dataplane\n"
	        "renew:   fresh replay windows, so that a file of ESP may be sent once more\n"
	        "pcap:    N clients times --rounds frames for the gateway's port --to; sizes are those of "
	        "the\n"
	        "         inner IP packets\n");
}

static int parse_mac(const char *text, uint8_t mac[6])
{
	struct ether_addr addr;

	if (ether_aton_r(text, &addr) == NULL)
		return -EINVAL;
	memcpy(mac, &addr, 6);
	return 0;
}

static int parse_number(const char *text, uint32_t most, uint32_t *number)
{
	unsigned long value;

	if (!proc_number(text, 1, most, &value))
		return -EINVAL;
	*number = (uint32_t)value;
	return 0;
}

static int parse_option(struct options *o, int c)
{
	switch (c) {
	case 's':
		o->socket = optarg;
		return 0;
	case 'w':
		o->file = optarg;
		return 0;
	case 'n':
		return parse_number(optarg, CLIENTS_MAX, &o->frames.n);
	case 'r':
		return parse_number(optarg, 1u << 20, &o->frames.rounds);
	case 'z':
		if (strcmp(optarg, "imix") == 0) {
			o->frames.size = CLIENTS_IMIX;
			return 0;
		}
		return parse_number(optarg, 1500, &o->frames.size);
	case 'd':
		o->frames.decrypt = strcmp(optarg, "decrypt") == 0;
		return o->frames.decrypt || strcmp(optarg, "encrypt") == 0 ? 0 : -EINVAL;
	case 't':
		return parse_mac(optarg, o->frames.to);
	case 'f':
		return parse_mac(optarg, o->frames.from);
	default:
		return -EINVAL;
	}
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"socket", required_argument, NULL, 's'},
	                                      {"clients", required_argument, NULL, 'n'},
	                                      {"direction", required_argument, NULL, 'd'},
	                                      {"size", required_argument, NULL, 'z'},
	                                      {"rounds", required_argument, NULL, 'r'},
	                                      {"to", required_argument, NULL, 't'},
	                                      {"from", required_argument, NULL, 'f'},
	                                      {"write", required_argument, NULL, 'w'},
	                                      {0}};
	int c, at = -1;

	while ((c = getopt_long(argc, argv, "", longs, &at)) != -1) {
		if (c == '?')
			return -EINVAL;
		if (parse_option(o, c) != 0) {
			fprintf(stderr, "pktgen-clients: --%s does not take \"%s\"\n", longs[at].name,
			        optarg);
			return -EINVAL;
		}
	}
	return optind == argc ? 0 : -EINVAL;
}

static int write_pcap(const struct options *o)
{
	FILE *file = fopen(o->file, "we");
	int rc = file == NULL ? -errno : frames_write(file, &o->frames);

	if (file != NULL && fclose(file) != 0 && rc == 0)
		rc = -errno;
	if (rc != 0)
		fprintf(stderr, "pktgen-clients: %s: %s\n", o->file, strerror(-rc));
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = {.socket = "/run/roamgate/dataplane.sock",
	                    .frames = {.size = 64, .n = 10000, .rounds = 1, .from = {2, 0, 0, 0, 0, 2}}};
	const char *command = argc > 1 ? argv[1] : "";
	int rc = -EINVAL;

	if (strcmp(command, "--help") == 0) {
		usage(stdout);
		return 0;
	}
	if (argc < 2 || parse_options(argc - 1, argv + 1, &o) != 0) {
		usage(stderr);
		return 2;
	}
	if (strcmp(command, "install") == 0) {
		rc = install_all(o.socket, o.frames.n);
	} else if (strcmp(command, "renew") == 0) {
		rc = install_renew(o.socket, o.frames.n);
	} else if (strcmp(command, "pcap") == 0 && o.file != NULL) {
		rc = write_pcap(&o);
	} else {
		usage(stderr);
		return 2;
	}
	return rc == 0 ? 0 : 1;
}
