"""Run directories with a finished selection, written by hand: no source, no screening, no draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.files import write_atomic
from pipeline.rundir import RunDirectory, open_run
from pipeline.sources import IndexSummary
from pipeline.tables import write_rows
from schemas.base import canonical_json
from schemas.config import DomainShare
from schemas.image import SPLITS, ImageFacts, ImageFormat, ImageRef, IndexedImage, SelectedImage, Split, Stratum
from schemas.loading import parse_config
from schemas.manifest import SelectionManifest, Thresholds
from schemas.rejection import Rejection, RejectReason, Stage
from schemas.selection import ClassOutcome, Outcome

TENCH, TABBY, DAHLIA, ROCKET, ASTRONAUT = "n01440764", "n02123045", "n11960245", "n04099429", "n09818022"
THRESHOLDS = Thresholds(pilot=100, complexity=(1.0, 2.0), sharpness=12.5)


def outcome(
    wnid: str,
    indexed: int,
    drawn: int,
    *,
    domain: str = "animal",
    depth: int = 5,
    usable: int | None = None,
    screened: int | None = None,
    quota: int | None = None,
    is_wanted: bool = True,
    reason: str = "",
) -> ClassOutcome:
    """A class; what is left out follows from the rest: everything screened was usable and drawn."""
    usable = drawn if usable is None else usable
    quota = drawn if quota is None else quota
    kind: Outcome = "unwanted" if not is_wanted else "missed" if drawn < quota else "met"
    return ClassOutcome(
        wnid=wnid,
        domain=domain,
        depth=depth,
        indexed=indexed,
        screened=usable if screened is None else screened,
        usable=usable,
        drawn=drawn,
        quota=quota,
        outcome=kind,
        reason=reason,
    )


def picture(
    wnid: str,
    number: int,
    *,
    complexity: float = 1.5,
    weight: float = 2.0,
    split: Split = "train",
    group: str | None = None,
    image_format: ImageFormat = "JPEG",
    greyscale: bool = False,
    blurred: bool = False,
    normalised: tuple[str, ...] = (),
) -> SelectedImage:
    """A drawn image; its stratum follows from its complexity."""
    image_id = f"{wnid}_{number}"
    middle, high = THRESHOLDS.complexity
    stratum: Stratum = "low" if complexity < middle else "middle" if complexity < high else "high"
    return SelectedImage(
        order=number,
        ref=ImageRef(image_id=image_id, wnid=wnid, container=f"{wnid}.tar", offset=512, size=1000),
        facts=ImageFacts(
            width=500,
            height=375,
            bytes=1000,
            sha256=f"{number:064x}",
            phash=f"{number:016x}",
            complexity=complexity,
            format=image_format,
            gzipped=False,
            greyscale=greyscale,
            sharpness=100.0,
            normalised=normalised,
        ),
        split=split,
        holdout="none" if split == "train" else "image",
        stratum=stratum,
        weight=weight,
        blurred=blurred,
        duplicate_group=group or image_id,
    )


def lost(wnid: str, number: int, reason: RejectReason, *, stage: Stage = Stage.SELECT, detail: str = "") -> Rejection:
    """A rejected image of a class."""
    return Rejection(
        image_id=f"{wnid}_{number}", wnid=wnid, stage=stage, reason=reason, detail=detail or f"{reason} here"
    )


@dataclass
class Told:
    """What a selection came to, as it is to be written down."""

    classes: Sequence[ClassOutcome]
    drawn: Sequence[SelectedImage]
    lost: Sequence[Rejection] = ()
    lost_in_index: Sequence[Rejection] = ()
    domains: Mapping[str, DomainShare] = field(default_factory=dict)
    companions: int = 0
    thresholds: Thresholds = THRESHOLDS

    def write(self, path: Path) -> RunDirectory:
        """Write a run directory whose counts agree."""
        bounds = {name: share.model_dump() for name, share in self.domains.items()}
        config = parse_config(
            f"""
            source: {{path: somewhere}}
            selection: {{domains: {bounds}}}
            teachers: [{{name: glm-4.1v-9b-thinking, engine: {{kind: pixels}}}}]
            """,
            "c.yaml",
        )
        run = open_run(path, config)
        self._write_index(run)
        write_rows(run.selection / "classes.parquet", self.classes, ClassOutcome)
        write_rows(run.selection / "selection.parquet", self.drawn, SelectedImage)
        write_rows(run.selection / "rejections.parquet", self.lost, Rejection)
        write_manifest(run, self.manifest())
        return run

    def manifest(self) -> SelectionManifest:
        """The manifest that says the same."""
        candidates = sum(each.indexed for each in self.classes)
        groups = Counter(image.duplicate_group for image in self.drawn)
        return SelectionManifest(
            seed=3,
            target=len(self.drawn) + 1,
            candidates=candidates,
            left_over=candidates - len(self.drawn) - len(self.lost),
            rejected=_count(self.lost),
            near_duplicate_groups=sum(size > 1 for size in groups.values()),
            rule="turns",
            thresholds=self.thresholds,
            screening="1",
            taxonomy_sha256="0" * 64,
            versions={},
            ids={split: tuple(image.ref.image_id for image in self.drawn if image.split == split) for split in SPLITS},
        ).signed()

    def _write_index(self, run: RunDirectory) -> None:
        images = sum(each.indexed for each in self.classes)
        write_rows(run.index / "index.parquet", [], IndexedImage)
        write_rows(run.index / "rejections.parquet", self.lost_in_index, Rejection)
        summary = IndexSummary(
            form="tars",
            place="somewhere",
            containers=len(self.classes),
            entries=images + len(self.lost_in_index) + self.companions,
            images=images,
            companions=self.companions,
            rejected=_count(self.lost_in_index),
            examples={},
            bytes=1000 * images,
            known_dimensions=images,
            of_224=0,
            resized=False,
        )
        write_atomic(run.index / "index.json", canonical_json(summary.model_dump(mode="json")))


def write_manifest(run: RunDirectory, manifest: SelectionManifest) -> None:
    """Put a manifest in the place of the run's."""
    write_atomic(run.selection / "selection.json", canonical_json(manifest.model_dump(mode="json")))


