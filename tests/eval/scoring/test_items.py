"""The scores of one item: which there are, what each says, and what silence is worth."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.scoring import Prediction, Suite, open_suite, read_prediction, score_item
from eval.scoring.items import columns
from schemas.completion import FinishReason, PairStatus
from schemas.scores import PER_UNIT
from tests.eval.world import GLM, KIMI, TEACHERS, make_benchmark, make_item

TENCH = make_item(0, picture=False)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return open_suite(make_benchmark(tmp_path_factory.mktemp("benchmark"), 6))


def write(thinking: str, answer: str, status: PairStatus | None = None) -> Prediction:
    return Prediction(TENCH.key, thinking, answer, status)


def test_columns_are_always_the_same(suite: Suite) -> None:
    for prediction in (None, write("", ""), write("It is a tench.", "A tench."), read_prediction(TENCH.key, "日本")):
        assert tuple(score_item(TENCH, prediction, suite)) == columns(suite.metrics, TEACHERS)


def test_the_words_of_a_reference_are_its_best_match(suite: Suite) -> None:
    reference = TENCH.references[0]
    scores = score_item(TENCH, write(reference.thinking, reference.answer), suite)
    for metric in suite.metrics:
        one, other = scores[f"answer_{metric}@{GLM}"], scores[f"answer_{metric}@{KIMI}"]
        assert one == scores[f"answer_{metric}_best"] == 1
        assert scores[f"answer_{metric}"] == pytest.approx((one + other) / 2, abs=1 / PER_UNIT)


def test_references_that_do_not_count_leave_no_trace(suite: Suite) -> None:
    prediction = write("It may be a tench.", "A tench.")
    alone, both = score_item(TENCH, prediction, suite, [KIMI]), score_item(TENCH, prediction, suite)
    assert not any(GLM in name for name in alone)
    assert alone["answer_rougeL"] == alone["answer_rougeL_best"] == both[f"answer_rougeL@{KIMI}"]


def test_every_score_of_a_missing_prediction_is_zero(suite: Suite) -> None:
    assert set(score_item(TENCH, None, suite).values()) == {0.0}


def test_scores_are_whole_millionths(suite: Suite) -> None:
    for value in score_item(TENCH, write("A fish, perhaps a tench on grass.", "One fish of many."), suite).values():
        assert value == round(value * PER_UNIT) / PER_UNIT


def test_a_class_named_only_in_thinking_is_found_then_lost(suite: Suite) -> None:
    texts = {("A tench.", "A fish."): 1, ("A tench.", "A tench."): 0, ("A fish.", "A tench."): 0, ("", ""): 0}
    for (thinking, answer), lost in texts.items():
        assert score_item(TENCH, write(thinking, answer), suite)["found_then_lost"] == lost


@pytest.mark.parametrize(
    ("prediction", "obeyed"),
    [
        (write("T", "A"), 1),
        (write("T", " "), 0),
        (write("", "A"), 0),
        (read_prediction("k", "<think>T</think>A"), 1),
        (read_prediction("k", "<think>T</think>日本"), 1),
        (read_prediction("k", "<think>T</think>A", FinishReason.LENGTH), 0),
        (read_prediction("k", "<think>T"), 0),
        (read_prediction("k", "A"), 0),
        (read_prediction("k", "<think>T <think></think>A"), 0),
    ],
)
def test_format_is_obeyed_where_both_texts_are_told_apart(suite: Suite, prediction: Prediction, obeyed: int) -> None:
    assert score_item(TENCH, prediction, suite)["format_ok"] == obeyed


def test_length_language_and_repetition_are_told(suite: Suite) -> None:
    scores = score_item(TENCH, write("a b c d e f g h " * 4, "日本のテンチ, a fish"), suite)
    assert (scores["thinking_words"], scores["answer_words"]) == (32, 8)
    assert scores["thinking_repeated_8grams"] == pytest.approx(1 - 8 / 25, abs=1e-6)
    assert scores["answer_repeated_8grams"] == 0
    assert scores["wrong_language"] == 1
    assert 0 < scores["han_share"] < 0.1


def test_a_suite_refuses_a_benchmark_whose_words_are_others(tmp_path: Path) -> None:
    benchmark = make_benchmark(tmp_path, 6)
    benchmark.tfidf_file.write_bytes(b"other")
    with pytest.raises(Exception, match=r"tfidf\.parquet: missing or damaged"):
        open_suite(benchmark)
