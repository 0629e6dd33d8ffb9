"""What is in the ledger becomes predictions, whoever wrote it in whatever order."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eval.running.predictions import Written, write_predictions
from eval.scoring.predictions import read_line
from schemas.completion import Completion, FinishReason, PairStatus, Rung
from tests.eval.running.world import read_predictions

KEYS = ("n00000001_1", "n00000001_2", "n00000001_3")


def row(key: str, raw: str, attempt: int = 1, error: str | None = None) -> Completion:
    return Completion(
        image_id=key,
        teacher="my-model",
        fingerprint="0" * 16,
        attempt=attempt,
        rung=Rung.AS_IS,
        seed=0,
        max_tokens=100,
        thinking_budget=None,
        raw=raw.encode("utf-8", "surrogatepass"),
        finish_reason=FinishReason.ERROR if error else FinishReason.STOP,
        stop_reason=None,
        error=error,
        forced_close=False,
        prompt_tokens=1,
        completion_tokens=1,
        thinking_tokens=1,
        answer_tokens=1,
        parser="1",
        status=PairStatus.REFUSED if error else PairStatus.OK,
        engine="scripted",
        model="lab/my-model",
        revision="1",
        dtype="none",
        quantization=None,
        processor={},
        versions={},
        started_at=0.0,
        seconds=0.0,
    )


def test_lines_stand_in_the_benchmark_s_order(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    assert write_predictions(path, [row(KEYS[2], "c"), row(KEYS[0], "a")], KEYS) == Written(2, 0)
    assert list(read_predictions(path)) == [KEYS[0], KEYS[2]]


def test_a_refusal_is_no_prediction(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    assert write_predictions(path, [row(KEYS[0], "", error="too long"), row(KEYS[1], "")], KEYS) == Written(1, 1)
    assert list(read_predictions(path)) == [KEYS[1]]


def test_items_that_are_not_asked_about_this_time_count_for_nothing(tmp_path: Path) -> None:
    rows = [row(KEYS[0], "", error="too long"), row(KEYS[1], "a"), row(KEYS[2], "b")]
    assert write_predictions(tmp_path / "p.jsonl", rows, KEYS[2:]) == Written(1, 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(rows=st.permutations([row(KEYS[0], "b"), row(KEYS[0], "a"), row(KEYS[1], "x"), row(KEYS[1], "y", attempt=2)]))
def test_of_work_that_was_doubled_the_smallest_text_of_the_last_attempt_counts(
    rows: list[Completion], tmp_path: Path
) -> None:
    path = tmp_path / "p.jsonl"
    write_predictions(path, rows, KEYS)
    assert [line["raw"] for line in read_predictions(path).values()] == ["a", "y"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(raw=st.text())
@example(raw="half a letter: \ud83d")
def test_every_text_comes_back_from_the_file_as_scoring_reads_it(raw: str, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    write_predictions(path, [row(KEYS[0], raw)], KEYS)
    line = read_line(path.read_bytes())
    assert (line.key, line.texts, line.finish_reason) == (KEYS[0], (raw,), FinishReason.STOP)
