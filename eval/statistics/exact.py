"""Sums that no order of adding changes: scores as whole millionths."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from schemas.scores import PER_UNIT

Millionths = npt.NDArray[np.int64]

LARGEST_SUM = 2**63 - 1
"""What a sum in 64 bits may come to."""

LARGEST_FLOAT_SUM = 2**53
"""Up to here every whole number is a float: sums of them are exact in any order, also in BLAS."""


def to_millionths(values: npt.NDArray[np.float64]) -> Millionths:
    """Scores as whole millionths, rounded half to even.

    Raises:
        ValueError: one is not finite, or too large to be counted in 64 bits.
    """
    scaled = np.rint(np.asarray(values, np.float64) * PER_UNIT)
    if not (np.abs(scaled) < LARGEST_FLOAT_SUM).all():
        raise ValueError("a score is not finite, or larger than millionths can count exactly")
    return scaled.astype(np.int64)


def to_unit(millionths: Fraction) -> float:
    """The score that a number of millionths is, rounded half to even to six digits."""
    return round(millionths) / PER_UNIT


def mean(values: Millionths) -> float:
    """The exact mean of scores in millionths, rounded half to even to six digits.

    Args:
        values: one score an item; at least one.

    Returns:
        The mean in units: of scores between 0 and 1, again between 0 and 1.

    Raises:
        ValueError: there are none, or their sum may not fit 64 bits.
    """
    if not values.size:
        raise ValueError("there is no mean of no items")
    check_sum(values.size, values)
    return to_unit(Fraction(int(values.sum()), values.size))


def check_sum(terms: int, values: Millionths) -> int:
    """The most that the sum of so many of these values can come to, either way.

    Raises:
        ValueError: more than 64 bits hold.
    """
    largest = max(abs(int(values.max(initial=0))), abs(int(values.min(initial=0)))) * terms
    if largest > LARGEST_SUM:
        raise ValueError(f"{terms:,} scores of up to {largest // terms / PER_UNIT:,.0f} do not add up in 64 bits")
    return largest


def sum_clusters(values: Millionths, cluster_of: npt.NDArray[np.intp], clusters: int) -> Millionths:
    """Sum the rows of each cluster: from shape (items, columns) to shape (clusters, columns)."""
    check_sum(len(values), values)
    sums = np.zeros((clusters, values.shape[1]), np.int64)
    np.add.at(sums, cluster_of, values)
    return sums


def multiply(weights: npt.NDArray[np.float64], sums: Millionths, bound: int) -> Millionths:
    """The exact matrix product of whole weights and sums.

    Args:
        weights: whole numbers, shape (rows, clusters).
        sums: shape (clusters, columns).
        bound: no sum of products is larger, nor any part of it.
    """
    if bound < LARGEST_FLOAT_SUM:
        return (weights @ sums.astype(np.float64)).astype(np.int64)
    return weights.astype(np.int64) @ sums  # some ten times slower, and seldom needed


def number_clusters(names: Sequence[str]) -> tuple[npt.NDArray[np.intp], int]:
    """Each item's cluster as a number, in the order of the clusters' names, and how many clusters there are."""
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.fromiter((numbers[name] for name in names), np.intp, len(names)), len(numbers)
