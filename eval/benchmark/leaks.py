"""Has train seen anything of an item? Compared with every train record, independently of what drew the splits.

Near-duplicates are found by the exact Hamming distance of all pairs of perceptual hashes: no index, no buckets, nothing
that could miss one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from eval.benchmark.survey import Candidate, Traces
from pipeline.taxonomy import Taxonomy
from schemas.benchmark import LEVELS, LeakReport
from schemas.errors import ConfigError, DatasetError

_CHUNK = 1 << 18
"""Train hashes that are compared at once: 2 MB, which stay in a core's cache."""


def report_leaks(
    items: Sequence[Candidate], train: Sequence[Traces], subtrees: Sequence[str], bits: int, taxonomy: Taxonomy
) -> LeakReport:
    """Compare items with all of train.

    Args:
        items: what is to be the benchmark.
        train: every image of the train split.
        subtrees: roots of the WordNet subtrees that were held out whole.
        bits: Hamming distance of perceptual hashes up to which pictures count as near-duplicates.
        taxonomy: says what lies below a root.

    Raises:
        ConfigError: an item of level ``subtree`` lies below none of the roots, so that nothing can be proven of it; or
            a root is unknown.
        DatasetError: something leaks; the message names the first item, and what it shares with which train image.
    """
    below = {root: taxonomy.subtree(root) for root in subtrees}
    _check_roots(items, below)
    seen = _Train(train, below)
    distances, places = nearest(
        np.array([item.traces.phash for item in items], np.uint64),
        np.array([image.phash for image in train], np.uint64),
    )
    near = [train[place] if distance <= bits else None for distance, place in zip(distances, places, strict=True)]
    found = [seen.find(item, likeness) for item, likeness in zip(items, near, strict=True)]
    _refuse_leaks(items, found)
    counts = Counter(kind for leaks in found for kind in leaks)
    return LeakReport(
        train_images=len(train),
        train_synsets=len(seen.by_class),
        items=len(items),
        items_by_level={level: count for level in LEVELS if (count := sum(item.level == level for item in items))},
        shared_keys=counts["key"],
        shared_bytes=counts["bytes"],
        near_duplicates=counts["near_duplicate"],
        near_duplicate_bits=bits,
        shared_synsets=counts["synset"],
        shared_subtrees=counts["subtree"],
        subtrees=tuple(subtrees),
        nearest_bits={str(bit): count for bit, count in sorted(Counter(distances.tolist()).items())} if train else {},
    )


_SHARED = {
    "key": "its id",
    "bytes": "its file",
    "near_duplicate": "its picture, nearly,",
    "synset": "its class",
    "subtree": "its held-out subtree",
}
"""What an item can have in common with a train image, in words."""


class _Train:
    """All of train, by what can be found of it in an item.

    Args:
        train: its images.
        below: the synsets of each held-out subtree, by root.
    """

    def __init__(self, train: Iterable[Traces], below: Mapping[str, frozenset[str]]) -> None:
        self._by_key: dict[str, Traces] = {}
        self._by_file: dict[bytes, Traces] = {}
        self.by_class: dict[str, Traces] = {}
        for image in train:
            self._by_key.setdefault(image.key, image)
            self._by_file.setdefault(image.sha256, image)
            self.by_class.setdefault(image.wnid, image)
        self._subtrees = [
            (wnids, next((image for wnid, image in self.by_class.items() if wnid in wnids), None))
            for wnids in below.values()
        ]

    def find(self, item: Candidate, near_duplicate: Traces | None) -> dict[str, Traces]:
        """What an item shares with train, each with an image that shares it."""
        held_out, held_out_whole = item.level != "image", item.level == "subtree"
        inside = (image for wnids, image in self._subtrees if image is not None and item.wnid in wnids)
        shared = {
            "key": self._by_key.get(item.key),
            "bytes": self._by_file.get(item.traces.sha256),
            "near_duplicate": near_duplicate,
            "synset": self.by_class.get(item.wnid) if held_out else None,
            "subtree": next(inside, None) if held_out_whole else None,
        }
        return {kind: image for kind, image in shared.items() if image is not None}


def _refuse_leaks(items: Sequence[Candidate], found: Sequence[Mapping[str, Traces]]) -> None:
    for item, leaks in zip(items, found, strict=True):
        for kind, image in leaks.items():
            findings = sum(map(len, found))
            raise DatasetError(
                f"{item.key}, of level {item.level}, shares {_SHARED[kind]} with {image.key} of train; "
                f"{findings:,} such finding{'s' * (findings > 1)} in all",
                "nothing was written: the dataset's splits leak, so build it again",
            )


def nearest(
    hashes: npt.NDArray[np.uint64], others: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Hamming distance in bits from each hash to the nearest of the others, and where that one stands first.

    All pairs are compared: some 2 ns each, in constant memory. Without others every distance is 65.
    """
    distances = np.full(len(hashes), _FARTHER_THAN_ANY, np.int64)
    places = np.zeros(len(hashes), np.int64)
    for start in range(0, len(others), _CHUNK):
        chunk = others[start : start + _CHUNK]
        differing, counts = np.empty_like(chunk), np.empty(len(chunk), np.uint8)
        for number, phash in enumerate(hashes):
            np.bitwise_count(np.bitwise_xor(chunk, phash, out=differing), out=counts)
            place = int(counts.argmin())
            if counts[place] < distances[number]:
                distances[number], places[number] = counts[place], start + place
    return distances, places


_FARTHER_THAN_ANY = 65
"""Beyond the 64 bits in which two hashes can differ."""


def _check_roots(items: Sequence[Candidate], below: dict[str, frozenset[str]]) -> None:
    for item in items:
        if item.level == "subtree" and not any(item.wnid in wnids for wnids in below.values()):
            known = f"none of {', '.join(below)}" if below else "no root, since none was named"
            raise ConfigError(
                f"{item.key}: is of a held-out subtree, and lies below {known}",
                "name the roots that the dataset's configuration held out: --holdout-subtree WNID",
            )
