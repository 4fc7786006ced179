/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of a session: its entries as people read them (journal.h). Core thread only.
 */
#include "control/ike/journal.h"

#include "control/homing/address_transaction.h"
#include "control/ike/ike_sa.h"
#include "control/ike/wire/bytes.h"

#include <stdio.h>
#include <string.h>

const char *journal_kind_name(unsigned kind)
{
	static const char *const names[] = {
#define X(kind, name) [JOURNAL_##kind] = (name),
	        JOURNAL_KINDS(X)
#undef X
	};

	return kind < JOURNAL_N_KINDS ? names[kind] : "unknown";
}

static const char *auth_name(unsigned how)
{
	return how == RG_AUTH_PSK           ? "a pre-shared key"
	       : how == RG_AUTH_CERTIFICATE ? "a certificate"
	                                    : "EAP-MSCHAPv2";
}

static struct rg_cfg_addr local_of(const struct ike_sa *sa, const struct journal_entry *e)
{
	const struct rg_config *c = rg_auth_config(sa->auth);
	struct rg_cfg_addr none = {0};

	if (e->data[2] >= c->n_uplinks || e->data[3] >= c->uplinks[e->data[2]].n_addresses)
		return none;
	return c->uplinks[e->data[2]].addresses[e->data[3]].addr;
}

static const char *path(const struct ike_sa *sa, const struct journal_entry *e, char out[PAIR_TEXT])
{
	struct ike_endpoint local = {local_of(sa, e), get_be16(e->data + 4)};
	struct ike_endpoint remote = {{.family = e->data[0]}, get_be16(e->data + 6)};
	char from[IKE_ENDPOINT_TEXT], to[IKE_ENDPOINT_TEXT];

	memcpy(remote.addr.bytes, e->data + 8, 16);
	snprintf(out, PAIR_TEXT, "%s - %s%s",
	         local.addr.family != 0 ? endpoint_text(&local, from) : "an address of its own",
	         endpoint_text(&remote, to), e->data[1] == RG_ENCAP_UDP ? " in UDP" : "");
	return out;
}

static void proposal(const struct journal_entry *e, char text[JOURNAL_TEXT])
{
	struct ike_suite s = {.protocol = IKE_PROTOCOL_IKE,
	                      .encr = get_be16(e->data),
	                      .encr_bits = get_be16(e->data + 2),
	                      .integ = get_be16(e->data + 4),
	                      .prf = get_be16(e->data + 6),
	                      .dh = get_be16(e->data + 8)};
	char name[96];

	ike_suite_print(&s, name, sizeof(name));
	snprintf(text, JOURNAL_TEXT, "%s, chosen by %s of %u that %s offered", name,
	         e->detail ? "the peer" : "us", e->value, e->detail ? "we" : "the peer");
}

static void child(const struct journal_entry *e, char text[JOURNAL_TEXT])
{
	const struct rg_suite_info *info = rg_suite_info(get_be32(e->data + 12));
	uint32_t old = get_be32(e->data + 8);
	int n = snprintf(text, JOURNAL_TEXT, "%08x in, %08x out, %s%s%s", get_be32(e->data),
	                 get_be32(e->data + 4), info != NULL ? info->name : "none", e->data[16] ? "-esn" : "",
	                 e->data[17] ? ", transport mode" : "");

	if (e->value != 0)
		n += snprintf(text + n, JOURNAL_TEXT - (size_t)n, ", DH group %u", e->value);
	if (old != 0)
		snprintf(text + n, JOURNAL_TEXT - (size_t)n, ", in place of %08x, asked for by %s", old,
		         e->detail ? "us" : "the peer");
}

static void address(const struct ike_sa *sa, const struct journal_entry *e, char text[JOURNAL_TEXT])
{
	struct rg_cfg_addr addr = {.family = e->detail};
	char name[IKE_ENDPOINT_TEXT];

	memcpy(addr.bytes, e->data, sizeof(addr.bytes));
	snprintf(text, JOURNAL_TEXT, "%s %s", sa->session_initiator ? "it gave us" : "it has",
	         addr_text(&addr, name));
}

