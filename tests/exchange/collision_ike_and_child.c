/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekey of the IKE SA against rekey and Delete of a Child SA (RFC 7296 2.25.1, 2.25.2).
 * What the columns are is in collision.h.
 */
#include "tests/exchange/collision.h"

const struct collision collisions_ike_and_child[] = {
        {'i', 'a', 1, "CGcg", 2, "g?0:CREATE c?3:CREATE g!3:TEMPORARY_FAILURE c!0:TEMPORARY_FAILURE"},
        {'i', 'a', 1, "GCgc", 2, "g?0:CREATE c?3:CREATE c!0:TEMPORARY_FAILURE g!3:TEMPORARY_FAILURE"},
        {'i', 'a', 1, "CGgc", 2, "g?0:CREATE c?3:CREATE g!3:TEMPORARY_FAILURE c!0:TEMPORARY_FAILURE"},
        {'i', 'a', 1, "CgG", 2,
         "g?0:CREATE c?3:CREATE g!3:TEMPORARY_FAILURE c!0 g?1:DELETE(old) c!1:DELETE(old)"},
        {'i', 'a', 1, "GcC", 2, "g?0:CREATE c?3:CREATE c!0:TEMPORARY_FAILURE g!3 c?4:DELETE(ike) g!4"},
        {'i', 'a', 1, "-CGc", 2,
         "g?0:CREATE c?3:CREATE c!0:TEMPORARY_FAILURE c?3:CREATE g!3 c?4:DELETE(ike) g!4"},
        {'i', 'a', 1, "-GCg", 2,
         "g?0:CREATE c?3:CREATE g!3:TEMPORARY_FAILURE g?0:CREATE c!0 g?1:DELETE(old) c!1:DELETE(old)"},
        {'i', 'a', 1, "CG-gc", 2,
         "g?0:CREATE c?3:CREATE g!3:TEMPORARY_FAILURE c!0:TEMPORARY_FAILURE c?3:CREATE "
         "g!3:TEMPORARY_FAILURE"},
        {'i', 'a', 1, "CG-cg", 2,
         "g?0:CREATE c?3:CREATE g!3:TEMPORARY_FAILURE c!0:TEMPORARY_FAILURE g?0:CREATE "
         "c!0:TEMPORARY_FAILURE"},
        {'a', 'i', 1, "CGcg", 2, "c?3:CREATE g?0:CREATE g!3:TEMPORARY_FAILURE c!0:TEMPORARY_FAILURE"},
        {'a', 'i', 1, "GCgc", 2, "c?3:CREATE g?0:CREATE c!0:TEMPORARY_FAILURE g!3:TEMPORARY_FAILURE"},
        {'a', 'i', 1, "CGgc", 2, "c?3:CREATE g?0:CREATE g!3:TEMPORARY_FAILURE c!0:TEMPORARY_FAILURE"},
        {'a', 'i', 1, "CgG", 2, "c?3:CREATE g?0:CREATE g!3:TEMPORARY_FAILURE c!0 g?1:DELETE(ike) c!1"},
        {'a', 'i', 1, "GcC", 2,
         "c?3:CREATE g?0:CREATE c!0:TEMPORARY_FAILURE g!3 c?4:DELETE(old) g!4:DELETE(old)"},
        {'a', 'i', 1, "-CGc", 2,
         "c?3:CREATE g?0:CREATE c!0:TEMPORARY_FAILURE c?3:CREATE g!3 c?4:DELETE(old) g!4:DELETE(old)"},
        {'a', 'i', 1, "-GCg", 2,
         "c?3:CREATE g?0:CREATE g!3:TEMPORARY_FAILURE g?0:CREATE c!0 g?1:DELETE(ike) c!1"},
        {'a', 'i', 1, "CG-gc", 2,
         "c?3:CREATE g?0:CREATE g!3:TEMPORARY_FAILURE c!0:TEMPORARY_FAILURE c?3:CREATE "
         "g!3:TEMPORARY_FAILURE"},
        {'a', 'i', 1, "CG-cg", 2,
         "c?3:CREATE g?0:CREATE g!3:TEMPORARY_FAILURE c!0:TEMPORARY_FAILURE g?0:CREATE "
         "c!0:TEMPORARY_FAILURE"},
        {'i', 'd', 1, "CGcg", 1, "g?0:DELETE(old) c?3:CREATE g!3:TEMPORARY_FAILURE c!0:DELETE(old)"},
        {'i', 'd', 1, "GCgc", 1, "g?0:DELETE(old) c?3:CREATE c!0:DELETE(old) g!3:TEMPORARY_FAILURE"},
        {'i', 'd', 1, "CGgc", 1, "g?0:DELETE(old) c?3:CREATE g!3:TEMPORARY_FAILURE c!0:DELETE(old)"},
        {'i', 'd', 1, "CgG", 1, "g?0:DELETE(old) c?3:CREATE g!3:TEMPORARY_FAILURE c!0:DELETE(old)"},
        {'i', 'd', 1, "GcC", 1, "g?0:DELETE(old) c?3:CREATE c!0:DELETE(old) g!3 c?4:DELETE(ike) g!4"},
        {'i', 'd', 1, "-CGc", 1,
         "g?0:DELETE(old) c?3:CREATE c!0:DELETE(old) c?3:CREATE g!3 c?4:DELETE(ike) g!4"},
        {'i', 'd', 1, "-GCg", 1,
         "g?0:DELETE(old) c?3:CREATE g!3:TEMPORARY_FAILURE g?0:DELETE(old) c!0:DELETE(old)"},
        {'i', 'd', 1, "CG-gc", 1,
         "g?0:DELETE(old) c?3:CREATE g!3:TEMPORARY_FAILURE c!0:DELETE(old) c?3:CREATE g!3:TEMPORARY_FAILURE"},
        {'i', 'd', 1, "CG-cg", 1,
         "g?0:DELETE(old) c?3:CREATE g!3:TEMPORARY_FAILURE c!0:DELETE(old) g?0:DELETE(old) c!0:DELETE(old)"},
        {'d', 'i', 1, "CGcg", 1, "c?3:DELETE(old) g?0:CREATE g!3:DELETE(old) c!0:TEMPORARY_FAILURE"},
        {'d', 'i', 1, "GCgc", 1, "c?3:DELETE(old) g?0:CREATE c!0:TEMPORARY_FAILURE g!3:DELETE(old)"},
        {'d', 'i', 1, "CGgc", 1, "c?3:DELETE(old) g?0:CREATE g!3:DELETE(old) c!0:TEMPORARY_FAILURE"},
        {'d', 'i', 1, "CgG", 1, "c?3:DELETE(old) g?0:CREATE g!3:DELETE(old) c!0 g?1:DELETE(ike) c!1"},
        {'d', 'i', 1, "GcC", 1, "c?3:DELETE(old) g?0:CREATE c!0:TEMPORARY_FAILURE g!3:DELETE(old)"},
        {'d', 'i', 1, "-CGc", 1,
         "c?3:DELETE(old) g?0:CREATE c!0:TEMPORARY_FAILURE c?3:DELETE(old) g!3:DELETE(old)"},
        {'d', 'i', 1, "-GCg", 1,
         "c?3:DELETE(old) g?0:CREATE g!3:DELETE(old) g?0:CREATE c!0 g?1:DELETE(ike) c!1"},
        {'d', 'i', 1, "CG-gc", 1,
         "c?3:DELETE(old) g?0:CREATE g!3:DELETE(old) c!0:TEMPORARY_FAILURE c?3:DELETE(old) g!3:DELETE(old)"},
        {'d', 'i', 1, "CG-cg", 1,
         "c?3:DELETE(old) g?0:CREATE g!3:DELETE(old) c!0:TEMPORARY_FAILURE g?0:CREATE c!0:TEMPORARY_FAILURE"},
};
const size_t n_collisions_ike_and_child =
        sizeof(collisions_ike_and_child) / sizeof(collisions_ike_and_child[0]);
