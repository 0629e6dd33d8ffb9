"""From what was read of a teacher to its status: who writes, how fast, how long yet."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

from pipeline.generation.retries import LADDER
from pipeline.watching.teacher import PartNote, TeacherWatch
from schemas.status import Rate, RungStatus, TeacherStatus, WorkerStatus

LATELY_MINUTES = 15.0
"""What counts as lately. Parts are closed every few seconds, but the first texts of a window of long ones take minutes,
and so does loading the model of the next chunk."""


def describe_teacher(watch: TeacherWatch, selected: Collection[str], chunks: Path, now: float) -> TeacherStatus:
    """Count where each selected image stands.

    Args:
        watch: what was read.
        selected: ids of all images of the build.
        chunks: where chunks are written down.
        now: seconds since the epoch.
    """
    done, given_up = _settle(watch, selected)
    to_ask = len(selected) - done - given_up.total()
    lately = _rate_lately(watch.notes, now)
    folder = chunks / f"teacher={watch.setup.name}"
    return TeacherStatus(
        teacher=watch.setup.name,
        state="done" if selected and not to_ask else "begun" if watch.notes else "to do",
        selected=len(selected),
        done=done,
        given_up=given_up.total(),
        to_ask=to_ask,
        given_up_by_reason=dict(_ranked(given_up)),
        attempts=watch.rungs.asked.total() + watch.rungs.superseded,
        superseded=watch.rungs.superseded,
        failed_attempts=dict(_ranked(Counter({status.value: count for status, count in watch.failed.items()}))),
        rungs=tuple(
            RungStatus(rung=rung.value, asked=asked, accepted=watch.rungs.accepted[rung])
            for rung in LADDER
            if (asked := watch.rungs.asked[rung])
        ),
        lately=lately,
        since_start=_rate_since_start(watch.notes),
        minutes_left=to_ask / lately.images_per_minute if lately and lately.images_per_minute else None,
        chunks_cut=sum(1 for _ in folder.glob("*.parquet")),
        chunks_begun=sum(1 for _ in folder.glob("*.begun")),
        workers=_describe_workers(watch.notes, now, at_work=to_ask > 0),
    )


def _settle(watch: TeacherWatch, selected: Collection[str]) -> tuple[int, Counter[str]]:
    """How many selected images have a valid pair, and how many are given up, by the last status."""
    done, given_up = 0, Counter[str]()
    for image_id in selected:
        standing = watch.standings.get(image_id)
        if standing is None or watch.is_pending(image_id):
            continue
        if standing.accepted is not None:
            done += 1
        elif standing.status is not None:
            given_up[standing.status.value] += 1
    return done, given_up


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent first; ties by name, since the ledger's order is another one each time."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _rate_lately(notes: Sequence[PartNote], now: float) -> Rate | None:
    if not notes:
        return None
    age = (now - min(note.began for note in notes)) / 60
    return _rate(_since(notes, now), min(LATELY_MINUTES, max(age, 0.0)))


def _rate_since_start(notes: Sequence[PartNote]) -> Rate | None:
    if not notes:
        return None
    return _rate(notes, (max(note.ended for note in notes) - min(note.began for note in notes)) / 60)


def _since(notes: Sequence[PartNote], now: float) -> list[PartNote]:
    return [note for note in notes if note.ended > now - 60 * LATELY_MINUTES]


def _rate(notes: Sequence[PartNote], minutes: float) -> Rate:
    images, tokens = sum(note.settled for note in notes), sum(note.tokens for note in notes)
    return Rate(
        minutes=minutes,
        images_per_minute=images / minutes if minutes else 0.0,
        tokens_per_second=tokens / minutes / 60 if minutes else 0.0,
    )


def _describe_workers(notes: Sequence[PartNote], now: float, *, at_work: bool) -> tuple[WorkerStatus, ...]:
    written: defaultdict[str, list[PartNote]] = defaultdict(list)
    for note in notes:
        if note.worker is not None:
            written[note.worker].append(note)
    workers = [_describe_worker(worker, theirs, now, at_work=at_work) for worker, theirs in written.items()]
    return tuple(sorted(workers, key=lambda worker: (worker.seconds_since, worker.worker)))


def _describe_worker(worker: str, notes: Sequence[PartNote], now: float, *, at_work: bool) -> WorkerStatus:
    lately = _since(notes, now)
    return WorkerStatus(
        worker=worker,
        state="idle" if not at_work else "writing" if lately else "silent",
        parts=len(notes),
        attempts=sum(note.attempts for note in notes),
        images=sum(note.settled for note in notes),
        images_lately=sum(note.settled for note in lately),
        seconds_since=max(0.0, now - max(note.ended for note in notes)),
    )