static void began(const struct ike_sa *sa, const struct journal_entry *e, char text[JOURNAL_TEXT])
{
	static const char *const nats[] = {"no NAT", "a NAT before us", "a NAT before the peer",
	                                   "a NAT before both"};
	char name[PAIR_TEXT];

	snprintf(text, JOURNAL_TEXT, "%s, %s, %s", path(sa, e, name), nats[e->detail & 3],
	         e->value ? "MOBIKE" : "no MOBIKE");
}

/* What names a path. False: this kind does not. */
static bool on_a_path(const struct ike_sa *sa, const struct journal_entry *e, char text[JOURNAL_TEXT])
{
	char name[PAIR_TEXT];

	path(sa, e, name);
	switch (e->kind) {
	case JOURNAL_PATH:
		began(sa, e, text);
		return true;
	case JOURNAL_ASKED:
		snprintf(text, JOURNAL_TEXT, "%s for %s", e->detail ? "we ask" : "the peer asks", name);
		return true;
	case JOURNAL_CHECK:
		snprintf(text, JOURNAL_TEXT, "return routability is asked for at %s", name);
		return true;
	case JOURNAL_MOVED:
		snprintf(text, JOURNAL_TEXT, "to %s, by %s, %u ms after it was asked for", name,
		         address_asker_text(e->detail), e->value);
		return true;
	case JOURNAL_REFUSED:
		snprintf(text, JOURNAL_TEXT, "not to %s, by %s: %s", name, address_asker_text(e->detail),
		         address_outcome_text(e->value));
		return true;
	case JOURNAL_PROVEN:
	case JOURNAL_PATH_DEAD:
	case JOURNAL_PATH_ALIVE:
		snprintf(text, JOURNAL_TEXT, "%s", name);
		return true;
	default:
		return false;
	}
}

const char *journal_text(const struct ike_sa *sa, const struct journal_entry *e, char text[JOURNAL_TEXT])
{
	text[0] = '\0';
	if (on_a_path(sa, e, text))
		return text;
	switch (e->kind) {
	case JOURNAL_PROPOSAL:
		proposal(e, text);
		break;
	case JOURNAL_AUTHENTICATED:
		snprintf(text, JOURNAL_TEXT, "the peer by %s, we by %s", auth_name(e->detail),
		         auth_name(e->value));
		break;
	case JOURNAL_ADDRESS:
		address(sa, e, text);
		break;
	case JOURNAL_CHILD_UP:
	case JOURNAL_CHILD_REKEYED:
	case JOURNAL_CHILD_DOWN:
		child(e, text);
		break;
	case JOURNAL_IKE_REKEYED:
	case JOURNAL_REAUTHENTICATED:
		snprintf(text, JOURNAL_TEXT, "now %016lx:%016lx", get_be64(e->data), get_be64(e->data + 8));
		break;
	case JOURNAL_ADDRESS_LIST:
		snprintf(text, JOURNAL_TEXT, "the peer has %u more addresses", e->value);
		break;
	case JOURNAL_ERROR_SENT:
	case JOURNAL_ERROR_RECEIVED:
		snprintf(text, JOURNAL_TEXT, "%s in %s", ike_notify_type_name(e->value),
		         ike_exchange_name(e->detail));
		break;
	case JOURNAL_RESYNCED:
		snprintf(text, JOURNAL_TEXT, "back in the dataplane");
		break;
	case JOURNAL_RESTORED:
		snprintf(text, JOURNAL_TEXT, "control came back with it; what was before is not known");
		break;
	case JOURNAL_REAUTHENTICATION_FAILED:
		snprintf(text, JOURNAL_TEXT, "the session that was to follow it has ended; this one goes on");
		break;
	default:
		break;
	}
	return text;
}
