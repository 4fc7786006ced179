/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_AUTH with EAP-MSCHAPv2 in both roles: with the gateway's certificate and without
 * (RFC 5998), who the peer is then, loss, waiting, wrong passwords (H29), and what breaks the
 * rules (H24, H25).
 */
#include "control/ike/auth_eap.h"
#include "tests/exchange/eap_config.h"
#include "tests/exchange/mutate.h"
#include "tests/unit/control/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char all_rounds[] = "c>g IKE_SA_INIT ?0\ng>c IKE_SA_INIT !0\n"
                                 "c>g IKE_AUTH ?1\ng>c IKE_AUTH !1\n"
                                 "c>g IKE_AUTH ?2\ng>c IKE_AUTH !2\n"
                                 "c>g IKE_AUTH ?3\ng>c IKE_AUTH !3\n"
                                 "c>g IKE_AUTH ?4\ng>c IKE_AUTH !4\n"
                                 "c>g IKE_AUTH ?5\ng>c IKE_AUTH !5\n";

static bool both_up(struct world *w)
{
	return peer_session(world_client(w)) != NULL && peer_session(world_gateway(w)) != NULL;
}

static bool is_carol(const struct rg_id *id)
{
	return id->type == RG_ID_RFC822_ADDR && id->len == 17 &&
	       memcmp(id->value, "carol@example.net", 17) == 0;
}

static struct world *new_world(struct eap_config *c, const struct eap_wish *wish)
{
	eap_config_make(c, wish, NULL);
	return world_new(&c->options);
}

static void done(struct world *w, const struct eap_config *c)
{
	world_free(w);
	eap_config_clean(c);
}

static void by_eap_alone(void **state)
{
	struct eap_config c;
	struct world *w = new_world(&c, NULL);

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, both_up, 5000));
	world_expect(w, all_rounds);
	assert_true(world_traffic(w));
	assert_true(is_carol(&peer_session(world_gateway(w))->peer_id));
	assert_null(peer_session(world_gateway(w))->eap);
	assert_null(peer_session(world_client(w))->eap);
	done(w, &c);
}

static void an_identity_round_less(void **state)
{
	const struct eap_wish wish = {.identity = "ike"};
	struct eap_config c;
	struct world *w = new_world(&c, &wish);

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, both_up, 5000));
	assert_null(strstr(w->trace, "IKE_AUTH ?5"));
	assert_true(world_traffic(w));
	done(w, &c);
}

/* Certificates of the gateway: `trusted`, or by an authority that the client does not know. */
static void make_certificates(const char *dir, bool trusted)
{
	struct pki_wish ca = {.cn = "root", .ca = true}, leaf = {.cn = "gw", .san = "DNS:gw.example.net"};
	EVP_PKEY *root_key = pki_ec_key("P-256"), *key = pki_ec_key("P-256");
	X509 *root = pki_issue(&ca, root_key, NULL, NULL), *cert = pki_issue(&leaf, key, root, root_key);
	EVP_PKEY *other_key = pki_ec_key("P-256");
	X509 *other = pki_issue(&ca, other_key, NULL, NULL);
	char path[128];

	snprintf(path, sizeof(path), "%s/gw.crt", dir);
	pki_write_cert(path, &cert, 1);
	snprintf(path, sizeof(path), "%s/gw.key", dir);
	pki_write_key(path, key, 0600);
	snprintf(path, sizeof(path), "%s/ca.crt", dir);
	pki_write_cert(path, trusted ? &root : &other, 1);
	X509_free(cert);
	X509_free(root);
	X509_free(other);
	EVP_PKEY_free(key);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(other_key);
}

static struct world *certificate_world(struct eap_config *c, bool trusted, const char *identity)
{
	char dir[] = "/tmp/roamgate-eap-XXXXXX", gateway[256], client[128];
	const struct eap_wish wish = {.certificate = true,
	                              .gateway_keys = gateway,
	                              .client_keys = client,
	                              .client_identity = identity};

	assert_non_null(mkdtemp(dir));
	make_certificates(dir, trusted);
	snprintf(gateway, sizeof(gateway), "certificate: %s/gw.crt, private-key: %s/gw.key", dir, dir);
	snprintf(client, sizeof(client), "authorities: [%s/ca.crt]", dir);
	eap_config_make(c, &wish, dir);
	return world_new(&c->options);
}

