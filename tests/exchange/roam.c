/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roaming world (roam.h): addresses that die, a NAT, and the named trace.
 */
#include "tests/exchange/roam.h"

#include "control/ike/crypto/sk.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Trace */

static void line(struct roam *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void line(struct roam *r, const char *fmt, ...)
{
	va_list args;

	assert_true(r->n_trace < ROAM_LINES);
	va_start(args, fmt);
	vsnprintf(r->trace[r->n_trace++], ROAM_LINE, fmt, args);
	va_end(args);
}

static void put(char *text, const char *word)
{
	size_t len = strlen(text);

	snprintf(text + len, ROAM_LINE - len, " %s", word);
}

static void name_payloads(char *text, const struct ike_msg *msg)
{
	for (unsigned i = 0; i < msg->n; i++) {
		struct ike_notify n;

		if (msg->payloads[i].type == IKE_PAYLOAD_NOTIFY &&
		    ike_notify_decode(&n, &msg->payloads[i]) == IKE_OK)
			put(text, ike_notify_type_name(n.type));
		else
			put(text, ike_payload_type_name(msg->payloads[i].type));
	}
}

static void name_inner(char *text, struct peer *sender, const struct ike_msg *outer)
{
	bool from_initiator = ike_header_from_initiator(&outer->hdr);
	struct ike_sa *sa = manager_find(sender->m, from_initiator ? outer->hdr.spi_i : outer->hdr.spi_r);
	uint8_t *plain = malloc(outer->len);
	struct ike_msg inner;
	size_t len;

	assert_non_null(plain);
	if (sa == NULL || !sa->has_keys || outer->sk_type == IKE_PAYLOAD_SKF)
		put(text, "(sealed)");
	else if (ike_sk_open(from_initiator ? &sa->keys.i : &sa->keys.r, outer, plain, outer->len, &len) ==
	                 IKE_OK &&
	         ike_msg_parse_inner(&inner, &outer->hdr, outer->sk_first, plain, len) == IKE_OK)
		name_payloads(text, &inner);
	free(plain);
}

static void describe(const struct datagram *dg, char text[ROAM_LINE])
{
	char source[IKE_ENDPOINT_TEXT], destination[IKE_ENDPOINT_TEXT];
	struct ike_msg msg;

	text[0] = '\0';
	if (ike_msg_parse(&msg, dg->data, dg->len) != IKE_OK)
		return;
	snprintf(text, ROAM_LINE, "%6lu %c>%c %s>%s %s%c %u", dg->from->world->now_ms - 1000000,
	         dg->from->letter, dg->from->letter == 'c' ? 'g' : 'c', endpoint_text(&dg->local, source),
	         endpoint_text(&dg->remote, destination), ike_exchange_name(msg.hdr.exchange),
	         ike_header_is_response(&msg.hdr) ? '!' : '?', msg.hdr.message_id);
	if (msg.sk_type != 0)
		name_inner(text, dg->from, &msg);
	else
		name_payloads(text, &msg);
}

static void path_text(const struct rg_api_path *path, char text[128])
{
	int family = path->family == 4 ? AF_INET : AF_INET6;
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];

	inet_ntop(family, path->local, local, sizeof(local));
	inet_ntop(family, path->remote, remote, sizeof(remote));
	if (path->encap == RG_ENCAP_UDP)
		snprintf(text, 128, "%s:%u>%s:%u", local, ntohs(path->local_port), remote,
		         ntohs(path->remote_port));
	else
		snprintf(text, 128, "%s>%s", local, remote);
}

/* Moves of the dataplanes since the last look; a peer has one tunnel at most. */
static void note_migrations(struct roam *r)
{
	for (unsigned i = 0; i < 2; i++) {
		struct peer *p = &r->w->peers[i];
		struct ike_sa *sa;
		char text[128];

		if (p->dp->migrations == r->migrations[i])
			continue;
		r->migrations[i] = p->dp->migrations;
		TAILQ_FOREACH (sa, &p->m->sas, link) {
			const struct rg_api_tunnel *t =
			        &p->dp->tunnels[RG_SA_HANDLE_INDEX(sa->tunnel) % FAKE_MAX];

			if (sa->tunnel == 0)
				continue;
			path_text(&t->path, text);
			line(r, "%6lu %c MIGRATE %u %s", r->w->now_ms - 1000000, p->letter, t->generation,
			     text);
		}
	}
}

unsigned roam_now(struct roam *r)
{
	note_migrations(r);
	return r->n_trace;
}

static bool has(const char *text, const char *words)
{
	char copy[256], *word, *rest = copy;

	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, "|")) != NULL) {
		text = strstr(text, word);
		if (text == NULL)
			return false;
		text += strlen(word);
	}
	return true;
}

