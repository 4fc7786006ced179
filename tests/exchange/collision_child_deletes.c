/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delete of a Child SA against its rekey and against its Delete (RFC 7296 1.4.1, 2.25.1).
 * What the columns are is in collision.h.
 */
#include "tests/exchange/collision.h"

const struct collision collisions_child_deletes[] = {
        {'a', 'd', 1, "CGcg", 1, "c?3:CREATE g?0:DELETE(old) g!3:TEMPORARY_FAILURE c!0:DELETE(old)"},
        {'a', 'd', 1, "GCgc", 1, "c?3:CREATE g?0:DELETE(old) c!0:DELETE(old) g!3:TEMPORARY_FAILURE"},
        {'a', 'd', 1, "CGgc", 1, "c?3:CREATE g?0:DELETE(old) g!3:TEMPORARY_FAILURE c!0:DELETE(old)"},
        {'a', 'd', 1, "CgG", 1, "c?3:CREATE g?0:DELETE(old) g!3:TEMPORARY_FAILURE c!0:DELETE(old)"},
        {'a', 'd', 1, "GcC", 1, "c?3:CREATE g?0:DELETE(old) c!0:DELETE(old) g!3:CHILD_SA_NOT_FOUND"},
        {'a', 'd', 1, "-CGc", 1,
         "c?3:CREATE g?0:DELETE(old) c!0:DELETE(old) c?3:CREATE g!3:CHILD_SA_NOT_FOUND"},
        {'a', 'd', 1, "-GCg", 1,
         "c?3:CREATE g?0:DELETE(old) g!3:TEMPORARY_FAILURE g?0:DELETE(old) c!0:DELETE(old)"},
        {'a', 'd', 1, "CG-gc", 1,
         "c?3:CREATE g?0:DELETE(old) g!3:TEMPORARY_FAILURE c!0:DELETE(old) c?3:CREATE g!3:TEMPORARY_FAILURE"},
        {'a', 'd', 1, "CG-cg", 1,
         "c?3:CREATE g?0:DELETE(old) g!3:TEMPORARY_FAILURE c!0:DELETE(old) g?0:DELETE(old) c!0:DELETE(old)"},
        {'d', 'a', 1, "CGcg", 1, "c?3:DELETE(old) g?0:CREATE g!3:DELETE(old) c!0:TEMPORARY_FAILURE"},
        {'d', 'a', 1, "GCgc", 1, "c?3:DELETE(old) g?0:CREATE c!0:TEMPORARY_FAILURE g!3:DELETE(old)"},
        {'d', 'a', 1, "CGgc", 1, "c?3:DELETE(old) g?0:CREATE g!3:DELETE(old) c!0:TEMPORARY_FAILURE"},
        {'d', 'a', 1, "CgG", 1, "c?3:DELETE(old) g?0:CREATE g!3:DELETE(old) c!0:CHILD_SA_NOT_FOUND"},
        {'d', 'a', 1, "GcC", 1, "c?3:DELETE(old) g?0:CREATE c!0:TEMPORARY_FAILURE g!3:DELETE(old)"},
        {'d', 'a', 1, "-CGc", 1,
         "c?3:DELETE(old) g?0:CREATE c!0:TEMPORARY_FAILURE c?3:DELETE(old) g!3:DELETE(old)"},
        {'d', 'a', 1, "-GCg", 1,
         "c?3:DELETE(old) g?0:CREATE g!3:DELETE(old) g?0:CREATE c!0:CHILD_SA_NOT_FOUND"},
        {'d', 'a', 1, "CG-gc", 1,
         "c?3:DELETE(old) g?0:CREATE g!3:DELETE(old) c!0:TEMPORARY_FAILURE c?3:DELETE(old) g!3:DELETE(old)"},
        {'d', 'a', 1, "CG-cg", 1,
         "c?3:DELETE(old) g?0:CREATE g!3:DELETE(old) c!0:TEMPORARY_FAILURE g?0:CREATE c!0:TEMPORARY_FAILURE"},
        {'d', 'd', 1, "CGcg", 1, "c?3:DELETE(old) g?0:DELETE(old) g!3 c!0"},
        {'d', 'd', 1, "GCgc", 1, "c?3:DELETE(old) g?0:DELETE(old) c!0 g!3"},
        {'d', 'd', 1, "CGgc", 1, "c?3:DELETE(old) g?0:DELETE(old) g!3 c!0"},
        {'d', 'd', 1, "CgG", 1, "c?3:DELETE(old) g?0:DELETE(old) g!3 c!0"},
        {'d', 'd', 1, "GcC", 1, "c?3:DELETE(old) g?0:DELETE(old) c!0 g!3"},
        {'d', 'd', 1, "-CGc", 1, "c?3:DELETE(old) g?0:DELETE(old) c!0 c?3:DELETE(old) g!3"},
        {'d', 'd', 1, "-GCg", 1, "c?3:DELETE(old) g?0:DELETE(old) g!3 g?0:DELETE(old) c!0"},
        {'d', 'd', 1, "CG-gc", 1, "c?3:DELETE(old) g?0:DELETE(old) g!3 c!0 c?3:DELETE(old) g!3"},
        {'d', 'd', 1, "CG-cg", 1, "c?3:DELETE(old) g?0:DELETE(old) g!3 c!0 g?0:DELETE(old) c!0"},
};
const size_t n_collisions_child_deletes =
        sizeof(collisions_child_deletes) / sizeof(collisions_child_deletes[0]);