static void certificate_done(struct world *w, const struct eap_config *c)
{
	static const char *const files[] = {"gw.crt", "gw.key", "ca.crt"};
	char path[128];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", c->dir, files[i]);
		unlink(path);
	}
	done(w, c);
}

static void the_gateway_by_certificate(void **state)
{
	struct eap_config c;
	struct world *w = certificate_world(&c, true, NULL);

	(void)state;
	world_up(w);
	assert_true(world_traffic(w));
	assert_true(is_carol(&peer_session(world_gateway(w))->peer_id));
	certificate_done(w, &c);
}

/* No password is tried on a gateway that is not the right one. */
static void a_gateway_that_is_not_trusted(void **state)
{
	struct eap_config c;
	struct world *w = certificate_world(&c, false, NULL);

	(void)state;
	world_connect(w);
	world_run(w, 3000);
	assert_null(peer_session(world_client(w)));
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_null(strstr(w->trace, "IKE_AUTH ?2"));
	assert_int_equal(peer_counter(world_client(w), "auth-certificate-untrusted"), 1);
	/* It hears of that, and keeps nothing. */
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_string_equal(world_gateway(w)->last_event[IKE_EVENT_AUTH_FAILED], "the peer gives up");
	assert_int_equal(peer_counter(world_client(w), "auth-certificate-untrusted"), 1);
	certificate_done(w, &c);
}

static const char *idi; /* what the client says in IDi */

/* Its name in EAP is taken between the first two requests, its IDi before and after. */
static bool two_names(struct world *w, struct datagram *dg)
{
	struct ike_header hdr;
	struct ike_sa *sa;

	if (dg->from == world_gateway(w) || ike_header_parse(&hdr, dg->data, dg->len) != IKE_OK ||
	    hdr.exchange != IKE_EXCHANGE_IKE_AUTH || hdr.message_id > 2)
		return true;
	sa = manager_find(world_client(w)->m, hdr.spi_i);
	assert_non_null(sa);
	world_claim(sa, hdr.message_id == 1 ? "carol@example.net" : idi);
	return true;
}

static void connect_as(struct world *w, const char *name)
{
	idi = name;
	w->filter = two_names;
	world_connect(w);
	world_claim(TAILQ_LAST(&world_client(w)->m->sas, ike_sa_list), idi);
}

/* RFC 7296 2.16: policy follows the identity that EAP authenticated, not IDi. */
static void the_identity_is_that_of_eap(void **state)
{
	static const char *const ids[] = {"192.0.2.99", "dave@example.net", "laptop"};

	(void)state;
	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct eap_config c;
		struct world *w = new_world(&c, NULL);

		connect_as(w, ids[i]);
		assert_true(world_run_until(w, both_up, 5000));
		assert_true(is_carol(&peer_session(world_gateway(w))->peer_id));
		assert_int_equal(peer_session(world_gateway(w))->peer_cookie,
		                 rg_id_cookie(&peer_session(world_gateway(w))->peer_id));
		assert_true(world_traffic(w));
		done(w, &c);
	}
}

static unsigned established_of_carol(struct peer *p)
{
	struct ike_sa *sa;
	unsigned n = 0;

	TAILQ_FOREACH (sa, &p->m->sas, link)
		n += sa->state == IKE_STATE_ESTABLISHED && is_carol(&sa->peer_id);
	return n;
}

/* One session for an identity, whatever IDi says: the second brings INITIAL_CONTACT. */
static void a_second_session_replaces_the_first(void **state)
{
	struct eap_config c;
	struct world *w = new_world(&c, NULL);

	(void)state;
	world_up(w);
	ike_sa_close(peer_session(world_client(w)), "it has crashed");
	connect_as(w, "dave@example.net");
	world_run(w, 60000);
	assert_int_equal(established_of_carol(world_gateway(w)), 1);
	assert_int_equal(peer_sas(world_gateway(w)), 1);
	assert_true(world_traffic(w));
	done(w, &c);
}

