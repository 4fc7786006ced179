/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: any bytes as the body of one payload; octet 0 chooses which. What
 * a decoder accepts must survive building and decoding again; a suite that is
 * chosen must be one of ours; no AUTH verifies that nobody signed.
 */
#include <string.h>

#include <openssl/evp.h>

#include "control/ike/crypto/sign.h"
#include "control/ike/wire/build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buf[70000];

static void expect(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static const struct rg_cfg_proposal ike_ours[] = {
        {.encr = IKE_ENCR_AES_GCM_16, .encr_bits = 128, .prf = IKE_PRF_HMAC_SHA2_256, .dh = IKE_DH_X25519},
        {.encr = IKE_ENCR_AES_CBC,
         .encr_bits = 256,
         .integ = IKE_INTEG_HMAC_SHA2_512_256,
         .prf = IKE_PRF_HMAC_SHA2_384,
         .dh = IKE_DH_MODP_2048},
};
static const struct rg_cfg_proposal esp_ours[] = {
        {.encr = IKE_ENCR_AES_GCM_16, .encr_bits = 128, .esn = true},
        {.encr = IKE_ENCR_AES_GCM_16, .encr_bits = 256, .dh = IKE_DH_ECP_256},
};

static void select_from(const struct ike_sa_payload *sa, enum ike_select what,
                        const struct rg_cfg_proposal *ours)
{
	struct ike_choice choice, answer;
	struct ike_build b;
	struct ike_msg msg;
	struct ike_sa_payload mine;
	const struct ike_header hdr = {.spi_i = 1};
	static const uint8_t spi[8] = {1};

	(void)ike_select_answer(&answer, what, ours, 2, sa);
	if (ike_select(&choice, what, ours, 2, sa))
		return;
	expect(choice.index < 2 && (what == IKE_SELECT_CHILD_AUTH || ike_suite_supported(&choice.suite)));
	ike_build_message(&b, buf, sizeof(buf), &hdr);
	ike_build_sa_choice(&b, &choice, spi, what == IKE_SELECT_IKE ? choice.spi.len : 4);
	expect(ike_build_finish(&b) == 0 && ike_msg_parse(&msg, buf, b.len) == IKE_OK);
	expect(ike_sa_decode(&mine, &msg.payloads[0]) == IKE_OK && mine.proposals == 1);
}

static void fuzz_sa(const struct ike_payload *p)
{
	struct ike_sa_payload sa;

	if (ike_sa_decode(&sa, p))
		return;
	select_from(&sa, IKE_SELECT_IKE, ike_ours);
	select_from(&sa, IKE_SELECT_CHILD, esp_ours);
	select_from(&sa, IKE_SELECT_CHILD_AUTH, esp_ours);
}

static void fuzz_ts(const struct ike_payload *p)
{
	const struct ike_header hdr = {.spi_i = 1};
	struct ike_selectors ts, again;
	struct ike_build b;
	struct ike_msg msg;

	if (ike_selectors_decode(&ts, p) || ts.n == 0)
		return;
	ike_build_message(&b, buf, sizeof(buf), &hdr);
	ike_build_selectors(&b, IKE_PAYLOAD_TSi, ts.ts, ts.n);
	expect(ike_build_finish(&b) == 0 && ike_msg_parse(&msg, buf, b.len) == IKE_OK);
	expect(ike_selectors_decode(&again, &msg.payloads[0]) == IKE_OK);
	expect(again.n == ts.n && memcmp(again.ts, ts.ts, sizeof(ts.ts)) == 0);
}

static void fuzz_cp(const struct ike_payload *p)
{
	const struct ike_header hdr = {.spi_i = 1};
	struct ike_cp cp, again;
	struct ike_cp_attr attr;
	struct ike_build b;
	struct ike_msg msg;
	size_t at = 0;

	if (ike_cp_decode(&cp, p))
		return;
	ike_build_message(&b, buf, sizeof(buf), &hdr);
	ike_build_cp_begin(&b, cp.type);
	while (ike_cp_next(&cp, &at, &attr))
		ike_build_cp_attr(&b, attr.type, attr.value.data, attr.value.len);
	ike_build_cp_end(&b);
	expect(ike_build_finish(&b) == 0 && ike_msg_parse(&msg, buf, b.len) == IKE_OK);
	expect(ike_cp_decode(&again, &msg.payloads[0]) == IKE_OK && again.count == cp.count);
}

static void fuzz_auth(const struct ike_payload *p)
{
	static EVP_PKEY *keys[2];
	static const uint8_t octets[] = "nobody signed this";
	struct ike_auth auth;

	if (!keys[0]) {
		keys[0] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
		keys[1] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	}
	if (ike_auth_decode(&auth, p))
		return;
	for (int i = 0; i < 2; i++)
		expect(ike_verify(keys[i], IKE_HASHES_DEFAULT, &auth,
		                  (struct ike_view){octets, sizeof(octets)}) != 0);
}

/* What was built, as one payload again. */
static const struct ike_payload *rebuilt(struct ike_build *b, struct ike_msg *msg)
{
	expect(ike_build_finish(b) == 0 && ike_msg_parse(msg, buf, b->len) == IKE_OK && msg->n == 1);
	return &msg->payloads[0];
}

static void begin(struct ike_build *b)
{
	static const struct ike_header hdr = {.spi_i = 1};

	ike_build_message(b, buf, sizeof(buf), &hdr);
}

static bool same(struct ike_view a, struct ike_view b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static void fuzz_notify(const struct ike_payload *p)
{
	struct ike_notify notify, again;
	struct ike_build b;
	struct ike_msg msg;

	if (ike_notify_decode(&notify, p))
		return;
	expect(notify.spi.len == 0 || notify.spi.len == 4 || notify.spi.len == 8);
	begin(&b);
	ike_build_notify(&b, notify.type, notify.protocol, notify.spi.data, notify.spi.len, notify.data.data,
	                 notify.data.len);
	expect(ike_notify_decode(&again, rebuilt(&b, &msg)) == IKE_OK && again.type == notify.type &&
	       same(again.spi, notify.spi) && same(again.data, notify.data));
}

static void fuzz_delete(const struct ike_payload *p)
{
	uint32_t spis[16];
	struct ike_delete del, again;
	struct ike_build b;
	struct ike_msg msg;

	if (ike_delete_decode(&del, p))
		return;
	expect(del.protocol == IKE_PROTOCOL_IKE ? del.count == 0 : del.spi_size == 4);
	if (del.count > sizeof(spis) / sizeof(spis[0]))
		return;
	for (unsigned i = 0; i < del.count; i++)
		spis[i] = ike_child_spi((struct ike_view){del.spis + (size_t)4 * i, 4});
	begin(&b);
	ike_build_delete(&b, del.protocol, spis, del.count);
	expect(ike_delete_decode(&again, rebuilt(&b, &msg)) == IKE_OK && again.count == del.count);
	expect(del.count == 0 || memcmp(again.spis, del.spis, (size_t)4 * del.count) == 0);
}

static void fuzz_id(const struct ike_payload *p)
{
	struct ike_id id, again;
	struct ike_build b;
	struct ike_msg msg;

	if (ike_id_decode(&id, p))
		return;
	expect(id.value.len <= IKE_MAX_ID && id.body.len == p->len);
	begin(&b);
	ike_build_id(&b, IKE_PAYLOAD_IDi, id.type, id.value.data, id.value.len);
	expect(ike_id_decode(&again, rebuilt(&b, &msg)) == IKE_OK && again.type == id.type &&
	       same(again.value, id.value));
}

static void fuzz_ke(const struct ike_payload *p)
{
	struct ike_view nonce;
	struct ike_ke ke, again;
	struct ike_build b;
	struct ike_msg msg;

	expect(ike_nonce_decode(&nonce, p) != IKE_OK || (nonce.len >= 16 && nonce.len <= 256));
	if (ike_ke_decode(&ke, p))
		return;
	begin(&b);
	ike_build_ke(&b, ke.group, ke.value.data, ke.value.len);
	expect(ike_ke_decode(&again, rebuilt(&b, &msg)) == IKE_OK && again.group == ke.group &&
	       same(again.value, ke.value));
}

static void fuzz_cert(const struct ike_payload *p)
{
	struct ike_certreq req;
	struct ike_cert cert;

	if (ike_cert_decode(&cert, p) == IKE_OK)
		expect(cert.value.len <= IKE_MAX_CERT &&
		       cert.value.data + cert.value.len == p->body + p->len);
	if (ike_certreq_decode(&req, p) == IKE_OK)
		expect(req.encoding != IKE_CERT_X509_SIGNATURE || req.value.len % 20 == 0);
}

static void fuzz_eap(const struct ike_payload *p)
{
	struct ike_eap eap;

	if (ike_eap_decode(&eap, p) == IKE_OK)
		expect(eap.data.len <= p->len &&
		       (eap.data.len == 0 || eap.data.data + eap.data.len <= p->body + p->len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(const struct ike_payload *) = {
	        fuzz_sa,     fuzz_ts, fuzz_cp, fuzz_auth, fuzz_notify,
	        fuzz_delete, fuzz_id, fuzz_ke, fuzz_cert, fuzz_eap};
	struct ike_payload p;

	/* the fixed four octets are ike_msg_parse()'s to check */
	if (size < 5 || size > 60000)
		return 0;
	p = (struct ike_payload){.body = data + 1, .len = (uint16_t)(size - 1)};
	kinds[data[0] % (sizeof(kinds) / sizeof(kinds[0]))](&p);
	return 0;
}
