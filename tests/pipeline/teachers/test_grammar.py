from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.teachers import GRAMMARS, RULES, Grammar, MarkerGrammar
from pipeline.teachers.glm import GLM
from pipeline.teachers.kimi import KIMI
from schemas.completion import FinishReason, PairStatus, ThinkingAnswer
from tests.pipeline.teachers.texts import ANSWER, CHINESE, SOFT_LOOP, THINKING, VERBATIM_LOOP

SURROGATE = "\ud800"

# Status that each raw text gets when the engine says that the model stopped by itself.
GLM_TEXTS = [
    # The grammar, and all that it leaves open.
    ("<think>Fur.</think><answer>A dog.</answer>", PairStatus.OK),
    ("<think>Fur.</think><answer>A dog.", PairStatus.OK),
    ("<think>Fur.</think>A dog.", PairStatus.OK),
    ("<think>Fur.</think>A dog.</answer>", PairStatus.OK),
    ("Fur.</think><answer>A dog.", PairStatus.OK),
    ("\n <think>\nFur.\n</think>\n\n<answer>\nA dog.\n</answer>\n", PairStatus.OK),
    ("<think>Fur.</think><answer>A dog.</answer><|user|>", PairStatus.OK),
    ("<think>Fur.</think><answer>A dog.</answer>\n<|endoftext|>\n", PairStatus.OK),
    ("<think>Fur.</think><answer>A dog.<|observation|>", PairStatus.OK),
    ("<think>Fur.</think><answer>A <|begin_of_box|>dog<|end_of_box|>.</answer>", PairStatus.OK),
    ("<think>a < b, [x] 🐕 \\boxed{1}</think><answer>Un chien près d'une forêt. 🐾</answer>", PairStatus.OK),
    # The thinking.
    ("A dog.", PairStatus.NO_THINK),
    ("", PairStatus.NO_THINK),
    (" \n", PairStatus.NO_THINK),
    ("<answer>A dog.</answer>", PairStatus.NO_THINK),
    ("<think>Fur. A dog.", PairStatus.UNCLOSED_THINK),
    ("<think>Fur. <think>More fur.", PairStatus.UNCLOSED_THINK),
    ("<think>Fur. <answer>A dog.</answer>", PairStatus.UNCLOSED_THINK),
    ("<think>Fur. <think>More.</think> So.</think><answer>A dog.", PairStatus.NESTED_THINK),
    ("<think></think><answer>A dog.</answer>", PairStatus.EMPTY_THINK),
    ("</think><answer>A dog.</answer>", PairStatus.EMPTY_THINK),
    # The answer.
    ("<think>Fur.</think>", PairStatus.EMPTY_ANSWER),
    ("<think>Fur.</think><answer> \n</answer>", PairStatus.EMPTY_ANSWER),
    ("<think>Fur.</think><answer><|begin_of_box|><|end_of_box|></answer>", PairStatus.EMPTY_ANSWER),
    ("<think>Fur.</think><|endoftext|>", PairStatus.EMPTY_ANSWER),
    # Markers where none belong.
    ("<think>Fur.</think><answer>A dog.</answer>Good boy.", PairStatus.MARKER_LEAK),
    ("<think>Fur.</think><answer>A dog.</answer></answer>", PairStatus.MARKER_LEAK),
    ("<think>Fur.</think><answer>A dog.<|user|><|user|>", PairStatus.MARKER_LEAK),
    ("<think>Fur.</think><answer>A dog.<|user|>Thanks.", PairStatus.MARKER_LEAK),
    ("<think>Fur.</think>So: <answer>A dog.</answer>", PairStatus.MARKER_LEAK),
    ("<think>Fur.</think><think>More.</think><answer>A dog.</answer>", PairStatus.MARKER_LEAK),
    ("Well. <think>Fur.</think><answer>A dog.</answer>", PairStatus.MARKER_LEAK),
    ("<think>A <|begin_of_box|>dog<|end_of_box|>.</think><answer>A dog.</answer>", PairStatus.MARKER_LEAK),
    ("<think>Fur.</think><answer>A <|begin_of_box|>dog.</answer>", PairStatus.MARKER_LEAK),
    ("<think>Fur.</think><answer><thi<|begin_of_box|><|end_of_box|>nk></answer>", PairStatus.MARKER_LEAK),
    ("<think>Fur.◁/think▷</think><answer>A dog.</answer>", PairStatus.MARKER_LEAK),
    ("<think>Fur.</think><answer>A dog.</answer><|im_end|>", PairStatus.MARKER_LEAK),
    ("◁think▷Fur.◁/think▷A dog.", PairStatus.NO_THINK),
    # Substance.
    (f"<think>Fur.{SURROGATE}</think><answer>A dog.</answer>", PairStatus.INVALID_UNICODE),
    (SURROGATE, PairStatus.INVALID_UNICODE),
    (f"<think>{VERBATIM_LOOP}</think><answer>A dog.</answer>", PairStatus.REPETITION),
    (f"<think>{SOFT_LOOP}</think><answer>A dog.</answer>", PairStatus.REPETITION),
    (f"<think>{CHINESE}</think><answer>A dog.</answer>", PairStatus.WRONG_LANGUAGE),
    (f"<think>{THINKING}</think><answer>{CHINESE}</answer>", PairStatus.WRONG_LANGUAGE),
    (f"<think>{THINKING}</think><answer>{ANSWER} The sign reads 茶.</answer>", PairStatus.OK),
]

