"""What became of the classes: by domain, by depth, by size, and which quotas were missed."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.taxonomy import Taxonomy
from schemas.config import DomainShare
from schemas.rejection import RejectReason
from schemas.selection_report import ClassGroup, DomainGroup, MissedClass, QuotaLevel, Quotas

WORST = 20
"""Missed classes that are named."""

SIZES = (1, 10, 50, 200, 500, 1000, 2000)
"""Where the ranges of class sizes begin, in indexed images."""

Name = TypeVar("Name", bound=str)

_COUNTS = ("indexed", "screened", "usable", "drawn")
_ALL_OF_IT = DomainShare()


def group_by_domain(classes: pa.Table, bounds: Mapping[str, DomainShare]) -> tuple[DomainGroup, ...]:
    """Sums per domain, the largest first. A domain that is bounded and has no class is there too."""
    names = sorted({*pc.unique(classes["domain"]).to_pylist(), *bounds})
    places = pc.index_in(classes["domain"], value_set=pa.array(names, pa.string()))
    groups = _group(classes, places.to_numpy(), names)
    drawn = sum(group.drawn for group in groups)
    domains = [
        DomainGroup(
            **group.model_dump(),
            share=group.drawn / drawn if drawn else 0.0,
            floor=bounds.get(group.name, _ALL_OF_IT).floor,
            cap=bounds.get(group.name, _ALL_OF_IT).cap,
        )
        for group in groups
    ]
    return tuple(sorted(domains, key=lambda group: (-group.drawn, group.name)))


def group_by_depth(classes: pa.Table) -> tuple[ClassGroup, ...]:
    """Sums per depth, from the shallowest to the deepest; depths without a class between them are there too."""
    depths = classes["depth"].to_numpy()
    first, last = (int(depths.min()), int(depths.max())) if len(depths) else (0, -1)
    return _group(classes, depths - first, [str(depth) for depth in range(first, last + 1)])


def group_by_size(classes: pa.Table) -> tuple[ClassGroup, ...]:
    """Sums per range of class sizes, empty ranges included."""
    places = np.searchsorted(SIZES, classes["indexed"].to_numpy(), side="right") - 1
    names = [f"{low}-{high - 1}" for low, high in itertools.pairwise(SIZES)]
    return _group(classes, places, [*names, f"{SIZES[-1]}+"])


def describe_quotas(classes: pa.Table, losses: Mapping[str, Mapping[RejectReason, int]], taxonomy: Taxonomy) -> Quotas:
    """Count the quotas that were met, and say what ate the candidates of those that were not.

    Args:
        classes: rows of ``ClassOutcome``.
        losses: rejected images by reason, at least of every class that missed its quota.
        taxonomy: names the classes.
    """
    outcomes = Counter(classes["outcome"].to_pylist())
    missed = list_missed(classes).to_pylist()
    short_reasons: Counter[RejectReason] = Counter()
    for row in missed:
        short_reasons.update(losses.get(row["wnid"], {}))
    worst = sorted(missed, key=lambda row: (row["drawn"] - row["quota"], row["wnid"]))[:WORST]
    unwanted = classes.filter(pc.equal(classes["outcome"], "unwanted"))
    return Quotas(
        met=outcomes["met"],
        missed=outcomes["missed"],
        unwanted=outcomes["unwanted"],
        unwanted_reasons=in_order(Counter(unwanted["reason"].to_pylist())),
        short=sum(max(0, row["quota"] - row["drawn"]) for row in missed),
        short_reasons=in_order(short_reasons),
        worst=tuple(_describe_missed(row, losses.get(row["wnid"], {}), taxonomy) for row in worst),
        levels=_count_levels(classes.filter(pc.not_equal(classes["outcome"], "unwanted"))),
    )


def list_missed(classes: pa.Table) -> pa.Table:
    """The classes that gave fewer images than their quota."""
    return classes.filter(pc.equal(classes["outcome"], "missed"))


def in_order(counts: Mapping[Name, int]) -> dict[Name, int]:
    """Counts with the largest first, and equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _group(classes: pa.Table, places: npt.NDArray[np.int64], names: Sequence[str]) -> tuple[ClassGroup, ...]:
    """Sum the classes up by their place among the names."""
    columns = {name: classes[name].to_numpy() for name in _COUNTS}
    weights = {"classes": np.ones_like(places), "drawn_from": columns["drawn"] > 0, **columns}
    sums = {name: np.zeros(len(names), np.int64) for name in weights}
    for name, weight in weights.items():
        np.add.at(sums[name], places, weight)
    return tuple(
        ClassGroup(name=name, **{field: int(values[place]) for field, values in sums.items()})
        for place, name in enumerate(names)
    )


def _describe_missed(row: Mapping[str, object], reasons: Mapping[RejectReason, int], taxonomy: Taxonomy) -> MissedClass:
    wnid = str(row["wnid"])
    name = taxonomy[wnid].lemmas[0] if wnid in taxonomy else ""
    kept = {field: row[field] for field in ("wnid", "domain", "indexed", "usable", "quota", "drawn")}
    return MissedClass.model_validate({**kept, "name": name, "reasons": in_order(reasons)})


def _count_levels(classes: pa.Table) -> tuple[QuotaLevel, ...]:
    quotas, drawn = (Counter(classes[name].to_pylist()) for name in ("quota", "drawn"))
    return tuple(
        QuotaLevel(images=images, quota=quotas[images], drawn=drawn[images]) for images in sorted({*quotas, *drawn})
    )