int roam_find(struct roam *r, unsigned from, const char *words)
{
	note_migrations(r);
	for (unsigned i = from; i < r->n_trace; i++)
		if (has(r->trace[i], words))
			return (int)i;
	return -1;
}

unsigned roam_count(struct roam *r, unsigned from, const char *words)
{
	unsigned n = 0;

	note_migrations(r);
	for (unsigned i = from; i < r->n_trace; i++)
		n += has(r->trace[i], words);
	return n;
}

static void print(const struct roam *r, unsigned from)
{
	for (unsigned i = from; i < r->n_trace; i++)
		print_error("    %s\n", r->trace[i]);
}

void roam_order(struct roam *r, unsigned from, ...)
{
	unsigned at = from;
	const char *words;
	int found = 0;
	va_list args;

	va_start(args, from);
	while ((words = va_arg(args, const char *)) != NULL) {
		found = roam_find(r, at, words);
		if (found < 0)
			break;
		at = (unsigned)found + 1;
	}
	va_end(args);
	if (found < 0) {
		print(r, from);
		fail_msg("not in the trace, or not in this order: %s", words);
	}
}

/* Network */

static bool is_dead(const struct roam *r, const struct rg_cfg_addr *addr)
{
	for (unsigned i = 0; i < r->n_dead; i++)
		if (addr_equal(&r->dead[i], addr))
			return true;
	return false;
}

static bool translate(struct roam *r, struct datagram *dg)
{
	struct rg_cfg_addr public = address(PUBLIC);

	if (dg->from->letter == 'c') {
		if (!r->nat || dg->local.addr.family != 4)
			return true;
		r->nat_inside = dg->local.addr;
		dg->local =
		        (struct ike_endpoint){public, (uint16_t)(r->nat_port - (dg->local.port == IKE_PORT))};
	} else if (addr_equal(&dg->remote.addr, &public)) {
		if (!r->nat || (dg->remote.port != r->nat_port && dg->remote.port != r->nat_port - 1))
			return false;
		dg->remote.port = dg->remote.port == r->nat_port ? IKE_PORT_NATT : IKE_PORT;
		dg->remote.addr = r->nat_inside;
	}
	return true;
}

static bool network(struct world *w, struct datagram *dg)
{
	struct roam *r = w->filter_context;
	char text[ROAM_LINE];
	bool alive = !is_dead(r, &dg->local.addr) && !is_dead(r, &dg->remote.addr);

	note_migrations(r);
	describe(dg, text);
	alive = alive && translate(r, dg) && !is_dead(r, &dg->remote.addr);
	alive = alive && (r->filter == NULL || r->filter(r, dg, text));
	line(r, "%s%s", text, alive ? "" : " (lost)");
	return alive;
}

void roam_kill(struct roam *r, const char *addr)
{
	assert_true(r->n_dead < 8);
	r->dead[r->n_dead++] = address(addr);
}

void roam_revive(struct roam *r, const char *addr)
{
	struct rg_cfg_addr a = address(addr);

	for (unsigned i = 0; i < r->n_dead; i++)
		if (addr_equal(&r->dead[i], &a))
			r->dead[i] = r->dead[--r->n_dead];
}

void roam_port(struct peer *p, unsigned port, bool up)
{
	struct rg_api_event event = {.type = RG_EVENT_PORT, .handle = port, .value = up};

	ike_dp_event(p->m, &event);
}

/* Life */

static struct roam *create(const char *gateway, const char *client, const char *proposals,
                           const char *fragmentation)
{
	static const char usual[] = "return-routability: always, updates: 600/min";
	struct roam *r = calloc(1, sizeof(*r));
	char extra[2][512];

	assert_non_null(r);
	for (unsigned i = 0; i < 2; i++) {
		const char *mobility = i == 0 ? gateway : client;

		snprintf(extra[i], sizeof(extra[i]),
		         "    proposals: {%s}\n"
		         "    lifetimes: {ike: 24h, child: 8h, dpd: 30s}\n"
		         "    mobility: {%s}\n"
		         "    %s\n",
		         proposals, mobility != NULL ? mobility : usual, fragmentation);
	}
	r->nat_port = 40000;
	r->w = world_new(&(struct world_options){
	        .homing = &homing_ops, .gateway_extra = extra[0], .client_extra = extra[1], .seed = 7});
	r->w->filter = network;
	r->w->filter_context = r;
	return r;
}

struct roam *roam_new(const char *gateway, const char *client, const char *esp)
{
	char proposals[256];

	snprintf(proposals, sizeof(proposals), "esp: [%s]", esp != NULL ? esp : "aes128gcm16-esn");
	return create(gateway, client, proposals, "fragmentation: off");
}

