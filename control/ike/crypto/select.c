/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of our proposals a peer's SA payload contains (RFC 7296 2.7, 3.3.3,
 * 3.3.6), and the SA payloads that we send. Time is bounded by our proposals
 * times the payload's length. Any thread.
 */
#include <string.h>

#include "control/ike/crypto/suite.h"
#include "control/ike/wire/bytes.h"

/* What one proposal of the peer offers, seen with one of ours in hand. */
struct offer {
	bool encr, prf, integ, integ_none, integ_any;
	bool dh, dh_none, dh_any;
	bool esn;
	bool foreign;      /* a transform type that the protocol does not have */
	uint16_t dh_other; /* the first good group of theirs that we can do */
	uint8_t encr_count, prf_count, integ_count, dh_count, esn_count;
};

static void note_dh(struct offer *o, const struct ike_suite *ours, uint16_t id)
{
	if (id == IKE_DH_NONE) {
		o->dh_none = true;
		return;
	}
	o->dh = o->dh || id == ours->dh;
	if (!o->dh_other && ike_dh_info(id) && !ike_dh_info(id)->by_name)
		o->dh_other = id;
}

static void note_integ(struct offer *o, const struct ike_suite *ours, uint16_t id)
{
	if (id == IKE_INTEG_NONE)
		o->integ_none = true;
	else
		o->integ = o->integ || id == ours->integ;
}

static void note_transform(struct offer *o, const struct ike_suite *ours, const struct ike_transform *t)
{
	bool is_ike = ours->protocol == IKE_PROTOCOL_IKE;
	/* Of the types that we know only ciphers have a key length. */
	bool usable = !t->unknown_attribute && (t->type == IKE_TRANSFORM_ENCR || !t->has_key_bits);

	switch (t->type) {
	case IKE_TRANSFORM_ENCR:
		o->encr_count += o->encr_count < UINT8_MAX;
		o->encr = o->encr || (usable && t->id == ours->encr && t->key_bits == ours->encr_bits);
		break;
	case IKE_TRANSFORM_PRF:
		o->prf_count += o->prf_count < UINT8_MAX;
		o->foreign = o->foreign || !is_ike;
		o->prf = o->prf || (usable && t->id == ours->prf);
		break;
	case IKE_TRANSFORM_INTEG:
		o->integ_count += o->integ_count < UINT8_MAX;
		o->integ_any = true;
		if (usable)
			note_integ(o, ours, t->id);
		break;
	case IKE_TRANSFORM_DH:
		o->dh_count += o->dh_count < UINT8_MAX;
		o->dh_any = true;
		if (usable)
			note_dh(o, ours, t->id);
		break;
	case IKE_TRANSFORM_ESN:
		o->esn_count += o->esn_count < UINT8_MAX;
		o->foreign = o->foreign || is_ike;
		o->esn = o->esn || (usable && t->id == (ours->esn ? 1 : 0));
		break;
	default: /* RFC 7296 3.3.6: the proposal as a whole is refused */
		o->foreign = true;
	}
}

static void read_offer(struct offer *o, const struct ike_suite *ours, const struct ike_proposal *theirs)
{
	struct ike_transform t;
	size_t at = 0;

	memset(o, 0, sizeof(*o));
	while (ike_transform_next(theirs, &at, &t))
		note_transform(o, ours, &t);
}

/* The algorithms, without DH. */
static bool offer_fits(const struct offer *o, const struct ike_suite *ours)
{
	if (o->foreign || !o->encr)
		return false;
	/* RFC 5282 8: an AEAD cipher goes with no integrity algorithm, or with NONE. */
	if (ours->integ ? !o->integ : o->integ_any && !o->integ_none)
		return false;
	return ours->protocol == IKE_PROTOCOL_IKE ? o->prf : o->esn;
}

/* Gives the group of the new SA; false: the proposal does not fit. */
static bool agree_dh(const struct offer *o, enum ike_select what, const struct ike_suite *ours, uint16_t *dh)
{
	*dh = 0;
	switch (what) {
	case IKE_SELECT_IKE:
		*dh = ours->dh;
		return o->dh;
	case IKE_SELECT_CHILD_AUTH:
		return true;
	case IKE_SELECT_CHILD_PFS:
	case IKE_SELECT_CHILD:
		break;
	}
	if (ours->dh && o->dh)
		*dh = ours->dh;
	else if (o->dh_any && !o->dh_none)
		*dh = o->dh_other; /* the peer insists on a new exchange: any good group that we can do */
	return *dh || ((!o->dh_any || o->dh_none) && !(what == IKE_SELECT_CHILD_PFS && ours->dh));
}

static void ours_as_suite(struct ike_suite *suite, enum ike_select what, const struct rg_cfg_proposal *cfg)
{
	ike_suite_from_config(suite, what == IKE_SELECT_IKE ? IKE_PROTOCOL_IKE : IKE_PROTOCOL_ESP, cfg);
}

static bool choose(struct ike_choice *choice, enum ike_select what, const struct ike_suite *ours,
                   const struct ike_proposal *theirs)
{
	struct offer o;
	uint16_t dh;

	if (theirs->protocol != ours->protocol)
		return false;
	read_offer(&o, ours, theirs);
	if (!offer_fits(&o, ours) || !agree_dh(&o, what, ours, &dh))
		return false;
	choice->suite = *ours;
	choice->suite.dh = dh;
	choice->number = theirs->number;
	choice->spi = theirs->spi;
	return true;
}

