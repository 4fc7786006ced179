/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the protocol's numbers, from the tables of constants.h. Pure; any thread. */
#include "control/ike/wire/constants.h"

#define X(name, value)                                                                                       \
	case value:                                                                                          \
		return #name;
/* clang-format off */
#define NAMES(function, table)                                                                               \
	const char *function(unsigned value)                                                                 \
	{                                                                                                    \
		switch (value) {                                                                             \
		table(X)                                                                                     \
		default:                                                                                     \
			return "unknown";                                                                    \
		}                                                                                            \
	}
/* clang-format on */

NAMES(ike_exchange_name, IKE_EXCHANGES)
NAMES(ike_payload_type_name, IKE_PAYLOADS)
NAMES(ike_notify_type_name, IKE_NOTIFIES)
NAMES(ike_transform_type_name, IKE_TRANSFORM_TYPES)
NAMES(ike_encr_name, IKE_ENCRS)
NAMES(ike_prf_name, IKE_PRFS)
NAMES(ike_integ_name, IKE_INTEGS)
NAMES(ike_dh_group_name, IKE_DHS)
NAMES(ike_id_type_name, IKE_IDS)
NAMES(ike_auth_method_name, IKE_AUTHS)
NAMES(ike_cfg_attr_type_name, IKE_CFG_ATTRS)