static void refused(const struct eap_wish *wish, const char *counter, const char *why)
{
	struct eap_config c;
	struct world *w = new_world(&c, wish);

	world_connect(w);
	world_run(w, 8000);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_int_equal(peer_counter(world_gateway(w), "ike-authentication-failed"), 1);
	assert_int_equal(peer_counter(world_gateway(w), counter), 1);
	assert_string_equal(world_gateway(w)->last_event[IKE_EVENT_AUTH_FAILED], why);
	assert_int_equal(world_client(w)->events[IKE_EVENT_AUTH_FAILED], 1);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
	done(w, &c);
}

static void a_wrong_password(void **state)
{
	const struct eap_wish wish = {.client_password = "hunter2"};

	(void)state;
	refused(&wish, "ike-eap-failed", "unknown user or wrong password");
}

/* A good password, but no connection for this identity. */
static void a_user_without_a_connection(void **state)
{
	const struct eap_wish wish = {.identities = "*@example.org"};

	(void)state;
	refused(&wish, "ike-authentication-failed", "no connection takes this user by EAP");
}

static size_t sizes[64];
static unsigned n_sizes;

static bool note_size(struct world *w, struct datagram *dg)
{
	if (dg->from == world_gateway(w) && n_sizes < 64)
		sizes[n_sizes++] = dg->len;
	return true;
}

/* What the network sees of a refusal: messages, sizes, and what a client is told. */
static void h29_unknown_user_as_wrong_password(void **state)
{
	const struct eap_wish wishes[] = {{.client_password = "hunter2"},
	                                  {.client_identity = "marol@example.net"}};
	char trace[2][WORLD_TRACE], said[2][256];
	size_t seen[2][64];
	unsigned n[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct eap_config c;
		struct world *w = new_world(&c, &wishes[i]);

		n_sizes = 0;
		w->filter = note_size;
		world_connect(w);
		world_run(w, 3000);
		memcpy(trace[i], w->trace, sizeof(trace[i]));
		memcpy(said[i], world_client(w)->last_event[IKE_EVENT_AUTH_FAILED], sizeof(said[i]));
		memcpy(seen[i], sizes, sizeof(sizes));
		n[i] = n_sizes;
		done(w, &c);
	}
	assert_string_equal(trace[0], trace[1]);
	assert_string_equal(said[0], said[1]);
	assert_int_equal(n[0], n[1]);
	assert_memory_equal(seen[0], seen[1], n[0] * sizeof(size_t));
}

/* Of so many, a few lose every copy of one message: then nothing is left on either side. */
static void loss_doubles_and_disorder(void **state)
{
	unsigned up = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct eap_config c;
		struct world *w;

		eap_config_make(&c, NULL, NULL);
		c.options.seed = seed;
		w = world_new(&c.options);
		w->loss_percent = 25;
		w->duplicate_percent = 20;
		w->jitter_ms = 400;
		world_connect(w);
		if (world_run_until(w, both_up, 60000)) {
			w->loss_percent = w->duplicate_percent = 0;
			assert_true(world_traffic(w));
			up++;
		} else {
			world_run(w, 300000);
			if (!both_up(w) && peer_sas(world_client(w)) + peer_sas(world_gateway(w)) > 0) {
				print_error("seed %lu\n%s", (unsigned long)seed, w->trace);
				fail();
			}
		}
		done(w, &c);
	}
	assert_true(up >= 190);
}

static bool session_begins_anew(struct world *w)
{
	return peer_counter(world_gateway(w), "ike-reauthenticated") == 1 &&
	       peer_sas(world_gateway(w)) == 1 && peer_sas(world_client(w)) == 1;
}