KIMI_TEXTS = [
    ("◁think▷Fur.◁/think▷A dog.", PairStatus.OK),
    ("\n◁think▷\nFur.\n◁/think▷\n\nA dog.\n", PairStatus.OK),
    ("◁think▷Fur.◁/think▷A dog.<|im_end|>", PairStatus.OK),
    ("◁think▷Fur.◁/think▷A dog.\n[EOS]", PairStatus.OK),
    ("◁think▷◁ is a triangle.◁/think▷So is ▷. 🐾", PairStatus.OK),
    ("A dog.", PairStatus.NO_THINK),
    ("", PairStatus.NO_THINK),
    ("Fur.◁/think▷A dog.", PairStatus.NO_THINK),
    ("<think>Fur.</think><answer>A dog.</answer>", PairStatus.NO_THINK),
    ("◁think▷Fur. A dog.", PairStatus.UNCLOSED_THINK),
    ("◁think▷Fur. ◁think▷More.◁/think▷A dog.", PairStatus.NESTED_THINK),
    ("◁think▷ ◁/think▷A dog.", PairStatus.EMPTY_THINK),
    ("◁think▷Fur.◁/think▷", PairStatus.EMPTY_ANSWER),
    ("◁think▷Fur.◁/think▷<|im_end|>", PairStatus.EMPTY_ANSWER),
    ("◁think▷Fur.◁/think▷A dog.◁/think▷", PairStatus.MARKER_LEAK),
    ("◁think▷Fur.◁/think▷A dog.<|im_end|><|im_end|>", PairStatus.MARKER_LEAK),
    ("◁think▷Fur.◁/think▷A dog.<|im_user|>Thanks.", PairStatus.MARKER_LEAK),
    ("◁think▷Fur.[EOS]◁/think▷A dog.", PairStatus.MARKER_LEAK),
    ("Well. ◁think▷Fur.◁/think▷A dog.", PairStatus.MARKER_LEAK),
    ("◁think▷Fur.◁/think▷<answer>A dog.</answer>", PairStatus.MARKER_LEAK),
    ("◁think▷Fur.◁/think▷A <|begin_of_box|>dog<|end_of_box|>.", PairStatus.MARKER_LEAK),
    (f"◁think▷Fur.◁/think▷A dog.{SURROGATE}", PairStatus.INVALID_UNICODE),
    (f"◁think▷{SOFT_LOOP}◁/think▷A dog.", PairStatus.REPETITION),
    (f"◁think▷{THINKING}◁/think▷{CHINESE}", PairStatus.WRONG_LANGUAGE),
]

MARKERS = [
    *(
        "<think>",
        "</think>",
        "<answer>",
        "</answer>",
        "<|begin_of_box|>",
        "<|end_of_box|>",
        "<|user|>",
        "<|endoftext|>",
    ),
    *("◁think▷", "◁/think▷", "<|im_end|>", "[EOS]"),
]

GLM_PARTS = [
    *(" ", "<think>", "", "</think>", "\n", "<answer>", "", "<|begin_of_box|>dog<|end_of_box|>", "", "</answer>"),
    *(" ", "<|user|>"),
]
KIMI_PARTS = [" ", "◁think▷", "", "◁/think▷", "\n", "", "<|im_end|>", " "]

