/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every class of error of the configuration: refused whole, with the exact
 * line and column and with what was expected. Each case replaces or adds
 * lines of one good file.
 */
#include "tests/unit/config/config_test.h"

/* Line numbers below are those of this text. */
static const char base[] = "version: 1\n"                                         /* 1 */
                           "dataplane:\n"                                         /* 2 */
                           "  ports:\n"                                           /* 3 */
                           "    isp1: {device: \"af_packet:v1\"}\n"               /* 4 */
                           "    isp2: {device: \"af_packet:v2\"}\n"               /* 5 */
                           "  max-sas: 1000\n"                                    /* 6 */
                           "uplinks:\n"                                           /* 7 */
                           "  isp1: {port: isp1, addresses: [192.0.2.1/24]}\n"    /* 8 */
                           "  isp2: {port: isp2, addresses: [198.51.100.1/24]}\n" /* 9 */
                           "gateway: {identity: gw.example.net}\n"                /* 10 */
                           "pools:\n"                                             /* 11 */
                           "  road: {ranges: [10.99.0.0/16]}\n"                   /* 12 */
                           "secrets: [{identity: \"*\", file: key.psk}]\n"        /* 13 */
                           "connections:\n"                                       /* 14 */
                           "  roam:\n"                                            /* 15 */
                           "    authentication: {local: psk, remote: psk}\n"      /* 16 */
                           "    identities: [\"*@example.net\"]\n"                /* 17 */
                           "    pool: road\n";                                    /* 18 */

