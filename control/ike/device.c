/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which device of its identity a peer is (device.h). RFC 7296 2.4. Core thread only.
 */
#include "control/ike/device.h"

#include "control/ike/succession.h"
#include "control/ike/wire/payload.h"

#include <string.h>

static bool crosses(const struct ike_sa *sa, const struct ike_sa *other)
{
	return other->session_initiator != sa->session_initiator;
}

/* Never the identity's own cookie, but for the first device without a key of its own. */
static uint64_t device_cookie(uint64_t peer_cookie, uint64_t key, unsigned slot)
{
	uint64_t h = peer_cookie;

	if (key == 0 && slot == 0)
		return peer_cookie;
	h = (h ^ key) * 0x9e3779b97f4a7c15ull + slot;
	h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9ull;
	h ^= h >> 32;
	return h != 0 ? h : 1;
}

uint64_t device_of_key(const struct ike_sa *sa, uint64_t key)
{
	if (sa->connection->uniqueness != RG_UNIQUE_KEEP || sa->connection->initiate.n_to == 0)
		return sa->cookie;
	return device_cookie(sa->cookie, key, 0);
}

static bool has_address(const struct ike_sa *sa, uint8_t family, struct ike_view value)
{
	size_t len = family == 4 ? 4 : 16;

	for (unsigned i = 0; i < sa->n_vips; i++) {
		if (sa->vips[i].addr.family == family && value.len >= len &&
		    memcmp(sa->vips[i].addr.bytes, value.data, len) == 0)
			return true;
	}
	return false;
}

/* The session whose virtual address the request asks for: a device that comes again. */
static struct ike_sa *asks_for(const struct ike_sa *sa, const struct ike_msg *request)
{
	const struct ike_payload *payload = ike_msg_find(request, IKE_PAYLOAD_CP);
	struct ike_sa *other = NULL;
	struct ike_cp_attr attr;
	struct ike_cp cp;

	if (payload == NULL || ike_cp_decode(&cp, payload) != IKE_OK)
		return NULL;
	while ((other = succession_next(sa, other)) != NULL) {
		size_t at = 0;

		while (ike_cp_next(&cp, &at, &attr)) {
			if ((attr.type == IKE_CFG_ATTR_INTERNAL_IP4_ADDRESS &&
			     has_address(other, 4, attr.value)) ||
			    (attr.type == IKE_CFG_ATTR_INTERNAL_IP6_ADDRESS &&
			     has_address(other, 6, attr.value)))
				return other;
		}
	}
	return NULL;
}

/* By a session that its device has not left behind (`live`), or by any. */
static bool taken(const struct ike_sa *sa, uint64_t cookie, bool live)
{
	struct ike_sa *other = NULL;

	while ((other = succession_next(sa, other)) != NULL) {
		if (other->cookie == cookie && !crosses(sa, other) && !(live && other->superseded))
			return true;
	}
	return false;
}

static bool take_place(struct ike_sa *sa, uint64_t key, bool live)
{
	for (unsigned slot = 0; slot < SUCCESSION_DEVICES; slot++) {
		sa->cookie = device_cookie(sa->peer_cookie, key, slot);
		if (!taken(sa, sa->cookie, live))
			return true;
	}
	return false;
}

/* The device's place among those of its identity; with all taken, that of the oldest. One that comes
 * again needs no place more: supersede() keeps two sessions of a device at most. */
void device_choose(struct ike_sa *sa, const struct ike_msg *request, uint64_t key)
{
	enum rg_cfg_unique unique = sa->connection->uniqueness;
	struct ike_sa *again = key == 0 ? asks_for(sa, request) : NULL, *oldest = NULL, *other = NULL;
	unsigned n = 0;

	if (unique == RG_UNIQUE_KEEP && (again != NULL || key != 0)) {
		sa->cookie = again != NULL ? again->cookie : device_cookie(sa->peer_cookie, key, 0);
		if (taken(sa, sa->cookie, false))
			return;
	}
	(void)(take_place(sa, key, false) || take_place(sa, key, true));
	while ((other = succession_next(sa, other)) != NULL) {
		if (other->superseded || crosses(sa, other))
			continue;
		oldest = other; /* the newest come first */
		n++;
	}
	if (n < SUCCESSION_DEVICES)
		return;
	if (taken(sa, sa->cookie, false))
		sa->cookie = oldest->cookie;
	ike_sa_close(oldest, "too many sessions of one identity");
}
