/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the record list of api.h says: sizes and names. Any thread.
 */
#include "dataplane/api/client.h"

#define X(name, value, record)                                                                               \
	_Static_assert(sizeof(struct record) % 4 == 0 && sizeof(struct record) <= UINT16_MAX,                \
	               "records are packed one after another");
RG_API_RECORDS(X)
#undef X

size_t rg_api_record_size(uint16_t type)
{
	static const uint16_t sizes[] = {
#define X(name, value, record) [value] = sizeof(struct record),
	        RG_API_RECORDS(X)
#undef X
	};

	return type < sizeof(sizes) / sizeof(sizes[0]) ? sizes[type] : 0;
}

const char *rg_api_event_name(uint32_t type)
{
	switch ((enum rg_event_type)type) {
	case RG_EVENT_LOST:
		return "lost";
	case RG_EVENT_NEW_ADDRESS:
		return "new-address";
	case RG_EVENT_NO_ANSWER:
		return "no-answer";
	case RG_EVENT_SOFT_LIFETIME:
		return "soft-lifetime";
	case RG_EVENT_HARD_LIFETIME:
		return "hard-lifetime";
	case RG_EVENT_NO_SA:
		return "no-sa";
	case RG_EVENT_SEQUENCE:
		return "sequence";
	case RG_EVENT_PORT:
		return "port";
	case RG_EVENT_PMTU:
		return "pmtu";
	case RG_EVENT_FIRST_PACKET:
		return "first-packet";
	}
	return "unknown";
}