/* RFC 4478: AUTH_LIFETIME comes with the last message of IKE_AUTH, and the name of EAP is the session's. */
static void a_session_is_authenticated_anew(void **state)
{
	struct eap_config c;
	struct rg_cfg_addr vip;
	struct world *w;

	(void)state;
	eap_config_make(&c, NULL, NULL);
	c.options.gateway_extra = "    lifetimes: {authentication: 600s, dpd: off}\n";
	c.options.client_extra = "    lifetimes: {dpd: off}\n";
	w = world_new(&c.options);
	world_up(w);
	vip = peer_session(world_gateway(w))->vips[0].addr;
	assert_true(world_run_until(w, session_begins_anew, 640000));
	assert_true(addr_equal(&peer_session(world_gateway(w))->vips[0].addr, &vip));
	assert_true(is_carol(&peer_session(world_gateway(w))->peer_id));
	assert_true(world_traffic(w));
	assert_int_equal(world_gateway(w)->events[IKE_EVENT_SESSION_DOWN], 0);
	done(w, &c);
}

/* RFC 6023: the first request asks for no Child SA, so the last answer brings none. */
static void childless(void **state)
{
	struct eap_config c;
	struct world *w;

	(void)state;
	eap_config_make(&c, NULL, NULL);
	c.options.client_extra = "    childless: prefer\n";
	w = world_new(&c.options);
	world_connect(w);
	world_run(w, 2000);
	assert_non_null(strstr(w->trace, "c>g IKE_AUTH ?5\ng>c IKE_AUTH !5\nc>g CREATE_CHILD_SA ?6\n"));
	assert_true(both_up(w));
	assert_true(world_traffic(w));
	done(w, &c);
}

static bool gateway_in(struct world *w, enum ike_state state)
{
	struct ike_sa *sa;

	TAILQ_FOREACH (sa, &world_gateway(w)->m->sas, link) {
		if (sa->state == state)
			return true;
	}
	return false;
}

static bool gateway_in_eap(struct world *w)
{
	return gateway_in(w, IKE_STATE_EAP);
}

/* A method may take its time: the IKE SA is parked, copies of the request are dropped, and all goes on. */
static void a_method_that_takes_its_time(void **state)
{
	struct eap_config c;
	struct world *w = new_world(&c, NULL);

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, gateway_in_eap, 5000));
	world_gateway(w)->hold_jobs = true;
	world_run(w, 4000);
	assert_int_equal(world_gateway(w)->n_jobs, 1);
	assert_true(peer_counter(world_gateway(w), "ike-drop-in-progress") > 1);
	world_gateway(w)->hold_jobs = false;
	assert_true(world_run_until(w, both_up, 5000));
	assert_true(world_traffic(w));
	done(w, &c);
}

static bool nothing(struct world *w, struct datagram *dg)
{
	(void)w;
	(void)dg;
	return false;
}

/* Closed in the midst of it by a side's operator, with its n-th job at work. False: it has no such job. */
static bool close_at_job(unsigned side, unsigned n)
{
	struct eap_config c;
	struct world *w = new_world(&c, NULL);
	struct peer *p = &w->peers[side];
	bool at_work;

	world_connect(w);
	p->hold_jobs = true;
	world_run(w, 100);
	for (unsigned i = 0; i < n; i++) {
		peer_run_jobs(p);
		world_run(w, 100);
	}
	at_work = p->n_jobs > 0;
	if (at_work) {
		w->filter = nothing; /* the other one would come again */
		ike_terminate_all(p->m);
		peer_run_jobs(p);
		world_run(w, 1000);
		assert_int_equal(peer_sas(p), 0);
	}
	done(w, &c);
	return at_work;
}

static void closed_while_a_job_is_at_work(void **state)
{
	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		unsigned n = 0;

		while (close_at_job(side, n))
			n++;
		assert_true(n >= 5); /* the key exchange, three steps of EAP, AUTH */
	}
}

static bool only_gateway(struct world *w, struct datagram *dg)
{
	return dg->from == world_gateway(w);
}

static void half_an_eap_is_forgotten(void **state)
{
	struct eap_config c;
	struct world *w = new_world(&c, NULL);

	(void)state;
	world_connect(w);
	assert_true(world_run_until(w, gateway_in_eap, 5000));
	w->filter = only_gateway;
	world_run(w, 50000);
	assert_int_equal(peer_sas(world_gateway(w)), 1);
	world_run(w, 15000);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_int_equal(peer_counter(world_gateway(w), "ike-half-open-expired"), 1);
	done(w, &c);
}

