"""Grouping without sorting gives what sorting and SciPy's graphs give."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from aggregate.grouping import firsts, number_keys, past_their_share, tied
from uniser_core.seeding import generator

ROWS = 5000


def keys(most: int, seed: int) -> np.ndarray:
    return generator(seed).integers(0, most, ROWS).astype(np.uint64) * np.uint64(1 << 40)


def test_numbers_go_by_first_appearance_and_firsts_are_those_of_a_sort() -> None:
    key, beside = keys(700, 1), generator(2).integers(0, 3, ROWS)
    number, count = number_keys(key, beside)
    _, first, sorted_number = np.unique(np.stack([key, beside.astype(np.uint64)]), axis=1,
                                        return_index=True, return_inverse=True)  # fmt: skip
    assert count == len(first)
    assert np.array_equal(np.sort(first)[number], first[sorted_number.reshape(-1)])
    assert number_keys(key)[1] == len(np.unique(key))
    major, minor = keys(4, 3), keys(900, 4)
    order = np.lexsort((np.arange(ROWS), minor, major, number))
    expected = order[np.flatnonzero(np.diff(number[order], prepend=-1))]
    assert np.array_equal(firsts(number, count, major, minor), expected)


def test_ties_are_the_connected_components_of_groups_and_clean_pictures() -> None:
    group, clean, has_clean = keys(3000, 5), keys(2500, 6), generator(7).random(ROWS) < 0.4
    groups, group_no = np.unique(group, return_inverse=True)
    cleans, clean_no = np.unique(clean, return_inverse=True)
    edges = (np.ones(has_clean.sum()), (group_no[has_clean], clean_no[has_clean] + len(groups)))
    size = len(groups) + len(cleans)
    label = connected_components(coo_matrix(edges, shape=(size, size)), directed=False)[1][group_no]
    found = tied(group, clean, has_clean)
    pairs = {(int(a), int(b)) for a, b in zip(found, label, strict=True)}
    assert len(pairs) == len(set(found.tolist())) == len(set(label.tolist())) > 10


def test_a_cell_keeps_its_first_rows() -> None:
    past = past_their_share(np.array([0, 1, 0, 0, 1]), np.array([2, 0]))
    assert past.tolist() == [False, True, False, True, True]
