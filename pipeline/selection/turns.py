"""Whose turn it is: a sequence of classes of which every beginning is a fair share.

It is a divisor method of apportionment, the one of Webster and Sainte-Laguë (Balinski, Young: Fair Representation,
1982): the k-th image of a class has the priority (k - 1/2) / n^alpha, where n is the number of its images, and the
smallest priority is next. With ``alpha`` 0 classes take turns, in their order; with 1 their shares are proportional.
Divisor methods are house-monotone: whoever stops later has the same images and more. A class that has given all it has
drops out, so that stopping anywhere is water-filling.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from fractions import Fraction

from schemas.config import DomainShare

RULE = "webster"
"""The method's name in the manifest."""

_Entry = tuple[float, int, int]
"""Priority of a class's next image, position of the class, images it gave."""


class Turns:
    """The sequence, one step at a time, under the domains' bounds.

    Bounds hold at every length t of the sequence. A domain at its cap is passed over: it never has more than
    ceil(cap * t) images, and when no other has any left the sequence ends. A domain below its floor goes first, the one
    first that would soonest be two short: as long as it has images it never has fewer than floor(floor * t) - 1
    (earliest deadline first meets every deadline while the floors add up to 1 at most: Liu, Layland, Scheduling
    algorithms for multiprogramming in a hard-real-time environment, 1973).

    Args:
        sizes: images of each class, in the order in which equal priorities are served.
        alpha: see above.
        domains: of each class.
        bounds: by domain.
    """

    def __init__(
        self, sizes: Sequence[int], alpha: float, domains: Sequence[str], bounds: Mapping[str, DomainShare]
    ) -> None:
        self._weights = [size**alpha for size in sizes]
        self._length = 0
        free = _Group(DomainShare())
        groups = {name: _Group(share) for name, share in bounds.items()}
        for position, (domain, weight) in enumerate(zip(domains, self._weights, strict=True)):
            groups.get(domain, free).heap.append((0.5 / weight, position, 0))
        self._groups = [group for group in (free, *groups.values()) if group.heap]
        for group in self._groups:
            heapq.heapify(group.heap)
        self._turn: _Group | None = None

    def next(self) -> int | None:
        """The class whose turn it is, or ``None`` at the end. It must then either have its turn taken or drop out."""
        self._turn = self._choose()
        return self._turn.heap[0][1] if self._turn else None

    def take(self) -> None:
        """The class gave an image."""
        assert self._turn is not None
        _, position, taken = self._turn.heap[0]
        heapq.heapreplace(self._turn.heap, ((taken + 1.5) / self._weights[position], position, taken + 1))
        self._turn.drawn += 1
        self._length += 1

    def drop(self) -> None:
        """The class has no image left."""
        assert self._turn is not None
        heapq.heappop(self._turn.heap)

    @property
    def waiting(self) -> list[int]:
        """The classes that did not drop out."""
        return [position for group in self._groups for _, position, _ in group.heap]

    def _choose(self) -> _Group | None:
        length = self._length + 1
        open_groups = [group for group in self._groups if group.heap and group.drawn < group.most(length)]
        urgent = [group for group in open_groups if group.drawn < group.least(length)]
        if urgent:
            return min(urgent, key=_Group.deadline)
        return min(open_groups, key=_Group.head, default=None)


class _Group:
    """The classes of one bounded domain, or of all the others."""

    def __init__(self, share: DomainShare) -> None:
        self.heap: list[_Entry] = []
        self.drawn = 0
        # decimal fractions as they were written: 0.29 of 100 is 29 and not 28
        self._floor, self._cap = Fraction(str(share.floor)), Fraction(str(share.cap))

    def least(self, length: int) -> int:
        return self._floor.numerator * length // self._floor.denominator

    def most(self, length: int) -> int:
        return -(-self._cap.numerator * length // self._cap.denominator)

    def deadline(self) -> int:
        """Length of the sequence at which the domain would be two short."""
        return -(-(self.drawn + 2) * self._floor.denominator // self._floor.numerator)

    def head(self) -> _Entry:
        return self.heap[0]


def share_out(turns: Turns, sizes: Sequence[int], target: int) -> list[int]:
    """How many images each class gives when all of its images are good.

    Args:
        turns: at their beginning.
        sizes: images of each class.
        target: number of images in all.
    """
    shares = [0] * len(sizes)
    left = target
    while left and (position := turns.next()) is not None:
        if shares[position] == sizes[position]:
            turns.drop()
        else:
            turns.take()
            shares[position] += 1
            left -= 1
    return shares