any_texts = st.text(st.characters(exclude_categories=()))
"""Lone surrogates included."""
pieces = st.one_of(st.sampled_from(MARKERS), any_texts, st.sampled_from(["A dog.", " ", "<", "|>"]))
spliced_texts = st.lists(pieces).map("".join)
clean_texts = st.text().map(str.strip).filter(bool).filter(lambda text: not holds_marker(text))
grammars = st.sampled_from(sorted(GRAMMARS)).map(GRAMMARS.__getitem__)


@st.composite
def nearly_valid_texts(draw: st.DrawFn, parts: list[str]) -> str:
    """All that a grammar allows, in the right order, some of it missing, sometimes with a piece too many."""
    chosen = [draw(st.sampled_from([part, part, part, ""])) if part else draw(clean_texts) for part in parts]
    for piece in draw(st.lists(pieces, max_size=1)):
        chosen.insert(draw(st.integers(0, len(chosen))), piece)
    return "".join(chosen)


def holds_marker(text: str) -> bool:
    return (
        any(marker in text for marker in MARKERS) or re.search(r"<\|\w+\|>|</?(thinking|reasoning)>", text) is not None
    )


def parse(grammar: Grammar, raw: str, finish_reason: FinishReason = FinishReason.STOP) -> ThinkingAnswer:
    return grammar.parse(raw, finish_reason, "en")


@pytest.mark.parametrize(("raw", "status"), GLM_TEXTS)
def test_every_glm_text_has_its_status(raw: str, status: PairStatus) -> None:
    assert parse(GLM, raw).status is status


@pytest.mark.parametrize(("raw", "status"), KIMI_TEXTS)
def test_every_kimi_text_has_its_status(raw: str, status: PairStatus) -> None:
    assert parse(KIMI, raw).status is status


def test_the_tables_and_the_finish_reasons_show_every_status() -> None:
    by_engine = {PairStatus.TRUNCATED, PairStatus.REFUSED}
    for texts in (GLM_TEXTS, KIMI_TEXTS):
        assert {status for _, status in texts} | by_engine == set(PairStatus)


@pytest.mark.parametrize(
    "raw",
    [raw for raw, status in GLM_TEXTS if status is PairStatus.OK and "Fur." in raw and "dog" in raw],
)
def test_thinking_and_answer_come_without_markers_and_outer_space(raw: str) -> None:
    reading = parse(GLM, raw)
    assert (reading.thinking, reading.answer) == ("Fur.", "A dog.")


@pytest.mark.parametrize(
    ("finish_reason", "status"),
    [
        (FinishReason.LENGTH, PairStatus.TRUNCATED),
        (FinishReason.ABORT, PairStatus.TRUNCATED),
        (FinishReason.REPETITION, PairStatus.REPETITION),
        (FinishReason.ERROR, PairStatus.REFUSED),
    ],
)
@pytest.mark.parametrize("raw", ["", "<think>Fur.</think><answer>A dog.", f"<think>{SURROGATE}", "no markers"])
def test_an_engine_that_did_not_let_the_model_finish_has_the_last_word(
    raw: str, finish_reason: FinishReason, status: PairStatus
) -> None:
    assert parse(GLM, raw, finish_reason).status is status


def test_rules_are_tried_in_order_of_engine_then_form_then_substance() -> None:
    assert [status for status, _ in RULES] == [
        PairStatus.TRUNCATED,
        PairStatus.REPETITION,
        PairStatus.REFUSED,
        PairStatus.INVALID_UNICODE,
        PairStatus.NO_THINK,
        PairStatus.UNCLOSED_THINK,
        PairStatus.NESTED_THINK,
        PairStatus.MARKER_LEAK,
        PairStatus.EMPTY_THINK,
        PairStatus.EMPTY_ANSWER,
        PairStatus.REPETITION,
        PairStatus.WRONG_LANGUAGE,
    ]


def test_what_could_be_told_apart_is_kept_of_an_invalid_text() -> None:
    unclosed = parse(GLM, "<think>Fur and", FinishReason.LENGTH)
    assert (unclosed.thinking, unclosed.answer) == ("Fur and", "")
    unmarked = parse(GLM, " A dog. ")
    assert (unmarked.thinking, unmarked.answer) == ("", "A dog.")


