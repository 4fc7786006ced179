/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 10^7 inner packets against the selectors of 100,000 SAs (RFC 4301 4.4.1.1, H57): lists of
 * both families, protocols, ports and fragments, in both directions, against a
 * matcher that knows what each packet was made of and compares numbers.
 */
#include "fixture.h"

#define SAS     100000u
#define PACKETS 100u /* for each of them */

typedef unsigned __int128 number;

/* What a packet was made of. */
struct made {
	unsigned family, protocol, source_port, destination_port;
	bool opaque; /* a later fragment */
	number source, destination;
	uint8_t ip[48];
	uint32_t len;
};

struct naive {
	number first, last;
	unsigned family, protocol, port_first, port_last;
};

/* Few addresses, so that packets and ranges meet. */
static number random_address(unsigned family, uint64_t *seed)
{
	uint64_t r = next_random(seed);

	return family == 4 ? 0x0a000000 + (r >> 8) % 24 : ((number)0x20010db8 << 96) + ((r >> 8) % 24 << 60);
}

static void put_number(uint8_t *where, unsigned family, number n)
{
	for (unsigned i = 0, len = family == 4 ? 4 : 16; i < len; i++)
		where[i] = (uint8_t)(n >> (len - 1 - i) * 8);
}

static void random_selector(struct rg_api_selector *s, struct naive *n, uint64_t *seed)
{
	static const uint8_t protocols[] = {0, 0, 0, 6, 17, 1, 58, 89};
	number a, b;

	n->family = next_random(seed) % 3 == 0 ? 6 : 4;
	a = random_address(n->family, seed);
	b = random_address(n->family, seed);
	n->first = a < b ? a : b;
	n->last = a < b ? b : a;
	n->protocol = protocols[next_random(seed) % 8];
	n->port_first = 0;
	n->port_last = 65535;
	if (next_random(seed) % 3 == 0) {
		n->port_first = (unsigned)(next_random(seed) % 6);
		n->port_last = n->port_first + (unsigned)(next_random(seed) % 6);
	}
	*s = (struct rg_api_selector){.family = (uint8_t)n->family,
	                              .protocol = (uint8_t)n->protocol,
	                              .port_first = (uint16_t)n->port_first,
	                              .port_last = (uint16_t)n->port_last};
	put_number(s->first, n->family, n->first);
	put_number(s->last, n->family, n->last);
}

static void random_packet(struct made *m, uint64_t *seed)
{
	static const uint8_t protocols[] = {6, 17, 17, 1, 58, 89};
	const uint64_t r = next_random(seed);
	uint8_t *l4;

	memset(m, 0, sizeof(*m));
	m->family = r % 3 == 0 ? 6 : 4;
	m->protocol = protocols[(r >> 8) % 6];
	m->source = random_address(m->family, seed);
	m->destination = random_address(m->family, seed);
	m->len = m->family == 4 ? 28 : 48;
	l4 = m->ip + m->len - 8;
	m->ip[0] = m->family == 4 ? 0x45 : 0x60;
	m->ip[m->family == 4 ? 9 : 6] = (uint8_t)m->protocol;
	put_number(m->ip + (m->family == 4 ? 12 : 8), m->family, m->source);
	put_number(m->ip + (m->family == 4 ? 16 : 24), m->family, m->destination);
	l4[1] = (uint8_t)(r >> 16 & 7);
	l4[3] = (uint8_t)(r >> 24 & 7);
	if (m->protocol == 6 || m->protocol == 17) {
		m->source_port = l4[1];
		m->destination_port = l4[3];
	} else if (m->protocol == 1 || m->protocol == 58) { /* type and code stand for both */
		m->source_port = m->destination_port = l4[1];
	}
	if (m->family == 4 && (r >> 32) % 16 == 0) {
		m->ip[7] = 9; /* offset */
		m->opaque = true;
	}
}

static bool naive_side(const struct naive *n, unsigned count, const struct made *m, number address,
                       unsigned port)
{
	for (unsigned i = 0; i < count; i++) {
		bool any_port = n[i].port_first == 0 && n[i].port_last == 65535;
		if (n[i].family == m->family && (n[i].protocol == 0 || n[i].protocol == m->protocol) &&
		    address >= n[i].first && address <= n[i].last &&
		    (any_port || (!m->opaque && port >= n[i].port_first && port <= n[i].port_last)))
			return true;
	}
	return false;
}

static void H57_every_packet_against_every_list(void **state)
{
	union {
		struct selectors all;
		uint8_t room[1024];
	} kept;
	struct naive nl[8], nr[8];
	struct selectors_shape shape;
	unsigned admitted = 0, simple = 0, whole = 0;
	uint64_t seed = 0x43014411;
	struct made m;

	(void)state;
	for (unsigned sa = 0; sa < SAS; sa++) {
		struct rg_api_selector local[8] = {0}, remote[8] = {0};
		unsigned n_local = 1 + (unsigned)(next_random(&seed) % (sa % 2 ? 8 : 1));
		unsigned n_remote = 1 + (unsigned)(next_random(&seed) % (sa % 2 ? 8 : 1));
		for (unsigned i = 0; i < n_local; i++)
			random_selector(&local[i], &nl[i], &seed);
		for (unsigned i = 0; i < n_remote; i++)
			random_selector(&remote[i], &nr[i], &seed);
		assert_int_equal(selectors_check(&shape, local, remote), 0);
		assert_true(selectors_size(&shape) <= sizeof(kept));
		if (!shape.whole)
			selectors_fill(&kept.all, &shape, local, remote);
		simple += shape.simple4;
		whole += shape.whole;
		for (unsigned i = 0; i < PACKETS; i++) {
			const bool out = i % 2;
			random_packet(&m, &seed);
			bool want = out ? naive_side(nl, n_local, &m, m.source, m.source_port) &&
			                            naive_side(nr, n_remote, &m, m.destination,
			                                       m.destination_port)
			                : naive_side(nr, n_remote, &m, m.source, m.source_port) &&
			                            naive_side(nl, n_local, &m, m.destination,
			                                       m.destination_port);
			bool have = selectors_admit(shape.whole ? NULL : &kept.all, &shape.fast,
			                            shape.simple4, m.ip, m.len, out);
			if (have != want)
				fail_msg("SA %u, packet %u: admitted %d, not %d", sa, i, have, want);
			admitted += have;
		}
	}
	assert_in_range(simple, SAS / 100, SAS);
	assert_in_range(whole, SAS / 100, SAS);
	assert_in_range(admitted, SAS * PACKETS / 50, SAS * PACKETS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(H57_every_packet_against_every_list)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