static bool without_keys(struct world *w, struct datagram *dg)
{
	struct ike_sa *sa;

	(void)dg;
	for (unsigned i = 0; i < 2; i++) {
		TAILQ_FOREACH (sa, &w->peers[i].m->sas, link) {
			if (sa->eap != NULL && sa->eap->eap != NULL)
				sa->eap->eap->msk_len = 0;
		}
	}
	return true;
}

/* RFC 7296 2.16: AUTH by SK_pi and SK_pr. */
static void a_method_that_makes_no_key(void **state)
{
	struct eap_config c;
	struct world *w = new_world(&c, NULL);

	(void)state;
	w->filter = without_keys;
	world_connect(w);
	assert_true(world_run_until(w, both_up, 5000));
	assert_true(world_traffic(w));
	done(w, &c);
}

static bool a_wrong_key(struct world *w, struct datagram *dg)
{
	struct ike_sa *sa;

	(void)dg;
	TAILQ_FOREACH (sa, &world_client(w)->m->sas, link) {
		if (sa->eap != NULL && sa->eap->eap != NULL)
			memset(sa->eap->eap->msk, 0x5a, EAP_MSK_LEN);
	}
	return true;
}

static void auth_by_another_key_than_eaps(void **state)
{
	struct eap_config c;
	struct world *w = new_world(&c, NULL);

	(void)state;
	w->filter = a_wrong_key;
	world_connect(w);
	world_run(w, 3000);
	assert_false(both_up(w));
	assert_int_equal(peer_counter(world_gateway(w), "ike-authentication-failed"), 1);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	done(w, &c);
}

static void eap_where_no_connection_has_it(void **state)
{
	struct eap_config c;
	struct world *w;

	(void)state;
	eap_config_make(&c, NULL, NULL);
	c.options.gateway_self = c.options.gateway_yaml = NULL;
	w = world_new(&c.options);
	world_connect(w);
	world_run(w, 3000);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_int_equal(peer_sas(world_client(w)), 0);
	assert_string_equal(world_gateway(w)->last_event[IKE_EVENT_AUTH_FAILED],
	                    "the peer asks for EAP, which no connection offers");
	done(w, &c);
}

/* A client that insists on a certificate, at a gateway that has EAP alone. */
static void eap_alone_is_not_forced_on_anybody(void **state)
{
	struct eap_config c;
	struct world *w;

	(void)state;
	w = certificate_world(&c, true, NULL);
	world_free(w);
	snprintf(c.gateway_yaml, sizeof(c.gateway_yaml), "%s",
	         "connections:\n"
	         "  roam:\n"
	         "    uplinks: {members: [isp1, isp2]}\n"
	         "    authentication: {local: eap-mschapv2, remote: eap-mschapv2}\n"
	         "    identities: [\"*\"]\n"
	         "    pool: road\n");
	w = world_new(&c.options);
	world_connect(w);
	world_run(w, 3000);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_string_equal(world_gateway(w)->last_event[IKE_EVENT_AUTH_FAILED],
	                    "the peer asks for EAP, which no connection offers");
	certificate_done(w, &c);
}

/* What breaks the rules */

static void breaks(unsigned skip, void (*change)(struct mutation *m), void *context, const char *counter)
{
	struct mutation *m = malloc(sizeof(*m));
	struct eap_config c;
	struct world *w = new_world(&c, NULL);

	assert_non_null(m);
	mutate(w, m, IKE_EXCHANGE_IKE_AUTH, change, context);
	m->skip = skip;
	world_connect(w);
	world_run(w, 500);
	assert_int_equal(m->applied, 1);
	assert_true(m->answered);
	assert_int_equal(m->answer, IKE_NOTIFY_AUTHENTICATION_FAILED);
	assert_int_equal(peer_counter(world_gateway(w), counter), 1);
	assert_int_equal(peer_counter(world_gateway(w), "ike-authentication-failed"), 1);
	assert_int_equal(peer_sas(world_gateway(w)), 0);
	assert_int_equal(fake_count_in(world_gateway(w)->dp), 0);
	mutate_stop(w);
	done(w, &c);
	free(m);
}

static void auth_instead(struct mutation *m)
{
	static const uint8_t body[36] = {IKE_AUTH_PSK};

	m->n = 0;
	mutable_add(m, IKE_PAYLOAD_AUTH, body, sizeof(body));
}

