/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API server's roles, acknowledgements, dumps and events.
 */
#include "api_rig.h"

#include <sys/mman.h>

static void writer_gets_the_counters_and_cannot_write_them(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER), *r = connect_as(RG_ROLE_READER);
	struct rg_counters_map map;
	struct rg_counters_sa record;
	const struct sa *sa;
	int fd = rg_client_take_counters(w);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(rg_client_take_counters(r), -1);
	populate(w, 2);
	sa = sa_by_handle(rig.core, RG_OUT, handle_of(1));
	sa_account(sa, 77);
	sa_settle(sa, sa_record(rig.core, sa), 5);
	assert_int_equal(rg_counters_map(&map, fd), 0);
	assert_true(map.hdr->boot_id == core_boot_id(rig.core));
	uint32_t spi = htonl(0x10000000 | handle_of(1));
	assert_int_equal(rg_counters_read(&map, RG_OUT, handle_of(1), spi, &record), 0);
	assert_true(record.bytes == 77);
	assert_int_equal(rg_counters_read(&map, RG_OUT, handle_of(1), spi ^ 1, &record), -ENOENT);
	assert_int_equal(rg_counters_read(&map, RG_IN, handle_of(9), 0, &record), -ENOENT);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_not_equal(ftruncate(fd, 0), 0);
	rg_counters_unmap(&map);
	close(fd);
	rg_client_close(w);
	rg_client_close(r);
}

static void there_is_one_writer(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER), *second = NULL;
	struct rg_api_reply reply;
	struct rg_client_msg msg;

	(void)state;
	assert_int_equal(rg_client_open(rig.path, RG_ROLE_WRITER, "other", &second), 0);
	reply = reply_of(second, 1);
	assert_int_equal(reply.error, -EBUSY);
	assert_non_null(strstr(reply.text, "test"));
	assert_int_equal(receive(second, &msg), -EPIPE);
	rg_client_close(second);
	populate(w, 1); /* the first one did not notice */
	rg_client_close(w);
	pump();
	w = connect_as(RG_ROLE_WRITER);
	rg_client_close(w);
}

static void roles_are_enforced(void **state)
{
	struct rg_client *r = connect_as(RG_ROLE_READER), *e = connect_as(RG_ROLE_EVENTS);
	struct rg_api_tunnel t = fixture_tunnel(1);
	struct rg_api_dump d = {0};
	struct rg_client_msg msg;
	int pair[2];

	(void)state;
	assert_int_equal(call(r, RG_MSG_TUNNEL_ADD, &t, 1).error, -EPERM);
	assert_int_equal(call(e, RG_MSG_QUERY_STATUS, &d, 1).error, -EPERM);
	assert_int_equal(rig.core->writer->n_tunnels, 0);
	/* nothing before HELLO, and a role that is none */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(api_server_adopt(rig.server, pair[0], rig.now), 0);
	struct rg_client *bad = NULL;
	assert_int_equal(rg_client_adopt(pair[1], 9, "x", &bad), 0);
	assert_int_equal(reply_of(bad, 1).error, -EINVAL);
	assert_int_equal(receive(bad, &msg), -EPIPE);
	rg_client_close(bad);
	rg_client_close(r);
	rg_client_close(e);
}

/* There is one tunnel, and a worker that may still use its path: the answer waits for that. */
static uint32_t migrate_unanswered(struct rg_client *w, const struct rg_api_migrate *m)
{
	struct rg_client_msg msg;
	uint32_t seq;

	populate(w, 1);
	rcu_online(&rig.core->rcu, 0);
	assert_int_equal(rg_client_send(w, RG_MSG_MIGRATE, m, 1, &seq), 0);
	assert_int_equal(receive(w, &msg), -EAGAIN);
	return seq;
}

static void migrate_is_acknowledged_after_grace(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	struct rg_api_migrate m = {handle_of(0), 2, fixture_path(0xc6336401)};
	struct rg_api_reply reply;
	uint32_t seq = migrate_unanswered(w, &m);

	(void)state;
	assert_int_equal(api_server_timeout(rig.server, rig.now), 0);
	assert_int_equal(tunnel_generation(sa_by_handle(rig.core, RG_IN, handle_of(0))->tunnel), 2);
	rcu_quiescent(&rig.core->rcu, 0);
	reply = reply_of(w, seq);
	assert_int_equal(reply.error, 0);
	assert_int_equal(reply.quiescent, 1);
	rcu_offline(&rig.core->rcu, 0);
	rg_client_close(w);
}

