"""Draw, screen what the draw had to guess, and draw again until nothing was guessed."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.progress import Progress, Task
from pipeline.screening import screen_all
from pipeline.selection.candidates import Candidates, Positions
from pipeline.selection.draw import Draw, Field, draw
from pipeline.selection.known import Verdicts, choose_pilot
from pipeline.selection.places import iterate_refs, take_rows
from pipeline.selection.turns import Turns
from pipeline.selection.verdicts import PLACE, VerdictStore
from pipeline.selection.windows import STRATA, UNKNOWN, States
from pipeline.sources.base import Source
from schemas.config import BuildConfig
from schemas.identity import rank
from schemas.manifest import Thresholds
from schemas.rejection import RejectReason

_USUAL_ROUNDS = 3
"""After so many a class of the usual kind has all it needs."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn from, and by which rules.

    Args:
        candidates: all that may be drawn.
        domains: of each of their classes.
        config: the whole build's.
    """

    candidates: Candidates
    domains: Sequence[str]
    config: BuildConfig

    def turns(self) -> Turns:
        """Whose turn it is, from the beginning."""
        selection = self.config.selection
        return Turns(self.candidates.sizes(), selection.alpha, self.domains, selection.domains)

    def draw(self, verdicts: Verdicts, states: States) -> Draw:
        """Draw once, with what is known."""
        seed, selection = self.config.seed, self.config.selection
        first = [rank(seed, f"stratum\n{wnid}") % STRATA for wnid in self.candidates.wnids]
        strata = first if selection.balance_complexity else None
        field = Field(self.candidates.starts, strata, states, verdicts.digest)
        return draw(field, self.turns(), selection.images)


@dataclass(frozen=True, slots=True)
class Settled:
    """A draw in which nothing was guessed, and what it rests on."""

    draw: Draw
    states: States
    verdicts: Verdicts
    thresholds: Thresholds

    @property
    def positions(self) -> Positions:
        """Of the drawn images, in the order of the draw."""
        return np.array(self.draw.accepted, np.int64)


def settle(drawing: Drawing, index: Path, source: Source, store: VerdictStore, progress: Progress) -> Settled:
    """Draw until nothing is guessed any more. Verdicts are kept as they come; those kept earlier are used.

    Raises:
        SourceError: an image cannot be read.
        RunDirectoryError: the index or a kept verdict is damaged.
    """
    candidates, seed = drawing.candidates, drawing.config.seed
    verdicts = Verdicts(candidates.sides, drawing.config.screening)
    with progress.task("screen", None, "images") as task:
        screening = _Screening(drawing, index, source, store, verdicts, progress, task)
        _recall(candidates, index, store, verdicts, seed)
        task.advance(len(verdicts))
        pilot = choose_pilot(candidates.ranks)
        screening.screen(verdicts.unseen(pilot))
        thresholds = verdicts.estimate(pilot)
        rounds = 0
        while True:
            rounds += 1
            states = verdicts.states(thresholds)
            drawn = drawing.draw(verdicts, states)
            sure = int(np.count_nonzero(states[np.array(drawn.accepted, np.int64)] != UNKNOWN))
            task.describe(f"round {rounds}: {sure:,} of {drawing.config.selection.images:,} drawn")
            if not drawn.unknown:
                return Settled(drawn, states, verdicts, thresholds)
            screening.screen(with_reserve(candidates, drawn, verdicts, rounds))


@dataclass(frozen=True, slots=True)
class _Screening:
    drawing: Drawing
    index: Path
    source: Source
    store: VerdictStore
    verdicts: Verdicts
    progress: Progress
    task: Task

    def screen(self, positions: Positions) -> None:
        """Screen candidates in the order in which they lie in the source."""
        if not len(positions):
            return
        positions = positions[np.argsort(self.drawing.candidates.rows[positions])]
        rows = self.drawing.candidates.rows[positions]
        self.task.expect(len(self.verdicts) + len(positions))
        self.source.prepare(iterate_refs(self.index, rows), self.progress)
        screened = screen_all(self.source, iterate_refs(self.index, rows), self.drawing.config.screening)
        for position, (_, verdict) in zip(positions.tolist(), self.store.keep(screened), strict=True):
            self.verdicts.add(position, verdict)
            self.task.advance()


def with_reserve(candidates: Candidates, drawn: Draw, verdicts: Verdicts, rounds: int) -> Positions:
    """What the draw guessed, and a few candidates more of each such class: as many as will be wanting.

    What is screened beyond need changes nothing in the outcome, and spares rounds, each of which may be a pass over a
    whole stream. A class that asks for the fourth time is worse than the others: as many again as were looked at,
    so that one of nothing but placeholders takes a dozen rounds and not a hundred.

    Args:
        candidates: all of them.
        drawn: a provisional draw.
        verdicts: what is known.
        rounds: how many draws there were, this one included.
    """
    unknown = np.array(drawn.unknown, np.int64)
    chosen, spoilage = [unknown], verdicts.spoilage
    for number, count in zip(*np.unique(candidates.classes_at(unknown), return_counts=True), strict=True):
        wanting = spoilage * count
        ahead = np.arange(drawn.reached[number], candidates.starts[number + 1])
        looked_at = drawn.reached[number] - candidates.starts[number]
        extra = max(math.ceil(wanting + math.sqrt(wanting)), looked_at if rounds > _USUAL_ROUNDS else 0)
        chosen.append(verdicts.unseen(ahead[: 4 * extra])[:extra])
    return np.concatenate(chosen)


def _recall(candidates: Candidates, index: Path, store: VerdictStore, verdicts: Verdicts, seed: int) -> None:
    """Take over the verdicts of an earlier, unfinished draw, as far as they are of the same bytes."""
    ids = [part["image_id"].combine_chunks() for part in store.parts()]
    if not ids:
        return
    found = candidates.locate(pa.concat_arrays(ids), seed)
    positions = np.unique(found[found >= 0])
    refs = take_rows(index, candidates.rows[positions])
    ends = np.cumsum([len(part) for part in ids])
    for part, places in zip(store.parts(), np.split(found, ends[:-1]), strict=True):
        known = places >= 0
        rows = part.append_column("position", pa.array(places)).filter(pa.array(known))
        here = refs.take(pa.array(np.searchsorted(positions, places[known])))
        same = functools.reduce(pc.and_, [pc.equal(rows[name], here[name]) for name in PLACE])
        _add_all(verdicts, rows.filter(same))


def _add_all(verdicts: Verdicts, rows: pa.Table) -> None:
    facts = [pc.struct_field(rows["facts"], name).to_pylist() for name in ("sha256", "complexity", "sharpness")]
    positions, reasons, details = (rows[name].to_pylist() for name in ("position", "reason", "detail"))
    for position, reason, detail, *measured in zip(positions, reasons, details, *facts, strict=True):
        if reason is None:
            verdicts.add_usable(position, *measured)
        else:
            verdicts.add_fault(position, RejectReason(reason), detail)