struct roam *roam_new_fragmented(void)
{
	return create(NULL, NULL, "ike: [aes128gcm16-prfsha256-modp3072], esp: [aes128gcm16-modp3072-esn]",
	              "fragment-size: 576");
}

void roam_free(struct roam *r)
{
	world_free(r->w);
	free(r);
}

struct ike_sa *roam_client(struct roam *r)
{
	return ike_find_session(world_client(r->w)->m, r->session);
}

struct ike_sa *roam_gateway(struct roam *r)
{
	struct ike_sa *sa, *found = NULL;

	TAILQ_FOREACH (sa, &world_gateway(r->w)->m->sas, link)
		if (sa->state == IKE_STATE_ESTABLISHED && !sa->heir_has_it)
			found = sa;
	assert_non_null(found);
	return found;
}

void roam_run(struct roam *r, uint64_t ms)
{
	world_run(r->w, ms);
}

void roam_up(struct roam *r)
{
	world_up(r->w);
	r->session = ike_session_id(peer_session(world_client(r->w)));
	assert_non_null(roam_client(r)->homing);
	assert_non_null(roam_gateway(r)->homing);
}

void roam_move(struct roam *r, const char *local, const char *remote)
{
	struct rg_cfg_addr l = address(local), g = address(remote);

	assert_int_equal(homing_move(world_client(r->w)->m, r->session, &l, &g), 0);
}

const char *roam_path(struct peer *p, struct ike_sa *sa, char text[128])
{
	assert_non_null(sa);
	path_text(&p->dp->tunnels[RG_SA_HANDLE_INDEX(sa->tunnel) % FAKE_MAX].path, text);
	return text;
}

void roam_expect_paths(struct roam *r, const char *client, const char *gateway)
{
	char of_client[128], of_gateway[128];

	roam_path(world_client(r->w), roam_client(r), of_client);
	roam_path(world_gateway(r->w), roam_gateway(r), of_gateway);
	if (strcmp(of_client, client) != 0 || strcmp(of_gateway, gateway) != 0)
		print(r, 0);
	assert_string_equal(of_client, client);
	assert_string_equal(of_gateway, gateway);
}

/* Hostile */

void roam_forge(struct roam *r, uint32_t message_id, const char *from, const char *to,
                const uint16_t *notifies)
{
	roam_forge_on(r, roam_client(r), message_id, from, to, notifies);
}

void roam_forge_on(struct roam *r, struct ike_sa *sa, uint32_t message_id, const char *from, const char *to,
                   const uint16_t *notifies)
{
	static const uint8_t cookie[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct ike_header hdr = {.spi_i = sa->spi_i,
	                         .spi_r = sa->spi_r,
	                         .exchange = IKE_EXCHANGE_INFORMATIONAL,
	                         .flags = sa->is_initiator ? IKE_FLAG_INITIATOR : 0,
	                         .message_id = message_id};
	struct ike_endpoint source = endpoint(from, IKE_PORT_NATT), destination = endpoint(to, IKE_PORT_NATT);
	uint8_t plain[512], out[1024];
	struct ike_build b;
	size_t len;

	ike_build_inner(&b, plain, sizeof(plain));
	for (; *notifies != 0; notifies++)
		ike_build_status(&b, *notifies, cookie, *notifies == IKE_NOTIFY_COOKIE2 ? sizeof(cookie) : 0);
	assert_int_equal(ike_build_finish(&b), 0);
	assert_int_equal(ike_sk_seal(sa->is_initiator ? &sa->keys.i : &sa->keys.r, &hdr, b.first, plain,
	                             b.len, out, sizeof(out), &len),
	                 0);
	peer_inject(world_gateway(r->w), &destination, &source, true, out, len);
}

void roam_esp_from(struct roam *r, const char *addr, uint16_t port)
{
	struct ike_sa *sa = roam_gateway(r);
	struct rg_api_event event = {.type = RG_EVENT_NEW_ADDRESS, .tunnel = sa->tunnel, .sequence = 7};
	struct pair_path seen = {.pair = {sa->local, endpoint(addr, port)},
	                         .encap = port != 0 ? RG_ENCAP_UDP : RG_ENCAP_NONE};

	event.handle = child_current(sa)->handle_in;
	pair_path_to_api(&seen, &event.seen);
	ike_dp_event(world_gateway(r->w)->m, &event);
}

bool roam_no_update(struct roam *r, struct datagram *dg, const char *line)
{
	(void)r;
	return dg->from->letter == 'g' || strstr(line, "UPDATE_SA_ADDRESSES") == NULL;
}
