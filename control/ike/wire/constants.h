/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol numbers of IKEv2, as X-macro tables: one line gives the enum
 * value and the name that ike_*_name() prints. Values are IANA's "IKEv2
 * Parameters" (RFC 7296 3 and its extensions). No state; any thread.
 */
#ifndef RG_IKE_WIRE_CONSTANTS_H
#define RG_IKE_WIRE_CONSTANTS_H

#include <stdint.h>

#define IKE_HEADER_LEN      28u /* RFC 7296 3.1 */
#define IKE_PAYLOAD_HDR_LEN 4u  /* RFC 7296 3.2 */
#define IKE_MAJOR_VERSION   2u
#define IKE_NON_ESP_MARKER  4u /* four zero octets before IKE on port 4500 (RFC 3948 2.2) */

/* Header flags (RFC 7296 3.1) */
#define IKE_FLAG_INITIATOR 0x08u
#define IKE_FLAG_VERSION   0x10u
#define IKE_FLAG_RESPONSE  0x20u

#define IKE_NONCE_MIN     16u /* RFC 7296 3.9 */
#define IKE_NONCE_MAX     256u
#define IKE_COOKIE_MIN    1u /* RFC 7296 2.6 */
#define IKE_COOKIE_MAX    64u
#define IKE_COOKIE2_MIN   8u /* RFC 4555 4.2.5 */
#define IKE_COOKIE2_MAX   64u
#define IKE_NATD_LEN      20u /* SHA-1 (RFC 7296 2.23) */
#define IKE_SPI_LEN       8u
#define IKE_CHILD_SPI_LEN 4u

/* Exchange types (RFC 7296 3.1, RFC 5723) */
#define IKE_EXCHANGES(X)                                                                                     \
	X(IKE_SA_INIT, 34)                                                                                   \
	X(IKE_AUTH, 35)                                                                                      \
	X(CREATE_CHILD_SA, 36)                                                                               \
	X(INFORMATIONAL, 37)                                                                                 \
	X(IKE_SESSION_RESUME, 38)                                                                            \
	X(IKE_INTERMEDIATE, 43)

/* Payload types (RFC 7296 3.2, RFC 7383 2.5) */
#define IKE_PAYLOADS(X)                                                                                      \
	X(NONE, 0)                                                                                           \
	X(SA, 33)                                                                                            \
	X(KE, 34)                                                                                            \
	X(IDi, 35)                                                                                           \
	X(IDr, 36)                                                                                           \
	X(CERT, 37)                                                                                          \
	X(CERTREQ, 38)                                                                                       \
	X(AUTH, 39)                                                                                          \
	X(NONCE, 40)                                                                                         \
	X(NOTIFY, 41)                                                                                        \
	X(DELETE, 42)                                                                                        \
	X(VENDOR, 43)                                                                                        \
	X(TSi, 44)                                                                                           \
	X(TSr, 45)                                                                                           \
	X(SK, 46)                                                                                            \
	X(CP, 47)                                                                                            \
	X(EAP, 48)                                                                                           \
	X(SKF, 53)

/* One bit for each payload type that the codec knows: the transition table's
 * "required" and "allowed" sets, and `present` and `repeated` of struct ike_msg. */
#define IKE_PAYLOAD_BIT(type) (UINT64_C(1) << ((type)&63u))

/* Security protocols (RFC 7296 3.3.1) */
#define IKE_PROTOCOLS(X)                                                                                     \
	X(NONE, 0)                                                                                           \
	X(IKE, 1)                                                                                            \
	X(AH, 2)                                                                                             \
	X(ESP, 3)

