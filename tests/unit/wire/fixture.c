/* SPDX-License-Identifier: Apache-2.0 */
/* Reads fixtures/NAME.txt. Tests only. */
#include <openssl/evp.h>

#include "tests/unit/wire/fixture.h"
#include "tests/unit/wire/wire_test.h"

static void read_base64(struct fixture_line *l, const char *text)
{
	size_t len = strlen(text);
	int n;

	l->data = malloc(len);
	n = EVP_DecodeBlock(l->data, (const unsigned char *)text, (int)len);
	assert_true(n > 2);
	l->len = (size_t)n - (text[len - 1] == '=') - (text[len - 2] == '=');
}

static void read_line(struct fixture_line *l, char *text)
{
	char *save = NULL;
	const char *key = strtok_r(text, " \n", &save), *value;

	assert_non_null(key);
	snprintf(l->key, sizeof(l->key), "%s", key);
	if (strcmp(key, "message") == 0)
		l->side = *strtok_r(NULL, " \n", &save);
	value = strtok_r(NULL, " \n", &save);
	assert_non_null(value);
	if (strcmp(key, "chain") == 0) {
		snprintf(l->text, sizeof(l->text), "%s", value);
	} else if (strncmp(key, "key_", 4) == 0) {
		read_base64(l, value);
	} else {
		l->data = malloc(strlen(value) / 2 + 1);
		l->len = hex(l->data, strlen(value) / 2, value);
	}
}

void fixture_read(struct fixture *f, const char *name)
{
	char path[512];
	char *text = NULL;
	size_t cap = 0;
	FILE *file;

	memset(f, 0, sizeof(*f));
	snprintf(path, sizeof(path), "%s/%s.txt", FIXTURES, name);
	file = fopen(path, "r");
	assert_non_null(file);
	while (getline(&text, &cap, file) > 0) {
		if (text[0] == '#')
			continue;
		assert_true(f->n < FIXTURE_LINES);
		read_line(&f->line[f->n++], text);
	}
	free(text);
	fclose(file);
}

void fixture_free(struct fixture *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->line[i].data);
}

const struct fixture_line *fixture_find(const struct fixture *f, const char *key, size_t nth)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->line[i].key, key) == 0 && nth-- == 0)
			return &f->line[i];
	return NULL;
}

struct ike_view fixture_bytes(const struct fixture *f, const char *key, size_t nth)
{
	const struct fixture_line *l = fixture_find(f, key, nth);

	return l ? (struct ike_view){l->data, l->len} : (struct ike_view){NULL, 0};
}
