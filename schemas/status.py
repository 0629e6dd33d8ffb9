"""How far a build has come, as its run directory says: what `imagenet-think status --json` prints."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.base import Contract, Count

StageState = Literal["to do", "begun", "done"]


class StageStatus(Contract):
    """One stage that is not counted by teacher."""

    stage: Literal["index", "select", "pack", "verify"]
    state: StageState
    images: Count | None
    """That the stage let through; ``None`` until it is done."""


class Rate(Contract):
    """How fast a teacher's images are settled."""

    minutes: float = Field(ge=0)
    """Over which time; stops of a build that was interrupted count."""
    images_per_minute: float = Field(ge=0)
    """Images settled: with a valid pair, or given up."""
    tokens_per_second: float = Field(ge=0)
    """Tokens of all attempts' texts, failed ones too."""


class RungStatus(Contract):
    """What one rung of the retry ladder yielded, over all starts; an attempt that two workers doubled counts twice."""

    rung: str
    asked: Count
    accepted: Count


class WorkerStatus(Contract):
    """Somebody who writes a teacher's part of the ledger."""

    worker: str
    """Its name; empty in ledgers of older versions."""
    state: Literal["writing", "silent", "idle"]
    """``silent``: wrote nothing lately while there is still something to ask; ``idle``: the same when there is not."""
    parts: Count
    attempts: Count
    images: Count
    """That it settled; one that a contradicting double opened again counts for each who did."""
    images_lately: Count
    """Of these, in the time that ``TeacherStatus.lately`` is about."""
    seconds_since: float = Field(ge=0)
    """Since the last text that it wrote down was finished."""


class TeacherStatus(Contract):
    """One teacher's part of the generation: selected = done + given_up + to_ask."""

    teacher: str
    state: StageState
    selected: Count
    done: Count
    """Images with a valid pair."""
    given_up: Count
    """Images that are not asked again although they have none."""
    to_ask: Count
    """Images that are still to be asked, for the first time or again."""
    given_up_by_reason: dict[str, Count]
    """By the last attempt's status."""
    attempts: Count
    """Rows of the ledger, superseded ones too."""
    superseded: Count
    """Attempts that were cut off at a smaller ``max_tokens`` than today's."""
    failed_attempts: dict[str, Count]
    """Attempts without a valid pair by status, without superseded ones."""
    rungs: tuple[RungStatus, ...]
    """Those that were reached, in the order of the ladder."""
    lately: Rate | None
    """``None`` where nothing was ever asked."""
    since_start: Rate | None
    """From the first request to the last text."""
    minutes_left: float | None = Field(ge=0)
    """At the rate of ``lately``; ``None`` where that is nothing."""
    chunks_cut: Count
    """Pieces of work that were handed to a pool of workers."""
    chunks_begun: Count
    """Of these, pieces that a worker began to ask."""
    workers: tuple[WorkerStatus, ...]
    """The one that was heard last first."""


class DatasetStatus(Contract):
    """What was packed last."""

    selected: Count
    packed: Count
    shards: Count
    size: Count
    """Bytes of the shards."""


class RunStatus(Contract):
    """A run directory at one moment."""

    run_dir: str
    at: float
    """When it was looked at; seconds since the epoch."""
    stages: tuple[StageStatus, ...]
    """Index, select, pack and verify."""
    teachers: tuple[TeacherStatus, ...]
    dataset: DatasetStatus | None
    """``None`` until a dataset is complete."""