/* Notify messages: errors below 16384, status from there (RFC 7296 3.10.1) */
#define IKE_NOTIFIES(X)                                                                                      \
	X(UNSUPPORTED_CRITICAL_PAYLOAD, 1)                                                                   \
	X(INVALID_IKE_SPI, 4)                                                                                \
	X(INVALID_MAJOR_VERSION, 5)                                                                          \
	X(INVALID_SYNTAX, 7)                                                                                 \
	X(INVALID_MESSAGE_ID, 9)                                                                             \
	X(INVALID_SPI, 11)                                                                                   \
	X(NO_PROPOSAL_CHOSEN, 14)                                                                            \
	X(INVALID_KE_PAYLOAD, 17)                                                                            \
	X(AUTHENTICATION_FAILED, 24)                                                                         \
	X(SINGLE_PAIR_REQUIRED, 34)                                                                          \
	X(NO_ADDITIONAL_SAS, 35)                                                                             \
	X(INTERNAL_ADDRESS_FAILURE, 36)                                                                      \
	X(FAILED_CP_REQUIRED, 37)                                                                            \
	X(TS_UNACCEPTABLE, 38)                                                                               \
	X(INVALID_SELECTORS, 39)                                                                             \
	X(UNACCEPTABLE_ADDRESSES, 40)                                                                        \
	X(UNEXPECTED_NAT_DETECTED, 41)                                                                       \
	X(USE_ASSIGNED_HoA, 42)                                                                              \
	X(TEMPORARY_FAILURE, 43)                                                                             \
	X(CHILD_SA_NOT_FOUND, 44)                                                                            \
	X(TS_MAX_QUEUE, 48)                                                                                  \
	X(INITIAL_CONTACT, 16384)                                                                            \
	X(SET_WINDOW_SIZE, 16385)                                                                            \
	X(ADDITIONAL_TS_POSSIBLE, 16386)                                                                     \
	X(IPCOMP_SUPPORTED, 16387)                                                                           \
	X(NAT_DETECTION_SOURCE_IP, 16388)                                                                    \
	X(NAT_DETECTION_DESTINATION_IP, 16389)                                                               \
	X(COOKIE, 16390)                                                                                     \
	X(USE_TRANSPORT_MODE, 16391)                                                                         \
	X(HTTP_CERT_LOOKUP_SUPPORTED, 16392)                                                                 \
	X(REKEY_SA, 16393)                                                                                   \
	X(ESP_TFC_PADDING_NOT_SUPPORTED, 16394)                                                              \
	X(NON_FIRST_FRAGMENTS_ALSO, 16395)                                                                   \
	X(MOBIKE_SUPPORTED, 16396)                                                                           \
	X(ADDITIONAL_IP4_ADDRESS, 16397)                                                                     \
	X(ADDITIONAL_IP6_ADDRESS, 16398)                                                                     \
	X(NO_ADDITIONAL_ADDRESSES, 16399)                                                                    \
	X(UPDATE_SA_ADDRESSES, 16400)                                                                        \
	X(COOKIE2, 16401)                                                                                    \
	X(NO_NATS_ALLOWED, 16402)                                                                            \
	X(AUTH_LIFETIME, 16403)                                                                              \
	X(MULTIPLE_AUTH_SUPPORTED, 16404)                                                                    \
	X(ANOTHER_AUTH_FOLLOWS, 16405)                                                                       \
	X(REDIRECT_SUPPORTED, 16406)                                                                         \
	X(REDIRECT, 16407)                                                                                   \
	X(REDIRECTED_FROM, 16408)                                                                            \
	X(TICKET_LT_OPAQUE, 16409)                                                                           \
	X(TICKET_REQUEST, 16410)                                                                             \
	X(TICKET_ACK, 16411)                                                                                 \
	X(TICKET_NACK, 16412)                                                                                \
	X(TICKET_OPAQUE, 16413)                                                                              \
	X(LINK_ID, 16414)                                                                                    \
	X(USE_WESP_MODE, 16415)                                                                              \
	X(ROHC_SUPPORTED, 16416)                                                                             \
	X(EAP_ONLY_AUTHENTICATION, 16417)                                                                    \
	X(CHILDLESS_IKEV2_SUPPORTED, 16418)                                                                  \
	X(QUICK_CRASH_DETECTION, 16419)                                                                      \
	X(IKEV2_MESSAGE_ID_SYNC_SUPPORTED, 16420)                                                            \
	X(IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED, 16421)                                                        \
	X(IKEV2_MESSAGE_ID_SYNC, 16422)                                                                      \
	X(IPSEC_REPLAY_COUNTER_SYNC, 16423)                                                                  \
	X(SECURE_PASSWORD_METHODS, 16424)                                                                    \
	X(ERX_SUPPORTED, 16427)                                                                              \
	X(IFOM_CAPABILITY, 16428)                                                                            \
	X(FRAGMENTATION_SUPPORTED, 16430)                                                                    \
	X(SIGNATURE_HASH_ALGORITHMS, 16431)                                                                  \
	X(CLONE_IKE_SA_SUPPORTED, 16432)                                                                     \
	X(CLONE_IKE_SA, 16433)                                                                               \
	X(USE_PPK, 16435)                                                                                    \
	X(PPK_IDENTITY, 16436)                                                                               \
	X(NO_PPK_AUTH, 16437)                                                                                \
	X(INTERMEDIATE_EXCHANGE_SUPPORTED, 16438)                                                            \
	X(IP4_ALLOWED, 16439)                                                                                \
	X(IP6_ALLOWED, 16440)                                                                                \
	X(ADDITIONAL_KEY_EXCHANGE, 16441)                                                                    \
	X(USE_AGGFRAG, 16442)                                                                                \
	X(SUPPORTED_AUTH_METHODS, 16443)                                                                     \
	X(SA_RESOURCE_INFO, 16444)                                                                           \
	X(PEER_ADDRESS_SOURCE, 40960)                                                                        \
	X(PEER_ADDRESS_DESTINATION, 40961)

