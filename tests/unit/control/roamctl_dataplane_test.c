/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roamctl dataplane: what it makes of the dataplane's records. Its argument is the program.
 */
#include "tests/unit/control/roamctl_rig.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/ctl/protocol.h"
#include "dataplane/api/api.h"

struct record_reply {
	struct rg_api_hdr hdr;
	union {
		struct rg_api_reply reply;
		struct rg_api_sa_info sa;
		struct rg_api_tunnel tunnel;
	};
};

static void record_send(int fd, uint16_t type, uint32_t seq, const void *record, size_t size)
{
	struct record_reply out = {.hdr = {RG_API_MAGIC, RG_API_VERSION, type, 1, seq}};

	memcpy(&out.reply, record, size);
	assert_int_equal(send(fd, &out, sizeof(out.hdr) + size, MSG_NOSIGNAL),
	                 (ssize_t)(sizeof(out.hdr) + size));
}

/* Answers each request with `record` where it is a `type`, and then a good reply. */
static void dataplane_serve(struct roamctl_server *f, struct roamctl_run *run, uint16_t request,
                            uint16_t type, const void *record, size_t size)
{
	struct pollfd pfd = {.fd = f->listener, .events = POLLIN};
	struct rg_api_reply good = {0};
	char buffer[4096];
	int fd;

	assert_int_equal(poll(&pfd, 1, 10000), 1);
	fd = accept(f->listener, NULL, NULL);
	assert_true(fd >= 0);
	while (recv(fd, buffer, sizeof(buffer), 0) >= (ssize_t)sizeof(struct rg_api_hdr)) {
		struct rg_api_hdr hdr;

		memcpy(&hdr, buffer, sizeof(hdr));
		if (hdr.type == request)
			record_send(fd, type, hdr.seq, record, size);
		record_send(fd, RG_MSG_REPLY, hdr.seq, &good, sizeof(good));
	}
	close(fd);
	roamctl_end(run);
}

static void test_dataplane_sas(void **state)
{
	(void)state;
	struct rg_api_sa_info sa = {
	        .handle = 129,
	        .spi = htobe32(0x10000081),
	        .tunnel = 5,
	        .flags = RG_SA_ESN,
	        .suite = RG_SUITE_AES256_GCM16,
	        .direction = RG_IN,
	        .packets = 7,
	        .bytes = 2048,
	        .idle_ms = UINT64_MAX,
	        .local = {{.family = 4, .port_last = 65535, .first = {10, 20}, .last = {10, 20, 0, 255}}},
	        .remote = {{.family = 4,
	                    .protocol = 6,
	                    .port_first = 80,
	                    .port_last = 81,
	                    .first = {10, 99, 0, 1},
	                    .last = {10, 99, 0, 2}}}};
	static const char *const texts[] = {"in   10000081",
	                                    "aes256gcm16-esn",
	                                    "2.0 KiB",
	                                    "10.20.0.0/24",
	                                    "10.99.0.1-10.99.0.2[6/80-81]",
	                                    NULL};
	struct roamctl_server f;
	struct roamctl_run run;

	roamctl_listen(&f, SOCK_SEQPACKET);
	roamctl_start(&run, (const char *[]){"dataplane", "sas", "--socket", f.socket, NULL});
	dataplane_serve(&f, &run, RG_MSG_DUMP_SAS_IN, RG_MSG_SA_INFO, &sa, sizeof(sa));
	roamctl_close(&f);
	assert_int_equal(run.code, RG_CTL_OK);
	for (size_t i = 0; texts[i]; i++)
		if (!strstr(run.text, texts[i]))
			fail_msg("'%s' is not in:\n%s", texts[i], run.text);
}

static void test_dataplane_paths(void **state)
{
	(void)state;
	struct rg_api_tunnel tunnel = {.handle = 3,
	                               .generation = 8,
	                               .mtu = 1450,
	                               .path = {.family = 6,
	                                        .encap = RG_ENCAP_UDP,
	                                        .local_port = htobe16(4500),
	                                        .remote_port = htobe16(1024),
	                                        .local = {0x20, 0x01, 0x0d, 0xb8, [15] = 1},
	                                        .remote = {0x20, 0x01, 0x0d, 0xb8, [15] = 2}}};
	struct roamctl_server f;
	struct roamctl_run run;

	roamctl_listen(&f, SOCK_SEQPACKET);
	roamctl_start(&run, (const char *[]){"dataplane", "paths", "--json", "--socket", f.socket, NULL});
	dataplane_serve(&f, &run, RG_MSG_DUMP_TUNNELS, RG_MSG_TUNNEL, &tunnel, sizeof(tunnel));
	roamctl_close(&f);
	assert_int_equal(run.code, RG_CTL_OK);
	assert_string_equal(run.text, "{\"ok\":true,\"paths\":[{\"tunnel\":3,\"local\":\"[2001:db8::1]:"
	                              "4500\",\"remote\":\"[2001:db8::2]:1024\","
	                              "\"encap\":\"udp\",\"mtu\":1450,\"generation\":8,\"packets_in\":0,"
	                              "\"packets_out\":0,\"bytes_in\":0,\"bytes_out\":0}]}\n");
}

static int tests_run(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_dataplane_sas),
	        cmocka_unit_test(test_dataplane_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return roamctl_tests_run(argc, argv, tests_run);
}
