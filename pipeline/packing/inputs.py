"""What a dataset is a function of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.sources.base import Source
from pipeline.taxonomy import Taxonomy
from prompts import Prompt
from schemas.completion import Completion, PairStatus, ThinkingAnswer
from schemas.config import BuildConfig
from schemas.identity import GenerationIdentity
from schemas.manifest import SelectionManifest
from schemas.rejection import RejectReason, Stage
from schemas.teacher import TeacherSpec

Parse = Callable[[Completion], ThinkingAnswer]


class TeacherResults(Protocol):
    """One teacher's side of the ledger. Ids may reach beyond the selection; what is not selected is not packed."""

    @property
    def teacher(self) -> TeacherSpec:
        """Who was asked."""

    @property
    def identity(self) -> GenerationIdentity:
        """The way of generating that the completions share."""

    @property
    def parse(self) -> Parse:
        """Reads a stored text. It is sent to worker processes, so it must pickle, and should be small."""

    def accepted_ids(self) -> AbstractSet[str]:
        """Images with a valid pair."""

    def failures(self) -> Mapping[str, tuple[RejectReason, str]]:
        """For images that were asked and have no valid pair: why, and a sentence on it that names the teacher.

        An image that is neither here nor among the accepted ones was not asked yet.
        """

    def attempts(self, image_ids: AbstractSet[str]) -> Mapping[PairStatus, int]:
        """Attempts on these images up to the accepted one, by what the parser makes of the text."""

    def accepted(self) -> Iterator[Completion]:
        """Exactly one valid completion per accepted image, in any order, as a stream."""


@dataclass(frozen=True, slots=True)
class PackInputs:
    """Selection, ledger and configuration: everything that decides the dataset's bytes."""

    config: BuildConfig
    prompt: Prompt
    taxonomy: Taxonomy
    source: Source
    selection: Path
    """Parquet file of ``SelectedImage`` rows."""
    manifest: SelectionManifest
    results: Sequence[TeacherResults]
    """In the order in which the teachers' pairs stand in a record."""
    earlier_rejections: Mapping[Stage, Path]
    """Parquet files of ``Rejection`` rows of the stages before this one."""