static const struct refusal refusals[] = {
        /* keys */
        {6, "  max_sas: 1000\n", 6, 3, "unknown key 'max_sas'; expected one of: workers"},
        {0, "extra: 1\n", 19, 1, "unknown key 'extra'"},
        {0, "version: 1\n", 19, 1, "duplicate key 'version': it is set already in line 1"},
        {8, "  isp1: {port: isp1, port: isp2}\n", 8, 22, "duplicate key 'port'"},
        {1, "\n", 2, 1, "'version' is missing; expected a whole number"},
        {8, "  isp1: {port: isp1}\n", 8, 9, "uplinks.isp1: 'addresses' is missing"},
        {17, "\n", 16, 5, "connections.roam: 'identities' is missing"},
        {12, "  1road: {ranges: [10.99.0.0/16]}\n", 12, 3, "'1road' is no name"},
        {4, "    averyverylongport: {device: \"af_packet:v1\"}\n", 4, 5, "is no name"},
        {12, "  none: {ranges: [10.99.0.0/16]}\n", 18, 11, "expected the name of a pool"},
        {0, "<<: {version: 1}\n", 19, 1, "unknown key '<<'"},
        {12, "  road: {ranges: [10.99.0.0/16]}\n  none: {ranges: [10.98.0.0/16]}\n", 13, 3,
         "'none' means no pool"},
        /* types */
        {1, "version: one\n", 1, 10, "version: expected a whole number, found 'one'"},
        {1, "version: \"1\"\n", 1, 10, "expected a whole number"},
        {1, "version: 2\n", 1, 10, "2 is out of range; expected 1 to 1"},
        {1, "version:\n", 1, 9, "expected a whole number, found nothing"},
        {1, "version: [1]\n", 1, 10, "expected a whole number, found a list"},
        {6, "  workers: 2\n", 6, 12, "expected a list in [ ], each a whole number"},
        {6, "  workers: [2, x]\n", 6, 16, "dataplane.workers[2]: expected a whole number, found 'x'"},
        {6, "  workers: []\n", 6, 12, "expected at least 1, found 0"},
        {6,
         "  workers: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, "
         "24, 25, 26, 27, 28, 29, 30, 31, 32]\n",
         6, 12, "expected at most 32, found 33"},
        {6, "  idle: fast\n", 6, 9, "expected one of: sleep, spin, found 'fast'"},
        {6, "  hugepages: on\n", 6, 14, "expected one of: auto, off, found 'on'"},
        {12, "  road: 10.99.0.0/16\n", 12, 9, "pools.road: expected a map of keys, found a value"},
        {11, "pools: [1]\npool2:\n", 12, 1, "unknown key 'pool2'"},
        {14, "connections:\n  - a\n", 16, 3, "expected"},
        {0, "    fragmentation: maybe\n", 19, 20, "expected on or off, found 'maybe'"},
        /* numbers and units */
        {6, "  max-sas: -5\n", 6, 12, "expected a whole number, found '-5'"},
        {6, "  max-sas: 0x10\n", 6, 12, "expected a whole number"},
        {6, "  max-sas: 0100\n", 6, 12, "expected a whole number"},
        {6, "  max-sas: 63\n", 6, 12, "63 is out of range; expected 64 to 2097150"},
        {6, "  memory: 512\n", 6, 11, "expected a size such as 512MiB"},
        {6, "  memory: 512MB\n", 6, 11, "expected a size"},
        {6, "  memory: 1KiB\n", 6, 11, "too fine; expected whole MiB"},
        {6, "  memory: 1MiB\n", 6, 11, "1MiB is out of range; expected 64MiB to 1TiB"},
        {0, "    lifetimes: {ike: 4}\n", 19, 22, "expected a duration such as 500ms, 30s"},
        {0, "    lifetimes: {ike: 4m}\n", 19, 22, "expected a duration"},
        {0, "    lifetimes: {ike: 1.5h}\n", 19, 22, "expected a duration"},
        {0, "    lifetimes: {ike: 6500ms}\n", 19, 22, "too fine; expected whole seconds"},
        {0, "    lifetimes: {child: 31d}\n", 19, 24, "31d is out of range; expected 5s to 30d"},
        {0, "    lifetimes: {ike: 1h, dpd: 2h}\n", 15, 3, "lifetimes.dpd of connection 'roam' is longer"},
        {0, "    replay-window: 100\n", 19, 20, "100 is not a multiple of 32"},
        {0, "    replay-window: 8224\n", 19, 20, "8224 is out of range; expected 32 to 8192"},
        {0, "    mobility: {updates: 10}\n", 19, 25, "expected a rate such as 10/min"},
        {0, "    mobility: {updates: 10/day}\n", 19, 25, "expected a rate"},
        {0, "    mobility: {updates: 0/min}\n", 19, 25, "out of range; expected 1 to 100000 a period"},
        {0, "    mobility: {address-management: dupont}\n", 19, 36, "expected rfc4555, found 'dupont'"},
        /* addresses */
        {8, "  isp1: {port: isp1, addresses: [192.0.2.1]}\n", 8, 34,
         "expected an address with its prefix length"},
        {8, "  isp1: {port: isp1, addresses: [192.0.2.1/33]}\n", 8, 34, "expected an address with"},
        {8, "  isp1: {port: isp1, addresses: [192.0.2.01/24]}\n", 8, 34, "expected an address with"},
        {8, "  isp1: {port: isp1, addresses: [192.0.2.0/24]}\n", 8, 34, "is the network itself"},
        {8, "  isp1: {port: isp1, addresses: [192.0.2.255/24]}\n", 8, 34, "is the broadcast address"},
        {8, "  isp1: {port: isp1, addresses: [224.0.0.1/24]}\n", 8, 34, "not a unicast address"},
        {8, "  isp1: {port: isp1, addresses: [198.51.100.1/25]}\n", 9, 34,
         "is an address of uplink 'isp1' already (line 8)"},
        {8, "  isp1: {port: isp1, addresses: [192.0.2.1/24], gateways: [gw]}\n", 8, 60,
         "expected an IPv4 or IPv6 address"},
        {8, "  isp1: {port: isp1, addresses: [192.0.2.1/24], gateways: [192.0.3.1]}\n", 8, 60,
         "in no prefix of the addresses of uplink 'isp1'"},
        {8, "  isp1: {port: isp1, addresses: [192.0.2.1/24], gateways: [192.0.2.1]}\n", 8, 60,
         "the gateway's own address"},
        {8, "  isp1: {port: isp1, addresses: [192.0.2.1/24], gateways: [192.0.2.2, 192.0.2.3]}\n", 8, 71,
         "a second IPv4 gateway"},
        {12, "  road: {ranges: [10.99.0.0/16, 10.99.7.0-10.99.7.9]}\n", 12, 33,
         "10.99.7.0-10.99.7.9 overlaps 10.99.0.0/16 of pool 'road' (line 12)"},
        {12, "  road: {ranges: [10.99.0.0/16]}\n  more: {ranges: [10.0.0.0/8]}\n", 13, 19,
         "overlaps 10.99.0.0/16 of pool 'road' (line 12)"},
        {12, "  road: {ranges: [192.0.2.128/25]}\n", 12, 19,
         "overlaps 192.0.2.1/24 of uplink 'isp1' (line 8)"},
        {12, "  road: {ranges: [10.99.0.1/16]}\n", 12, 19, "expected a prefix such as"},
        {12, "  road: {ranges: [10.99.0.9-10.99.0.3]}\n", 12, 19, "expected a prefix such as"},
        {12, "  road: {ranges: [\"10.0.0.1-2001:db8::1\"]}\n", 12, 19, "expected a prefix such as"},
        {0, "    selectors: {local: [10.20.0.1/24]}\n", 19, 25,
         "bits beyond its length; expected 10.20.0.0/24"},
        {0, "networks: {lan: {port: isp1, addresses: [10.99.3.1/24]}}\n", 12, 19,
         "overlaps 10.99.3.1/24 of network 'lan' (line 19)"},
        /* references */
        {8, "  isp1: {port: isp3, addresses: [192.0.2.1/24]}\n", 8, 16,
         "uplinks.isp1.port: expected the name of a port (isp1, isp2), found 'isp3'"},
        {18, "    pool: rode\n", 18, 11, "expected the name of a pool, or none (road), found 'rode'"},
        {18, "    uplinks: {members: [isp1, isp9]}\n", 18, 31,
         "connections.roam.uplinks.members[2]: expected the name of an uplink"},
        {18, "    uplinks: {members: [isp1, isp1]}\n", 18, 31, "uplink 'isp1' twice"},
        {9, "  isp2: {port: isp2, addresses: [198.51.100.1/24], table: 101}\n", 9, 59,
         "table 101 is that of uplink 'isp1' already"},
        {9, "  isp2: {port: isp2, addresses: [198.51.100.1/24], table: 254}\n", 9, 59,
         "one of the kernel's own"},
        /* names and devices */
        {4, "    isp1: {device: \"af_packet:isp2\"}\n", 4, 20,
         "has the name of a port, whose TAP would collide"},
        {5, "    isp2: {device: \"af_packet:v1\"}\n", 5, 20,
         "af_packet:v1 is the device of port 'isp1' already"},
        {4, "    isp1: {device: eth0}\n", 4, 20,
         "expected a PCI address such as \"0000:3b:00.0\", af_packet:IFNAME"},
        {4, "    isp1: {device: \"0000:3b:00.8\"}\n", 4, 20, "expected a PCI address"},
        {4, "    isp1: {device: \"af_packet:v1,iface=x\"}\n", 4, 20, "expected a PCI address"},
        {6, "  tun: isp1\n", 4, 5, "has the name of dataplane.tun"},
        {6, "  socket: run/dp.sock\n", 6, 11, "expected an absolute path"},
        {6, "  socket: /run/roamgate/control.sock\n", 6, 11,
         "control.socket and dataplane.socket are the same"},
        {6, "  idle: spin\n  workers: [1, 1]\n", 7, 16, "CPU 1 twice"},
        {10, "gateway: {identity: \"gw example\"}\n", 10, 21, "expected an identity"},
        {10, "gateway: {identity: \"gw\\e[31m\"}\n", 10, 21, "expected an identity"},
        {17, "    identities: [\"*x@example.net\"]\n", 17, 18, "expected an identity, or a pattern"},
        /* authentication */
        {16, "    authentication: {local: psk}\n", 10, 1,
         "remote: certificate; expected 'authorities' in 'gateway'"},
        {16, "    authentication: {remote: psk}\n", 10, 1,
         "local: certificate; expected 'certificate' and 'private-key'"},
        {13, "\n", 15, 3, "uses a pre-shared key; expected an entry in 'secrets'"},
        {10, "\n", 15, 3, "needs 'gateway' with an identity"},
        {16, "    authentication: {local: eap-mschapv2, remote: eap-mschapv2}\n", 15, 3,
         "says eap-mschapv2; expected 'users' in 'eap'"},
        /* pools */
        {18, "    pool: [road, none]\n", 18, 18, "'none' beside other pools"},
        {18, "    pool: [road, road]\n", 18, 18, "pool 'road' twice"},
        {12, "  road: {ranges: [10.99.0.0/16], domains: [a.example]}\n", 12, 43,
         "expected 'dns' in pool 'road'"},
        {12, "  road: {ranges: [10.99.0.0/16], subnets: [10.20.0.1/16]}\n", 12, 44,
         "pools.road.subnets[1]: 10.20.0.1/16 has bits beyond its length"},
        {12, "  road: {ranges: [10.99.0.0/16], leases: [{identity: a@b, address: 10.98.0.1}]}\n", 12, 68,
         "10.98.0.1 is no client's address of pool 'road'"},
        {12, "  road: {ranges: [10.99.0.0/16], leases: [{identity: a@b, address: 10.99.0.0}]}\n", 12, 68,
         "10.99.0.0 is no client's address"},
        {12, "  road: {ranges: [10.99.0.0/16], leases: [{identity: \"*\", address: 10.99.0.1}]}\n", 12, 54,
         "expected an identity"},
        {12,
         "  road:\n    ranges: [10.99.0.0/16]\n    leases:\n"
         "      - {identity: a@b, address: 10.99.0.9}\n      - {identity: b@b, address: 10.99.0.9}\n",
         16, 34, "10.99.0.9 belongs to 'a@b' already (line 15)"},
        {10, "gateway: {identity: gw.example.net, application-version: \"\"}\n", 10, 58, "expected text"},
        /* rules for peers */
        {0, "    peers: {one: {access: deny}}\n", 19, 18,
         "connections.roam.peers.one: 'identities' is missing"},
        {0, "    peers: {one: {identities: [], access: deny}}\n", 19, 31, "expected at least 1, found 0"},
        {0, "    peers: {one: {identities: c@other.net, access: deny}}\n", 19, 31,
         "'c@other.net' is none of the identities of connection 'roam'"},
        {0, "    peers: {one: {identities: c@example.net, access: never}}\n", 19, 54,
         "expected one of: allow, deny, found 'never'"},
        {0, "    peers: {one: {identities: c@example.net, access: deny, pool: road}}\n", 19, 60,
         "'pool' beside 'access: deny' of 'one'"},
        {0, "    peers: {one: {identities: \"*\"}, two: {identities: c@example.net}}\n", 19, 55,
         "'c@example.net' is never reached: '*' of 'one' (line 19) comes first"},
        {0,
         "    peers:\n      a: {identities: [d@example.net, C@example.net]}\n"
         "      b: {identities: [e@example.net, c@Example.net]}\n",
         21, 39, "'c@Example.net' is never reached: 'C@example.net' of 'a' (line 20)"},
        {0, "    peers: {one: {identities: \"*@example.net\"}, two: {identities: c@example.net}}\n", 19, 67,
         "never reached"},
        {17,
         "    identities: [\"*.example.net\"]\n    peers: {one: {identities: \"*.example.net\"}, "
         "two: {identities: \"*.b.example.net\"}}\n",
         18, 67, "never reached"},
        {17,
         "    identities: [10.0.0.0/8]\n    peers: {one: {identities: 10.1.0.0/16}, "
         "two: {identities: 10.1.2.3}}\n",
         18, 63, "'10.1.2.3' is never reached: '10.1.0.0/16' of 'one'"},
        {17, "    identities: [10.0.0.0/8]\n    peers: {one: {identities: 11.1.2.3}}\n", 18, 31,
         "'11.1.2.3' is none of the identities"},
        {0, "    peers: {one: {identities: \"*\", addresses: [10.99.0.1]}}\n", 19, 47,
         "addresses for the many clients of 'one'"},
        {17,
         "    identities: [10.0.0.0/8]\n    peers: {one: {identities: 10.1.0.0/16, addresses: "
         "[10.99.0.1]}}\n",
         18, 55, "addresses for the many clients of 'one'"},
        {17,
         "    identities: [\"2001:db8::/32\"]\n    peers: {one: {identities: \"2001:db8::7/128\", "
         "addresses: [10.99.0.1]}}\n",
         18, 61, "expected a rule with one identity that is no pattern"},
        {0, "    peers: {one: {identities: c@example.net, addresses: [10.98.0.1]}}\n", 19, 58,
         "10.98.0.1 lies in no range of the rule's pools"},
        {0, "    peers: {one: {identities: c@example.net, pool: none, addresses: [10.99.0.1]}}\n", 19, 70,
         "lies in no range of the rule's pools"},
        {0,
         "    peers: {a: {identities: c@example.net, addresses: [10.99.0.1]}, b: {identities: d@example.net, "
         "addresses: [10.99.0.1]}}\n",
         19, 112, "10.99.0.1 belongs to 'c@example.net' already (line 19)"},
        {0, "    peers: {one: {identities: c@example.net, selectors: {remote: [10.99.4.0/24]}}}\n", 19, 67,
         "10.99.4.0/24 overlaps the ranges of pool 'road'"},
        {0, "    selectors: {remote: [10.0.0.0/8]}\n", 19, 26,
         "10.0.0.0/8 overlaps the ranges of pool 'road'"},
        {0, "    peers: {one: {identities: c@example.net, selectors: {remote: [192.0.2.0/30]}}}\n", 19, 67,
         "192.0.2.0/30 holds 192.0.2.1, the gateway's own address in uplink 'isp1'"},
        {0, "    peers: {one: {identities: c@example.net, max-children: 9}}\n", 19, 60, "expected 1 to 8"},
        {0, "    peers: {one: {identities: c@example.net, proposals: {esp: [3des]}}}\n", 19, 64,
         "unknown algorithm '3des'"},
        {0, "    peers: {one: {identities: c@example.net, lifetimes: {ike: 1h}}}\n", 19, 46,
         "unknown key 'lifetimes'"},
        {0, "    peers: {1st: {identities: c@example.net}}\n", 19, 13, "'1st' is no name"},
        /* proposals: more in proposal_test.c */
        {0, "    proposals: {esp: [aes128gcm16-sha256]}\n", 19, 23, "take no integrity algorithm"},
        {0, "    proposals: {ike: [aes128gcm16-prfsha256-x25519, 3des]}\n", 19, 53,
         "unknown algorithm '3des'"},
};

