"""Which selected images can be packed, and why the others cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from pipeline.packing.inputs import PackInputs, TeacherResults
from pipeline.tables import TableWriter, read_rows
from schemas.errors import ConservationError, DatasetError
from schemas.image import SPLITS, ImageRef, SelectedImage, Split
from schemas.rejection import Rejection, RejectReason, Stage


@dataclass(frozen=True, slots=True)
class Triage:
    """Selected = packed + rejected."""

    packed: dict[Split, list[str]]
    """Image ids by split, in the order of the draw."""
    rejected: dict[Stage, dict[RejectReason, int]]
    """Of all stages up to this one."""

    @property
    def images(self) -> int:
        """Number of images to pack."""
        return sum(map(len, self.packed.values()))


def triage(inputs: PackInputs, rejections: Path) -> Triage:
    """Sort the selection into images with a valid pair from every teacher, and the rest.

    All rejections, the earlier stages' first, are written to the Parquet file ``rejections``.

    Raises:
        ConservationError: the selection's rows are not those its manifest counts.
        DatasetError: nothing is left to pack.
    """
    packed: dict[Split, list[str]] = {split: [] for split in SPLITS}
    counts: Counter[tuple[Stage, RejectReason]] = Counter()
    sides = [_Side(results) for results in inputs.results]
    with TableWriter(rejections, Rejection) as writer:
        for stage in sorted(inputs.earlier_rejections, key=list(Stage).index):
            for rejection in read_rows(inputs.earlier_rejections[stage], Rejection):
                writer.add(rejection)
                counts[rejection.stage, rejection.reason] += 1
        for image in read_rows(inputs.selection, SelectedImage):
            fault = _find_fault(image.ref, sides)
            if fault is None:
                packed[image.split].append(image.ref.image_id)
            else:
                writer.add(fault)
                counts[fault.stage, fault.reason] += 1
    result = Triage(packed, _by_stage(counts))
    _check(result, inputs)
    return result


class _Side:
    """What one teacher made of the images, looked up by id."""

    def __init__(self, results: TeacherResults) -> None:
        self.name = results.teacher.name
        self.accepted: AbstractSet[str] = results.accepted_ids()
        self.failures: Mapping[str, tuple[RejectReason, str]] = results.failures()

    def find_fault(self, image_id: str) -> tuple[RejectReason, str] | None:
        if image_id in self.accepted:
            return None
        return self.failures.get(image_id, (RejectReason.NOT_GENERATED, f"{self.name}: not asked yet"))


def _find_fault(ref: ImageRef, sides: Sequence[_Side]) -> Rejection | None:
    """The rejection of an image with fewer valid pairs than teachers; its reason is that of the first such teacher."""
    faults = [fault for side in sides if (fault := side.find_fault(ref.image_id)) is not None]
    if not faults:
        return None
    return Rejection(
        image_id=ref.image_id,
        wnid=ref.wnid,
        stage=Stage.PACK,
        reason=faults[0][0],
        detail="; ".join(detail for _, detail in faults),
    )


def _by_stage(counts: Mapping[tuple[Stage, RejectReason], int]) -> dict[Stage, dict[RejectReason, int]]:
    """Counts as nested tables, stages and reasons in the order of their enums."""
    return {
        stage: {reason: counts[stage, reason] for reason in RejectReason if counts.get((stage, reason))}
        for stage in Stage
        if any(counted is stage for counted, _ in counts)
    }


def _check(result: Triage, inputs: PackInputs) -> None:
    lost = result.rejected.get(Stage.PACK, {})
    accounted = result.images + sum(lost.values())
    if accounted != inputs.manifest.drawn:
        raise ConservationError(
            f"packing: {inputs.manifest.drawn:,} images were selected but {accounted:,} are accounted for"
        )
    if not result.images:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in lost.items()) or "the selection is empty"
        raise DatasetError(
            f"no image has a valid pair from every teacher ({reasons})",
            "run the generation to its end, or look at the raw texts in the ledger",
        )