def test_text_that_utf8_cannot_hold_is_not_taken_apart_but_still_measured() -> None:
    reading = parse(GLM, f"<think>{CHINESE}{SURROGATE}</think><answer>A dog.")
    assert (reading.thinking, reading.answer) == ("", "")
    assert reading.scores.han_share > 0.5


def test_chinese_is_no_fault_where_english_was_not_asked_for() -> None:
    raw = GLM.render(CHINESE, CHINESE)
    assert GLM.parse(raw, FinishReason.STOP, "zh").status is PairStatus.OK
    assert GLM.parse(raw, FinishReason.STOP, "en").status is PairStatus.WRONG_LANGUAGE


@given(grammar=grammars, thinking=clean_texts, answer=clean_texts)
@example(grammar=GLM, thinking="</thi", answer="</answe")
@example(grammar=KIMI, thinking="◁", answer="think▷")
def test_a_rendered_pair_is_parsed_back(grammar: Grammar, thinking: str, answer: str) -> None:
    reading = grammar.parse(grammar.render(thinking, answer), FinishReason.STOP, "zh")
    assert (reading.thinking, reading.answer) == (thinking, answer)
    # Hypothesis may well write a loop; nothing else can be wrong with it.
    assert reading.status in {PairStatus.OK, PairStatus.REPETITION}


@given(grammar=grammars, raw=spliced_texts, finish_reason=st.sampled_from(FinishReason))
def test_every_text_gets_a_status_and_the_same_one_each_time(
    grammar: Grammar, raw: str, finish_reason: FinishReason
) -> None:
    reading = parse(grammar, raw, finish_reason)
    assert reading.status in PairStatus
    assert parse(grammar, raw, finish_reason) == reading


@given(
    st.one_of(
        st.tuples(st.just(GLM), nearly_valid_texts(GLM_PARTS)), st.tuples(st.just(KIMI), nearly_valid_texts(KIMI_PARTS))
    )
)
@example((GLM, "<think>Fur.</think>A <|begin_of_box|>dog<|end_of_box|>.</answer><|user|>"))
@example((GLM, "<think>Fur.</think>A <|begin_of_box|>d<|begin_of_box|>og<|end_of_box|>."))
@example((KIMI, "◁think▷Fur.◁/think▷A dog.[EOS]"))
def test_a_valid_pair_stands_in_the_raw_text_and_holds_no_marker(case: tuple[MarkerGrammar, str]) -> None:
    grammar, raw = case
    reading = parse(grammar, raw)
    if reading.status is not PairStatus.OK:
        return
    without_boxes = raw.replace("<|begin_of_box|>", "").replace("<|end_of_box|>", "")
    for part in (reading.thinking, reading.answer):
        assert part
        assert part == part.strip()
        assert part in without_boxes
        assert not any(marker in part for marker in MARKERS if grammar is KIMI or marker != "[EOS]")
    again = parse(grammar, grammar.render(reading.thinking, reading.answer))
    assert (again.thinking, again.answer) == (reading.thinking, reading.answer)


@pytest.mark.parametrize(
    "piece", [*MARKERS, "<", "<|", "<|user", "◁", "</", " ", "a ", "\n", "汉", "<|begin_of_box|>dog<|end_of_box|>"]
)
@pytest.mark.parametrize("grammar", [GLM, KIMI], ids=lambda grammar: grammar.name)
def test_a_megabyte_of_anything_is_read_in_linear_time(grammar: MarkerGrammar, piece: str) -> None:
    # A quadratic reading of any of these takes minutes.
    many = piece * (1_000_000 // len(piece.encode()))
    assert parse(grammar, many).status is not PairStatus.OK
    assert parse(grammar, grammar.render("Fur.", many)).status is not PairStatus.OK


def test_a_new_family_is_a_handful_of_markers() -> None:
    family = MarkerGrammar(name="new", think=("[THOUGHT]", "[/THOUGHT]"), end_tokens=("</s>",))
    assert parse(family, "[THOUGHT]Fur.[/THOUGHT]A dog.</s>").status is PairStatus.OK
    assert parse(family, "[THOUGHT]Fur.[/THOUGHT]A [THOUGHT] dog.").status is PairStatus.MARKER_LEAK
    assert parse(family, family.render("Fur.", "<think> a dog.")).status is PairStatus.MARKER_LEAK
