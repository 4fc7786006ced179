/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/auth/id: decoding (H12), patterns, printing and cookies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "control/auth/id.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct rg_id parsed(const char *text)
{
	struct rg_id id;

	assert_int_equal(rg_id_parse(&id, text), 0);
	return id;
}

static int decode(uint8_t type, const void *value, size_t len)
{
	struct rg_id id;

	return rg_id_decode(&id, type, value, len);
}

/* H12: lengths, NUL, shell characters, terminal escapes. */
static void test_h12_decode(void **state)
{
	uint8_t *big = calloc(1, 65536);

	(void)state;
	assert_non_null(big);
	memset(big, 'a', 65536);
	assert_int_equal(decode(RG_ID_FQDN, big, 0), -EINVAL);
	assert_int_equal(decode(RG_ID_FQDN, big, 1), 0);
	assert_int_equal(decode(RG_ID_FQDN, big, RG_ID_MAX), 0);
	assert_int_equal(decode(RG_ID_FQDN, big, RG_ID_MAX + 1), -EINVAL);
	assert_int_equal(decode(RG_ID_FQDN, big, 520), -EINVAL);
	assert_int_equal(decode(RG_ID_KEY_ID, big, 65535), -EINVAL);
	assert_int_equal(decode(RG_ID_FQDN, "a\0.lab", 6), -EINVAL);
	assert_int_equal(decode(RG_ID_RFC822_ADDR, "a b@c", 5), -EINVAL);
	assert_int_equal(decode(RG_ID_RFC822_ADDR, "\x1b[2J@c", 6), -EINVAL);
	assert_int_equal(decode(RG_ID_IPV4_ADDR, big, 3), -EINVAL);
	assert_int_equal(decode(RG_ID_IPV4_ADDR, big, 16), -EINVAL);
	assert_int_equal(decode(RG_ID_IPV6_ADDR, big, 4), -EINVAL);
	assert_int_equal(decode(RG_ID_DER_ASN1_DN, big, 10), -EINVAL);
	assert_int_equal(decode(10, big, 10), -EINVAL);
	assert_int_equal(decode(0, big, 10), -EINVAL);
	free(big);
}

static void test_h12_print(void **state)
{
	static const uint8_t evil[] = {'a', 0, '\n', 0x1b, '[', '2', 'J', '\\', 0xff, '$'};
	char text[RG_ID_TEXT], small[8];
	struct rg_id id;

	(void)state;
	assert_int_equal(rg_id_decode(&id, RG_ID_KEY_ID, evil, sizeof(evil)), 0);
	assert_string_equal(rg_id_print(&id, text, sizeof(text)), "a\\x00\\x0a\\x1b[2J\\x5c\\xff$");
	assert_string_equal(rg_id_print(&id, small, sizeof(small)), "a\\x00"); /* never half an escape */
	memset(id.value, 0, sizeof(id.value));
	id.len = RG_ID_MAX;
	assert_int_equal(strlen(rg_id_print(&id, text, sizeof(text))), 4 * RG_ID_MAX);
	id = parsed("2001:db8::1");
	assert_string_equal(rg_id_print(&id, text, sizeof(text)), "2001:db8::1");
	id = parsed("192.0.2.1");
	assert_string_equal(rg_id_print(&id, text, sizeof(text)), "192.0.2.1");
	id = parsed("C=NL, O=Example, CN=gw");
	assert_string_equal(rg_id_print(&id, text, sizeof(text)), "C = NL, O = Example, CN = gw");
}

