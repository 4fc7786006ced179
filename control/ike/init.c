/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_SA_INIT: what both roles share (init.h). RFC 7296 1.2, 2.10, 2.14, 2.23;
 * RFC 7383 2.3; RFC 7427 4. Core thread only, but for init_work().
 */
#include "control/ike/init.h"

#include "control/ike/crypto/sign.h"
#include "control/ike/handlers.h"
#include "control/ike/manager.h"
#include "control/ike/natd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void init_context_free(struct init_context *init)
{
	if (init == NULL)
		return;
	ike_dh_wipe(&init->dh);
	free(init->own_message);
	free(init->peer_message);
	explicit_bzero(init, sizeof(*init));
	free(init);
}

void init_free(struct ike_sa *sa)
{
	init_context_free(sa->init);
	sa->init = NULL;
}

static int keep(uint8_t **to, size_t *to_len, const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len);

	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, data, len);
	free(*to);
	*to = copy;
	*to_len = len;
	return 0;
}

void init_sent(struct ike_sa *sa, const uint8_t *data, size_t len)
{
	if (sa->init == NULL)
		return;
	/* Without the copy AUTH cannot be computed: its length says so. */
	if (keep(&sa->init->own_message, &sa->init->own_len, data, len) < 0)
		sa->init->own_len = 0;
}

/* AM-3: `nat-traversal: off` where no NAT can be. */
bool init_nat_traversal(const struct ike_sa *sa, const struct ike_endpoint *local)
{
	const struct rg_config *c = rg_auth_config(sa->auth);

	for (size_t i = 0; i < c->n_uplinks; i++) {
		for (size_t j = 0; j < c->uplinks[i].n_addresses; j++) {
			if (addr_equal(&c->uplinks[i].addresses[j].addr, &local->addr))
				return c->uplinks[i].nat_traversal;
		}
	}
	return true;
}

int init_read_common(struct ike_sa *sa, struct exchange *x)
{
	struct ike_notify notify;

	if (keep(&sa->init->peer_message, &sa->init->peer_len, x->plain, x->plain_len) < 0)
		return -ENOMEM;
	if (init_nat_traversal(sa, &x->local))
		natd_read(&x->msg, x->msg.hdr.spi_i, x->msg.hdr.spi_r, &x->local, &x->remote, &sa->nat_local,
		          &sa->nat_remote);
	if (ike_notify_find(&x->msg, IKE_NOTIFY_SIGNATURE_HASH_ALGORITHMS, &notify)) {
		sa->peer_hashes = ike_hashes_decode(&notify);
		sa->capabilities |= IKE_CAP_SIGNATURE;
	}
	if (ike_notify_find(&x->msg, IKE_NOTIFY_CHILDLESS_IKEV2_SUPPORTED, &notify))
		sa->capabilities |= IKE_CAP_CHILDLESS;
	if (ike_notify_find(&x->msg, IKE_NOTIFY_FRAGMENTATION_SUPPORTED, &notify))
		sa->capabilities |= IKE_CAP_FRAGMENTATION;
	return 0;
}

/* RFC 6023 3: said by the responder, if any connection takes it; which one it will be is not known yet. */
static bool takes_childless(const struct ike_sa *sa)
{
	const struct rg_config *c = rg_auth_config(sa->auth);

	for (size_t i = 0; i < c->n_connections && !sa->is_initiator; i++) {
		if (c->connections[i].childless != RG_CHILDLESS_NEVER)
			return true;
	}
	return false;
}

void init_write_common(struct ike_sa *sa, const struct ike_endpoint *local, const struct ike_endpoint *remote,
                       struct ike_build *out)
{
	if (init_nat_traversal(sa, local))
		natd_write(out, sa->spi_i, sa->spi_r, local, remote);
	ike_build_status(out, IKE_NOTIFY_FRAGMENTATION_SUPPORTED, NULL, 0);
	ike_build_hashes(out, IKE_HASHES_DEFAULT);
	if (takes_childless(sa))
		ike_build_notify(out, IKE_NOTIFY_CHILDLESS_IKEV2_SUPPORTED, IKE_PROTOCOL_IKE, NULL, 0, NULL,
		                 0);
}

static void init_work(struct ike_job *job)
{
	struct init_job *j = (struct init_job *)job;
	struct init_context *init = j->init;
	struct ike_keymat_input in;

	j->error = j->generate ? ike_dh_generate(&init->dh, init->choice.suite.dh) : 0;
	if (j->error == 0)
		j->error = ike_dh_compute(&init->dh, j->peer_value, j->peer_len);
	if (j->error != 0)
		return;
	in = (struct ike_keymat_input){.ni = {init->nonce_i, init->nonce_i_len},
	                               .nr = {init->nonce_r, init->nonce_r_len},
	                               .shared = {init->dh.shared, init->dh.shared_len},
	                               .spi_i = j->spi_i,
	                               .spi_r = j->spi_r};
	j->error = ike_keymat_init(&j->keys, &init->choice.suite, &in, j->boot_epoch);
}

int init_submit(struct ike_sa *sa, struct exchange *x, const struct ike_ke *ke, bool generate,
                void (*finish)(struct ike_job *job, bool gone))
{
	struct init_job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return -ENOMEM;
	j->init = sa->init;
	sa->init = NULL;
	j->x = x;
	j->spi_i = sa->spi_i;
	j->spi_r = sa->spi_r;
	j->boot_epoch = sa->manager->boot_epoch;
	j->generate = generate;
	j->peer_len = ke->value.len; /* ike_dh_check_length() has bounded it */
	memcpy(j->peer_value, ke->value.data, ke->value.len);
	ike_sa_submit(sa, &j->job, init_work, finish);
	return 0;
}

void init_take_back(struct ike_sa *sa, struct init_job *job)
{
	sa->init = job->init;
	job->init = NULL;
	if (job->error != 0)
		return;
	sa->keys = job->keys;
	sa->has_keys = true;
}

void init_job_free(struct init_job *job)
{
	init_context_free(job->init);
	ike_keys_wipe(&job->keys);
	free(job);
}
