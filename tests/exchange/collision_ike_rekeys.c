/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekeys of the IKE SA by both ends (RFC 7296 2.8.2).
 * What the columns are is in collision.h.
 */
#include "tests/exchange/collision.h"

const struct collision collisions_ike_rekeys[] = {
        {'i', 'i', 1, "CGcg", 2, "c?3:CREATE g?0:CREATE g!3 c!0 g?0:DELETE(ike) c?4:DELETE(ike) c!0 g!4"},
        {'i', 'i', 1, "GCgc", 2, "c?3:CREATE g?0:CREATE c!0 g!3 c?4:DELETE(ike) g?0:DELETE(ike) g!4 c!0"},
        {'i', 'i', 1, "CGgc", 2, "c?3:CREATE g?0:CREATE g!3 c!0 c?4:DELETE(ike) g?0:DELETE(ike) g!4 c!0"},
        {'i', 'i', 1, "CgG", 2, "c?3:CREATE g?0:CREATE g!3 c?4:DELETE(ike) c!0:TEMPORARY_FAILURE g!4"},
        {'i', 'i', 1, "GcC", 2, "c?3:CREATE g?0:CREATE c!0 g?1:DELETE(ike) g!3:TEMPORARY_FAILURE c!1"},
        {'i', 'i', 1, "-CGc", 2, "c?3:CREATE g?0:CREATE c!0 g?1:DELETE(ike) c!1"},
        {'i', 'i', 1, "-GCg", 2, "c?3:CREATE g?0:CREATE g!3 c?4:DELETE(ike) g!4"},
        {'i', 'i', 1, "CG-gc", 2,
         "c?3:CREATE g?0:CREATE g!3 c!0 g?0:DELETE(ike) c?3:CREATE g?0:DELETE(ike) g!3 c!0 c?4:DELETE(ike) "
         "g!4"},
        {'i', 'i', 1, "CG-cg", 2, "c?3:CREATE g?0:CREATE g!3 c!0 c?4:DELETE(ike) g!4"},
        {'i', 'i', 2, "CGcg", 2, "c?3:CREATE g?0:CREATE g!3 c!0 g?1:DELETE(ike) c?0:DELETE(ike) c!1 g!0"},
        {'i', 'i', 2, "GCgc", 2, "c?3:CREATE g?0:CREATE c!0 g!3 c?0:DELETE(ike) g?1:DELETE(ike) g!0 c!1"},
        {'i', 'i', 2, "CGgc", 2, "c?3:CREATE g?0:CREATE g!3 c!0 c?0:DELETE(ike) g?1:DELETE(ike) g!0 c!1"},
        {'i', 'i', 2, "CG-gc", 2, "c?3:CREATE g?0:CREATE g!3 c!0 g?1:DELETE(ike) c!1"},
        {'i', 'i', 2, "CG-cg", 2,
         "c?3:CREATE g?0:CREATE g!3 c!0 c?0:DELETE(ike) c?0:DELETE(ike) g?0:CREATE c!0 g!0 g?1:DELETE(ike) "
         "c!1"},
};
const size_t n_collisions_ike_rekeys = sizeof(collisions_ike_rekeys) / sizeof(collisions_ike_rekeys[0]);
