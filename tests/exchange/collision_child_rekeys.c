/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekeys of one Child SA by both ends, and of two (RFC 7296 2.8.1, 2.25.1). The lowest of the four nonces is
 * the gateway's with the first seed and the client's with the other one: whose it is deletes what it made,
 * the other end deletes the old one. What the columns are is in collision.h.
 */
#include "tests/exchange/collision.h"

const struct collision collisions_child_rekeys[] = {
        {'a', 'a', 1, "CGcg", 2,
         "c?3:CREATE g?0:CREATE g!3 c!0 g?1:DELETE(new) c?4:DELETE(old) c!1:DELETE(new) g!4:DELETE(old)"},
        {'a', 'a', 1, "GCgc", 2,
         "c?3:CREATE g?0:CREATE c!0 g!3 c?4:DELETE(old) g?1:DELETE(new) g!4:DELETE(old) c!1:DELETE(new)"},
        {'a', 'a', 1, "CGgc", 2,
         "c?3:CREATE g?0:CREATE g!3 c!0 c?4:DELETE(old) g?1:DELETE(new) g!4:DELETE(old) c!1:DELETE(new)"},
        {'a', 'a', 1, "CgG", 2,
         "c?3:CREATE g?0:CREATE g!3 c?4:DELETE(old) c!0:TEMPORARY_FAILURE g!4:DELETE(old)"},
        {'a', 'a', 1, "GcC", 2,
         "c?3:CREATE g?0:CREATE c!0 g?1:DELETE(old) g!3:TEMPORARY_FAILURE c!1:DELETE(old)"},
        {'a', 'a', 1, "-CGc", 2,
         "c?3:CREATE g?0:CREATE c!0 g?1:DELETE(old) c!1:DELETE(old) c?3:CREATE g!3:CHILD_SA_NOT_FOUND"},
        {'a', 'a', 1, "-GCg", 2,
         "c?3:CREATE g?0:CREATE g!3 c?4:DELETE(old) g!4:DELETE(old) g?0:CREATE c!0:CHILD_SA_NOT_FOUND"},
        {'a', 'a', 1, "CG-gc", 2,
         "c?3:CREATE g?0:CREATE g!3 c!0 g?1:DELETE(new) c!1:DELETE(new) c?3:CREATE g!3 c?4:DELETE(old) "
         "g!4:DELETE(old)"},
        {'a', 'a', 1, "CG-cg", 2,
         "c?3:CREATE g?0:CREATE g!3 c!0 c?4:DELETE(old) g!4:DELETE(old) g?0:CREATE c!0 g?1:DELETE(new) "
         "c!1:DELETE(new)"},
        {'a', 'a', 3, "CGcg", 2,
         "c?3:CREATE g?0:CREATE g!3 c!0 g?1:DELETE(old) c?4:DELETE(new) c!1:DELETE(old) g!4:DELETE(new)"},
        {'a', 'a', 3, "GCgc", 2,
         "c?3:CREATE g?0:CREATE c!0 g!3 c?4:DELETE(new) g?1:DELETE(old) g!4:DELETE(new) c!1:DELETE(old)"},
        {'a', 'a', 3, "CGgc", 2,
         "c?3:CREATE g?0:CREATE g!3 c!0 c?4:DELETE(new) g?1:DELETE(old) g!4:DELETE(new) c!1:DELETE(old)"},
        {'a', 'a', 3, "CG-gc", 2,
         "c?3:CREATE g?0:CREATE g!3 c!0 g?1:DELETE(old) c!1:DELETE(old) c?3:CREATE g!3 c?4:DELETE(new) "
         "g!4:DELETE(new)"},
        {'a', 'a', 3, "CG-cg", 2,
         "c?3:CREATE g?0:CREATE g!3 c!0 c?4:DELETE(new) g!4:DELETE(new) g?0:CREATE c!0 g?1:DELETE(old) "
         "c!1:DELETE(old)"},
        {'a', 'b', 1, "CGcg", 2,
         "c?3:CREATE g?0:CREATE g!3 c!0 g?1:DELETE(old) c?4:DELETE(old) c!1:DELETE(old) g!4:DELETE(old)"},
        {'a', 'b', 1, "GCgc", 2,
         "c?3:CREATE g?0:CREATE c!0 g!3 c?4:DELETE(old) g?1:DELETE(old) g!4:DELETE(old) c!1:DELETE(old)"},
        {'a', 'b', 1, "CGgc", 2,
         "c?3:CREATE g?0:CREATE g!3 c!0 c?4:DELETE(old) g?1:DELETE(old) g!4:DELETE(old) c!1:DELETE(old)"},
        {'a', 'b', 1, "CgG", 2,
         "c?3:CREATE g?0:CREATE g!3 c?4:DELETE(old) c!0 g!4:DELETE(old) g?1:DELETE(old) c!1:DELETE(old)"},
        {'a', 'b', 1, "GcC", 2,
         "c?3:CREATE g?0:CREATE c!0 g?1:DELETE(old) g!3 c!1:DELETE(old) c?4:DELETE(old) g!4:DELETE(old)"},
        {'a', 'b', 1, "-CGc", 2,
         "c?3:CREATE g?0:CREATE c!0 g?1:DELETE(old) c!1:DELETE(old) c?3:CREATE g!3 c?4:DELETE(old) "
         "g!4:DELETE(old)"},
};
const size_t n_collisions_child_rekeys = sizeof(collisions_child_rekeys) / sizeof(collisions_child_rekeys[0]);
