"""What the ledger says of an image does not depend on who wrote what when."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.generation.ledger import ledger_directory
from pipeline.generation.results import LedgerResults, Standing
from pipeline.tables import write_rows
from pipeline.teachers import GRAMMARS, PARSER_VERSION, load_teacher
from schemas.completion import Completion, FinishReason, PairStatus, Rung, ThinkingAnswer
from schemas.identity import GenerationIdentity
from schemas.rejection import RejectReason

TEACHER = load_teacher("glm-4.1v-9b-thinking")
GRAMMAR = GRAMMARS[TEACHER.grammar]
IDENTITY = GenerationIdentity(
    teacher=TEACHER.name,
    model="tests/scripted",
    revision="1",
    dtype="none",
    quantization=None,
    processor={},
    prompt_sha256="0" * 64,
    temperature=1.0,
    top_p=1.0,
    top_k=-1,
    repetition_penalty=1.0,
    normalisation="1",
)
FINGERPRINT = IDENTITY.fingerprint
GOOD = GRAMMAR.render("I see a dog on grass.", "A dog on grass.")


def parse(raw: str, finish_reason: FinishReason) -> ThinkingAnswer:
    return GRAMMAR.parse(raw, finish_reason, "en")


def completion(
    image_id: str,
    attempt: int,
    raw: str = GOOD,
    finish_reason: FinishReason = FinishReason.STOP,
    max_tokens: int = 100,
    parser: str = PARSER_VERSION,
    status: PairStatus | None = None,
    rung: Rung = Rung.AS_IS,
) -> Completion:
    return Completion(
        image_id=image_id,
        teacher=TEACHER.name,
        fingerprint=FINGERPRINT,
        attempt=attempt,
        rung=rung,
        seed=attempt,
        max_tokens=max_tokens,
        thinking_budget=None,
        raw=raw.encode("utf-8", "surrogatepass"),
        finish_reason=finish_reason,
        stop_reason=None,
        error=None,
        forced_close=False,
        prompt_tokens=None,
        completion_tokens=7,
        thinking_tokens=4,
        answer_tokens=3,
        parser=parser,
        status=status or parse(raw, finish_reason).status,
        engine="scripted",
        model="tests/scripted",
        revision="1",
        dtype="bfloat16",
        quantization=None,
        processor={},
        versions={"scripted": "1", "other": "2"},
        started_at=1.5,
        seconds=0.25,
    )


def results(root: Path, parts: list[list[Completion]], max_tokens: int = 100) -> LedgerResults:
    directory = ledger_directory(root, TEACHER.name, FINGERPRINT)
    for number, rows in enumerate(parts):
        write_rows(directory / f"part-{number}.parquet", rows, Completion)
    return LedgerResults(directory, TEACHER, IDENTITY, parse, max_tokens)


def test_a_row_comes_back_from_the_ledger_as_it_went_in(tmp_path: Path) -> None:
    row = completion("n00000001_1", 1, raw="<think>\ud83d half a pair \x00</think>")
    ledger = results(tmp_path, [[row]])
    assert list(ledger._reader.rows()) == [row]


def test_the_first_valid_attempt_is_the_accepted_one(tmp_path: Path) -> None:
    rows = [completion("n00000001_1", 1, "no tags"), completion("n00000001_1", 2), completion("n00000001_1", 3)]
    ledger = results(tmp_path, [[row] for row in rows])
    assert [row.attempt for row in ledger.accepted()] == [2]
    assert ledger.failures() == {}


def test_an_image_without_a_valid_attempt_fails_with_its_last_status(tmp_path: Path) -> None:
    rows = [completion("n00000001_1", 1, "no tags"), completion("n00000001_1", 2, GOOD[:20], FinishReason.LENGTH)]
    ledger = results(tmp_path, [rows])
    reason, detail = ledger.failures()["n00000001_1"]
    assert reason is RejectReason.TRUNCATED
    assert detail == "glm-4.1v-9b-thinking: truncated after 2 attempt(s)"
    assert list(ledger.accepted()) == []


def test_doubled_work_gives_one_row_whoever_wrote_first(tmp_path: Path) -> None:
    twins = [completion("n00000001_1", 1, GRAMMAR.render("I see a dog here.", word)) for word in ("Dog.", "A cat.")]
    chosen = set()
    for number, order in enumerate(itertools.permutations([*twins, twins[0]])):
        ledger = results(tmp_path / str(number), [[row] for row in order])
        (row,) = ledger.accepted()
        chosen.add(row.raw)
    assert chosen == {min(twin.raw for twin in twins)}


def test_a_doubled_attempt_with_one_bad_text_gives_the_good_one(tmp_path: Path) -> None:
    ledger = results(tmp_path, [[completion("n00000001_1", 1, "no tags")], [completion("n00000001_1", 1)]])
    assert [row.text for row in ledger.accepted()] == [GOOD]


def test_what_another_worker_writes_meanwhile_is_left_for_the_next_reading(tmp_path: Path) -> None:
    ledger = results(tmp_path, [[completion("n00000001_1", 1)]])
    assert ledger.accepted_ids() == {"n00000001_1"}
    late = [completion("n00000001_2", 1), completion("n00000001_1", 2)]
    write_rows(ledger_directory(tmp_path, TEACHER.name, FINGERPRINT) / "part-late.parquet", late, Completion)
    assert [row.image_id for row in ledger.accepted()] == ["n00000001_1"]
    assert ledger.count_rungs().asked.total() == 1


def test_raising_max_tokens_asks_the_truncated_again_and_keeps_the_finished(tmp_path: Path) -> None:
    rows = [completion("n00000001_1", n, GOOD[:20], FinishReason.LENGTH, max_tokens=100) for n in (1, 2, 3, 4)]
    parts = [[*rows, completion("n00000001_2", 1, max_tokens=100)]]
    before, after = results(tmp_path, parts, max_tokens=100), results(tmp_path, parts, max_tokens=200)
    assert not before.standings["n00000001_1"].is_pending(4)
    assert after.standings["n00000001_1"].is_pending(4)
    assert after.standings["n00000001_1"].last_attempt == 4
    assert not after.standings["n00000001_2"].is_pending(4)


def test_a_loop_is_an_attempt_whatever_max_tokens_is(tmp_path: Path) -> None:
    row = completion("n00000001_1", 1, GOOD[:20], FinishReason.REPETITION, max_tokens=100)
    assert results(tmp_path, [[row]], max_tokens=200).standings["n00000001_1"].attempts_spent == 1


def test_a_refused_image_is_not_asked_again(tmp_path: Path) -> None:
    ledger = results(tmp_path, [[completion("n00000001_1", 1, "", FinishReason.ERROR)]])
    assert not ledger.standings["n00000001_1"].is_pending(4)
    assert ledger.failures()["n00000001_1"][0] is RejectReason.REFUSED


def test_rows_of_another_parser_are_read_again_from_their_raw_text(tmp_path: Path) -> None:
    old = completion("n00000001_1", 1, parser="older", status=PairStatus.NO_THINK)
    ledger = results(tmp_path, [[old]])
    assert ledger.accepted_ids() == {"n00000001_1"}
    assert [row.image_id for row in ledger.accepted()] == ["n00000001_1"]


@pytest.mark.parametrize("parser", [PARSER_VERSION, "older"])
def test_rungs_are_counted_over_all_parts_and_what_was_cut_short_counts_for_none(parser: str, tmp_path: Path) -> None:
    cut = completion("n00000001_1", 1, GOOD[:20], FinishReason.LENGTH, max_tokens=100, parser=parser)
    parts = [
        [cut, completion("n00000001_2", 1, max_tokens=100, parser=parser)],
        [
            completion("n00000001_1", 2, "no tags", max_tokens=200, parser=parser),
            completion("n00000001_1", 3, max_tokens=200, parser=parser, rung=Rung.NEW_SEED),
            completion("n00000001_3", 1, GOOD[:20], FinishReason.LENGTH, max_tokens=200, parser=parser),
        ],
    ]
    counts = results(tmp_path, parts, max_tokens=200).count_rungs()
    assert counts.asked == {Rung.AS_IS: 3, Rung.NEW_SEED: 1}
    assert +counts.accepted == {Rung.AS_IS: 1, Rung.NEW_SEED: 1}
    assert counts.superseded == 1


def test_an_image_is_given_up_when_it_is_refused_or_its_attempts_are_used_up(tmp_path: Path) -> None:
    rows = [
        completion("n00000001_1", 1),
        completion("n00000001_2", 1, "", FinishReason.ERROR),
        completion("n00000001_3", 1, "no tags"),
        completion("n00000001_4", 1, "no tags"),
        completion("n00000001_4", 2, "no tags"),
    ]
    assert results(tmp_path, [rows]).given_up(max_attempts=2) == {PairStatus.REFUSED: 1, PairStatus.NO_THINK: 1}


STATUSES = st.sampled_from([PairStatus.OK, PairStatus.NO_THINK, PairStatus.TRUNCATED, PairStatus.REFUSED])


@given(st.dictionaries(st.integers(min_value=1, max_value=6), st.lists(STATUSES, min_size=1, max_size=3)), st.randoms())
def test_a_standing_does_not_depend_on_the_order_of_rows(
    attempts: dict[int, list[PairStatus]], shuffler: random.Random
) -> None:
    rows = [(attempt, status) for attempt, statuses in attempts.items() for status in statuses]
    forwards, shuffled = Standing(), Standing()
    for attempt, status in rows:
        forwards.note(attempt, status, counts=True)
    shuffler.shuffle(rows)
    for attempt, status in rows:
        shuffled.note(attempt, status, counts=True)
    assert forwards == shuffled


IDS = [f"n00000001_{number}" for number in range(1, 5)]
TEXTS = {
    PairStatus.OK: (GOOD, FinishReason.STOP),
    PairStatus.NO_THINK: ("no tags", FinishReason.STOP),
    PairStatus.TRUNCATED: (GOOD[:20], FinishReason.LENGTH),
    PairStatus.REFUSED: ("", FinishReason.ERROR),
}


def attempt_of(image_id: str, number: int, status: PairStatus, parser: str = PARSER_VERSION) -> Completion:
    raw, finish_reason = TEXTS[status]
    return completion(image_id, number, raw, finish_reason, parser=parser)


def test_attempts_are_counted_up_to_the_accepted_one(tmp_path: Path) -> None:
    rows = [
        attempt_of(IDS[0], 1, PairStatus.NO_THINK),
        attempt_of(IDS[0], 2, PairStatus.TRUNCATED),
        attempt_of(IDS[0], 3, PairStatus.OK),
        attempt_of(IDS[1], 1, PairStatus.OK),
        attempt_of(IDS[2], 1, PairStatus.REFUSED),
        attempt_of(IDS[3], 1, PairStatus.NO_THINK),  # not among those that are asked for
    ]
    assert results(tmp_path, [rows]).attempts(frozenset(IDS[:3])) == {
        PairStatus.OK: 2,
        PairStatus.NO_THINK: 1,
        PairStatus.TRUNCATED: 1,
        PairStatus.REFUSED: 1,
    }


@pytest.mark.parametrize("parser", [PARSER_VERSION, "older"])
def test_attempts_are_counted_by_what_todays_parser_says(parser: str, tmp_path: Path) -> None:
    rows = [attempt_of(IDS[0], 1, PairStatus.NO_THINK, parser), attempt_of(IDS[0], 2, PairStatus.OK, parser)]
    claimed = [row.model_copy(update={"status": PairStatus.REFUSED}) if parser == "older" else row for row in rows]
    assert results(tmp_path, [claimed]).attempts(frozenset(IDS)) == {PairStatus.OK: 1, PairStatus.NO_THINK: 1}


def test_an_attempt_that_two_workers_did_counts_once_and_as_valid_where_one_text_is(tmp_path: Path) -> None:
    rows = [attempt_of(IDS[0], 1, PairStatus.NO_THINK), attempt_of(IDS[0], 1, PairStatus.OK)]
    for number, order in enumerate(itertools.permutations(rows)):
        ledger = results(tmp_path / str(number), [[row] for row in order])
        assert +ledger.attempts(frozenset(IDS)) == {PairStatus.OK: 1}


OUTCOMES = st.lists(st.sampled_from(sorted(TEXTS)), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(IDS), OUTCOMES, min_size=1), st.randoms(use_true_random=False))
def test_neither_interruptions_nor_doubled_work_change_the_count_of_attempts(
    tmp_path_factory: pytest.TempPathFactory, outcomes: dict[str, list[PairStatus]], rng: random.Random
) -> None:
    """However rows are cut into parts, done twice, asked for beyond the accepted one, or cut off at a lower limit."""
    straight = [
        attempt_of(image_id, number, status)
        for image_id, statuses in outcomes.items()
        for number, status in enumerate(statuses, start=1)
    ]
    cut = [completion(row.image_id, row.attempt, GOOD[:20], FinishReason.LENGTH, max_tokens=50) for row in straight]
    beyond = [
        attempt_of(image_id, len(statuses) + 1, PairStatus.NO_THINK)
        for image_id, statuses in outcomes.items()
        if PairStatus.OK in statuses
    ]
    rows = [*straight, *rng.choices(straight, k=3), *rng.sample(cut, rng.randrange(len(cut) + 1)), *beyond]
    rng.shuffle(rows)
    parts: list[list[Completion]] = [[], [], []]
    for row in rows:
        rng.choice(parts).append(row)
    root = tmp_path_factory.mktemp("ledgers")
    expected = results(root / "straight", [straight]).attempts(frozenset(IDS))
    assert results(root / "interrupted", [part for part in parts if part]).attempts(frozenset(IDS)) == expected
    first_valid = {i: s[: s.index(PairStatus.OK) + 1] if PairStatus.OK in s else s for i, s in outcomes.items()}
    assert +expected == Counter(itertools.chain.from_iterable(first_valid.values()))


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_an_image_is_pending_until_its_attempts_are_used_up(attempts: int) -> None:
    standing = Standing()
    for attempt in range(1, attempts + 1):
        assert standing.is_pending(attempts)
        standing.note(attempt, PairStatus.NO_THINK, counts=True)
    assert not standing.is_pending(attempts)
