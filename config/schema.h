/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The written schema: what keys there are, what they hold, where it goes in
 * struct rg_config, and the sentence that documents it. The loader and
 * docs/configuration.md are both made from these tables. Private to config/.
 */
#ifndef RG_CONFIG_SCHEMA_H
#define RG_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, what a reader of the documentation and of an error message sees) */
#define CFG_TYPES(X)                                                                                         \
	X(NUMBER, "a whole number")                                                                          \
	X(SWITCH, "on or off")                                                                               \
	X(WORD, "one of")                                                                                    \
	X(TEXT, "text")                                                                                      \
	X(FILE, "a file name, or credential:NAME for a credential of systemd's")                             \
	X(SOCKET, "an absolute path")                                                                        \
	X(IFNAME, "a Linux interface name (1 to 15 letters, digits, '-' or '_')")                            \
	X(DEVICE, "a PCI address such as \"0000:3b:00.0\", af_packet:IFNAME, af_xdp:IFNAME or vdev:ARGS")    \
	X(IDENTITY, "an identity: a domain name, user@domain, an IP address or a distinguished name")        \
	X(PATTERN, "an identity, or a pattern: \"*\", \"*@domain\", \"*.domain\" or a prefix")               \
	X(DOMAIN, "a domain name")                                                                           \
	X(DURATION, "a duration such as 500ms, 30s, 5min, 4h or 7d")                                         \
	X(SIZE, "a size such as 512MiB or 4GiB")                                                             \
	X(RATE, "a rate such as 10/min (per s, min or h)")                                                   \
	X(ADDRESS, "an IPv4 or IPv6 address")                                                                \
	X(INTERFACE, "an address with its prefix length such as 192.0.2.1/24")                               \
	X(PREFIX, "a prefix without host bits such as 10.20.0.0/24")                                         \
	X(RANGE, "a prefix such as 10.99.0.0/16 or a range such as 10.99.0.10-10.99.0.99")                   \
	X(IKE_PROPOSAL, "an IKE proposal such as aes128gcm16-prfsha256-x25519")                              \
	X(ESP_PROPOSAL, "an ESP proposal such as aes128gcm16-esn")                                           \
	X(PORT, "the name of a port")                                                                        \
	X(UPLINK, "the name of an uplink")                                                                   \
	X(POOL, "the name of a pool, or none")                                                               \
	X(SECTION, "a map")

enum cfg_type {
#define X(name, text) CFG_T_##name,
	CFG_TYPES(X)
#undef X
};

enum cfg_shape {
	CFG_ONE,   /* one value at `offset` */
	CFG_MANY,  /* a list: a pointer at `offset`, its length (size_t) at `count_offset` */
	CFG_NAMED, /* a map of names to sections: like CFG_MANY, the name is the item's first field */
};

enum cfg_flag {
	CFG_REQUIRED = 1u << 0,
	CFG_OFF_IS_0 = 1u << 1, /* the word `off` is accepted and stored as 0 */
	CFG_PRIVATE = 1u << 2,  /* a file that nobody but its owner may read */
	CFG_SINGLE = 1u << 3,   /* a list of one may be written without brackets */
	CFG_OVERLAY = 1u << 4,  /* sections in which a key that is not written has no default */
	CFG_SHOWN = 1u << 5,    /* its section is documented with another key */
};

struct cfg_word {
	const char *word; /* NULL ends the list */
	uint64_t value;
};

struct cfg_key;

struct cfg_section {
	const char *title;          /* of its chapter in the documentation */
	const char *help;           /* a paragraph */
	const struct cfg_key *keys; /* a NULL name ends them */
};

struct cfg_key {
	const char *name;
	enum cfg_type type;
	enum cfg_shape shape;
	unsigned flags;                /* enum cfg_flag */
	size_t offset, size;           /* of the field, or of one item; size 0: checked, not stored */
	size_t count_offset;           /* the length of a list; for a rate, where its seconds go */
	uint64_t min, max;             /* of a number, duration or size as stored; bytes of a text */
	uint64_t step;                 /* a number is a multiple of it; 0: any */
	uint64_t unit;                 /* durations: milliseconds, sizes: bytes, that the field counts */
	unsigned min_count, max_count; /* of a list or map */
	const char *standard;          /* the default as it would be written; NULL: none */
	const char *standard_text;     /* said in the documentation where the default is worked out */
	const struct cfg_word *words;
	const struct cfg_section *section;
	const char *help;
};

extern const struct cfg_section cfg_schema;

const char *cfg_type_text(enum cfg_type type);

#endif