#define BEHIND "    selectors: {remote: [10.50.0.0/16]}\n"

#define TO "    initiate: {to: 203.0.113.9, identity: a@example.net"

/* Connections that the gateway begins; each takes the place of the pool. */
static const struct refusal initiate_refusals[] = {
        {18, BEHIND "    initiate: {}\n", 19, 15, "'to' is missing"},
        {18, BEHIND "    initiate: {to: hq.example.net}\n", 19, 20, "expected an IPv4 or IPv6 address"},
        {18, BEHIND "    initiate: {to: 203.0.113.9}\n", 19, 15, "expected 'identity'"},
        {18, BEHIND "    initiate: {to: 203.0.113.9, identity: a@example.org}\n", 19, 43,
         "none of the identities of connection 'roam'"},
        {18, BEHIND "    initiate: {to: [203.0.113.9, \"2001:db8::1\"], identity: a@example.net}\n", 19, 34,
         "no uplink of connection 'roam' has an IPv6 address"},
        {18, BEHIND "    initiate: {to: [203.0.113.9, 203.0.113.9], identity: a@example.net}\n", 19, 34,
         "203.0.113.9 twice"},
        {18, BEHIND "    initiate: {to: 192.0.2.1, identity: a@example.net}\n", 19, 20,
         "an address of our own uplink 'isp1'"},
        {18, BEHIND "    initiate: {to: \"fe80::1\", identity: a@example.net}\n", 19, 20, "is link-local"},
        {18, "    initiate: {to: 203.0.113.9, identity: a@example.net}\n", 18, 15,
         "no networks behind its peer; expected 'selectors'"},
        {18, "    pool: road\n" BEHIND "    initiate: {to: 203.0.113.9, identity: a@example.net}\n", 18, 11,
         "gives its peer no addresses; expected none"},
        {18, BEHIND "    initiate: {to: 203.0.113.9, identity: a@example.net, retry: 10min}\n", 19, 15,
         "retry-max of connection 'roam' is shorter than retry"},
        {18,
         BEHIND
         "    mode: transport\n    initiate: {to: 203.0.113.9, identity: a@example.net, start: on-traffic}\n",
         20, 65, "expected at-load or by-command"},
        {18, BEHIND "    initiate: {to: 203.0.113.9, identity: a@example.net, start: later}\n", 19, 65,
         "expected one of: at-load, by-command"},
        {18, BEHIND TO ", virtual-address: dhcp}\n", 19, 75, "expected one of: none, ipv4, ipv6, both"},
        {18, BEHIND TO ", virtual-address: both}\n", 19, 75, "no IPv6 network in 'selectors' with 'remote'"},
        {18, BEHIND "    mode: transport\n" TO ", virtual-address: ipv4}\n", 20, 75, "expected mode: tunnel"},
        {18,
         "    selectors: {local: [10.30.0.0/24], remote: [10.50.0.0/16]}\n" TO ", virtual-address: ipv4}\n",
         18, 24, "speaks for its virtual-address alone"},
        {18,
         BEHIND TO ", virtual-address: ipv4}\n"
                   "    children: {a: {selectors: {local: [10.30.0.0/24]}}}\n",
         20, 39, "speaks for its virtual-address alone"},
        {18, BEHIND TO ", virtual-address: ipv4}\n    children: {a: {mode: transport}}\n", 19, 75,
         "child 'a' is mode: transport"},
};

