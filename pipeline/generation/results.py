"""What the ledger says of each image: done, used up, or still to be asked."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.generation.ledger import LedgerReader
from pipeline.generation.retries import FINAL
from pipeline.tables import read_columns, read_rows
from pipeline.teachers import PARSER_VERSION
from schemas.completion import Completion, FinishReason, PairStatus, Rung, ThinkingAnswer
from schemas.identity import GenerationIdentity
from schemas.rejection import RejectReason
from schemas.teacher import TeacherSpec

Parse = Callable[[str, FinishReason], ThinkingAnswer]
"""A teacher's grammar, with the prompt's language filled in."""


@dataclass(slots=True)
class Standing:
    """How far one image has come with one teacher."""

    last_attempt: int = 0
    spent: int = 0
    """Bit n is set when attempt n counts under the present ``max_tokens``."""
    status: PairStatus | None = None
    """Of the accepted attempt, or else of the last one."""
    accepted: int | None = None
    """The smallest attempt whose text is a valid pair."""
    rows_of_accepted: int = 0
    """More than one when two workers did the same work; their texts may differ."""

    def note(self, attempt: int, status: PairStatus, *, counts: bool) -> None:
        """Take one row into account; the rows' order does not matter."""
        if status is PairStatus.OK:
            if self.accepted is None or attempt < self.accepted:
                self.accepted, self.rows_of_accepted, self.status = attempt, 0, status
            self.rows_of_accepted += attempt == self.accepted
        elif self.accepted is None and (self.status is None or (attempt, status) > (self.last_attempt, self.status)):
            self.status = status  # of two that did the same attempt, the same one whoever wrote first
        if counts:
            self.spent |= 1 << attempt
        self.last_attempt = max(self.last_attempt, attempt)

    @property
    def attempts_spent(self) -> int:
        """How many attempts count."""
        return self.spent.bit_count()

    def is_pending(self, max_attempts: int) -> bool:
        """Whether the teacher is to be asked (again)."""
        return self.status not in FINAL and self.attempts_spent < max_attempts


@dataclass(slots=True)
class RungCounts:
    """What each rung of the ladder was asked and what it yielded, over all starts of a run.

    Rows are counted: an attempt that two workers doubled was asked twice.
    """

    asked: Counter[Rung] = field(default_factory=Counter)
    accepted: Counter[Rung] = field(default_factory=Counter)
    """Of ``asked``, texts that are valid pairs."""
    superseded: int = 0
    """Attempts cut off at a smaller ``max_tokens`` than today's. They count for no rung: the image is asked again."""


def parse_completion(parse: Parse, completion: Completion) -> ThinkingAnswer:
    """Read a stored text by a teacher's grammar."""
    return parse(completion.text, completion.finish_reason)


