/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekeys of one Child SA by both ends, and of two (RFC 7296 2.8.1, 2.25.1).
 * What the columns are is in collision.h.
 */
#include "tests/exchange/collision.h"

const struct collision collisions_child_rekeys[] = {
        {'a', 'a', 1, "CGcg", 2, "c?3:CREATE g?0:CREATE g!3 c!0 g?1:INFO c?4:INFO c!1 g!4"},
        {'a', 'a', 1, "GCgc", 2, "c?3:CREATE g?0:CREATE c!0 g!3 c?4:INFO g?1:INFO g!4 c!1"},
        {'a', 'a', 1, "CGgc", 2, "c?3:CREATE g?0:CREATE g!3 c!0 c?4:INFO g?1:INFO g!4 c!1"},
        {'a', 'a', 1, "CgG", 2, "c?3:CREATE g?0:CREATE g!3 c?4:INFO c!0 g!4"},
        {'a', 'a', 1, "GcC", 2, "c?3:CREATE g?0:CREATE c!0 g?1:INFO g!3 c!1"},
        {'a', 'a', 1, "-CGc", 2, "c?3:CREATE g?0:CREATE c!0 g?1:INFO c!1 c?3:CREATE g!3"},
        {'a', 'a', 1, "-GCg", 2, "c?3:CREATE g?0:CREATE g!3 c?4:INFO g!4 g?0:CREATE c!0"},
        {'a', 'a', 1, "CG-gc", 2, "c?3:CREATE g?0:CREATE g!3 c!0 g?1:INFO c!1 c?3:CREATE g!3 c?4:INFO g!4"},
        {'a', 'a', 1, "CG-cg", 2, "c?3:CREATE g?0:CREATE g!3 c!0 c?4:INFO g!4 g?0:CREATE c!0 g?1:INFO c!1"},
        {'a', 'a', 2, "CGcg", 2, "c?3:CREATE g?0:CREATE g!3 c!0 g?1:INFO c?4:INFO c!1 g!4"},
        {'a', 'a', 2, "GCgc", 2, "c?3:CREATE g?0:CREATE c!0 g!3 c?4:INFO g?1:INFO g!4 c!1"},
        {'a', 'a', 2, "CGgc", 2, "c?3:CREATE g?0:CREATE g!3 c!0 c?4:INFO g?1:INFO g!4 c!1"},
        {'a', 'a', 2, "CgG", 2, "c?3:CREATE g?0:CREATE g!3 c?4:INFO c!0 g!4"},
        {'a', 'a', 2, "GcC", 2, "c?3:CREATE g?0:CREATE c!0 g?1:INFO g!3 c!1"},
        {'a', 'a', 2, "-CGc", 2, "c?3:CREATE g?0:CREATE c!0 g?1:INFO c!1 c?3:CREATE g!3"},
        {'a', 'a', 2, "-GCg", 2, "c?3:CREATE g?0:CREATE g!3 c?4:INFO g!4 g?0:CREATE c!0"},
        {'a', 'a', 2, "CG-gc", 2, "c?3:CREATE g?0:CREATE g!3 c!0 g?1:INFO c!1 c?3:CREATE g!3 c?4:INFO g!4"},
        {'a', 'a', 2, "CG-cg", 2, "c?3:CREATE g?0:CREATE g!3 c!0 c?4:INFO g!4 g?0:CREATE c!0 g?1:INFO c!1"},
        {'a', 'b', 1, "CGcg", 2, "c?3:CREATE g?0:CREATE g!3 c!0 g?1:INFO c?4:INFO c!1 g!4"},
        {'a', 'b', 1, "GCgc", 2, "c?3:CREATE g?0:CREATE c!0 g!3 c?4:INFO g?1:INFO g!4 c!1"},
        {'a', 'b', 1, "CGgc", 2, "c?3:CREATE g?0:CREATE g!3 c!0 c?4:INFO g?1:INFO g!4 c!1"},
        {'a', 'b', 1, "CgG", 2, "c?3:CREATE g?0:CREATE g!3 c?4:INFO c!0 g!4 g?1:INFO c!1"},
        {'a', 'b', 1, "GcC", 2, "c?3:CREATE g?0:CREATE c!0 g?1:INFO g!3 c!1 c?4:INFO g!4"},
        {'a', 'b', 1, "-CGc", 2, "c?3:CREATE g?0:CREATE c!0 g?1:INFO c!1 c?3:CREATE g!3 c?4:INFO g!4"},
};
const size_t n_collisions_child_rekeys = sizeof(collisions_child_rekeys) / sizeof(collisions_child_rekeys[0]);