static void test_every_error_names_its_place(void **state)
{
	(void)state;
	char text[4096];

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];

		config_with_line(base, r->replaced, r->line, text, sizeof(text));
		expect_refused_at(text, strlen(text), r->at_line, r->at_column, r->expected);
	}
}

static void test_initiate_needs_all_of_this(void **state)
{
	(void)state;
	char text[4096];

	for (size_t i = 0; i < sizeof(initiate_refusals) / sizeof(initiate_refusals[0]); i++) {
		const struct refusal *r = &initiate_refusals[i];

		config_with_line(base, r->replaced, r->line, text, sizeof(text));
		expect_refused_at(text, strlen(text), r->at_line, r->at_column, r->expected);
	}
}

/* IM-16: selectors denote clear address sets; anything else is refused before it is used. */
static void test_im16_selectors_are_clear_address_sets(void **state)
{
	(void)state;
	static const char *const sides[] = {"local", "remote"};
	static const struct {
		const char *selector, *expected;
	} cases[] = {
	        {"10.20.0.1/24", "bits beyond its length; expected 10.20.0.0/24"},
	        {"\"2001:db8::1/64\"", "bits beyond its length; expected 2001:db8::/64"},
	        {"10.20.0.0/33", "expected a prefix without host bits"},
	        {"10.20.0.0", "expected a prefix without host bits"},
	        {"10.20.0.0-10.20.0.9", "expected a prefix without host bits"},
	        {"lan", "expected a prefix without host bits"},
	        {"\"\"", "expected a prefix without host bits"},
	};
	char line[128], text[4096];

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "    selectors: {%s: [%s]}\n", sides[i % 2],
		         cases[i / 2].selector);
		config_with_line(base, 0, line, text, sizeof(text));
		expect_refused_at(text, strlen(text), 19, i % 2 == 0 ? 25 : 26, cases[i / 2].expected);
	}
}

