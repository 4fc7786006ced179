/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a session record (record.h): each function writes its value, or
 * reads into it, as the record says, so that one description of a structure serves both
 * ways and cannot differ. Big endian, no padding. The first error sticks, later calls do
 * nothing, and whoever describes a structure checks once. Writing changes no value, also where
 * it fails. Pure; any thread.
 */
#ifndef RG_IKE_RECORD_IO_H
#define RG_IKE_RECORD_IO_H

#include "control/auth/id.h"
#include "control/ike/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record {
	uint8_t *to;         /* where it is written; NULL: it is read */
	const uint8_t *from; /* where it is read */
	size_t at, len;      /* octets done; room or length */
	int error;           /* 0, -EMSGSIZE (no room), -EBADMSG (not what was written) */
};

static inline bool record_reads(const struct record *r)
{
	return r->to == NULL;
}

void record_fail(struct record *r, int error);
void record_bytes(struct record *r, void *bytes, size_t len);
void record_u8(struct record *r, uint8_t *v);
void record_u16(struct record *r, uint16_t *v);
void record_u32(struct record *r, uint32_t *v);
void record_u64(struct record *r, uint64_t *v);
void record_bool(struct record *r, bool *v);
/* A number up to `max`, in two octets; one that is larger is no record of ours. */
void record_count(struct record *r, size_t *v, size_t max);
void record_uint(struct record *r, unsigned *v, unsigned max);
void record_addr(struct record *r, struct rg_cfg_addr *addr);
void record_endpoint(struct record *r, struct ike_endpoint *e);
/* A name of the configuration, with its NUL in memory. */
#define RECORD_NAME_MAX 255u
void record_name(struct record *r, char name[RECORD_NAME_MAX + 1]);
void record_id(struct record *r, struct rg_id *id);
/* Octets in memory of their own: written from `*data`, read into a fresh allocation. */
void record_blob(struct record *r, uint8_t **data, size_t *len, size_t max);

/* Covers every octet: a change within eight neighbours is always noticed, others nearly always. */
uint64_t record_check(const uint8_t *data, size_t len);

#endif
