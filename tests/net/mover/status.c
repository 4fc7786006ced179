/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mover's state as JSON: what must stay over a move, and what must change. One thread.
 */
#include "tests/net/mover/mover.h"

#include "config/addr.h"
#include "control/ike/cp.h"
#include "control/ike/ike_sa.h"

#include <arpa/inet.h>
#include <stdio.h>

static json_t *hex(uint64_t value, int digits)
{
	char text[20];

	snprintf(text, sizeof(text), "%0*llx", digits, (unsigned long long)value);
	return json_string(text);
}

static json_t *octets(const uint8_t *data, size_t len)
{
	char text[2 * ESP_FINGERPRINT + 1] = "";

	for (size_t i = 0; i < len && i < ESP_FINGERPRINT; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	return json_string(text);
}

static json_t *endpoint_json(const struct ike_endpoint *e)
{
	char text[IKE_ENDPOINT_TEXT];

	return json_string(endpoint_text(e, text));
}

static json_t *addr_json(const struct rg_cfg_addr *addr)
{
	char text[IKE_ENDPOINT_TEXT];

	return json_string(addr_text(addr, text));
}

static json_t *path_json(struct mover *mv, const struct ike_sa *sa)
{
	const struct rg_api_tunnel *t = sad_tunnel(&mv->sad, sa->tunnel);
	int family;
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];

	if (sa->tunnel == 0 || t == NULL)
		return json_null();
	family = t->path.family == 4 ? AF_INET : AF_INET6;
	inet_ntop(family, t->path.local, local, sizeof(local));
	inet_ntop(family, t->path.remote, remote, sizeof(remote));
	return json_pack("{s:s, s:s, s:b, s:I}", "local", local, "remote", remote, "udp",
	                 t->path.encap == RG_ENCAP_UDP, "generation", (json_int_t)t->generation);
}

static void add_sas(json_t *list, const struct esp_sa *sas, const char *direction)
{
	for (unsigned i = 0; i < SAD_SAS; i++) {
		const struct esp_sa *s = &sas[i];

		if (!s->used)
			continue;
		json_array_append_new(list,
		                      json_pack("{s:s, s:o, s:o, s:b, s:I, s:I, s:I, s:I, s:I}", "direction",
		                                direction, "spi", hex(ntohl(s->spi), 8), "key",
		                                octets(s->fingerprint, sizeof(s->fingerprint)), "esn", s->esn,
		                                "sequence", (json_int_t)s->sequence, "packets",
		                                (json_int_t)s->packets, "replayed", (json_int_t)s->replayed,
		                                "auth_failed", (json_int_t)s->auth_failed, "malformed",
		                                (json_int_t)s->malformed));
	}
}

/* What the gateway's CFG_REPLY said beside the addresses. */
static json_t *taken_json(const struct cp_taken *taken)
{
	json_t *dns = json_array(), *domains = json_array(), *subnets = json_array();
	char text[RG_PREFIX_TEXT_MAX];

	for (unsigned i = 0; taken != NULL && i < taken->n_dns; i++)
		json_array_append_new(dns, addr_json(&taken->dns[i]));
	for (unsigned i = 0; taken != NULL && i < taken->n_domains; i++)
		json_array_append_new(domains, json_string(taken->domains[i]));
	for (unsigned i = 0; taken != NULL && i < taken->n_subnets; i++)
		json_array_append_new(subnets, json_string(rg_prefix_format(&taken->subnets[i], text)));
	return json_pack("{s:o, s:o, s:o}", "dns", dns, "domains", domains, "subnets", subnets);
}

static void add_session(struct mover *mv, const struct ike_sa *sa, json_t *o)
{
	json_t *virtual = json_array(), *peers = json_array();
	char text[256] = "";

	for (unsigned i = 0; i < sa->n_vips; i++)
		json_array_append_new(virtual, addr_json(&sa->vips[i].addr));
	for (unsigned i = 0; i < sa->n_peer_addrs; i++)
		json_array_append_new(peers, addr_json(&sa->peer_addrs[i]));
	json_object_set_new(o, "virtual", virtual);
	json_object_set_new(o, "peer_addresses", peers);
	json_object_set_new(o, "configuration", taken_json(sa->taken));
	json_object_set_new(o, "path", path_json(mv, sa));
	json_object_set_new(o, "homing", json_string(homing_describe(sa, text, sizeof(text))));
	json_object_set_new(o, "ike",
	                    json_pack("{s:o, s:o, s:o, s:o, s:b, s:b, s:b}", "spi_i", hex(sa->spi_i, 16),
	                              "spi_r", hex(sa->spi_r, 16), "local", endpoint_json(&sa->local),
	                              "remote", endpoint_json(&sa->remote), "nat_local", sa->nat_local,
	                              "nat_remote", sa->nat_remote, "busy", exchange_waiting(sa) != NULL));
}

json_t *mover_status(struct mover *mv)
{
	struct ike_sa *sa = ike_find_session(mv->ike, mv->session);
	json_t *sas = json_array();
	json_t *o = json_pack("{s:s, s:I, s:s, s:I, s:o}", "answer", "status", "ms", (json_int_t)mover_now(),
	                      "state", sa != NULL ? ike_state_name(sa->state) : "none", "migrations",
	                      (json_int_t)mv->sad.migrations, "sas", sas);

	add_sas(sas, mv->sad.in, "in");
	add_sas(sas, mv->sad.out, "out");
	json_object_set_new(
	        o, "dropped",
	        json_pack("{s:I, s:I, s:I, s:I, s:I}", "no_policy", (json_int_t)mv->dropped.no_policy,
	                  "unknown_spi", (json_int_t)mv->dropped.unknown_spi, "malformed",
	                  (json_int_t)mv->dropped.malformed, "tun_failed", (json_int_t)mv->dropped.tun_failed,
	                  "send_failed", (json_int_t)mv->net.send_failed));
	if (sa != NULL)
		add_session(mv, sa, o);
	return o;
}
