/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delete of the IKE SA against anything (RFC 7296 2.25.2).
 * What the columns are is in collision.h.
 */
#include "tests/exchange/collision.h"

const struct collision collisions_ike_deletes[] = {
        {'x', 'x', 1, "CGcg", 0, "c?3:DELETE(ike) g?0:DELETE(ike) g!3 c!0"},
        {'x', 'x', 1, "GCgc", 0, "c?3:DELETE(ike) g?0:DELETE(ike) c!0 g!3"},
        {'x', 'x', 1, "CgG", 0, "c?3:DELETE(ike) g?0:DELETE(ike) g!3"},
        {'x', 'x', 1, "GcC", 0, "c?3:DELETE(ike) g?0:DELETE(ike) c!0"},
        {'x', 'x', 1, "-CGc", 0, "c?3:DELETE(ike) g?0:DELETE(ike) c!0"},
        {'x', 'x', 1, "-GCg", 0, "c?3:DELETE(ike) g?0:DELETE(ike) g!3"},
        {'x', 'x', 1, "CG-gc", 0, "c?3:DELETE(ike) g?0:DELETE(ike) g!3 c!0"},
        {'x', 'a', 1, "CGcg", 0, "c?3:DELETE(ike) g?0:CREATE g!3 c!0:TEMPORARY_FAILURE"},
        {'x', 'a', 1, "GCgc", 0, "c?3:DELETE(ike) g?0:CREATE c!0:TEMPORARY_FAILURE g!3"},
        {'x', 'a', 1, "CgG", 0, "c?3:DELETE(ike) g?0:CREATE g!3"},
        {'x', 'a', 1, "GcC", 0, "c?3:DELETE(ike) g?0:CREATE c!0:TEMPORARY_FAILURE g!3"},
        {'x', 'a', 1, "-CGc", 0, "c?3:DELETE(ike) g?0:CREATE c!0:TEMPORARY_FAILURE c?3:DELETE(ike) g!3"},
        {'x', 'a', 1, "-GCg", 0, "c?3:DELETE(ike) g?0:CREATE g!3"},
        {'x', 'a', 1, "CG-gc", 0, "c?3:DELETE(ike) g?0:CREATE g!3 c!0:TEMPORARY_FAILURE c?3:DELETE(ike) g!3"},
        {'x', 'i', 1, "CGcg", 0, "c?3:DELETE(ike) g?0:CREATE g!3 c!0:TEMPORARY_FAILURE"},
        {'x', 'i', 1, "GCgc", 0, "c?3:DELETE(ike) g?0:CREATE c!0:TEMPORARY_FAILURE g!3"},
        {'x', 'i', 1, "CgG", 0, "c?3:DELETE(ike) g?0:CREATE g!3"},
        {'x', 'i', 1, "GcC", 0, "c?3:DELETE(ike) g?0:CREATE c!0:TEMPORARY_FAILURE g!3"},
        {'x', 'i', 1, "-CGc", 0, "c?3:DELETE(ike) g?0:CREATE c!0:TEMPORARY_FAILURE c?3:DELETE(ike) g!3"},
        {'x', 'i', 1, "-GCg", 0, "c?3:DELETE(ike) g?0:CREATE g!3"},
        {'x', 'i', 1, "CG-gc", 0, "c?3:DELETE(ike) g?0:CREATE g!3 c!0:TEMPORARY_FAILURE c?3:DELETE(ike) g!3"},
        {'x', 'd', 1, "CGcg", 0, "c?3:DELETE(ike) g?0:DELETE(old) g!3 c!0:DELETE(old)"},
        {'x', 'd', 1, "GCgc", 0, "c?3:DELETE(ike) g?0:DELETE(old) c!0:DELETE(old) g!3"},
        {'x', 'd', 1, "CgG", 0, "c?3:DELETE(ike) g?0:DELETE(old) g!3"},
        {'x', 'd', 1, "GcC", 0, "c?3:DELETE(ike) g?0:DELETE(old) c!0:DELETE(old) g!3"},
        {'x', 'd', 1, "-CGc", 0, "c?3:DELETE(ike) g?0:DELETE(old) c!0:DELETE(old) c?3:DELETE(ike) g!3"},
        {'x', 'd', 1, "-GCg", 0, "c?3:DELETE(ike) g?0:DELETE(old) g!3"},
        {'x', 'd', 1, "CG-gc", 0, "c?3:DELETE(ike) g?0:DELETE(old) g!3 c!0:DELETE(old) c?3:DELETE(ike) g!3"},
};
const size_t n_collisions_ike_deletes = sizeof(collisions_ike_deletes) / sizeof(collisions_ike_deletes[0]);