/* A client proves itself by EAP to a responder only. */
static void test_initiate_asks_nobody_for_eap(void **state)
{
	(void)state;
	char with_users[2048], with_eap[2048], text[4096];

	config_with_line(base, 13, "secrets: [{identity: \"*\", file: key.psk}]\neap: {users: people}\n",
	                 with_users, sizeof(with_users));
	config_with_line(with_users, 17, "    authentication: {local: certificate, remote: eap-mschapv2}\n",
	                 with_eap, sizeof(with_eap));
	config_with_line(with_eap, 10,
	                 "gateway: {identity: gw.example.net, certificate: c, private-key: k}\n", with_users,
	                 sizeof(with_users));
	config_with_line(with_users, 19, BEHIND "    initiate: {to: 203.0.113.9, identity: a@example.net}\n",
	                 text, sizeof(text));
	expect_refused_at(text, strlen(text), 20, 15, "remote: eap-mschapv2, which a responder cannot");
}

static void test_base_is_good(void **state)
{
	(void)state;
	struct rg_cfg_error error;
	struct rg_config *cfg = rg_config_parse(base, strlen(base), "test.yaml", &error);

	assert_non_null(cfg);
	assert_string_equal(cfg->secrets[0].file, "./key.psk");
	rg_config_free(cfg);
}