static void test_patterns(void **state)
{
	static const struct {
		const char *id, *pattern;
		bool matches;
	} rows[] = {
	        {"carol@example.net", "*", true},
	        {"carol@example.net", "*@example.net", true},
	        {"carol@EXAMPLE.NET", "*@example.net", true},
	        {"carol@example.net", "carol@example.net", true},
	        {"carol@example.net", "*.net", false}, /* an e-mail address is no FQDN */
	        {"carol@sub.example.net", "*@example.net", false},
	        {"@example.net", "*@example.net", false}, /* the star stands for something */
	        {"gw.lab", "*.lab", true},
	        {"a.gw.lab", "*.lab", true},
	        {"lab", "*.lab", false},
	        {".lab", "*.lab", false},
	        {"xlab", "*.lab", false},
	        {"gw.lab", "*@lab", false},
	        {"gw.lab", "*lab", false}, /* no such pattern */
	        {"192.0.2.1", "192.0.2.1", true},
	        {"192.0.2.1", "*.1", false}, /* an address is no name */
	        {"CN=gw, O=x", "CN=gw,O=x", true},
	        {"CN=GW, O=x", "CN=gw, O=x", true}, /* RFC 5280 7.1 */
	        {"CN=gw", "O=gw", false},
	        {"CN=gw", "*", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rg_id id = parsed(rows[i].id);

		if (rg_id_matches(&id, rows[i].pattern) != rows[i].matches)
			fail_msg("%s against %s", rows[i].id, rows[i].pattern);
	}
}

static void test_parse_refuses(void **state)
{
	static const char *const bad[] = {"", "a b", "=", "CN=", "NOSUCH=x", "CN=a,x", "a\nb"};
	struct rg_id id;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (rg_id_parse(&id, bad[i]) == 0)
			fail_msg("'%s' was taken", bad[i]);
}

static void test_cookie(void **state)
{
	struct rg_id a = parsed("carol@example.net"), b = parsed("Carol@Example.net"),
	             c = parsed("carol.lab");

	(void)state;
	/* printf '\003carol@example.net' | sha256sum */
	assert_true(rg_id_cookie(&a) == UINT64_C(0x31af2bd203499410));
	assert_true(rg_id_cookie(&a) == rg_id_cookie(&b));
	assert_true(rg_id_cookie(&a) != rg_id_cookie(&c));
}

/* One name in several encodings is one identity: else a client would have a session and an address for each.
 */
static void test_cookie_dn(void **state)
{
	/* CN=Carol, a PrintableString and a UTF8String */
	static const uint8_t printable[] = "\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x03\x13\x05"
	                                   "Carol";
	static const uint8_t utf8[] = "\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x03\x0c\x05"
	                              "Carol";
	struct rg_id a = parsed("CN=Carol, O=Example Net"), b = parsed("CN=carol, O=EXAMPLE   NET"),
	             c = parsed("CN=Carol, O=ExampleNet"), d = parsed("O=Carol, CN=Example Net"), e, f;

	(void)state;
	assert_true(rg_id_equal(&a, &b));
	assert_true(rg_id_cookie(&a) == rg_id_cookie(&b));
	assert_false(rg_id_equal(&a, &c));
	assert_true(rg_id_cookie(&a) != rg_id_cookie(&c));
	assert_true(rg_id_cookie(&a) != rg_id_cookie(&d));
	assert_int_equal(rg_id_decode(&e, RG_ID_DER_ASN1_DN, printable, sizeof(printable) - 1), 0);
	assert_int_equal(rg_id_decode(&f, RG_ID_DER_ASN1_DN, utf8, sizeof(utf8) - 1), 0);
	assert_true(rg_id_equal(&e, &f));
	assert_true(rg_id_cookie(&e) == rg_id_cookie(&f));
}

static struct rg_id dn_of(const char *octets, size_t len)
{
	struct rg_id id;

	assert_int_equal(rg_id_decode(&id, RG_ID_DER_ASN1_DN, (const uint8_t *)octets, len), 0);
	return id;
}

/* What rg_id_equal() says of two names, their cookies say as well. */
static void test_cookie_dn_agrees_with_equality(void **state)
{
	static const struct {
		const char *a, *b;
		size_t a_len, b_len;
		bool equal;
	} cases[] = {
#define PAIR(a, b, equal) {a, b, sizeof(a) - 1, sizeof(b) - 1, equal}
	        /* CN=a + O=b in one place, in either order */
	        PAIR("\x30\x16\x31\x14\x30\x08\x06\x03\x55\x04\x03\x0c\x01"
	             "a\x30\x08\x06\x03\x55\x04\x0a\x0c\x01"
	             "b",
	             "\x30\x16\x31\x14\x30\x08\x06\x03\x55\x04\x0a\x0c\x01"
	             "b\x30\x08\x06\x03\x55\x04\x03\x0c\x01"
	             "a",
	             true),
	        /* the same in one place, and in two */
	        PAIR("\x30\x16\x31\x14\x30\x08\x06\x03\x55\x04\x03\x0c\x01"
	             "a\x30\x08\x06\x03\x55\x04\x0a\x0c\x01"
	             "b",
	             "\x30\x18\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01"
	             "a\x31\x0a\x30\x08\x06\x03\x55\x04\x0a\x0c\x01"
	             "b",
	             false),
	        /* serialNumber=123: a NumericString and a UTF8String */
	        PAIR("\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x05\x12\x03"
	             "123",
	             "\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x05\x0c\x03"
	             "123",
	             false),
	        /* CN=" A  b", a UTF8String, and CN="a B", a PrintableString */
	        PAIR("\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x03\x0c\x05"
	             " A  b",
	             "\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x13\x03"
	             "a B",
	             true),
#undef PAIR
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rg_id a = dn_of(cases[i].a, cases[i].a_len), b = dn_of(cases[i].b, cases[i].b_len);

		if (rg_id_equal(&a, &b) != cases[i].equal)
			fail_msg("equality of case %zu", i);
		if ((rg_id_cookie(&a) == rg_id_cookie(&b)) != cases[i].equal)
			fail_msg("cookies of case %zu", i);
	}
}

/* The name of every certificate that has no subject is nobody's. */
static void test_empty_dn(void **state)
{
	(void)state;
	assert_int_equal(decode(RG_ID_DER_ASN1_DN, "\x30\x00", 2), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_h12_decode),
	        cmocka_unit_test(test_h12_print),
	        cmocka_unit_test(test_patterns),
	        cmocka_unit_test(test_parse_refuses),
	        cmocka_unit_test(test_cookie),
	        cmocka_unit_test(test_cookie_dn),
	        cmocka_unit_test(test_cookie_dn_agrees_with_equality),
	        cmocka_unit_test(test_empty_dn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
