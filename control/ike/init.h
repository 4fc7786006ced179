/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_SA_INIT (RFC 7296 1.2, 2.6), and what it leaves behind for IKE_AUTH. Core
 * thread only.
 */
#ifndef RG_IKE_INIT_H
#define RG_IKE_INIT_H

#include "control/ike/crypto/dh.h"
#include "control/ike/ike_sa.h"

#define INIT_NONCE_LEN     32u   /* at least half of every PRF's key (RFC 7296 2.10) */
#define INIT_REFUSED_MS    4000u /* for another answer to IKE_SA_INIT, where one refused it */
#define INIT_MAX_TRIES     5u    /* cookies and group changes that an initiator follows */
#define INIT_MAX_PROPOSALS 64u

/* Lives from the first message to the AUTH values, which cover both messages.
 * While a job computes with it, the job has it and sa->init is NULL. */
struct init_context {
	struct ike_dh dh;
	uint8_t nonce_i[IKE_NONCE_MAX], nonce_r[IKE_NONCE_MAX];
	size_t nonce_i_len, nonce_r_len;
	uint8_t *own_message, *peer_message; /* IKE_SA_INIT as sent and received, the last ones */
	size_t own_len, peer_len;
	uint16_t group;   /* initiator: of the KE payload */
	uint16_t offered; /* proposals, by whoever began */
	unsigned tries;
	bool refused; /* somebody says that the responder does not want it */
	uint8_t cookie[IKE_COOKIE_MAX];
	size_t cookie_len;
	struct ike_choice choice; /* its view is not kept */
	size_t credential;        /* of ours, for this peer */
	bool wants_staple;        /* the peer asks for an OCSP response */
};

/* The end of IKE_SA_INIT's arithmetic, on the thread pool: shared secret and keys. */
struct init_job {
	struct ike_job job;
	struct init_context *init;
	struct exchange *x;
	struct ike_keys keys;
	uint64_t spi_i, spi_r;
	uint32_t boot_epoch;
	bool generate; /* responder: our own DH value first */
	uint8_t peer_value[IKE_MAX_DH];
	size_t peer_len;
	int error;
};

/* A request without an SA: cookies, limits, then a half-open SA. */
void init_input(struct ike_manager *m, const struct ike_datagram *dg, const struct ike_header *hdr);

/* An IKE_SA_INIT message of ours has left: AUTH covers it. */
void init_sent(struct ike_sa *sa, const uint8_t *data, size_t len);

/* AM-3: is NAT traversal spoken on the uplink of this local address? */
bool init_nat_traversal(const struct ike_sa *sa, const struct ike_endpoint *local);
/* Keeps a copy of the peer's message and reads what both roles read: NAT detection, hash
 * algorithms, fragmentation. 0 or -ENOMEM. */
int init_read_common(struct ike_sa *sa, struct exchange *x);
/* Writes what both roles write behind SA, KE and nonce. */
void init_write_common(struct ike_sa *sa, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                       struct ike_build *out);

/* Hands sa->init to a job that ends in `finish`. 0 or -ENOMEM. */
int init_submit(struct ike_sa *sa, struct exchange *x, const struct ike_ke *ke, bool generate,
                void (*finish)(struct ike_job *job, bool gone));
/* Takes keys and context back from a finished job. */
void init_take_back(struct ike_sa *sa, struct init_job *job);
void init_job_free(struct init_job *job);
void init_context_free(struct init_context *init);

#endif
