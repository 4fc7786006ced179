/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dataplane for tests of control (fake_dataplane.h). One thread.
 */
#include "tests/unit/control/fake_dataplane.h"

#include "dataplane/api/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void fake_open(struct fake_dataplane *f, const char *path, uint64_t boot_id)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	memset(f, 0, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "%s", path);
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	f->writer = f->events = f->counters_fd = -1;
	f->boot_id = boot_id;
	unlink(path);
	f->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (f->listener < 0 || bind(f->listener, (struct sockaddr *)&name, sizeof(name)) < 0 ||
	    listen(f->listener, 4) < 0) {
		perror("fake dataplane");
		exit(1);
	}
}

void fake_hang_up(struct fake_dataplane *f)
{
	if (f->writer >= 0)
		close(f->writer);
	if (f->events >= 0)
		close(f->events);
	f->writer = f->events = -1;
}

void fake_close(struct fake_dataplane *f)
{
	fake_hang_up(f);
	close(f->listener);
	unlink(f->path);
}

static void send_records(int fd, uint16_t type, uint32_t seq, const void *records, uint32_t count,
                         int pass_fd)
{
	static uint8_t out[RG_API_MAX_MSG];
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))] = {0};
	struct rg_api_hdr hdr = {RG_API_MAGIC, RG_API_VERSION, type, count, seq};
	size_t bytes = count * rg_api_record_size(type);
	struct iovec iov = {out, sizeof(hdr) + bytes};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	memcpy(out, &hdr, sizeof(hdr));
	memcpy(out + sizeof(hdr), records, bytes);
	if (pass_fd >= 0) {
		struct cmsghdr *cm;

		mh.msg_control = control;
		mh.msg_controllen = sizeof(control);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &pass_fd, sizeof(int));
	}
	if (sendmsg(fd, &mh, MSG_NOSIGNAL) < 0)
		perror("fake dataplane: send");
}

static void reply_at(int fd, uint32_t seq, int error, uint32_t index, uint32_t run, uint64_t value,
                     int pass_fd)
{
	struct rg_api_reply r = {.error = error, .index = index, .run = run, .value = value, .quiescent = 1};

	if (error)
		snprintf(r.text, sizeof(r.text), "refused by the fake");
	send_records(fd, RG_MSG_REPLY, seq, &r, 1, pass_fd);
}

static void reply(int fd, uint32_t seq, int error, uint64_t value, int pass_fd)
{
	reply_at(fd, seq, error, 0, 0, value, pass_fd);
}

void fake_event(struct fake_dataplane *f, const struct rg_api_event *event)
{
	send_records(f->events, RG_MSG_EVENT, 0, event, 1, -1);
}

static void dump(struct fake_dataplane *f, uint16_t type, uint32_t seq)
{
	switch (type) {
	case RG_MSG_DUMP_TUNNELS:
		if (f->n_tunnels)
			send_records(f->writer, RG_MSG_TUNNEL, seq, f->tunnels, (uint32_t)f->n_tunnels, -1);
		break;
	case RG_MSG_DUMP_SAS_IN:
		for (size_t i = 0; i < f->n_sas_in; i++) /* several datagrams answer a dump */
			send_records(f->writer, RG_MSG_SA_INFO, seq, &f->sas_in[i], 1, -1);
		break;
	case RG_MSG_DUMP_SAS_OUT:
		if (f->n_sas_out)
			send_records(f->writer, RG_MSG_SA_INFO, seq, f->sas_out, (uint32_t)f->n_sas_out, -1);
		break;
	case RG_MSG_DUMP_PORTS:
		if (f->n_ports)
			send_records(f->writer, RG_MSG_PORT, seq, f->ports, (uint32_t)f->n_ports, -1);
		break;
	default:
		if (f->n_policies)
			send_records(f->writer, RG_MSG_POLICY, seq, f->policies, (uint32_t)f->n_policies, -1);
		break;
	}
	f->n_dumps++;
	reply(f->writer, seq, 0, 0, -1);
}

static void note(struct fake_dataplane *f, uint16_t type, uint32_t count, const void *records)
{
	if (f->n_log == FAKE_MAX)
		return;
	f->log[f->n_log].type = type;
	f->log[f->n_log].count = count;
	memcpy(&f->log[f->n_log++].first_handle, records, sizeof(uint32_t));
}

static void batch(struct fake_dataplane *f, const struct rg_api_hdr *hdr, const uint8_t *at)
{
	bool chain = hdr->type == RG_MSG_CHAIN;
	int error = f->refuse;

	f->n_datagrams++;
	if (!chain)
		note(f, hdr->type, hdr->count, at);
	for (uint32_t i = 0; chain && i < hdr->count && (!error || i <= f->refuse_run); i++) {
		struct rg_api_run run;

		memcpy(&run, at, sizeof(run));
		note(f, run.type, run.count, at + sizeof(run));
		at += rg_client_run_bytes(run.type, run.count);
	}
	f->refuse = 0;
	if (!f->mute)
		reply_at(f->writer, hdr->seq, error, f->refuse_index, f->refuse_run, 0, -1);
}

static bool take_one(struct fake_dataplane *f)
{
	static _Alignas(8) uint8_t in[RG_API_MAX_MSG];
	struct rg_api_hdr hdr;
	ssize_t n = recv(f->writer, in, sizeof(in), MSG_DONTWAIT);

	if (n == 0) {
		fake_hang_up(f);
		return false;
	}
	if (n < (ssize_t)sizeof(hdr))
		return false;
	memcpy(&hdr, in, sizeof(hdr));
	if (hdr.type >= RG_MSG_DUMP_TUNNELS && hdr.type <= RG_MSG_DUMP_PORTS)
		dump(f, hdr.type, hdr.seq);
	else
		batch(f, &hdr, in + sizeof(hdr));
	return true;
}

static void welcome(struct fake_dataplane *f, int fd)
{
	uint8_t in[256];
	struct rg_api_hdr hdr;
	struct rg_api_hello hello;

	if (recv(fd, in, sizeof(in), 0) < (ssize_t)(sizeof(hdr) + sizeof(hello))) {
		close(fd);
		return;
	}
	memcpy(&hdr, in, sizeof(hdr));
	memcpy(&hello, in + sizeof(hdr), sizeof(hello));
	if (hello.role == RG_ROLE_WRITER)
		f->writer = fd;
	else
		f->events = fd;
	reply(fd, hdr.seq, 0, f->boot_id, hello.role == RG_ROLE_WRITER ? f->counters_fd : -1);
}

void fake_run(struct fake_dataplane *f)
{
	int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		welcome(f, fd);
	while (f->writer >= 0 && take_one(f))
		;
}