#define IKE_NOTIFY_STATUS_FIRST         16384u
#define IKE_NOTIFY_PRIVATE_ERROR_FIRST  8192u
#define IKE_NOTIFY_PRIVATE_STATUS_FIRST 40960u
#define IKE_PAYLOAD_UPDATE              128u /* private use: draft-dupont-ikev2-addrmgmt-04 */

/* Transform types (RFC 7296 3.3.2) */
#define IKE_TRANSFORM_TYPES(X)                                                                               \
	X(ENCR, 1)                                                                                           \
	X(PRF, 2)                                                                                            \
	X(INTEG, 3)                                                                                          \
	X(DH, 4)                                                                                             \
	X(ESN, 5)

#define IKE_ATTR_KEY_LENGTH 14u /* RFC 7296 3.3.5; always in TV format */

#define IKE_ENCRS(X)                                                                                         \
	X(NULL, 11)                                                                                          \
	X(AES_CBC, 12)                                                                                       \
	X(AES_CTR, 13)                                                                                       \
	X(AES_CCM_16, 16)                                                                                    \
	X(AES_GCM_8, 18)                                                                                     \
	X(AES_GCM_12, 19)                                                                                    \
	X(AES_GCM_16, 20)                                                                                    \
	X(NULL_AES_GMAC, 21)                                                                                 \
	X(CHACHA20_POLY1305, 28)

#define IKE_PRFS(X)                                                                                          \
	X(HMAC_SHA1, 2)                                                                                      \
	X(AES128_XCBC, 4)                                                                                    \
	X(HMAC_SHA2_256, 5)                                                                                  \
	X(HMAC_SHA2_384, 6)                                                                                  \
	X(HMAC_SHA2_512, 7)                                                                                  \
	X(AES128_CMAC, 8)

#define IKE_INTEGS(X)                                                                                        \
	X(NONE, 0)                                                                                           \
	X(HMAC_SHA1_96, 2)                                                                                   \
	X(AES_XCBC_96, 5)                                                                                    \
	X(AES_CMAC_96, 8)                                                                                    \
	X(HMAC_SHA2_256_128, 12)                                                                             \
	X(HMAC_SHA2_384_192, 13)                                                                             \
	X(HMAC_SHA2_512_256, 14)

