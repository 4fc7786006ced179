/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a message or a payload was rejected. One table gives the enum, the
 * counter's name and what the caller does: so every rejection is counted under
 * exactly one name, and no parser decides what to answer. No state; any thread.
 */
#ifndef RG_IKE_WIRE_REJECT_H
#define RG_IKE_WIRE_REJECT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What follows a rejection:
 *   DROP     silence, whatever the message was;
 *   IGNORE   skip this payload, go on with the message;
 *   SYNTAX   INVALID_SYNTAX if the message was protected, else silence
 *            (RFC 7296 2.21: unauthenticated messages earn no answer);
 *   ANSWER   the notify of the table, protected or not.
 * Only requests are ever answered: a rejected response is dropped.
 */
enum ike_action { IKE_ACTION_NONE, IKE_ACTION_DROP, IKE_ACTION_IGNORE, IKE_ACTION_SYNTAX, IKE_ACTION_ANSWER };

/* X(name, counter, action, notify of ANSWER) */
#define IKE_REJECTS(X)                                                                                       \
	X(SHORT, "ike-short", DROP, 0)                      /* H01: below 28 octets */                       \
	X(LENGTH, "ike-length", DROP, 0)                    /* H01: header against datagram */               \
	X(MAJOR_VERSION, "ike-major-version", ANSWER, 5)    /* H02 */                                        \
	X(VERSION_ONE, "ike-version-one", DROP, 0)          /* IKEv1 */                                      \
	X(SPI_ZERO, "ike-spi-zero", DROP, 0)                /* H08 */                                        \
	X(PAYLOAD_SHORT, "ike-payload-short", SYNTAX, 0)    /* H03: length below 4 */                        \
	X(PAYLOAD_LONG, "ike-payload-long", SYNTAX, 0)      /* H03: beyond the rest */                       \
	X(PAYLOAD_CHAIN, "ike-payload-chain", SYNTAX, 0)    /* H03: ends early or late */                    \
	X(PAYLOAD_MANY, "ike-payload-many", DROP, 0)        /* H04 */                                        \
	X(PAYLOAD_TYPE, "ike-payload-misplaced", SYNTAX, 0) /* SK or SKF inside SK */                        \
	X(CRITICAL, "ike-critical", ANSWER, 1)              /* H05; type in ike_msg.critical */              \
	X(PAYLOAD_BODY, "ike-payload-body", SYNTAX, 0)      /* fixed part of a body is missing */            \
	X(SK_NOT_LAST, "ike-sk-not-last", DROP, 0)          /* RFC 7296 3.14 */                              \
	X(SK_SHORT, "ike-sk-short", DROP, 0)                /* no room for IV, pad length, ICV */            \
	X(SK_ICV, "ike-sk-icv", DROP, 0)                    /* not from the peer */                          \
	X(SK_PAD, "ike-sk-pad", SYNTAX, 0)                  /* pad length above the plaintext */             \
	X(SK_CRYPTO, "ike-sk-crypto", DROP, 0)              /* the library failed, not the peer */           \
	X(SKF_NOT_ALONE, "ike-skf-not-alone", DROP, 0)      /* H23 */                                        \
	X(FRAG_NUMBER, "ike-frag-number", DROP, 0)          /* H19: 0, or above total */                     \
	X(FRAG_TOTAL, "ike-frag-total", DROP, 0)            /* H19: 0, above the cap, shrinking */           \
	X(FRAG_FIRST, "ike-frag-next-payload", DROP, 0)     /* next payload in a later fragment */           \
	X(FRAG_DUPLICATE, "ike-frag-duplicate", DROP, 0)    /* H19 */                                        \
	X(FRAG_MESSAGE, "ike-frag-message", DROP, 0)        /* another message than the one at work */       \
	X(FRAG_BUDGET, "ike-frag-budget", DROP, 0)          /* H20: bytes of one SA or of all */             \
	X(SA_EMPTY, "ike-sa-empty", SYNTAX, 0)              /* no proposal */                                \
	X(SA_PROPOSAL, "ike-sa-proposal", SYNTAX, 0)        /* bounds, numbering, counts */                  \
	X(SA_SPI, "ike-sa-spi", SYNTAX, 0)                  /* SPI size against protocol */                  \
	X(SA_TRANSFORM, "ike-sa-transform", SYNTAX, 0)      /* bounds, markers */                            \
	X(SA_ATTRIBUTE, "ike-sa-attribute", SYNTAX, 0)      /* bounds */                                     \
	X(NO_PROPOSAL, "ike-no-proposal", ANSWER, 14)       /* H09 */                                        \
	X(KE_GROUP, "ike-ke-group", ANSWER, 17)             /* H10: another group than chosen */             \
	X(KE_LENGTH, "ike-ke-length", ANSWER, 7)            /* H10 */                                        \
	X(KE_VALUE, "ike-ke-value", ANSWER, 7)              /* H10 */                                        \
	X(NONCE_LENGTH, "ike-nonce-length", ANSWER, 7)      /* H11 */                                        \
	X(ID_TYPE, "ike-id-type", SYNTAX, 0)                /* H12 */                                        \
	X(ID_LENGTH, "ike-id-length", SYNTAX, 0)            /* H12 */                                        \
	X(TS_COUNT, "ike-ts-count", ANSWER, 38)             /* H13 */                                        \
	X(TS_LENGTH, "ike-ts-length", ANSWER, 38)           /* H13 */                                        \
	X(TS_RANGE, "ike-ts-range", ANSWER, 38)             /* H13: start above end */                       \
	X(NOTIFY_SPI, "ike-notify-spi", SYNTAX, 0)          /* H14 */                                        \
	X(NOTIFY_DATA, "ike-notify-data", IGNORE, 0)        /* H14: NAT-D, COOKIE, ... of odd size */        \
	X(COOKIE2_LENGTH, "ike-cookie2-length", SYNTAX, 0)  /* H14: outside 8 to 64 */                       \
	X(REKEY_PROTOCOL, "ike-rekey-protocol", ANSWER, 44) /* H15 */                                        \
	X(DELETE_SPI, "ike-delete-spi", SYNTAX, 0)          /* H16 */                                        \
	X(CP_ATTRIBUTE, "ike-cp-attribute", SYNTAX, 0)      /* bounds, lengths */                            \
	X(CP_MANY, "ike-cp-many", ANSWER, 36)               /* H17 */                                        \
	X(CERT_LENGTH, "ike-cert-length", SYNTAX, 0)        /* empty, or above our cap */                    \
	X(CERTREQ_LENGTH, "ike-certreq-length", IGNORE, 0)  /* not a multiple of 20 */                       \
	X(AUTH_LENGTH, "ike-auth-length", SYNTAX, 0)        /* empty, or above our cap */                    \
	X(EAP_LENGTH, "ike-eap-length", SYNTAX, 0)          /* H25 */

enum ike_reject {
	IKE_OK = 0,
#define X(name, counter, action, notify) IKE_REJECT_##name,
	IKE_REJECTS(X)
#undef X
	        IKE_REJECT_COUNT
};

/* The counter's name, in kebab-case: a static string. "ok" for IKE_OK. */
const char *ike_reject_name(enum ike_reject reason);

enum ike_action ike_reject_action(enum ike_reject reason);

/* The notify type that answers a rejected *request*, or 0: none. `is_protected`
 * says whether the message's ICV was verified. */
uint16_t ike_reject_notify(enum ike_reject reason, bool is_protected);

#endif