static void auth_beside(struct mutation *m)
{
	static const uint8_t body[36] = {IKE_AUTH_PSK};

	mutable_add(m, IKE_PAYLOAD_AUTH, body, sizeof(body));
}

static void h24_auth_before_eap_completes(void **state)
{
	(void)state;
	for (unsigned round = 1; round <= 3; round++) {
		breaks(round, auth_instead, NULL, "ike-eap-broken");
		breaks(round, auth_beside, NULL, "ike-eap-broken");
	}
}

static void set_eap(struct mutation *m, const void *packet, size_t len)
{
	m->n = 0;
	mutable_add(m, IKE_PAYLOAD_EAP, packet, len);
}

static void success(struct mutation *m)
{
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_EAP);

	set_eap(m, (const uint8_t[]){3, p != NULL ? p->body[1] : 1, 0, 4}, 4);
}

static void h24_early_eap_success(void **state)
{
	(void)state;
	for (unsigned round = 1; round <= 3; round++)
		breaks(round, success, NULL, "ike-eap-broken");
}

static void identity_again(struct mutation *m)
{
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_EAP);

	set_eap(m, (const uint8_t[]){2, p != NULL ? p->body[1] : 1, 0, 6, 1, 'x'}, 6);
}

static void first_again(struct mutation *m)
{
	static const uint8_t id[] = {IKE_ID_RFC822_ADDR, 0, 0, 0, 'a', '@', 'b'};
	static const uint8_t ts[24] = {1, 0, 0, 0, 7, 0, 0, 16, 0, 0, 0xff, 0xff};
	static const uint8_t sa[40] = {0};

	m->n = 0;
	mutable_add(m, IKE_PAYLOAD_IDi, id, sizeof(id));
	mutable_add(m, IKE_PAYLOAD_SA, sa, sizeof(sa));
	mutable_add(m, IKE_PAYLOAD_TSi, ts, 20);
	mutable_add(m, IKE_PAYLOAD_TSr, ts, 20);
}

static void h24_eap_restart(void **state)
{
	(void)state;
	for (unsigned round = 2; round <= 4; round++)
		breaks(round, identity_again, NULL, "ike-eap-broken");
	for (unsigned round = 1; round <= 4; round++)
		breaks(round, first_again, NULL, "ike-eap-broken");
}

struct poke {
	unsigned at;
	int add;   /* to what is there */
	int value; /* instead; -1: add */
	int cut;   /* octets less, or more */
};

static void poke(struct mutation *m)
{
	const struct poke *how = m->context;
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_EAP);

	assert_non_null(p);
	if (how->cut == 0)
		p->body[how->at] = (uint8_t)(how->value < 0 ? p->body[how->at] + how->add : how->value);
	p->len = (size_t)((int)p->len - how->cut);
}

static void h25_lengths(void **state)
{
	/* The response of MS-CHAPv2: EAP's length, its own, and that of the value. */
	static const unsigned fields[] = {2, 3, 7, 8, 9};

	(void)state;
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		for (int add = -1; add <= 1; add += 2) {
			struct poke how = {.at = fields[i], .add = add, .value = -1};

			breaks(2, poke, &how, "ike-eap-broken");
		}
		if (fields[i] != 2 && fields[i] != 7) { /* those are 0 as they are */
			struct poke how = {.at = fields[i], .value = 0};

			breaks(2, poke, &how, "ike-eap-broken");
		}
	}
	for (int cut = -8; cut < 60; cut += 7) {
		struct poke how = {.cut = cut == 0 ? 1 : cut};

		breaks(2, poke, &how, "ike-eap-broken");
	}
}

/* What strongSwan says where a password was wrong. */
static void give_up(struct mutation *m)
{
	m->hdr.exchange = IKE_EXCHANGE_INFORMATIONAL;
	m->n = 0;
	if (m->context != NULL)
		mutable_add(m, IKE_PAYLOAD_NOTIFY, m->context, 4);
}