#define IKE_DHS(X)                                                                                           \
	X(NONE, 0)                                                                                           \
	X(MODP_1024, 2)                                                                                      \
	X(MODP_2048, 14)                                                                                     \
	X(MODP_3072, 15)                                                                                     \
	X(MODP_4096, 16)                                                                                     \
	X(MODP_6144, 17)                                                                                     \
	X(MODP_8192, 18)                                                                                     \
	X(ECP_256, 19)                                                                                       \
	X(ECP_384, 20)                                                                                       \
	X(ECP_521, 21)                                                                                       \
	X(X25519, 31)                                                                                        \
	X(X448, 32)

/* Identification types (RFC 7296 3.5) */
#define IKE_IDS(X)                                                                                           \
	X(IPV4_ADDR, 1)                                                                                      \
	X(FQDN, 2)                                                                                           \
	X(RFC822_ADDR, 3)                                                                                    \
	X(IPV6_ADDR, 5)                                                                                      \
	X(DER_ASN1_DN, 9)                                                                                    \
	X(DER_ASN1_GN, 10)                                                                                   \
	X(KEY_ID, 11)                                                                                        \
	X(NULL, 13)

/* Authentication methods (RFC 7296 3.8, RFC 4754, RFC 7427, RFC 7619) */
#define IKE_AUTHS(X)                                                                                         \
	X(RSA, 1)                                                                                            \
	X(PSK, 2)                                                                                            \
	X(DSS, 3)                                                                                            \
	X(ECDSA_256, 9)                                                                                      \
	X(ECDSA_384, 10)                                                                                     \
	X(ECDSA_521, 11)                                                                                     \
	X(NULL, 13)                                                                                          \
	X(SIGNATURE, 14)

/* Hash algorithms of SIGNATURE_HASH_ALGORITHMS (RFC 7427 7, RFC 8420) */
#define IKE_HASHES(X)                                                                                        \
	X(SHA1, 1)                                                                                           \
	X(SHA2_256, 2)                                                                                       \
	X(SHA2_384, 3)                                                                                       \
	X(SHA2_512, 4)                                                                                       \
	X(IDENTITY, 5)

/* Certificate encodings (RFC 7296 3.6) */
#define IKE_CERTS(X)                                                                                         \
	X(X509_SIGNATURE, 4)                                                                                 \
	X(CRL, 7)                                                                                            \
	X(HASH_URL, 12)                                                                                      \
	X(HASH_URL_BUNDLE, 13)                                                                               \
	X(OCSP, 14)                                                                                          \
	X(RAW_KEY, 15)

/* Configuration payload (RFC 7296 3.15) */
#define IKE_CFGS(X)                                                                                          \
	X(REQUEST, 1)                                                                                        \
	X(REPLY, 2)                                                                                          \
	X(SET, 3)                                                                                            \
	X(ACK, 4)

#define IKE_CFG_ATTRS(X)                                                                                     \
	X(INTERNAL_IP4_ADDRESS, 1)                                                                           \
	X(INTERNAL_IP4_NETMASK, 2)                                                                           \
	X(INTERNAL_IP4_DNS, 3)                                                                               \
	X(INTERNAL_IP4_NBNS, 4)                                                                              \
	X(INTERNAL_IP4_DHCP, 6)                                                                              \
	X(APPLICATION_VERSION, 7)                                                                            \
	X(INTERNAL_IP6_ADDRESS, 8)                                                                           \
	X(INTERNAL_IP6_DNS, 10)                                                                              \
	X(INTERNAL_IP6_DHCP, 12)                                                                             \
	X(INTERNAL_IP4_SUBNET, 13)                                                                           \
	X(SUPPORTED_ATTRIBUTES, 14)                                                                          \
	X(INTERNAL_IP6_SUBNET, 15)                                                                           \
	X(MIP6_HOME_PREFIX, 16)                                                                              \
	X(INTERNAL_IP6_LINK, 17)                                                                             \
	X(INTERNAL_IP6_PREFIX, 18)                                                                           \
	X(HOME_AGENT_ADDRESS, 19)                                                                            \
	X(INTERNAL_DNS_DOMAIN, 25)

