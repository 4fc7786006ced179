/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints docs/configuration.md from the schema. Its argument is the example
 * that opens the page. Run by the build, whose test compares the result with
 * the committed page.
 */
#include "config/load.h"

#include <stdio.h>
#include <string.h>

static const char intro[] =
        "# Configuration\n"
        "\n"
        "<!-- Made from the schema by config/schema_doc.c: change the tables in config/schema*.c, then run\n"
        "     `ninja -C build docs-configuration`. -->\n"
        "\n"
        "One YAML file configures both daemons: `roamgate-dataplane --config FILE`, `roamgate-control "
        "--config FILE`.\n"
        "`roamctl check FILE` says whether it is right, and if not, in which line and column, and what was "
        "expected.\n"
        "A file with any error is refused whole.\n"
        "\n"
        "The least that makes a gateway:\n"
        "\n";

static const char rules[] =
        "More of them lie in `config/examples/`, and each is loaded by a test.\n"
        "\n"
        "## Rules of the file\n"
        "\n"
        "* Keys are in kebab-case. An unknown key, or one written twice, is an error.\n"
        "* Numbers carry their unit: durations `500ms 30s 5min 4h 7d`, sizes `512MiB 4GiB`, rates `10/min`. "
        "A number\n"
        "  without unit is a plain count, written without quotes. `true` and `yes` mean `on`, `false` and "
        "`no` mean `off`.\n"
        "* IPv6 addresses inside `[ ]` and text that begins with `*` need quotes, as YAML demands.\n"
        "* Secrets are only ever named by file. Files of keys must have mode 0600 and belong to root or to "
        "the daemon's\n"
        "  user. A relative file name starts from the directory of the configuration file.\n"
        "* Names (of ports, uplinks, pools, ...) are a letter and then letters, digits, `-` or `_`: up to 31 "
        "in all, of ports up\n"
        "  to 15, since they are interface names too.\n"
        "* YAML's anchors, aliases, tags and multiple documents are refused, and so are files over 1 MiB, "
        "deeper than 16\n"
        "  levels, without a newline at the end, or that change while they are read: write a new file aside "
        "and rename it.\n"
        "* A default of `-` means: nothing.\n";

/* The range of a number, duration or size; empty for what has none. */
static void limits_print(const struct cfg_key *key)
{
	char min[32], max[32];

	switch (key->type) {
	case CFG_T_NUMBER:
	case CFG_T_DURATION:
	case CFG_T_SIZE:
		if (key->min == key->max)
			printf(": %s", cfg_quantity_format(key, key->min, min, sizeof(min)));
		else
			printf(", %s to %s", cfg_quantity_format(key, key->min, min, sizeof(min)),
			       cfg_quantity_format(key, key->max, max, sizeof(max)));
		if (key->step)
			printf(" in steps of %lu", (unsigned long)key->step);
		if (key->flags & CFG_OFF_IS_0)
			printf(", or `off`");
		break;
	case CFG_T_WORD:
		for (const struct cfg_word *w = key->words; w->word; w++)
			printf("%s `%s`", w == key->words ? "" : ",", w->word);
		break;
	default:
		break;
	}
}

/* "a list of 1 to 16, each: " and what a value is. */
static void value_print(const struct cfg_key *key)
{
	if (key->flags & CFG_SINGLE)
		printf("%s, or ", cfg_type_text(key->type));
	if (key->shape == CFG_MANY)
		printf("a list of %s%u, each ", key->min_count ? "1 to " : "up to ", key->max_count);
	if (key->shape == CFG_NAMED)
		printf("a map of %s%u names, each ", key->min_count ? "1 to " : "up to ", key->max_count);
	if (key->type == CFG_T_WORD && !key->words[1].word)
		printf("the word");
	else
		printf("%s", cfg_type_text(key->type));
	limits_print(key);
}

static void default_print(const struct cfg_key *key)
{
	if (key->flags & CFG_REQUIRED)
		printf("required");
	else if (key->standard)
		printf("`%s`", key->standard);
	else if (key->standard_text)
		printf("%s", key->standard_text);
	else if (key->type == CFG_T_SECTION && key->shape == CFG_ONE)
		printf("its defaults");
	else
		printf("-");
}

static void section_print(const struct cfg_section *section, unsigned level)
{
	printf("\n%.*s %s\n", (int)level, "######", section->title);
	if (section->help[0])
		printf("\n%s\n", section->help);
	printf("\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
	for (const struct cfg_key *key = section->keys; key->name; key++) {
		printf("| `%s` | ", key->name);
		value_print(key);
		printf(" | ");
		default_print(key);
		printf(" | %s |\n", key->help);
	}
	for (const struct cfg_key *key = section->keys; key->name; key++)
		if (key->section && !(key->flags & CFG_SHOWN))
			section_print(key->section, level < 4 ? level + 1 : level);
}

int main(int argc, char **argv)
{
	FILE *example = argc == 2 ? fopen(argv[1], "r") : NULL;
	char line[512];

	if (!example) {
		fprintf(stderr, "usage: %s EXAMPLE.yaml >docs/configuration.md\n", argv[0]);
		return 2;
	}
	fputs(intro, stdout);
	while (fgets(line, sizeof(line), example))
		if (line[0] != '#')
			printf("    %s", line);
	fclose(example);
	printf("\n");
	fputs(rules, stdout);
	section_print(&cfg_schema, 2);
	return ferror(stdout) ? 1 : 0;
}
