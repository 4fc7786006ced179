/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as an IKE message. Octet 0 chooses a whole datagram (even)
 * or the inside of SK (odd; octet 1 is then the type of the first payload). What is
 * accepted goes through every decoder, and SK through every suite: a view must lie within
 * the input, and what nobody sealed must not open.
 */
#include <stdlib.h>
#include <string.h>

#include "control/ike/crypto/sk.h"
#include "control/ike/wire/payload.h"
#include "control/ike/wire/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static void inside(const struct ike_msg *msg, struct ike_view v)
{
	expect(v.data >= msg->data && v.len <= msg->len && v.data + v.len <= msg->data + msg->len);
}

static void decode_sa(const struct ike_msg *msg, const struct ike_payload *p)
{
	struct ike_sa_payload sa;
	struct ike_proposal proposal;
	struct ike_transform t;
	unsigned proposals = 0, transforms = 0;
	size_t at = 0;

	if (ike_sa_decode(&sa, p))
		return;
	while (ike_proposal_next(&sa, &at, &proposal)) {
		size_t tat = 0;

		inside(msg, proposal.spi);
		proposals++;
		while (ike_transform_next(&proposal, &tat, &t))
			transforms++;
	}
	expect(proposals == sa.proposals && transforms == sa.transforms && proposals <= 255);
}

static void decode_cp(const struct ike_msg *msg, const struct ike_payload *p)
{
	struct ike_cp_attr attr;
	struct ike_cp cp;
	unsigned n = 0;
	size_t at = 0;

	if (ike_cp_decode(&cp, p))
		return;
	for (; ike_cp_next(&cp, &at, &attr); n++)
		inside(msg, attr.value);
	expect(n == cp.count && n <= IKE_MAX_CP_ATTRS);
}

static void decode_ts(const struct ike_payload *p)
{
	struct ike_selectors ts;

	if (ike_selectors_decode(&ts, p))
		return;
	for (unsigned i = 0; i < ts.n; i++)
		expect(memcmp(ts.ts[i].first, ts.ts[i].last, 16) <= 0 &&
		       (ts.ts[i].family == 4 || ts.ts[i].family == 6));
}

static void decode_auth(const struct ike_msg *msg, const struct ike_payload *p)
{
	struct ike_cert cert;
	struct ike_certreq req;
	struct ike_auth auth;
	struct ike_id id;

	if (p->type == IKE_PAYLOAD_CERT && !ike_cert_decode(&cert, p))
		inside(msg, cert.value);
	if (p->type == IKE_PAYLOAD_CERTREQ && !ike_certreq_decode(&req, p))
		inside(msg, req.value);
	if (p->type == IKE_PAYLOAD_AUTH && !ike_auth_decode(&auth, p))
		inside(msg, auth.value);
	if ((p->type == IKE_PAYLOAD_IDi || p->type == IKE_PAYLOAD_IDr) && !ike_id_decode(&id, p)) {
		inside(msg, id.body);
		expect(id.value.len <= IKE_MAX_ID);
	}
}

static void decode_notify(const struct ike_msg *msg, const struct ike_payload *p)
{
	struct ike_notify n;
	struct ike_delete del;

	if (p->type == IKE_PAYLOAD_NOTIFY && !ike_notify_decode(&n, p)) {
		inside(msg, n.spi);
		inside(msg, n.data);
		(void)ike_child_spi(n.spi);
		expect(ike_notify_find(msg, n.type, &n));
	}
	if (p->type == IKE_PAYLOAD_DELETE && !ike_delete_decode(&del, p) && del.count > 0)
		inside(msg, (struct ike_view){del.spis, (size_t)del.count * 4});
}

static void decode(const struct ike_msg *msg, const struct ike_payload *p)
{
	struct ike_view nonce;
	struct ike_ke ke;
	struct ike_eap eap;

	inside(msg, (struct ike_view){p->body, p->len});
	if (p->type == IKE_PAYLOAD_SA)
		decode_sa(msg, p);
	if (p->type == IKE_PAYLOAD_CP)
		decode_cp(msg, p);
	if (p->type == IKE_PAYLOAD_TSi || p->type == IKE_PAYLOAD_TSr)
		decode_ts(p);
	if (p->type == IKE_PAYLOAD_KE && !ike_ke_decode(&ke, p))
		inside(msg, ke.value);
	if (p->type == IKE_PAYLOAD_NONCE && !ike_nonce_decode(&nonce, p))
		expect(nonce.len >= IKE_NONCE_MIN && nonce.len <= IKE_NONCE_MAX);
	if (p->type == IKE_PAYLOAD_EAP && !ike_eap_decode(&eap, p))
		inside(msg, eap.data);
	decode_auth(msg, p);
	decode_notify(msg, p);
}

static void open_with(uint16_t encr, uint16_t bits, uint16_t integ, const struct ike_msg *msg)
{
	struct ike_sk sk = {
	        .encr = ike_encr_info(encr, bits), .integ = ike_integ_info(integ), .key = {0x5a, 0xa5}};
	uint8_t *plain = malloc(msg->len);
	size_t len;

	expect(plain != NULL);
	expect(ike_sk_open(&sk, msg, plain, msg->len, &len) != IKE_OK);
	free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ike_header hdr = {.spi_i = 1, .spi_r = 2, .version = 0x20};
	struct ike_msg msg;
	enum ike_reject err;

	if (size < 2)
		return 0;
	if (data[0] & 1)
		err = ike_msg_parse_inner(&msg, &hdr, data[1], data + 2, size - 2);
	else
		err = ike_msg_parse(&msg, data + 1, size - 1);
	expect(err < IKE_REJECT_COUNT && msg.n <= IKE_MAX_PAYLOADS &&
	       (err != IKE_REJECT_CRITICAL || msg.critical));
	(void)ike_reject_notify(err, data[0] & 1);
	if (err && err != IKE_REJECT_CRITICAL)
		return 0;
	for (unsigned i = 0; i < msg.n; i++)
		decode(&msg, &msg.payloads[i]);
	if (msg.sk_type) {
		open_with(IKE_ENCR_AES_GCM_16, 128, 0, &msg);
		open_with(IKE_ENCR_AES_CBC, 256, IKE_INTEG_HMAC_SHA2_256_128, &msg);
	}
	return 0;
}
