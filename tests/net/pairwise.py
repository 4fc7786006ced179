# SPDX-License-Identifier: Apache-2.0
"""A pairwise cover: few combinations in which every two values of two factors meet."""
from itertools import combinations, product


def pairs(row):
    return {((i, row[i]), (j, row[j])) for i, j in combinations(range(len(row)), 2)}


def cover(*factors):
    """Greedy, and the same on every run: the row that covers the most new pairs comes next."""
    rows = list(product(*factors))
    missing = set().union(*map(pairs, rows))
    chosen = []
    while missing:
        best = max(rows, key=lambda row: len(pairs(row) & missing))
        chosen.append(best)
        missing -= pairs(best)
    return sorted(chosen, key=rows.index)
