"""A collection: which files it has, what they must become, and writing it in any form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from schemas.rejection import RejectReason
from tests.collections.faults import FAULTS, File, Place, number_of
from tests.collections.forms import Form, write_form
from tests.collections.photographs import Maker, Size, real_photograph, synthetic_photograph

Pictures = Literal["synthetic", "real"]
"""``real``: cut from the photographs inside scikit-image, scikit-learn and matplotlib."""

_MAKERS: dict[Pictures, Maker] = {"synthetic": synthetic_photograph, "real": real_photograph}


@dataclass(frozen=True)
class Expected:
    """What becomes of a collection's files in a build that wants all usable images, with default screening.

    files = ids + those rejected at the index; ids = usable + those rejected at selection.
    """

    files: int
    ids: tuple[str, ...]
    """Of what the index lists, sorted."""
    at_index: Counter[RejectReason]
    at_selection: Counter[RejectReason]
    usable: int


class Collection:
    """``per_class`` photographs of every class, and one file per fault, which the classes take in turn.

    Args:
        classes: wnids.
        per_class: ordinary photographs of each, numbered from 1.
        seed: of the pictures' contents.
        faults: names out of ``FAULTS``.
        size: of the pictures, in pixels. Default screening takes 224 and more.
        pictures: where they come from.
    """

    def __init__(
        self,
        classes: Iterable[str],
        per_class: int,
        *,
        seed: int = 0,
        faults: Sequence[str] = (),
        size: Size = (256, 240),
        pictures: Pictures = "synthetic",
    ) -> None:
        self.classes = tuple(classes)
        self.per_class = per_class
        self.faults = tuple(faults)
        self._seed, self._size, self._maker = seed, size, _MAKERS[pictures]

    def photograph(self, image_id: str) -> bytes:
        """The bytes of an ordinary photograph."""
        return self._maker(image_id, self._seed, self._size)

    @cached_property
    def files(self) -> list[File]:
        """All files, sorted by folder and name."""
        ordinary = [
            File(image_id[:9], f"{image_id}.JPEG", self.photograph(image_id))
            for image_id in collection_ids(self.classes, self.per_class)
        ]
        return sorted([*ordinary, *map(self._make_fault, self.faults)])

    @cached_property
    def expected(self) -> Expected:
        """What becomes of the files."""
        faults = [(FAULTS[name], self._place(name)) for name in self.faults]
        faulty = [fault.make(place) for fault, place in faults if fault.at_index is None]
        ids = sorted([*collection_ids(self.classes, self.per_class), *map(_id_of, faulty)])
        at_index = Counter(fault.at_index for fault, _ in faults if fault.at_index is not None)
        at_selection = Counter(fault.at_selection for fault, _ in faults if fault.at_selection is not None)
        return Expected(len(self.files), tuple(ids), at_index, at_selection, len(ids) - at_selection.total())

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that the index must list, sorted."""
        return self.expected.ids

    def id_of(self, fault: str) -> str:
        """The image id of a fault's file; of one without an id, the one it would have."""
        return _id_of(self._make_fault(fault)) if FAULTS[fault].at_index is None else self._place(fault).image_id

    def write(self, root: Path, form: Form) -> Path:
        """Write the collection under ``root`` and return what ``source.path`` is to be."""
        return write_form(self.files, root, form)

    def _make_fault(self, name: str) -> File:
        return FAULTS[name].make(self._place(name))

    def _place(self, fault: str) -> Place:
        number = number_of(fault)
        wnid = self.classes[number % len(self.classes)]
        image_id, neighbour = f"{wnid}_{number}", f"{wnid}_1"
        return Place(wnid, image_id, self.photograph(image_id), neighbour, self.photograph(neighbour))


def collection_ids(classes: Iterable[str], per_class: int) -> list[str]:
    """The ids of a collection without faults, sorted."""
    return sorted(f"{wnid}_{number}" for wnid in classes for number in range(1, per_class + 1))


def make_collection(
    root: Path, form: Form, classes: Sequence[str], per_class: int, *, seed: int = 0, size: Size = (256, 240)
) -> Path:
    """Write a collection without faults under ``root`` and return what ``source.path`` is to be."""
    return Collection(classes, per_class, seed=seed, size=size).write(root, form)


def _id_of(file: File) -> str:
    """An id is in the name's last 10 characters and the number, however the stem is doubled."""
    stem = file.name.rpartition(".")[0]
    return "_".join(stem.rsplit("_", 2)[-2:])
