"""Which images of the benchmark split become items: as even as can be over levels, domains and complexity.

The draw nests: every item of a smaller benchmark is in a larger one of the same dataset.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from eval.benchmark.survey import Candidate
from schemas.identity import rank

SEED = 0
"""One for all, so that a benchmark follows from its dataset and its size, whoever builds it from whichever copy."""

_KEYS: tuple[Callable[[Candidate], str], ...] = (
    lambda candidate: candidate.level,
    lambda candidate: candidate.domain,
    lambda candidate: candidate.stratum,
)
"""By what items are balanced, the most important first: levels are what a reader compares."""


def draw(candidates: Iterable[Candidate], size: int, seed: int = SEED) -> list[Candidate]:
    """Draw items, evenly by level, then in each level by domain, then in each domain by tercile of complexity.

    Groups that run short pass their share on to the others. Within a cell classes take turns.

    Args:
        candidates: in any order.
        size: how many to draw; all of them where there are fewer.
        seed: of the order among equals.

    Returns:
        The items in a random order (of a keyed hash of their ids), so that the first few are a fair sample of all.
    """
    drawn = _draw(list(candidates), size, _KEYS, seed)
    return sorted(drawn, key=lambda candidate: (rank(seed, f"benchmark order\n{candidate.key}"), candidate.key))


def share_out(size: int, available: Sequence[int]) -> list[int]:
    """Share ``size`` out evenly among groups of which none can take more than it has.

    No two shares differ by more than one unless the smaller group is used up; of equals the first get the units that
    are left over.

    >>> share_out(10, [2, 9, 9])
    [2, 4, 4]
    """
    shares = [0] * len(available)
    left = min(size, sum(available))
    while left:
        open_groups = [group for group, most in enumerate(available) if shares[group] < most]
        level = max(1, left // len(open_groups))
        for group in open_groups[:left]:
            more = min(level, available[group] - shares[group])
            shares[group] += more
            left -= more
    return shares


def _draw(
    candidates: list[Candidate], size: int, keys: Sequence[Callable[[Candidate], str]], seed: int, cell: str = ""
) -> list[Candidate]:
    if not keys:
        return take_turns(candidates, seed, cell)[:size]
    groups: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[keys[0](candidate)].append(candidate)
    # in another order in every cell, or what is left over would always go to the same domain and tercile
    names = sorted(groups, key=lambda name: (rank(seed, f"benchmark group\n{cell}/{name}"), name))
    shares = share_out(size, [len(groups[name]) for name in names])
    return [
        candidate
        for name, share in zip(names, shares, strict=True)
        for candidate in _draw(groups[name], share, keys[1:], seed, f"{cell}/{name}")
    ]


def take_turns(candidates: Iterable[Candidate], seed: int, cell: str = "") -> list[Candidate]:
    """Put candidates in an order in which every class has had its n-th image before any has its next.

    Args:
        candidates: in any order.
        seed: of the order of classes, and of images in a class.
        cell: names whose candidates they are; classes have another order in every cell.
    """
    classes: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        classes[candidate.wnid].append(candidate)
    placed = []
    for wnid, images in classes.items():
        turn_of = rank(seed, f"benchmark class\n{cell}\n{wnid}"), wnid
        images.sort(key=lambda candidate: (rank(seed, f"benchmark image\n{candidate.key}"), candidate.key))
        placed += [((turn, *turn_of), candidate) for turn, candidate in enumerate(images)]
    return [candidate for _, candidate in sorted(placed)]
