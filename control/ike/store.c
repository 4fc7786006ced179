/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records and datagrams of one turn of the event loop (store.h). Core thread only.
 */
#include "control/ike/store.h"

#include "control/ike/manager.h"
#include "control/ike/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MAX   (1u << 20) /* octets of datagrams of one turn; more is flushed in between */
#define HELD_FIRST 65536u

struct held {
	struct ike_endpoint local, remote;
	bool natt;
	uint32_t len;
};

int store_init(struct ike_manager *m)
{
	if (m->store == NULL)
		return 0;
	m->record = malloc(RECORD_MAX);
	return m->record != NULL ? 0 : -ENOMEM;
}

void store_fini(struct ike_manager *m)
{
	if (m->record != NULL)
		explicit_bzero(m->record, RECORD_MAX);
	free(m->record);
	free(m->held);
	m->record = m->held = NULL;
	m->held_len = m->held_room = 0;
}

static void wake(struct ike_manager *m)
{
	uint64_t now = manager_now(m);

	if (m->told_ms <= now)
		return;
	m->told_ms = now;
	m->ops->wake(m->user);
}

void store_touch(struct ike_sa *sa)
{
	struct ike_manager *m = sa->manager;

	if (m->store == NULL || sa->dirty || m->ending || (!sa->stored && sa->state < IKE_STATE_ESTABLISHED))
		return;
	sa->dirty = true;
	TAILQ_INSERT_TAIL(&m->dirty, sa, dirty_link);
	wake(m);
}

static void drop(struct ike_sa *sa)
{
	struct ike_manager *m = sa->manager;

	if (!sa->stored)
		return;
	sa->stored = false;
	m->uncommitted = true;
	if (m->store->drop(m->store_user, ike_sa_own_spi(sa)) < 0)
		IKE_COUNT(m, records_failed);
}

void store_forget(struct ike_sa *sa)
{
	struct ike_manager *m = sa->manager;

	if (sa->dirty)
		TAILQ_REMOVE(&m->dirty, sa, dirty_link);
	sa->dirty = false;
	if (!m->ending)
		drop(sa);
}

/* Where it fails the former record goes: who came back with it would use message IDs once more for other
 * octets (RFC 7296 2.2), and a client that is not known any more comes again. */
static void put(struct ike_sa *sa)
{
	struct ike_manager *m = sa->manager;
	size_t len;

	if (record_write(sa, m->record, RECORD_MAX, &len) < 0 ||
	    m->store->put(m->store_user, ike_sa_own_spi(sa), m->record, len) < 0) {
		IKE_COUNT(m, records_failed);
		drop(sa);
		return;
	}
	sa->stored = true;
	m->uncommitted = true;
	IKE_COUNT(m, records_written);
}

static void write_records(struct ike_manager *m)
{
	struct ike_sa *sa;

	while ((sa = TAILQ_FIRST(&m->dirty)) != NULL) {
		TAILQ_REMOVE(&m->dirty, sa, dirty_link);
		sa->dirty = false;
		if (record_wanted(sa))
			put(sa);
		else
			drop(sa);
	}
	if (!m->uncommitted)
		return;
	m->uncommitted = false;
	if (m->store->commit(m->store_user) < 0)
		IKE_COUNT(m, records_failed);
}

static bool make_room(struct ike_manager *m, size_t len)
{
	size_t room = m->held_room != 0 ? m->held_room : HELD_FIRST;
	uint8_t *held;

	while (room < m->held_len + len)
		room *= 2;
	if (room == m->held_room)
		return true;
	held = realloc(m->held, room);
	if (held == NULL)
		return false;
	m->held = held;
	m->held_room = room;
	return true;
}

bool store_hold(struct ike_manager *m, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                bool natt, const uint8_t *data, size_t len)
{
	struct held h = {.local = *local, .remote = *remote, .natt = natt, .len = (uint32_t)len};

	if (m->held_len + sizeof(h) + len > HELD_MAX)
		store_flush(m);
	if (!make_room(m, sizeof(h) + len))
		return false;
	memcpy(m->held + m->held_len, &h, sizeof(h));
	memcpy(m->held + m->held_len + sizeof(h), data, len);
	m->held_len += sizeof(h) + len;
	wake(m);
	return true;
}

void store_flush(struct ike_manager *m)
{
	size_t at = 0, end = m->held_len;
	struct held h;

	if (m->store == NULL)
		return;
	write_records(m);
	while (at < end) {
		memcpy(&h, m->held + at, sizeof(h));
		m->ops->send(m->user, &h.local, &h.remote, h.natt, m->held + at + sizeof(h), h.len);
		at += sizeof(h) + h.len;
	}
	m->held_len = 0;
}
