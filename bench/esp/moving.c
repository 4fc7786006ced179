/* SPDX-License-Identifier: Apache-2.0 */
/* The places of clients that move, and what their packets must look like. See moving.h. */
#include "bench/esp/moving.h"

#include "dataplane/checksum.h"
#include "dataplane/core/batch.h"
#include "tests/support/packets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Network byte order; by the generation's lowest bit. */
static uint32_t local_of(unsigned place)
{
	return htonl(place == 0 ? 0xcb007102u : 0xcb007103u);
}

static uint32_t remote_of(uint32_t i, unsigned place)
{
	return htonl((place == 0 ? 0xc6120000u : 0xc6130000u) + i + 1);
}

static uint16_t port_of(uint32_t i, unsigned place)
{
	return htons((uint16_t)(place == 0 ? 4500 : 10000 + i % 50000));
}

void moving_record(struct rg_api_migrate *move, uint32_t i, uint32_t generation)
{
	const unsigned place = generation & 1;
	const uint32_t local = local_of(place), remote = remote_of(i, place);

	memset(move, 0, sizeof(*move));
	move->handle = gateway_handle(i);
	move->generation = generation;
	move->path.family = 4;
	move->path.encap = RG_ENCAP_UDP;
	move->path.local_port = htons(4500);
	move->path.remote_port = port_of(i, place);
	memcpy(move->path.local, &local, 4);
	memcpy(move->path.remote, &remote, 4);
}

int moving_start(struct gateway *g)
{
	struct batch_result result = {0};
	struct rg_api_migrate move;
	int rc = 0;

	for (uint32_t i = 0; i < g->what.sas && rc == 0; i++) {
		moving_record(&move, i, MOVING_FIRST);
		rc = batch_migrate(g->dp.core, &move, 1, &result);
	}
	return rc;
}

/* Every byte of the outer header, except TTL and flags, which are the same for both places. */
static bool is_place(const uint8_t *ip, uint32_t i, uint32_t len, unsigned place)
{
	return load32(ip + 12) == local_of(place) && load32(ip + 16) == remote_of(i, place) &&
	       load16(ip + 20) == htons(4500) && load16(ip + 22) == port_of(i, place) && ip[0] == 0x45 &&
	       ip[9] == IPPROTO_UDP && load16(ip + 2) == htons((uint16_t)len) &&
	       load16(ip + 24) == htons((uint16_t)(len - 20)) && load16(ip + 26) == 0 &&
	       checksum_fold(checksum_header4(ip)) == 0xffff;
}

unsigned moving_look(struct moving_check *check, const uint8_t *frame, uint32_t i, uint32_t size,
                     uint64_t *last)
{
	const uint8_t *ip = frame + PACKETS_L2;
	const uint32_t len = MOVING_HEADER + PACKETS_ESP_HEAD + packets_cipher_len(size) + 16;
	const uint64_t next = *last + 1;
	unsigned place = 0;

	while (place < 2 && !is_place(ip, i, len, place))
		place++;
	check->packets++;
	check->mixed += place == 2;
	check->renumbered += ntohl(load32(ip + MOVING_HEADER + 4)) != (uint32_t)next;
	*last = next;
	return place;
}

int moving_leave_cpu(unsigned cpu)
{
	cpu_set_t set;
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	CPU_ZERO(&set);
	for (long i = 0; i < n; i++)
		if ((unsigned)i != cpu)
			CPU_SET((unsigned)i, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0 ? 0 : -ENODEV;
}

uint64_t moving_switches(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_nivcsw : 0;
}
