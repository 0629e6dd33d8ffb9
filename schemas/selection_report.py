"""What a selection came to: counts of the classes, the losses and the photographs.

:class:`SelectionReport` is the whole report, a function of the run directory's files. :class:`ReportRow` is the same as
a flat table, for whoever has a data frame and no wish for our classes.
"""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract, Sha256, Wnid
from schemas.image import Holdout, Split, Stratum
from schemas.manifest import Thresholds
from schemas.rejection import RejectReason, Stage


class ClassGroup(Contract):
    """Sums over classes that have something in common: indexed >= screened >= usable >= drawn, in images."""

    name: str
    """What they share: a domain, a depth below ``entity`` (in steps), or a range of sizes (in indexed images)."""
    classes: int = Field(ge=0)
    drawn_from: int = Field(ge=0)
    """Classes of which at least one image was drawn."""
    indexed: int = Field(ge=0)
    screened: int = Field(ge=0)
    usable: int = Field(ge=0)
    drawn: int = Field(ge=0)


class DomainGroup(ClassGroup):
    """The classes of one domain, and the bounds that the configuration sets it."""

    share: float = Field(ge=0, le=1)
    """Of the drawn images."""
    floor: float = Field(ge=0, le=1)
    cap: float = Field(ge=0, le=1)


class MissedClass(Contract):
    """A class that gave fewer images than its quota."""

    wnid: Wnid
    name: str
    """Its most usual lemma; empty for a class that the taxonomy does not hold."""
    domain: str
    indexed: int = Field(ge=0)
    usable: int = Field(ge=0)
    quota: int = Field(ge=0)
    drawn: int = Field(ge=0)
    reasons: dict[RejectReason, int]
    """What became of its other images, the most frequent reason first."""


class QuotaLevel(Contract):
    """How many classes have this number of images."""

    images: int = Field(ge=0)
    quota: int = Field(ge=0)
    """Classes whose quota it is."""
    drawn: int = Field(ge=0)
    """Classes of which so many were drawn."""


class Quotas(Contract):
    """What became of the classes: met + missed + unwanted = all that the source holds."""

    met: int = Field(ge=0)
    missed: int = Field(ge=0)
    unwanted: int = Field(ge=0)
    unwanted_reasons: dict[str, int]
    """Classes by the reason for which they are not wanted, the most frequent first."""
    short: int = Field(ge=0)
    """Images that the missed classes lack; other classes gave them, as far as they could."""
    short_reasons: dict[RejectReason, int]
    """Rejected images of all missed classes, the most frequent reason first."""
    worst: tuple[MissedClass, ...]
    """The twenty that lack most; of equals the smallest wnid first."""
    levels: tuple[QuotaLevel, ...]
    """Of the wanted classes, in ascending order of images."""


class Example(Contract):
    """A rejected image, or, with an empty id, whatever the detail names."""

    image_id: str
    detail: str


class Loss(Contract):
    """All that was rejected for one reason."""

    stage: Stage
    reason: RejectReason
    images: int = Field(gt=0)
    examples: tuple[Example, ...]
    """The first five in the order of the stage's own table."""


class ComplexityBin(Contract):
    """Drawn images with a complexity in [start, start + 0.1) bits per pixel, by stratum."""

    start: float = Field(ge=0)
    low: int = Field(ge=0)
    middle: int = Field(ge=0)
    high: int = Field(ge=0)


class StratumGroup(Contract):
    """The drawn images of one stratum."""

    stratum: Stratum
    images: int = Field(ge=0)
    weight: float = Field(ge=0)
    """Images of the collection that they stand for together."""


class Complexity(Contract):
    """How cluttered the drawn pictures are."""

    strata: tuple[StratumGroup, ...]
    bins: tuple[ComplexityBin, ...]
    """Those that are not empty, in ascending order."""


class Pictures(Contract):
    """What the drawn files are, in images."""

    formats: dict[str, int]
    gzipped: int = Field(ge=0)
    greyscale: int = Field(ge=0)
    blurred: int = Field(ge=0)
    normalised: dict[str, int]
    """By what has to be done to make the pixels upright 8-bit sRGB; an image may need several."""


class NearDuplicates(Contract):
    """Drawn images that look alike."""

    groups: int = Field(ge=0)
    images: int = Field(ge=0)
    """In these groups."""
    largest: int = Field(ge=0)


class SplitGroup(Contract):
    """The drawn images of one split that are held out one way."""

    split: Split
    holdout: Holdout
    images: int = Field(ge=0)


class SelectionReport(Contract):
    """The whole report.

    Entries = companions + lost in the index + candidates; candidates = lost in the draw + left over + drawn.
    """

    selection: Sha256
    """Digest of the selection's manifest."""
    form: str
    """In which the source is held."""
    resized: bool
    """The source looks like ``imagenet21k_resized``, whose pictures are squashed to 224 by 224 pixels."""
    seed: int
    target: int = Field(gt=0)
    rule: str
    """By which classes share the draw."""
    thresholds: Thresholds
    entries: int = Field(ge=0)
    """Everything that lies in the source."""
    companions: int = Field(ge=0)
    """Sidecars that belong to images."""
    candidates: int = Field(ge=0)
    """Indexed images."""
    left_over: int = Field(ge=0)
    drawn: int = Field(ge=0)
    domains: tuple[DomainGroup, ...]
    """The one with the most drawn images first."""
    depths: tuple[ClassGroup, ...]
    sizes: tuple[ClassGroup, ...]
    quotas: Quotas
    losses: tuple[Loss, ...]
    """In the order of the stages and of their checks."""
    complexity: Complexity
    pictures: Pictures
    near_duplicates: NearDuplicates
    splits: tuple[SplitGroup, ...]

    def lost_in(self, stage: Stage) -> int:
        """Images (or stray files) that a stage rejected."""
        return sum(loss.images for loss in self.losses if loss.stage is stage)


class ReportRow(Contract):
    """One number or one text of the report.

    The name of a section is that of a field of :class:`SelectionReport` (``total`` for the report's own numbers), the
    measure that of a field below it, and the key tells the groups of a section apart.
    """

    section: str
    key: str
    measure: str
    value: float | None
    """A count, a share or a measurement; null where ``text`` says it."""
    text: str | None