/* A worker that does not come round: the answer is "published, not quiescent", and nobody waits. */
static void H74_migrate_is_published_not_quiescent(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	struct rg_api_migrate m = {handle_of(0), 3, fixture_path(0xc6336401)};
	struct rg_client_msg msg;
	struct rg_api_reply reply;
	uint32_t seq = migrate_unanswered(w, &m);

	(void)state;
	rig.now += 99;
	assert_int_equal(receive(w, &msg), -EAGAIN);
	rig.now += 1;
	reply = reply_of(w, seq);
	assert_int_equal(reply.error, 0);
	assert_int_equal(reply.quiescent, 0);
	assert_int_equal(tunnel_generation(sa_by_handle(rig.core, RG_IN, handle_of(0))->tunnel), 3);
	/* the old path is kept as long as the worker may look at it */
	assert_int_equal(rig.core->writer->retire.n, 1);
	reply = call(w, RG_MSG_MIGRATE, &m, 1);
	assert_int_equal(reply.error, -ESTALE);
	assert_int_equal(reply.index, 0);
	rcu_quiescent(&rig.core->rcu, 0);
	pump();
	assert_int_equal(rig.core->writer->retire.n, 0);
	rcu_offline(&rig.core->rcu, 0);
	rg_client_close(w);
}

/* What the SAs of a tunnel counted, in both directions, is what its dump shows. */
static void a_tunnel_shows_its_packets(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	struct rg_api_tunnel t;
	struct sa *sa;

	(void)state;
	populate(w, 2);
	for (unsigned direction = 0; direction < 2; direction++) {
		sa = sa_by_handle(rig.core, (enum rg_direction)direction, handle_of(1));
		for (unsigned n = 0; n < 3 + direction; n++)
			sa_account(sa, 100);
	}
	assert_true(dump_tunnel(rig.core, RG_SA_HANDLE_INDEX(handle_of(1)), &t));
	assert_true(t.packets_in == 3 && t.packets_out == 4 && t.bytes_in == 300 && t.bytes_out == 400);
	assert_true(dump_tunnel(rig.core, RG_SA_HANDLE_INDEX(handle_of(0)), &t));
	assert_true(t.packets_in == 0 && t.packets_out == 0);
	rg_client_close(w);
}

/* Requests may follow each other without waiting: replies come in their order, with their numbers. */
static void requests_can_be_pipelined(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	uint32_t first = 0;

	(void)state;
	populate(w, 1);
	rcu_online(&rig.core->rcu, 0);
	for (uint32_t i = 0; i < 200; i++) {
		struct rg_api_migrate m = {handle_of(0), 2 + i, fixture_path(0xc6336401 + i % 2)};
		uint32_t seq;
		assert_int_equal(rg_client_send(w, RG_MSG_MIGRATE, &m, 1, &seq), 0);
		first = i == 0 ? seq : first;
	}
	pump();
	for (uint32_t i = 0; i < 200; i++) {
		rcu_quiescent(&rig.core->rcu, 0);
		assert_int_equal(reply_of(w, first + i).error, 0);
	}
	rcu_offline(&rig.core->rcu, 0);
	assert_int_equal(rig.core->writer->migrations, 200);
	rg_client_close(w);
}

struct session {
	struct rg_api_tunnel tunnels[3];
	struct rg_api_sa in[3], out[3];
	struct rg_api_policy policies[3];
};

