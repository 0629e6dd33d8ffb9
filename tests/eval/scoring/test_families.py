"""Families of thinking tags: what a text's markers say of it, and that no family reads another's text amiss."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.scoring.families import AUTO, FAMILIES, check_tags, choose_family, parse_raw
from schemas.completion import FinishReason, PairStatus, ThinkingAnswer
from schemas.errors import ConfigError

WORDS = st.lists(st.sampled_from(["tench", "a", "cat", "été", "日", "1.5", "on", "grass,"]), min_size=1, max_size=6)
TEXTS = WORDS.map(" ".join)


def read(raw: str, tags: str = AUTO, finish_reason: FinishReason = FinishReason.STOP) -> ThinkingAnswer:
    return parse_raw(raw, finish_reason, tags, "fr")


@given(st.sampled_from(sorted(FAMILIES)), TEXTS, TEXTS)
def test_what_any_family_writes_is_read_back_by_auto(family: str, thinking: str, answer: str) -> None:
    parsed = read(FAMILIES[family].render(thinking, answer))
    assert (parsed.thinking, parsed.answer, parsed.status) == (thinking, answer, PairStatus.OK)


@given(st.sampled_from(sorted(FAMILIES)), TEXTS, TEXTS)
def test_auto_reads_as_the_named_family_does(family: str, thinking: str, answer: str) -> None:
    raw = FAMILIES[family].render(thinking, answer)
    assert read(raw) == read(raw, family)


@given(
    st.text(alphabet=st.sampled_from("ab \\{}<>/$◁▷\n\ud800"), max_size=40) | st.text(),
    st.sampled_from([AUTO, *FAMILIES]),
)
def test_every_text_is_read_somehow(raw: str, tags: str) -> None:
    assert read(raw, tags) == read(raw, tags)


@pytest.mark.parametrize(
    ("raw", "family", "thinking", "answer"),
    [
        ("<think>T</think>A", "think", "T", "A"),
        ("T</think>A", "think", "T", "A"),
        ("<think>T</think><answer>A", "think", "T", "A"),
        ("<think>T</think>A<|im_end|>", "think", "T", "A"),
        ("<think>T</think><answer><|begin_of_box|>A<|end_of_box|></answer>", "glm-4.1v", "T", "A"),
        ("◁think▷T◁/think▷A", "kimi-vl", "T", "A"),
        ("<thinking>T</thinking><answer>A</answer>", "thinking", "T", "A"),
        ("<reasoning>T</reasoning>A", "reasoning", "T", "A"),
        ("T so \\boxed{A}", "boxed", "T so", "A"),
        ("T so $\\boxed{A}$.", "boxed", "T so.", "A"),
        ("T \\[\\boxed{\\text{a {big} A}}\\]<|im_end|>", "boxed", "T", "a {big} A"),
        ("first \\boxed{no}, then \\boxed{A}", "boxed", "first \\boxed{no}, then", "A"),
    ],
)
def test_auto_goes_by_the_markers_that_a_text_holds(raw: str, family: str, thinking: str, answer: str) -> None:
    parsed = read(raw)
    assert choose_family(raw).name == family
    assert (parsed.thinking, parsed.answer, parsed.status) == (thinking, answer, PairStatus.OK)


def test_the_marker_that_stands_first_decides() -> None:
    assert choose_family("<thinking>they write <think> there</thinking>A").name == "thinking"
    assert choose_family("<think>T</think> \\boxed{A}").name == "think"


@pytest.mark.parametrize("tags", [AUTO, *FAMILIES])
def test_a_text_without_markers_is_all_answer(tags: str) -> None:
    parsed = read("A tench on grass.", tags)
    assert (parsed.thinking, parsed.answer, parsed.status) == ("", "A tench on grass.", PairStatus.NO_THINK)


@pytest.mark.parametrize("raw", ["so \\boxed{A", "so \\boxed{A{}", "so {\\boxed", "\\boxed\\{A}"])
def test_a_box_that_does_not_close_is_none(raw: str) -> None:
    assert read(raw).status is PairStatus.NO_THINK


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        ("\\boxed{\\text{a} or \\text{b}}", "\\text{a} or \\text{b}"),
        ("\\boxed{\\textbf{a tench}}", "a tench"),
        ("\\boxed{a \\boxed{b}}", "a \\boxed{b}"),
        ("\\boxed{ \\{ }", "\\{"),
    ],
)
def test_one_text_command_around_the_whole_answer_is_taken_off(raw: str, answer: str) -> None:
    assert read(f"T {raw}").answer == answer


def test_a_boxed_text_is_judged_by_the_rules_of_all() -> None:
    assert read("\\boxed{A}").status is PairStatus.EMPTY_THINK
    assert read("T \\boxed{}").status is PairStatus.EMPTY_ANSWER
    assert read("T \\boxed{A}", finish_reason=FinishReason.LENGTH).status is PairStatus.TRUNCATED
    assert read("T </answer> \\boxed{A}").status is PairStatus.MARKER_LEAK
    assert read("\ud800 T \\boxed{A}").status is PairStatus.INVALID_UNICODE


def test_reading_is_linear_however_many_boxes_stay_open() -> None:
    started = time.perf_counter()
    read("\\boxed{" * 200_000)
    read("\\boxed{\\text{" * 50_000 + "}" * 100_000)
    assert time.perf_counter() - started < 5


def test_an_unknown_family_is_refused_with_a_guess() -> None:
    with pytest.raises(ConfigError, match=r"'thinkin'.*did you mean thinking\?"):
        check_tags("thinkin")
