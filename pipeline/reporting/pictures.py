"""What the drawn photographs are: complexity, formats, flags, near-duplicates, splits."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.reporting.classes import in_order
from pipeline.reporting.tables import open_table
from schemas.image import SPLITS, Holdout, SelectedImage, Stratum
from schemas.selection_report import (
    Complexity,
    ComplexityBin,
    NearDuplicates,
    Pictures,
    SplitGroup,
    StratumGroup,
)

STRATA: tuple[Stratum, ...] = get_args(Stratum)

_BATCH_ROWS = 16_384
_FACTS = ["facts.complexity", "facts.format", "facts.gzipped", "facts.greyscale", "facts.normalised"]
_COLUMNS = ["ref.image_id", *_FACTS, "split", "holdout", "stratum", "weight", "blurred", "duplicate_group"]


@dataclass(slots=True)
class Photographs:
    """Counts over the drawn images. Memory grows with the number of near-duplicates, not with that of the images."""

    images: int = 0
    complexity: Counter[tuple[int, str]] = field(default_factory=Counter)
    """By tenths of a bit per pixel, and stratum."""
    weights: dict[str, list[float]] = field(default_factory=dict)
    formats: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    normalised: Counter[str] = field(default_factory=Counter)
    splits: Counter[tuple[str, str]] = field(default_factory=Counter)
    followers: Counter[str] = field(default_factory=Counter)
    """By group, the images that are not its smallest id, which is in every group."""

    def describe_complexity(self) -> Complexity:
        """Histogram and strata."""
        tenths = sorted({tenth for tenth, _ in self.complexity})
        return Complexity(
            strata=tuple(
                StratumGroup(
                    stratum=stratum,
                    images=sum(count for (_, each), count in self.complexity.items() if each == stratum),
                    weight=round(math.fsum(self.weights.get(stratum, ())), 3),
                )
                for stratum in STRATA
            ),
            bins=tuple(
                ComplexityBin(start=tenth / 10, **{stratum: self.complexity[tenth, stratum] for stratum in STRATA})
                for tenth in tenths
            ),
        )

    def describe_pictures(self) -> Pictures:
        """Formats and flags."""
        return Pictures(
            formats=in_order(self.formats),
            gzipped=self.flags["gzipped"],
            greyscale=self.flags["greyscale"],
            blurred=self.flags["blurred"],
            normalised=in_order(self.normalised),
        )

    def describe_near_duplicates(self) -> NearDuplicates:
        """Sizes of the groups of more than one."""
        largest = max(self.followers.values(), default=0)
        return NearDuplicates(
            groups=len(self.followers),
            images=self.followers.total() + len(self.followers),
            largest=largest + 1 if largest else 0,
        )

    def describe_splits(self) -> tuple[SplitGroup, ...]:
        """Every combination of split and holdout that occurs."""
        return tuple(
            SplitGroup(split=split, holdout=holdout, images=count)
            for split in SPLITS
            for holdout in get_args(Holdout)
            if (count := self.splits[split, holdout])
        )


def count_photographs(path: Path) -> Photographs:
    """Count over the rows of ``SelectedImage`` in a Parquet file.

    Raises:
        RunDirectoryError: it is missing, damaged, or lacks a column.
    """
    photographs = Photographs()
    with open_table(path, SelectedImage) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=_COLUMNS):
            _add(photographs, batch)
    return photographs


def _add(photographs: Photographs, rows: pa.RecordBatch) -> None:
    facts = rows["facts"]
    photographs.images += len(rows)
    # complexity is rounded to hundredths; as whole numbers these fall into their bins without a rounding error
    tenths = np.rint(facts.field("complexity").to_numpy() * 100).astype(np.int64) // 10
    photographs.complexity.update(_count_pairs(pa.array(tenths), rows["stratum"]))
    photographs.splits.update(_count_pairs(rows["split"], rows["holdout"]))
    photographs.formats.update(_count(facts.field("format")))
    photographs.normalised.update(_count(pc.list_flatten(facts.field("normalised"))))
    for name, flags in (("blurred", rows["blurred"]), *((n, facts.field(n)) for n in ("gzipped", "greyscale"))):
        photographs.flags[name] += flags.true_count
    is_follower = pc.not_equal(rows["duplicate_group"], rows["ref"].field("image_id"))
    photographs.followers.update(_count(rows["duplicate_group"].filter(is_follower)))
    for stratum in STRATA:
        weights = rows["weight"].filter(pc.equal(rows["stratum"], stratum)).to_pylist()
        # exact sums, so that the last digit does not depend on how a library adds
        photographs.weights.setdefault(stratum, []).append(math.fsum(weights))


def _count(values: pa.Array) -> Counter[str]:
    return Counter({row["values"]: row["counts"] for row in pc.value_counts(values).to_pylist()})


def _count_pairs(first: pa.Array, second: pa.Array) -> Counter[tuple[Any, str]]:
    pairs = pa.table({"first": first, "second": second}).group_by(["first", "second"]).aggregate([([], "count_all")])
    return Counter({(row["first"], row["second"]): row["count_all"] for row in pairs.to_pylist()})