static void test_connection_without_uplink(void **state)
{
	(void)state;
	static const char text[] = "version: 1\n"
	                           "dataplane: {ports: {a: {device: \"af_packet:v\"}}}\n"
	                           "gateway: {identity: gw.example.net}\n"
	                           "connections:\n"
	                           "  roam: {identities: [\"*\"]}\n";

	expect_refused_at(text, strlen(text), 5, 3, "has no uplink");
}

/* RFC 7296 2.16: a signature or a method that proves both sides, but no shared key of many. */
static void test_eap_with_a_shared_key(void **state)
{
	(void)state;
	char with_users[2048], text[4096];

	config_with_line(base, 13, "secrets: [{identity: \"*\", file: key.psk}]\neap: {users: people}\n",
	                 with_users, sizeof(with_users));
	config_with_line(with_users, 17, "    authentication: {local: psk, remote: eap-mschapv2}\n", text,
	                 sizeof(text));
	expect_refused_at(text, strlen(text), 16, 3, "expected local: certificate or eap-mschapv2");
}

static void test_error_is_printed_with_its_place(void **state)
{
	(void)state;
	struct rg_cfg_error error;
	char text[128];

	assert_null(rg_config_parse("version: 3\n", 11, "dir/test.yaml", &error));
	assert_string_equal(rg_cfg_error_format(&error, text, sizeof(text)),
	                    "dir/test.yaml:1:10: version: 3 is out of range; expected 1 to 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_initiate_needs_all_of_this),
	        cmocka_unit_test(test_initiate_asks_nobody_for_eap),
	        cmocka_unit_test(test_base_is_good),
	        cmocka_unit_test(test_every_error_names_its_place),
	        cmocka_unit_test(test_eap_with_a_shared_key),
	        cmocka_unit_test(test_connection_without_uplink),
	        cmocka_unit_test(test_error_is_printed_with_its_place),
	        cmocka_unit_test(test_im16_selectors_are_clear_address_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
