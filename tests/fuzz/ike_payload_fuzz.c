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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_payload p;

	/* the fixed four octets are ike_msg_parse()'s to check */
	if (size < 5 || size > 60000)
		return 0;
	p = (struct ike_payload){.body = data + 1, .len = (uint16_t)(size - 1)};
	switch (data[0] & 3) {
	case 0:
		fuzz_sa(&p);
		break;
	case 1:
		fuzz_ts(&p);
		break;
	case 2:
		fuzz_cp(&p);
		break;
	default:
		fuzz_auth(&p);
	}
	return 0;
}
