"""What a collection of shards says of itself: ``info.json``, held against what is there.

timm's copies come with an ``info.json`` or ``_info.json`` that names the shards and says how many samples each holds
(``filenames`` and ``shard_lengths``, for each of ``splits``; timm, ``timm/data/readers/reader_wds.py``). A shard that
was not downloaded, or only half of it, is noticed by nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol, runtime_checkable

from pipeline.lines import printable

INFO_NAMES = frozenset({"info.json", "_info.json"})

MAX_INFO = 64 * 2**20
"""Bytes of an ``info.json`` that is read: a million shards."""

_EXAMPLES = 3


@runtime_checkable
class Announcing(Protocol):
    """A source that knows what should be there."""

    def warnings(self) -> list[str]:
        """What is missing or odd before anything is scanned, one line each."""

    def check(self, images: Mapping[str, int]) -> list[str]:
        """What is missing after the scan, one line each.

        Args:
            images: how many images each container was found to hold, those rejected included, by the container's name.
        """


class Promises:
    """Shards by name, with the number of their samples where that is said."""

    def __init__(self, infos: Mapping[str, bytes]) -> None:
        """Read what was found under the names of ``infos``, relative to the source's root."""
        self._samples: dict[str, int | None] = {}
        self._unreadable: list[str] = []
        for name, data in sorted(infos.items()):
            listed = _read(data)
            if listed is None:
                self._unreadable.append(printable(name))
            else:
                folder = name[: name.rfind("/") + 1]
                self._samples.update((folder + shard, samples) for shard, samples in listed.items())

    def warnings(self, present: AbstractSet[str]) -> list[str]:
        """Lines on lists that cannot be read, shards that are missing, and shards that nobody lists."""
        lines = [f"{name} lists no shards, so nobody knows whether all are here" for name in self._unreadable]
        missing = sorted(self._samples.keys() - present)
        if missing:
            samples = sum(self._samples[name] or 0 for name in missing)
            lines.append(
                f"{len(missing):,} of the {len(self._samples):,} shards that info.json lists are missing "
                f"({samples:,} samples): {_some(missing)}"
            )
        if self._samples and (unlisted := sorted(present - self._samples.keys())):
            lines.append(f"{len(unlisted):,} shards are here that info.json does not list: {_some(unlisted)}")
        return lines

    def check(self, images: Mapping[str, int]) -> list[str]:
        """Lines on shards that hold fewer or more images than is said."""
        lines = []
        for word, is_so in (("fewer", int.__lt__), ("more", int.__gt__)):
            wrong = [
                f"{printable(name)}: {images[name]:,} of {samples:,}"
                for name, samples in self._samples.items()
                if samples is not None and name in images and is_so(images[name], samples)
            ]
            if wrong:
                lines.append(f"{len(wrong):,} shards hold {word} images than info.json says: {_some(wrong)}")
        return lines


def _read(data: bytes) -> dict[str, int | None] | None:
    """Shards and the numbers of their samples, or ``None`` when the file lists none."""
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    splits = content.get("splits")
    found: dict[str, int | None] = {}
    for part in (content, *(splits.values() if isinstance(splits, dict) else ())):
        names = part.get("filenames") if isinstance(part, dict) else None
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            lengths = part.get("shard_lengths")
            known = isinstance(lengths, list) and len(lengths) == len(names)
            found.update(zip(names, map(_count, lengths) if known else [None] * len(names), strict=True))
    return found or None


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_EXAMPLES])
    return shown + (", ..." if len(names) > _EXAMPLES else "")
