/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a session record (record_io.h). Pure; any thread.
 */
#include "control/ike/record_io.h"

#include "control/ike/wire/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void record_fail(struct record *r, int error)
{
	if (r->error == 0)
		r->error = error;
}

/* Where the next `len` octets are; NULL: there are none. */
static bool has(struct record *r, size_t len)
{
	if (r->error == 0 && len > r->len - r->at)
		record_fail(r, record_reads(r) ? -EBADMSG : -EMSGSIZE);
	return r->error == 0;
}

void record_bytes(struct record *r, void *bytes, size_t len)
{
	if (!has(r, len) || len == 0)
		return;
	if (record_reads(r))
		memcpy(bytes, r->from + r->at, len);
	else
		memcpy(r->to + r->at, bytes, len);
	r->at += len;
}

void record_u8(struct record *r, uint8_t *v)
{
	record_bytes(r, v, 1);
}

void record_u16(struct record *r, uint16_t *v)
{
	uint8_t b[2];

	put_be16(b, *v);
	record_bytes(r, b, sizeof(b));
	*v = get_be16(b);
}

void record_u32(struct record *r, uint32_t *v)
{
	uint8_t b[4];

	put_be32(b, *v);
	record_bytes(r, b, sizeof(b));
	*v = get_be32(b);
}

void record_u64(struct record *r, uint64_t *v)
{
	uint8_t b[8];

	put_be64(b, *v);
	record_bytes(r, b, sizeof(b));
	*v = get_be64(b);
}

void record_bool(struct record *r, bool *v)
{
	uint8_t b = *v;

	record_u8(r, &b);
	if (b > 1)
		record_fail(r, -EBADMSG);
	*v = b == 1;
}

void record_count(struct record *r, size_t *v, size_t max)
{
	uint16_t n = (uint16_t)*v;

	if (!record_reads(r) && *v > max)
		record_fail(r, -EBADMSG);
	record_u16(r, &n);
	if (n > max)
		record_fail(r, -EBADMSG);
	/* What is written goes on living, whether or not there was room for it. */
	if (record_reads(r))
		*v = r->error == 0 ? n : 0;
}

void record_uint(struct record *r, unsigned *v, unsigned max)
{
	size_t n = *v;

	record_count(r, &n, max);
	*v = (unsigned)n;
}

void record_addr(struct record *r, struct rg_cfg_addr *addr)
{
	record_u8(r, &addr->family);
	if (addr->family != 0 && addr_len(addr) == 0)
		record_fail(r, -EBADMSG);
	record_bytes(r, addr->bytes, addr_len(addr));
}

void record_endpoint(struct record *r, struct ike_endpoint *e)
{
	record_addr(r, &e->addr);
	record_u16(r, &e->port);
}

void record_name(struct record *r, char name[RECORD_NAME_MAX + 1])
{
	size_t len = strnlen(name, RECORD_NAME_MAX);

	record_count(r, &len, RECORD_NAME_MAX);
	record_bytes(r, name, len);
	name[len] = '\0';
}

void record_id(struct record *r, struct rg_id *id)
{
	size_t len = id->len;

	record_u8(r, &id->type);
	record_count(r, &len, RG_ID_MAX);
	id->len = (uint16_t)len;
	record_bytes(r, id->value, len);
}

void record_blob(struct record *r, uint8_t **data, size_t *len, size_t max)
{
	record_count(r, len, max);
	if (record_reads(r) && r->error == 0) {
		*data = has(r, *len) ? malloc(*len + 1) : NULL;
		if (*data == NULL) {
			record_fail(r, -ENOMEM);
			*len = 0;
			return;
		}
	}
	record_bytes(r, *data, *len);
}

uint64_t record_check(const uint8_t *data, size_t len)
{
	uint64_t h = 0x9e3779b97f4a7c15ull ^ len, word;

	for (; len >= 8; data += 8, len -= 8) {
		memcpy(&word, data, 8);
		h = (h ^ word) * 0xbf58476d1ce4e5b9ull;
		h ^= h >> 29;
	}
	word = 0;
	memcpy(&word, data, len);
	h = (h ^ word) * 0x94d049bb133111ebull;
	return h ^ h >> 31;
}
