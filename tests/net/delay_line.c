/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wire with delay and loss between two interfaces, for kernels without netem:
 *
 *     delay_line IFNAME IFNAME MILLISECONDS LOSS SEED
 *
 * Frames are taken from one interface and handed to the other MILLISECONDS
 * later, in order, in both directions; each is lost with probability LOSS, by a
 * generator that SEED starts, so a run can be repeated. Frames carry the
 * kernel's offload header with them (PACKET_VNET_HDR), so partial checksums and
 * segments larger than the MTU survive the trip.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX (65536 + 64)
#define QUEUE_MAX 65536u

struct frame {
	struct frame *next;
	uint64_t due_ns;
	size_t len;
	uint8_t data[];
};

/* One direction: a queue ordered by time, because the delay is constant. */
struct line {
	int from, to;
	struct frame *head, **tail;
	unsigned queued;
	uint64_t passed, lost, overflowed;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int open_interface(const char *name)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct packet_mreq all = {.mr_type = PACKET_MR_PROMISC};
	int fd, on = 1, size = 8 << 20;

	address.sll_ifindex = all.mr_ifindex = (int)if_nametoindex(name);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (!address.sll_ifindex || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static void line_take(struct line *l, uint64_t delay_ns, uint64_t loss, uint64_t *seed)
{
	static uint8_t buffer[FRAME_MAX];
	struct frame *f;
	ssize_t len;

	for (;;) {
		len = recv(l->from, buffer, sizeof(buffer), 0);
		if (len <= 0)
			return;
		if (random_next(seed) >> 11 < loss) {
			l->lost++;
			continue;
		}
		f = l->queued < QUEUE_MAX ? malloc(sizeof(*f) + (size_t)len) : NULL;
		if (!f) {
			l->overflowed++;
			continue;
		}
		memcpy(f->data, buffer, (size_t)len);
		f->len = (size_t)len;
		f->due_ns = now_ns() + delay_ns;
		f->next = NULL;
		*l->tail = f;
		l->tail = &f->next;
		l->queued++;
	}
}

/* A link that is down refuses frames: they are lost, as on a wire. */
static void line_give(struct line *l, uint64_t now)
{
	struct frame *f;

	while ((f = l->head) && f->due_ns <= now) {
		if (send(l->to, f->data, f->len, 0) < 0)
			l->overflowed++;
		else
			l->passed++;
		l->head = f->next;
		if (!l->head)
			l->tail = &l->head;
		l->queued--;
		free(f);
	}
}

static int run(struct line lines[2], uint64_t delay_ns, uint64_t loss, uint64_t seed)
{
	struct pollfd fds[2] = {{.fd = lines[0].from, .events = POLLIN},
	                        {.fd = lines[1].from, .events = POLLIN}};
	struct timespec wait;
	uint64_t due, now;
	int i;

	while (!stopped) {
		now = now_ns();
		due = now + 1000000000u;
		for (i = 0; i < 2; i++)
			if (lines[i].head && lines[i].head->due_ns < due)
				due = lines[i].head->due_ns;
		due = due > now ? due - now : 0;
		wait.tv_sec = (time_t)(due / 1000000000u);
		wait.tv_nsec = (long)(due % 1000000000u);
		if (ppoll(fds, 2, &wait, NULL) < 0 && errno != EINTR)
			return -errno;
		for (i = 0; i < 2; i++) {
			line_take(&lines[i], delay_ns, loss, &seed);
			line_give(&lines[i], now_ns());
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct line lines[2] = {0};
	double milliseconds, loss;
	uint64_t seed;
	int i, fd[2], error;

	if (argc != 6) {
		fprintf(stderr, "usage: delay_line IFNAME IFNAME MILLISECONDS LOSS SEED\n");
		return 2;
	}
	milliseconds = strtod(argv[3], NULL);
	loss = strtod(argv[4], NULL);
	seed = strtoull(argv[5], NULL, 10) * 0x9e3779b97f4a7c15u + 1;
	for (i = 0; i < 2; i++) {
		fd[i] = open_interface(argv[1 + i]);
		if (fd[i] < 0) {
			fprintf(stderr, "delay_line: %s: %s\n", argv[1 + i], strerror(-fd[i]));
			return 1;
		}
	}
	for (i = 0; i < 2; i++) {
		lines[i].from = fd[i];
		lines[i].to = fd[!i];
		lines[i].tail = &lines[i].head;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	error = run(lines, (uint64_t)(milliseconds * 1e6), (uint64_t)(loss * (double)(1ull << 53)), seed);
	for (i = 0; i < 2; i++)
		printf("%s: %lu passed, %lu lost, %lu not sent\n", argv[1 + i],
		       (unsigned long)lines[i].passed, (unsigned long)lines[i].lost,
		       (unsigned long)lines[i].overflowed);
	if (error)
		fprintf(stderr, "delay_line: %s\n", strerror(-error));
	return error ? 1 : 0;
}
