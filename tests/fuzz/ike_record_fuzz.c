/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer, stateful: the record of a session is changed as the input says and sealed
 * again, and a process that comes back reads it; either it is refused, and nothing of it is
 * left, or the session goes on with what it says: liveness, rekeys, traffic, time. Then the
 * process is killed again and comes back without records, and a client can come again.
 */
#include "control/ike/record.h"
#include "control/ike/wire/bytes.h"
#include "tests/fuzz/peer_check.h"

#include "control/homing/homing.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_CHANGES 16u
#define HEAD        12u /* magic, version, length */
#define CHECK       8u

/* The rest of the script; zeros after its end. */
struct script {
	const uint8_t *at, *end;
};

static uint8_t next(struct script *s)
{
	return s->at < s->end ? *s->at++ : 0;
}

static size_t next16(struct script *s)
{
	size_t high = next(s);

	return high << 8 | next(s);
}

static struct kept_record *record_of(struct peer *p)
{
	for (unsigned i = 0; i < sizeof(p->records) / sizeof(p->records[0]); i++) {
		if (p->records[i].data != NULL)
			return &p->records[i];
	}
	__builtin_trap();
}

/* One change of the `len` octets between head and check; how many there are after it. */
static size_t change(struct script *s, uint8_t *body, size_t len, size_t room)
{
	unsigned how = next(s) % 4;
	size_t at = next16(s) % (len + 1), n = next(s) % 32;

	if (how == 0 && at < len) {
		body[at] = next(s);
	} else if (how == 1 && at < len) {
		body[at] ^= (uint8_t)(1u << next(s) % 8);
	} else if (how == 2) {
		n = n < len - at ? n : len - at;
		memmove(body + at, body + at + n, len - at - n);
		len -= n;
	} else if (how == 3 && len + n <= room) {
		memmove(body + at + n, body + at, len - at);
		for (size_t i = 0; i < n; i++)
			body[at + i] = next(s);
		len += n;
	}
	return len;
}

/* Changes the record and seals it again. */
static size_t forge(struct script *s, const struct kept_record *record, uint8_t *out)
{
	size_t len = record->len - HEAD - CHECK;

	memcpy(out, record->data, record->len);
	for (unsigned i = next(s) % MAX_CHANGES + 1; i > 0; i--)
		len = change(s, out + HEAD, len, RECORD_MAX - HEAD - CHECK);
	put_be32(out + 8, (uint32_t)(len + HEAD + CHECK));
	put_be64(out + HEAD + len, record_check(out, HEAD + len));
	return len + HEAD + CHECK;
}

static void nothing_is_left(const struct peer *p)
{
	const struct ike_manager *m = p->m;

	if (!TAILQ_EMPTY(&m->sas))
		__builtin_trap();
	for (uint32_t i = 0; i < m->sa_in.capacity; i++) {
		if (m->sa_in.taken[i] | m->sa_out.taken[i] | m->tunnels.taken[i] | m->policies.taken[i])
			__builtin_trap();
	}
	for (unsigned i = 0; i < p->n_leases; i++) {
		if (p->leases[i].users != 0)
			__builtin_trap();
	}
}

static void go_on(struct world *w, struct peer *p, struct script *s)
{
	for (unsigned i = 0; i < 4; i++) {
		struct ike_sa *sa = peer_session(p);
		uint64_t session = sa != NULL ? ike_session_id(sa) : 0;
		unsigned what = next(s) % 4;

		if (session != 0 && what == 0)
			ike_rekey_children(p->m, session);
		else if (session != 0 && what == 1)
			ike_rekey_session(p->m, session);
		else if (session != 0 && what == 2)
			ike_check_liveness(p->m, session);
		else
			world_traffic(w);
		world_run(w, next16(s));
	}
}

/* Nothing of what it read is left; the handles that it made up are no fault of its dataplane. */
static void come_back_empty(struct peer *p)
{
	struct kept_record *record;

	for (unsigned i = 0; i < sizeof(p->records) / sizeof(p->records[0]); i++) {
		record = &p->records[i];
		free(record->data);
		record->data = NULL;
	}
	memset(p->dp, 0, sizeof(*p->dp));
	peer_restart(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct world_options options = {.homing = &homing_ops,
	                                             .store = true,
	                                             .gateway_extra = "    lifetimes: {dpd: 30s}\n",
	                                             .client_extra = "    lifetimes: {dpd: 30s}\n"};
	static uint8_t forged[RECORD_MAX];
	struct script s = {data, data + size};
	struct world *w = world_new(&options);
	struct peer *p = &w->peers[next(&s) & 1];
	size_t len;

	world_up(w);
	len = forge(&s, record_of(p), forged);
	peer_restart(p);
	if (ike_restore(p->m, forged, len) < 0)
		nothing_is_left(p);
	else
		go_on(w, p, &s);
	come_back_empty(p);
	peer_check_alive(w);
	world_free(w);
	return 0;
}