static void the_peer_gives_up(void **state)
{
	static uint8_t failed[4] = {0, 0, 0, IKE_NOTIFY_AUTHENTICATION_FAILED};

	(void)state;
	for (unsigned round = 1; round <= 4; round++) {
		struct mutation *m = malloc(sizeof(*m));
		struct eap_config c;
		struct world *w = new_world(&c, NULL);

		assert_non_null(m);
		mutate(w, m, IKE_EXCHANGE_IKE_AUTH, give_up, failed);
		m->skip = round;
		world_connect(w);
		world_run(w, 500);
		assert_true(m->answered);
		assert_int_equal(m->answer, 0);
		assert_int_equal(peer_sas(world_gateway(w)), 0);
		assert_int_equal(peer_counter(world_gateway(w), "ike-eap-failed"), 1);
		mutate_stop(w);
		done(w, &c);
		free(m);
	}
}

static void h07_informational_in_the_midst_of_eap(void **state)
{
	struct mutation *m = malloc(sizeof(*m));
	struct eap_config c;
	struct world *w = new_world(&c, NULL);

	(void)state;
	assert_non_null(m);
	mutate(w, m, IKE_EXCHANGE_IKE_AUTH, give_up, NULL);
	m->skip = 2;
	world_connect(w);
	world_run(w, 300);
	assert_int_equal(m->applied, 1);
	assert_false(m->answered);
	assert_int_equal(peer_counter(world_gateway(w), "ike-drop-unexpected"), 1);
	mutate_stop(w);
	assert_true(world_run_until(w, both_up, 5000)); /* the request comes again as it was */
	assert_true(world_traffic(w));
	done(w, &c);
	free(m);
}

static void large(struct mutation *m)
{
	static uint8_t packet[4090] = {2, 0, sizeof(packet) >> 8, sizeof(packet) & 255, 26};
	struct mutable_payload *p = mutable_find(m, IKE_PAYLOAD_EAP);

	packet[1] = p->body[1];
	set_eap(m, packet, sizeof(packet));
}

static void h25_a_large_packet(void **state)
{
	(void)state;
	breaks(2, large, NULL, "ike-eap-broken");
}

static void long_request(struct mutation *m)
{
	static uint8_t hashes[4001] = {4};

	for (unsigned i = 0; i < 3; i++)
		mutable_add(m, IKE_PAYLOAD_CERTREQ, hashes, sizeof(hashes));
}

static void a_first_request_that_is_too_long_to_keep(void **state)
{
	(void)state;
	breaks(0, long_request, NULL, "ike-authentication-failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(by_eap_alone),
	        cmocka_unit_test(an_identity_round_less),
	        cmocka_unit_test(the_gateway_by_certificate),
	        cmocka_unit_test(a_gateway_that_is_not_trusted),
	        cmocka_unit_test(the_identity_is_that_of_eap),
	        cmocka_unit_test(a_second_session_replaces_the_first),
	        cmocka_unit_test(a_wrong_password),
	        cmocka_unit_test(a_user_without_a_connection),
	        cmocka_unit_test(h29_unknown_user_as_wrong_password),
	        cmocka_unit_test(loss_doubles_and_disorder),
	        cmocka_unit_test(a_session_is_authenticated_anew),
	        cmocka_unit_test(childless),
	        cmocka_unit_test(a_method_that_takes_its_time),
	        cmocka_unit_test(closed_while_a_job_is_at_work),
	        cmocka_unit_test(half_an_eap_is_forgotten),
	        cmocka_unit_test(a_method_that_makes_no_key),
	        cmocka_unit_test(auth_by_another_key_than_eaps),
	        cmocka_unit_test(eap_where_no_connection_has_it),
	        cmocka_unit_test(eap_alone_is_not_forced_on_anybody),
	        cmocka_unit_test(h24_auth_before_eap_completes),
	        cmocka_unit_test(h24_early_eap_success),
	        cmocka_unit_test(h24_eap_restart),
	        cmocka_unit_test(h25_lengths),
	        cmocka_unit_test(the_peer_gives_up),
	        cmocka_unit_test(h07_informational_in_the_midst_of_eap),
	        cmocka_unit_test(h25_a_large_packet),
	        cmocka_unit_test(a_first_request_that_is_too_long_to_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