def small_selection() -> Told:
    """Two met classes, one that missed its quota, one that is not wanted."""
    return Told(
        classes=[
            outcome(TENCH, 60, 4, depth=11, screened=6, usable=5),
            outcome(TABBY, 1200, 3, depth=13),
            outcome(DAHLIA, 9, 1, domain="plant", depth=11, screened=9, usable=1, quota=3),
            outcome(ASTRONAUT, 2, 0, domain="person", depth=8, is_wanted=False, reason="excluded_synset"),
        ],
        drawn=[
            picture(TENCH, 1, complexity=0.99, weight=10.5),
            picture(TENCH, 2, complexity=0.3, group=f"{TENCH}_1", greyscale=True),
            picture(TENCH, 3, complexity=1.0, blurred=True, normalised=("exif_transpose", "icc")),
            picture(TENCH, 4, complexity=1.09, split="benchmark"),
            picture(TABBY, 5, complexity=2.29, image_format="PNG"),
            picture(TABBY, 6, complexity=2.2, group=f"{TABBY}_5", split="benchmark", normalised=("icc",)),
            picture(TABBY, 7, complexity=2.21, group=f"{TABBY}_5"),
            picture(DAHLIA, 8, complexity=1.05),
        ],
        lost=[
            *(lost(ASTRONAUT, number, RejectReason.EXCLUDED_SYNSET) for number in range(2)),
            lost(TENCH, 20, RejectReason.BLANK),
            *(lost(DAHLIA, number, RejectReason.TOO_SMALL) for number in range(20, 27)),
            lost(DAHLIA, 30, RejectReason.EXACT_DUPLICATE, detail=f"same bytes as {DAHLIA}_8"),
        ],
        lost_in_index=[
            Rejection(
                image_id="",
                wnid="",
                stage=Stage.INDEX,
                reason=RejectReason.NOT_AN_IMAGE_ID,
                detail="n01440764.tar: <script>alert('&')</script>.txt",
            ),
        ],
        companions=5,
    )


def _count(rejections: Iterable[Rejection]) -> dict[RejectReason, int]:
    return dict(Counter(rejection.reason for rejection in rejections))