class LedgerResults:
    """One teacher's side of the ledger, with the stored texts read by today's parser.

    A row cut off at a smaller token limit than today's is evidence, not an attempt: raising ``max_tokens`` asks these
    images again and keeps everything that was finished.

    Args:
        directory: where the parts lie.
        teacher: whose they are.
        identity: the way of generating that wrote them.
        parse: the teacher's grammar.
        max_tokens: today's limit.
        chunk: only what was written for this chunk; everything when left out.
    """

    def __init__(
        self,
        directory: Path,
        teacher: TeacherSpec,
        identity: GenerationIdentity,
        parse: Parse,
        max_tokens: int,
        chunk: str | None = None,
    ) -> None:
        self.teacher = teacher
        self.identity = identity
        self.directory = directory
        self._reader = LedgerReader(directory, chunk)
        self._parse = parse
        self._max_tokens = max_tokens
        self._standings: dict[str, Standing] | None = None

    @property
    def standings(self) -> Mapping[str, Standing]:
        """Per image that was asked; read once, from the small columns alone."""
        if self._standings is None:
            self._standings = {}
            for part in self._reader.parts():
                self.tally(part, self._standings)
        return self._standings

    def accepted_ids(self) -> set[str]:
        """Images with a valid pair."""
        return {image_id for image_id, standing in self.standings.items() if standing.accepted is not None}

    def failures(self) -> Mapping[str, tuple[RejectReason, str]]:
        """Why images that were asked have no valid pair."""
        return {
            image_id: (
                RejectReason(standing.status.value),
                f"{self.teacher.name}: {standing.status} after {standing.last_attempt} attempt(s)",
            )
            for image_id, standing in self.standings.items()
            if standing.accepted is None and standing.status is not None
        }

    def given_up(self, max_attempts: int) -> Counter[PairStatus]:
        """Images that are not asked again although they have no valid pair, by their last status."""
        return Counter(
            standing.status
            for standing in self.standings.values()
            if standing.status is not None and standing.accepted is None and not standing.is_pending(max_attempts)
        )

    def attempts(self, image_ids: AbstractSet[str]) -> Counter[PairStatus]:
        """Count the attempts on these images by status, up to each image's accepted one.

        What a restart or a second worker did over again, and what was cut off at a smaller ``max_tokens``, counts for
        nothing, so that the counts do not depend on how often a run was interrupted.
        """
        failed: dict[tuple[str, int], PairStatus] = {}
        for image_id, attempt, limit, status in self._outcomes():
            if image_id not in image_ids or status is PairStatus.OK or self.is_cut_short(status, limit):
                continue
            accepted = self.standings[image_id].accepted
            if accepted is None or attempt < accepted:
                failed[image_id, attempt] = min(status, failed.get((image_id, attempt), status))
        counts = Counter(failed.values())
        counts[PairStatus.OK] = len(self.accepted_ids() & image_ids)
        return counts

    def count_rungs(self) -> RungCounts:
        """Count the ledger's rows by rung, from the small columns alone."""
        counts = RungCounts()
        for part in self._reader.parts():
            for (rung, status, max_tokens), rows in self._count_part(part).items():
                if self.is_cut_short(status, max_tokens):
                    counts.superseded += rows
                else:
                    counts.asked[rung] += rows
                    counts.accepted[rung] += rows if status is PairStatus.OK else 0
        return counts

    def rows(self) -> Iterator[Completion]:
        """Every attempt as it was written down, in the ledger's order."""
        return self._reader.rows()

    def accepted(self) -> Iterator[Completion]:
        """Exactly one valid completion per image, in the ledger's order.

        Where workers have doubled an attempt, the text with the smallest bytes is taken, so that the choice depends on
        what is in the ledger and not on who wrote first.
        """
        doubled = self._settle_doubles()
        given: set[str] = set()
        for completion in self._accepted_rows():
            image_id = completion.image_id
            if image_id not in given and completion.raw == doubled.get(image_id, completion.raw):
                given.add(image_id)
                yield completion

    def parts(self) -> list[Path]:
        """The parts that are read, by name."""
        return self._reader.parts()

    def tally(self, part: Path, standings: dict[str, Standing]) -> set[str]:
        """Take a part's rows into account.

        Args:
            part: its file.
            standings: what other parts came to; changed.

        Returns:
            The images that it holds rows of.
        """
        images = set()
        for image_id, attempt, max_tokens, status in self._outcomes_of(part):
            images.add(image_id)
            counts = not self.is_cut_short(status, max_tokens)
            standings.setdefault(image_id, Standing()).note(attempt, status, counts=counts)
        return images

    @property
    def parse(self) -> Callable[[Completion], ThinkingAnswer]:
        """Reads a stored text with today's parser; small, and fit to be sent to other processes."""
        return functools.partial(parse_completion, self._parse)

    def is_cut_short(self, status: PairStatus, max_tokens: int) -> bool:
        """Whether a row is evidence and no attempt: its text was cut off at a smaller limit than today's."""
        return status is PairStatus.TRUNCATED and max_tokens < self._max_tokens

    def _outcomes(self) -> Iterator[tuple[str, int, int, PairStatus]]:
        for part in self._reader.parts():
            yield from self._outcomes_of(part)

    def _outcomes_of(self, part: Path) -> Iterator[tuple[str, int, int, PairStatus]]:
        """Image, attempt, token limit and status of every row; raw texts are read only where the parser was another."""
        columns = read_columns(part, ["image_id", "attempt", "max_tokens", "status", "parser"])
        if columns["parser"].unique().to_pylist() == [PARSER_VERSION]:
            rows = zip(*(columns[name].to_pylist() for name in columns.column_names[:4]), strict=True)
            yield from ((image_id, attempt, limit, PairStatus(status)) for image_id, attempt, limit, status in rows)
        else:
            for row in read_rows(part, Completion):
                yield row.image_id, row.attempt, row.max_tokens, self.parse(row).status

    def _count_part(self, part: Path) -> Counter[tuple[Rung, PairStatus, int]]:
        columns = read_columns(part, ["rung", "status", "max_tokens", "parser"])
        if columns["parser"].unique().to_pylist() != [PARSER_VERSION]:
            return Counter((row.rung, self._status(row), row.max_tokens) for row in read_rows(part, Completion))
        keys = ["rung", "status", "max_tokens"]
        groups = columns.group_by(keys).aggregate([([], "count_all")]).to_pylist()
        return Counter(
            {(Rung(row["rung"]), PairStatus(row["status"]), row["max_tokens"]): row["count_all"] for row in groups}
        )

    def _accepted_rows(self) -> Iterator[Completion]:
        """Rows that hold an accepted attempt's valid text: one per image, or more where work was doubled."""
        for row in self._reader.rows():
            if row.attempt == self.standings[row.image_id].accepted and self._status(row) is PairStatus.OK:
                yield row

    def _status(self, row: Completion) -> PairStatus:
        return row.status if row.parser == PARSER_VERSION else self.parse(row).status

    def _settle_doubles(self) -> dict[str, bytes]:
        doubled = {image_id for image_id, standing in self.standings.items() if standing.rows_of_accepted > 1}
        texts: dict[str, bytes] = {}
        if doubled:
            for row in self._accepted_rows():
                if row.image_id in doubled:
                    texts[row.image_id] = min(row.raw, texts.get(row.image_id, row.raw))
        return texts