enum ike_reject ike_select(struct ike_choice *choice, enum ike_select what,
                           const struct rg_cfg_proposal *ours, size_t n_ours,
                           const struct ike_sa_payload *offered)
{
	for (size_t i = 0; i < n_ours; i++) {
		struct ike_proposal theirs;
		struct ike_suite suite;
		size_t at = 0;

		ours_as_suite(&suite, what, &ours[i]);
		if (!ike_suite_supported(&suite))
			continue;
		while (ike_proposal_next(offered, &at, &theirs)) {
			choice->index = (unsigned)i;
			if (choose(choice, what, &suite, &theirs))
				return IKE_OK;
		}
	}
	return IKE_REJECT_NO_PROPOSAL;
}

/* Whether the answer has at most one transform of each type and no group that we did not offer. */
static bool answer_is_exact(enum ike_select what, const struct ike_suite *ours,
                            const struct ike_proposal *answer)
{
	struct offer o;
	uint16_t dh = what == IKE_SELECT_CHILD_AUTH ? 0 : ours->dh;

	read_offer(&o, ours, answer);
	if (o.encr_count > 1 || o.prf_count > 1 || o.integ_count > 1 || o.dh_count > 1 || o.esn_count > 1)
		return false;
	return dh ? o.dh : !o.dh_any || o.dh_none;
}

enum ike_reject ike_select_answer(struct ike_choice *choice, enum ike_select what,
                                  const struct rg_cfg_proposal *ours, size_t n_ours,
                                  const struct ike_sa_payload *answer)
{
	struct ike_proposal theirs;
	unsigned number = 0;
	size_t at = 0;

	if (answer->proposals != 1 || !ike_proposal_next(answer, &at, &theirs))
		return IKE_REJECT_NO_PROPOSAL;
	for (size_t i = 0; i < n_ours; i++) {
		struct ike_suite suite;

		ours_as_suite(&suite, what, &ours[i]);
		if (!ike_suite_supported(&suite) || ++number != theirs.number)
			continue;
		choice->index = (unsigned)i;
		if (answer_is_exact(what, &suite, &theirs) && choose(choice, what, &suite, &theirs))
			return IKE_OK;
	}
	return IKE_REJECT_NO_PROPOSAL;
}

enum ike_reject ike_select_check_ke(const struct ike_choice *choice, const struct ike_ke *ke)
{
	return ke->group == choice->suite.dh ? IKE_OK : IKE_REJECT_KE_GROUP;
}

uint16_t ike_select_retry_group(const struct rg_cfg_proposal *ours, size_t n_ours, uint16_t tried,
                                const struct ike_notify *notify)
{
	uint16_t group;

	if (notify->type != IKE_NOTIFY_INVALID_KE_PAYLOAD || notify->data.len != 2)
		return 0;
	group = get_be16(notify->data.data);
	if (group == 0 || group == tried || !ike_dh_info(group))
		return 0;
	for (size_t i = 0; i < n_ours; i++)
		if (ours[i].dh == group)
			return group;
	return 0;
}

static void add_transform(struct ike_build_proposal *p, uint8_t type, uint16_t id, uint16_t key_bits)
{
	p->transforms[p->n++] = (struct ike_transform){
	        .type = type, .id = id, .key_bits = key_bits, .has_key_bits = key_bits != 0};
}

static void suite_to_proposal(struct ike_build_proposal *p, const struct ike_suite *suite, uint8_t number,
                              const uint8_t *spi, size_t spi_len)
{
	*p = (struct ike_build_proposal){
	        .number = number, .protocol = suite->protocol, .spi_len = (uint8_t)spi_len};
	if (spi_len > 0 && spi_len <= sizeof(p->spi))
		memcpy(p->spi, spi, spi_len);
	add_transform(p, IKE_TRANSFORM_ENCR, suite->encr, suite->encr_bits);
	if (suite->prf)
		add_transform(p, IKE_TRANSFORM_PRF, suite->prf, 0);
	if (suite->integ)
		add_transform(p, IKE_TRANSFORM_INTEG, suite->integ, 0);
	if (suite->dh)
		add_transform(p, IKE_TRANSFORM_DH, suite->dh, 0);
	if (suite->protocol == IKE_PROTOCOL_ESP)
		add_transform(p, IKE_TRANSFORM_ESN, suite->esn, 0);
}

void ike_build_sa_choice(struct ike_build *b, const struct ike_choice *choice, const uint8_t *spi,
                         size_t spi_len)
{
	struct ike_build_proposal p;

	suite_to_proposal(&p, &choice->suite, choice->number, spi, spi_len);
	ike_build_sa(b, &p, 1);
}

#define MAX_OFFERED 16u

void ike_build_sa_offer(struct ike_build *b, enum ike_select what, const struct rg_cfg_proposal *ours,
                        size_t n_ours, const uint8_t *spi, size_t spi_len)
{
	struct ike_build_proposal offered[MAX_OFFERED];
	uint8_t n = 0;

	for (size_t i = 0; i < n_ours && n < MAX_OFFERED; i++) {
		struct ike_suite suite;

		ours_as_suite(&suite, what, &ours[i]);
		if (!ike_suite_supported(&suite))
			continue;
		if (what == IKE_SELECT_CHILD_AUTH)
			suite.dh = 0;
		suite_to_proposal(&offered[n], &suite, (uint8_t)(n + 1), spi, spi_len);
		n++;
	}
	ike_build_sa(b, offered, n);
}
