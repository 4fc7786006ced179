/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between the TUN and the network. One thread.
 */
#include "tests/net/mover/mover.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PACKET 2048u
#define ROUNDS 64u

int traffic_open_tun(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static void send_inner(struct mover *mv, const uint8_t *packet, size_t len)
{
	struct esp_sa *sa = sad_route(&mv->sad, packet, len);
	struct rg_api_tunnel *tunnel = sa != NULL ? sad_tunnel(&mv->sad, sa->tunnel) : NULL;
	uint8_t esp[PACKET + ESP_OVERHEAD];
	int n = tunnel != NULL ? esp_seal(sa, packet, len, esp, sizeof(esp)) : -ENOENT;

	if (n < 0) {
		mv->dropped.no_policy++;
		return;
	}
	sa->last_ms = mover_now();
	net_send_esp(&mv->net, &tunnel->path, esp, (size_t)n);
}

void traffic_out(struct mover *mv)
{
	uint8_t packet[PACKET];

	for (unsigned i = 0; i < ROUNDS; i++) {
		ssize_t len = read(mv->tun, packet, sizeof(packet));

		if (len <= 0)
			return;
		send_inner(mv, packet, (size_t)len);
	}
}

/* A rekeyed SA's outbound becomes current with this (design.md). */
static void first_packet(struct mover *mv, const struct esp_sa *sa)
{
	struct rg_api_event event = {.type = RG_EVENT_FIRST_PACKET,
	                             .handle = sa->handle,
	                             .tunnel = sa->tunnel,
	                             .direction = RG_IN,
	                             .cookie = sa->cookie};

	ike_dp_event(mv->ike, &event);
}

void traffic_in(struct mover *mv, uint8_t *data, size_t len)
{
	struct esp_sa *sa;
	uint8_t *inner;
	uint32_t spi;
	int n;

	if (len < sizeof(spi)) {
		mv->dropped.malformed++;
		return;
	}
	memcpy(&spi, data, sizeof(spi));
	sa = sad_by_spi(&mv->sad, spi);
	if (sa == NULL) {
		mv->dropped.unknown_spi++;
		return;
	}
	n = esp_open(sa, data, len, &inner);
	if (n < 0)
		return; /* counted in the SA */
	sa->last_ms = mover_now();
	if (write(mv->tun, inner, (size_t)n) != n)
		mv->dropped.tun_failed++;
	if (!sa->seen_packet) {
		sa->seen_packet = true;
		first_packet(mv, sa);
	}
}
