/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks and walks the nest of proposals, transforms and attributes in an SA
 * payload (RFC 7296 3.3). Pure; any thread.
 */
#include <string.h>

#include "control/ike/wire/bytes.h"
#include "control/ike/wire/proposal.h"

#define PROPOSAL_HDR   8u /* up to the SPI */
#define TRANSFORM_HDR  8u
#define LAST           0u
#define MORE_PROPOSAL  2u /* the "last substruct" octet of all but the last */
#define MORE_TRANSFORM 3u

static enum ike_reject check_attributes(const uint8_t *data, size_t len)
{
	while (len > 0) {
		size_t size = 4;

		if (len < 4)
			return IKE_REJECT_SA_ATTRIBUTE;
		/* RFC 7296 3.3.5: TV where the high bit is set, else TLV; Key Length is always TV. */
		if (!(data[0] & 0x80)) {
			size += get_be16(data + 2);
			if (get_be16(data) == IKE_ATTR_KEY_LENGTH)
				return IKE_REJECT_SA_ATTRIBUTE;
		}
		if (size > len)
			return IKE_REJECT_SA_ATTRIBUTE;
		data += size;
		len -= size;
	}
	return IKE_OK;
}

static enum ike_reject check_transforms(const uint8_t *data, size_t len, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint16_t size;
		enum ike_reject err;

		if (len < TRANSFORM_HDR)
			return IKE_REJECT_SA_TRANSFORM;
		size = get_be16(data + 2);
		if (size < TRANSFORM_HDR || size > len)
			return IKE_REJECT_SA_TRANSFORM;
		if (data[0] != (i + 1 == count ? LAST : MORE_TRANSFORM))
			return IKE_REJECT_SA_TRANSFORM;
		err = check_attributes(data + TRANSFORM_HDR, size - TRANSFORM_HDR);
		if (err)
			return err;
		data += size;
		len -= size;
	}
	return len == 0 ? IKE_OK : IKE_REJECT_SA_TRANSFORM;
}

static bool spi_size_ok(uint8_t protocol, uint8_t size)
{
	if (protocol == IKE_PROTOCOL_IKE)
		return size == 0 || size == IKE_SPI_LEN;
	return size == IKE_CHILD_SPI_LEN;
}

/* `expected`: the number that RFC 7296 3.3.1 demands, 0 for the first. */
static enum ike_reject check_proposal(const uint8_t *data, size_t len, unsigned expected)
{
	uint8_t number = data[4], protocol = data[5], spi_size = data[6], count = data[7];

	if (number == 0 || (expected && number != expected))
		return IKE_REJECT_SA_PROPOSAL;
	if (protocol < IKE_PROTOCOL_IKE || protocol > IKE_PROTOCOL_ESP || !spi_size_ok(protocol, spi_size))
		return IKE_REJECT_SA_SPI;
	if (spi_size > len - PROPOSAL_HDR)
		return IKE_REJECT_SA_SPI;
	return check_transforms(data + PROPOSAL_HDR + spi_size, len - PROPOSAL_HDR - spi_size, count);
}

enum ike_reject ike_sa_decode(struct ike_sa_payload *sa, const struct ike_payload *p)
{
	size_t at = 0;
	uint8_t more = MORE_PROPOSAL;
	unsigned expected = 0;

	*sa = (struct ike_sa_payload){.body = {.data = p->body, .len = p->len}};
	if (p->len == 0)
		return IKE_REJECT_SA_EMPTY;
	while (more == MORE_PROPOSAL) {
		const uint8_t *data = p->body + at;
		size_t left = p->len - at;
		uint16_t size;
		enum ike_reject err;

		if (left < PROPOSAL_HDR)
			return IKE_REJECT_SA_PROPOSAL;
		more = data[0];
		size = get_be16(data + 2);
		if (size < PROPOSAL_HDR || size > left)
			return IKE_REJECT_SA_PROPOSAL;
		err = check_proposal(data, size, expected);
		if (err)
			return err;
		expected = data[4] + 1u; /* 256 after 255: no number matches, so 255 proposals are the most */
		sa->proposals++;
		sa->transforms = (uint16_t)(sa->transforms + data[7]);
		at += size;
	}
	return more == LAST && at == p->len ? IKE_OK : IKE_REJECT_SA_PROPOSAL;
}

bool ike_proposal_next(const struct ike_sa_payload *sa, size_t *offset, struct ike_proposal *proposal)
{
	const uint8_t *data = sa->body.data + *offset;
	uint16_t size;

	if (*offset >= sa->body.len)
		return false;
	size = get_be16(data + 2);
	proposal->number = data[4];
	proposal->protocol = data[5];
	proposal->n_transforms = data[7];
	proposal->spi = (struct ike_view){.data = data + PROPOSAL_HDR, .len = data[6]};
	proposal->transforms = (struct ike_view){.data = data + PROPOSAL_HDR + data[6],
	                                         .len = size - PROPOSAL_HDR - data[6]};
	*offset += size;
	return true;
}

static void read_attributes(struct ike_transform *transform, const uint8_t *data, size_t len)
{
	size_t at = 0;

	while (at < len) {
		uint16_t type = get_be16(data + at);

		/* A second Key Length is as unknown as any other attribute would be. */
		if (type == (0x8000u | IKE_ATTR_KEY_LENGTH) && !transform->has_key_bits) {
			transform->has_key_bits = true;
			transform->key_bits = get_be16(data + at + 2);
		} else {
			transform->unknown_attribute = true;
		}
		at += 4u + (type & 0x8000u ? 0u : get_be16(data + at + 2));
	}
}

bool ike_transform_next(const struct ike_proposal *proposal, size_t *offset, struct ike_transform *transform)
{
	const uint8_t *data = proposal->transforms.data + *offset;
	uint16_t size;

	if (*offset >= proposal->transforms.len)
		return false;
	size = get_be16(data + 2);
	*transform = (struct ike_transform){.type = data[4], .id = get_be16(data + 6)};
	read_attributes(transform, data + TRANSFORM_HDR, size - TRANSFORM_HDR);
	*offset += size;
	return true;
}