static void three_sessions(struct session *s, struct rg_client_run runs[4])
{
	for (uint32_t i = 0; i < 3; i++) {
		s->tunnels[i] = fixture_tunnel(handle_of(i));
		s->in[i] = s->out[i] = fixture_sa(handle_of(i), handle_of(i), 0x0a630001 + i);
		s->policies[i] = fixture_policy(handle_of(i), handle_of(i), 0x0a630001 + i, 32);
	}
	runs[0] = (struct rg_client_run){RG_MSG_TUNNEL_ADD, 3, s->tunnels};
	runs[1] = (struct rg_client_run){RG_MSG_SA_IN_ADD, 3, s->in};
	runs[2] = (struct rg_client_run){RG_MSG_SA_OUT_ADD, 3, s->out};
	runs[3] = (struct rg_client_run){RG_MSG_POLICY_ADD, 3, s->policies};
}

static struct rg_api_reply send_chain(struct rg_client *c, const struct rg_client_run *runs, uint32_t n)
{
	uint32_t seq;

	assert_int_equal(rg_client_send_runs(c, runs, n, &seq), 0);
	return reply_of(c, seq);
}

static void a_chain_has_one_reply(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	struct rg_client_run runs[4];
	struct rg_api_reply reply;
	struct session s;

	(void)state;
	three_sessions(&s, runs);
	reply = send_chain(w, runs, 4);
	assert_int_equal(reply.error, 0);
	assert_int_equal(rig.core->writer->n_tunnels, 3);
	assert_int_equal(rig.core->writer->n_sas[RG_IN], 3);
	assert_int_equal(rig.core->writer->n_sas[RG_OUT], 3);
	assert_int_equal(rig.core->writer->n_policies, 3);
	rg_client_close(w);
}

static void a_chain_ends_where_it_is_refused(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	struct rg_client_run runs[4];
	struct rg_api_reply reply;
	struct session s;

	(void)state;
	three_sessions(&s, runs);
	s.out[2].handle = s.out[0].handle;
	reply = send_chain(w, runs, 4);
	assert_int_equal(reply.error, -EEXIST);
	assert_int_equal(reply.run, 2);
	assert_int_equal(reply.index, 2);
	assert_int_not_equal(reply.text[0], 0);
	assert_int_equal(rig.core->writer->n_tunnels, 3);
	assert_int_equal(rig.core->writer->n_sas[RG_IN], 3);
	assert_int_equal(rig.core->writer->n_sas[RG_OUT], 0); /* nothing of the batch that was refused */
	assert_int_equal(rig.core->writer->n_policies, 0);    /* nor of those behind it */
	s.out[2].handle = handle_of(2);
	assert_int_equal(send_chain(w, runs + 2, 2).error, 0);
	assert_int_equal(rig.core->writer->n_policies, 3);
	rg_client_close(w);
}

static void chains_are_for_the_writer(void **state)
{
	struct rg_client *r = connect_as(RG_ROLE_READER);
	struct rg_client_run runs[4];
	struct session s;

	(void)state;
	three_sessions(&s, runs);
	assert_int_equal(send_chain(r, runs, 4).error, -EPERM);
	assert_int_equal(rig.core->writer->n_tunnels, 0);
	rg_client_close(r);
}

static void deletes_free_the_index_before_they_are_acknowledged(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER);
	struct rg_api_handle d = {.handle = handle_of(0)};

	(void)state;
	populate(w, 1);
	for (uint32_t generation = 2; generation < 300; generation++) {
		struct rg_api_sa sa = fixture_sa(RG_SA_HANDLE(1, generation), handle_of(0), 1);
		assert_int_equal(call(w, RG_MSG_SA_IN_DEL, &d, 1).quiescent, 1);
		assert_int_equal(call(w, RG_MSG_SA_IN_ADD, &sa, 1).error, 0);
		d.handle = sa.handle;
	}
	rg_client_close(w);
}

