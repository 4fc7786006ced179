/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe (probe.h). One thread.
 */
#include "tests/net/mover/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAYLOAD    64u
#define LOST_SHOWN 32u

static int open_connected(const char *address, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	int fd, error;

	if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
		return -EINVAL;
	fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
	            is_v4 ? sizeof(v4) : sizeof(v6)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int probe_start(struct probe *p, const char *address, uint16_t port, unsigned rate, uint64_t now_ms)
{
	int fd;

	if (p->fd > 0)
		return -EBUSY;
	if (rate == 0 || rate > 10000)
		return -EINVAL;
	fd = open_connected(address, port);
	if (fd < 0)
		return fd;
	memset(p, 0, sizeof(*p));
	p->fd = fd;
	p->interval_us = 1000000 / rate;
	p->next_us = now_ms * 1000;
	p->last_ms = now_ms;
	return 0;
}

int probe_stop(struct probe *p, uint64_t now_ms)
{
	if (p->fd <= 0 || p->stopping)
		return -ENOENT;
	p->stopping = true;
	p->end_ms = now_ms + PROBE_GRACE_MS;
	return 0;
}

void probe_receive(struct probe *p, uint64_t now_ms)
{
	uint8_t packet[PAYLOAD];
	uint32_t number;
	ssize_t len;

	while (p->fd > 0 && (len = recv(p->fd, packet, sizeof(packet), 0)) >= 0) {
		if (len < (ssize_t)sizeof(number))
			continue;
		memcpy(&number, packet, sizeof(number));
		if (number >= p->sent)
			continue;
		if (p->answered[number]) {
			p->duplicates++;
			continue;
		}
		p->answered[number] = true;
		p->received++;
		if (now_ms - p->last_ms > p->longest_ms)
			p->longest_ms = now_ms - p->last_ms;
		p->last_ms = now_ms;
		if (p->stopping)
			p->end_ms = now_ms + PROBE_GRACE_MS;
	}
}

static void send_one(struct probe *p)
{
	uint8_t packet[PAYLOAD] = {0};

	memcpy(packet, &p->sent, sizeof(p->sent));
	if (send(p->fd, packet, sizeof(packet), 0) < 0)
		p->refused++;
	p->sent++;
}

static json_t *finish(struct probe *p)
{
	json_t *lost = json_array();

	for (uint32_t i = 0; i < p->sent; i++)
		if (!p->answered[i] && json_array_size(lost) < LOST_SHOWN)
			json_array_append_new(lost, json_integer(i));
	close(p->fd);
	p->fd = 0;
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "answer", "probe", "sent",
	                 (json_int_t)p->sent, "received", (json_int_t)p->received, "lost",
	                 (json_int_t)(p->sent - p->received), "duplicates", (json_int_t)p->duplicates,
	                 "refused", (json_int_t)p->refused, "longest_ms", (json_int_t)p->longest_ms,
	                 "first_lost", lost);
}

uint64_t probe_tick(struct probe *p, uint64_t now_us, json_t **report)
{
	*report = NULL;
	if (p->fd <= 0)
		return UINT64_MAX;
	if (p->stopping) {
		uint64_t end_us = p->end_ms * 1000;

		if (p->received < p->sent && now_us < end_us)
			return end_us - now_us;
		*report = finish(p);
		return UINT64_MAX;
	}
	while (p->next_us <= now_us && p->sent < PROBE_MAX) {
		send_one(p);
		p->next_us += p->interval_us;
	}
	return p->sent < PROBE_MAX ? p->next_us - now_us : UINT64_MAX;
}