/* Traffic selector types (RFC 7296 3.13.1) */
#define IKE_TSS(X)                                                                                           \
	X(IPV4_ADDR_RANGE, 7)                                                                                \
	X(IPV6_ADDR_RANGE, 8)

/* EAP codes (RFC 3748 4) */
#define IKE_EAPS(X)                                                                                          \
	X(REQUEST, 1)                                                                                        \
	X(RESPONSE, 2)                                                                                       \
	X(SUCCESS, 3)                                                                                        \
	X(FAILURE, 4)

enum ike_exchange {
#define X(name, value) IKE_EXCHANGE_##name = (value),
	IKE_EXCHANGES(X)
#undef X
};

enum ike_payload_type {
#define X(name, value) IKE_PAYLOAD_##name = (value),
	IKE_PAYLOADS(X)
#undef X
};

enum ike_protocol {
#define X(name, value) IKE_PROTOCOL_##name = (value),
	IKE_PROTOCOLS(X)
#undef X
};

enum ike_notify_type {
#define X(name, value) IKE_NOTIFY_##name = (value),
	IKE_NOTIFIES(X)
#undef X
};

enum ike_transform_type {
#define X(name, value) IKE_TRANSFORM_##name = (value),
	IKE_TRANSFORM_TYPES(X)
#undef X
};

enum ike_encr {
#define X(name, value) IKE_ENCR_##name = (value),
	IKE_ENCRS(X)
#undef X
};

enum ike_prf {
#define X(name, value) IKE_PRF_##name = (value),
	IKE_PRFS(X)
#undef X
};

enum ike_integ {
#define X(name, value) IKE_INTEG_##name = (value),
	IKE_INTEGS(X)
#undef X
};

enum ike_dh_group {
#define X(name, value) IKE_DH_##name = (value),
	IKE_DHS(X)
#undef X
};

enum ike_id_type {
#define X(name, value) IKE_ID_##name = (value),
	IKE_IDS(X)
#undef X
};

enum ike_auth_method {
#define X(name, value) IKE_AUTH_##name = (value),
	IKE_AUTHS(X)
#undef X
};

enum ike_hash {
#define X(name, value) IKE_HASH_##name = (value),
	IKE_HASHES(X)
#undef X
};

enum ike_cert_encoding {
#define X(name, value) IKE_CERT_##name = (value),
	IKE_CERTS(X)
#undef X
};

enum ike_cfg_type {
#define X(name, value) IKE_CFG_##name = (value),
	IKE_CFGS(X)
#undef X
};

enum ike_cfg_attr_type {
#define X(name, value) IKE_CFG_ATTR_##name = (value),
	IKE_CFG_ATTRS(X)
#undef X
};

enum ike_ts_type {
#define X(name, value) IKE_TS_##name = (value),
	IKE_TSS(X)
#undef X
};

enum ike_eap_code {
#define X(name, value) IKE_EAP_##name = (value),
	IKE_EAPS(X)
#undef X
};

/* The name of a value, "unknown" where the table has none. Static strings. */
const char *ike_exchange_name(unsigned value);
const char *ike_payload_type_name(unsigned value);
const char *ike_notify_type_name(unsigned value);
const char *ike_transform_type_name(unsigned value);
const char *ike_encr_name(unsigned value);
const char *ike_prf_name(unsigned value);
const char *ike_integ_name(unsigned value);
const char *ike_dh_group_name(unsigned value);
const char *ike_id_type_name(unsigned value);
const char *ike_auth_method_name(unsigned value);
const char *ike_cfg_attr_type_name(unsigned value);

#endif