static void dumps_are_whole(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER), *r = connect_as(RG_ROLE_READER);
	struct rg_api_dump d = {0};
	uint32_t first = 0;

	(void)state;
	populate(w, 500);
	assert_int_equal(count_records(r, RG_MSG_DUMP_TUNNELS, &d, &first), 500);
	assert_int_equal(first, handle_of(0));
	assert_int_equal(count_records(r, RG_MSG_DUMP_SAS_IN, &d, &first), 500);
	assert_int_equal(count_records(r, RG_MSG_DUMP_SAS_OUT, &d, &first), 500);
	assert_int_equal(count_records(r, RG_MSG_DUMP_POLICIES, &d, &first), 500);
	assert_int_equal(count_records(r, RG_MSG_DUMP_WORKERS, &d, &first), 1);
	assert_int_equal(count_records(r, RG_MSG_DUMP_PORTS, &d, &first), 0);
	assert_int_equal(count_records(r, RG_MSG_QUERY_STATUS, &d, &first), 1);
	assert_true(count_records(r, RG_MSG_DUMP_COUNTERS, &d, &first) >= DROP_COUNT - 1 + COUNTER_COUNT);
	d.from = handle_of(400);
	assert_int_equal(count_records(r, RG_MSG_DUMP_SAS_IN, &d, &first), 100);
	assert_int_equal(first, handle_of(400));
	d = (struct rg_api_dump){.handle = handle_of(7)};
	assert_int_equal(count_records(r, RG_MSG_DUMP_POLICIES, &d, &first), 1);
	assert_int_equal(first, handle_of(7));
	d.handle ^= 1; /* another generation */
	assert_int_equal(count_records(r, RG_MSG_DUMP_POLICIES, &d, &first), 0);
	rg_client_close(w);
	rg_client_close(r);
}

static void events_reach_their_readers(void **state)
{
	struct rg_client *w = connect_as(RG_ROLE_WRITER), *a = connect_as(RG_ROLE_EVENTS),
	                 *b = connect_as(RG_ROLE_EVENTS);
	struct event_ring *ring = &rig.core->worker[0]->events;
	struct rg_api_event e[2];
	struct rg_client_msg msg;

	(void)state;
	populate(w, 3);
	event_no_sa(ring, handle_of(2), NULL, 0, 5000);
	event_no_sa(ring, handle_of(2), NULL, 0, 5050); /* too soon */
	event_first_packet(ring, sa_by_handle(rig.core, RG_IN, handle_of(1)), 9);
	for (struct rg_client *c = a; c != NULL; c = c == a ? b : NULL) {
		assert_int_equal(receive(c, &msg), 0);
		assert_int_equal(msg.type, RG_MSG_EVENT);
		assert_int_equal(msg.count, 2);
		memcpy(e, msg.records, sizeof(e));
		assert_int_equal(e[0].type, RG_EVENT_NO_SA);
		assert_true(e[0].cookie == handle_of(2)); /* control's, though the worker does not know it */
		assert_int_equal(e[1].type, RG_EVENT_FIRST_PACKET);
		assert_true(e[1].sequence == 9);
	}
	rg_client_close(a);
	rg_client_close(b);
	rg_client_close(w);
}

static void a_second_server_does_not_take_the_socket(void **state)
{
	struct api_server_config config = {.path = rig.path, .core = rig.core};
	struct api_server *second = NULL;

	(void)state;
	assert_int_equal(api_server_new(&config, &second), -EADDRINUSE);
	assert_int_equal(access(rig.path, F_OK), 0);
}

static void a_dead_server_s_socket_is_replaced(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct api_server *second = NULL;
	char path[96];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	(void)state;
	snprintf(path, sizeof(path), "%s/stale", rig.dir);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	struct api_server_config config = {.path = path, .core = rig.core};
	assert_int_equal(api_server_new(&config, &second), 0);
	api_server_free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_RIG(writer_gets_the_counters_and_cannot_write_them),
	        WITH_RIG(there_is_one_writer),
	        WITH_RIG(roles_are_enforced),
	        WITH_RIG(migrate_is_acknowledged_after_grace),
	        WITH_RIG(H74_migrate_is_published_not_quiescent),
	        WITH_RIG(requests_can_be_pipelined),
	        WITH_RIG(a_chain_has_one_reply),
	        WITH_RIG(a_chain_ends_where_it_is_refused),
	        WITH_RIG(chains_are_for_the_writer),
	        WITH_RIG(deletes_free_the_index_before_they_are_acknowledged),
	        WITH_RIG(dumps_are_whole),
	        WITH_RIG(a_tunnel_shows_its_packets),
	        WITH_RIG(events_reach_their_readers),
	        WITH_RIG(a_second_server_does_not_take_the_socket),
	        WITH_RIG(a_dead_server_s_socket_is_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
