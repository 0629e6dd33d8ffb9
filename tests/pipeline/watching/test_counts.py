"""The counts of a teacher add up, whatever its ledger holds, and say what the ledger's own reader says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dispatch.chunks import beginning_file, write_chunk
from pipeline.generation import read_results
from pipeline.stages import Build
from schemas.chunk import ChunkImage
from schemas.completion import Completion, PairStatus, Rung
from schemas.errors import RunDirectoryError
from schemas.status import RungStatus
from tests.pipeline.watching.world import IDS, MAX_TOKENS, TEACHER, HandWritten, attempt, look_at_teacher, watch

ROWS = st.builds(
    attempt,
    image_id=st.sampled_from(IDS),
    number=st.integers(1, 4),
    status=st.sampled_from(PairStatus),
    max_tokens=st.sampled_from([MAX_TOKENS // 2, MAX_TOKENS]),
    rung=st.sampled_from(Rung),
)
PARTS = st.lists(st.tuples(st.lists(ROWS, min_size=1, max_size=4), st.sampled_from(["node1", "node2"])), max_size=6)


@settings(max_examples=40)
@given(parts=PARTS)
def test_selected_is_done_and_given_up_and_still_to_ask(
    selected: Build, parts: list[tuple[list[Completion], str]]
) -> None:
    ledger = HandWritten(selected)
    kept_up = watch(selected)
    for rows, worker in parts:
        ledger.add(rows, worker)
        kept_up.look()
    teacher = look_at_teacher(selected)
    assert kept_up.look().teachers == (teacher,), "one look at the end sees what many looks saw"
    assert teacher.selected == len(IDS) == teacher.done + teacher.given_up + teacher.to_ask
    results = read_results(ledger.setup, selected.run.ledger)
    assert results is not None
    assert teacher.done == len(results.accepted_ids())
    assert teacher.given_up_by_reason == {status.value: count for status, count in results.given_up(4).items()}
    assert teacher.attempts == sum(len(rows) for rows, _ in parts)
    rungs = sum(rung.asked for rung in teacher.rungs)
    failed, accepted = sum(teacher.failed_attempts.values()), sum(rung.accepted for rung in teacher.rungs)
    assert rungs + teacher.superseded == teacher.attempts
    assert failed + accepted == rungs
    assert sum(worker.images for worker in teacher.workers) >= teacher.done + teacher.given_up


def test_every_rung_shows_its_yield_and_what_is_given_up_its_reason(selected: Build, ledger: HandWritten) -> None:
    ledger.add([attempt(IDS[0], 1), attempt(IDS[1], 1, PairStatus.NO_THINK), attempt(IDS[2], 1, PairStatus.REFUSED)])
    ledger.add([attempt(IDS[1], 2, rung=Rung.NEW_SEED), attempt(IDS[3], 1, PairStatus.TRUNCATED, max_tokens=10)])
    teacher = look_at_teacher(selected)
    assert (teacher.state, teacher.done, teacher.given_up, teacher.to_ask) == ("begun", 2, 1, 5)
    assert teacher.given_up_by_reason == {"refused": 1}
    assert teacher.failed_attempts == {"no_think": 1, "refused": 1}
    assert teacher.superseded == 1
    assert teacher.rungs == (
        RungStatus(rung="as_is", asked=3, accepted=1),
        RungStatus(rung="new_seed", asked=1, accepted=1),
    )


def test_an_image_that_a_contradicting_double_opened_again_counts_for_each_who_settled_it(
    selected: Build, ledger: HandWritten
) -> None:
    ledger.add([attempt(IDS[0], 1, PairStatus.REFUSED)], "node1")
    ledger.add([attempt(IDS[0], 1, PairStatus.UNCLOSED_THINK)], "node2")
    assert look_at_teacher(selected).to_ask == len(IDS)
    ledger.add([attempt(IDS[0], 2)], "node2")
    teacher = look_at_teacher(selected)
    assert (teacher.done, teacher.given_up) == (1, 0)
    assert sorted((worker.worker, worker.images) for worker in teacher.workers) == [("node1", 1), ("node2", 1)]


def test_a_text_of_an_older_parser_is_read_again(selected: Build, ledger: HandWritten) -> None:
    raw = ledger.setup.grammar.render("I see a dog on grass, so it is a dog.", "A dog on grass.").encode()
    row = attempt(IDS[0], 1, PairStatus.NO_THINK)
    ledger.add([row.model_copy(update={"parser": "0", "raw": raw})])
    assert look_at_teacher(selected).done == 1


@pytest.mark.usefixtures("ledger")
def test_a_teacher_that_was_never_asked_has_everything_to_ask(selected: Build) -> None:
    teacher = look_at_teacher(selected)
    assert (teacher.state, teacher.to_ask, teacher.lately, teacher.workers) == ("to do", len(IDS), None, ())


def test_images_beyond_the_selection_count_for_nothing(selected: Build, ledger: HandWritten) -> None:
    ledger.add([attempt("n00000001_1", 1)])
    assert look_at_teacher(selected).to_ask == len(IDS)


def test_a_temporary_file_is_no_part(selected: Build, ledger: HandWritten) -> None:
    part = ledger.add([attempt(IDS[0], 1)])
    part.rename(part.with_name(f".{part.name}.7.tmp"))
    assert look_at_teacher(selected).attempts == 0


def test_a_part_is_read_once(selected: Build, ledger: HandWritten) -> None:
    watching = watch(selected)
    part = ledger.add([attempt(IDS[0], 1)])
    before = watching.look()
    part.write_bytes(b"nobody reads this")
    assert watching.look() == before


def test_a_damaged_part_is_named_with_a_remedy(selected: Build, ledger: HandWritten) -> None:
    part = ledger.add([attempt(IDS[0], 1)])
    part.write_bytes(part.read_bytes()[:-100])
    with pytest.raises(RunDirectoryError, match=f"{part.name}: missing or damaged .*; move it away"):
        look_at_teacher(selected)


@pytest.mark.usefixtures("ledger")
def test_chunks_are_counted_from_their_files(selected: Build) -> None:
    chunks = selected.run.chunks
    for image_id in IDS[:3]:
        image = ChunkImage(image_id=image_id, last_attempt=0, spent=0, status=None, failures=0)
        key = write_chunk(chunks, TEACHER, [image])
    beginning_file(chunks, TEACHER, key).touch()
    teacher = look_at_teacher(selected)
    assert (teacher.chunks_cut, teacher.chunks_begun) == (3, 1)
