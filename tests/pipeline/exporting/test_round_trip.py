"""Whatever a teacher wrote stands in the export, to the letter, and can be told apart again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.exporting import FORMATS, ExportOptions, export
from pipeline.exporting.examples import Example, LeftOut, make_examples
from pipeline.progress import Silent
from schemas.base import canonical_json
from schemas.completion import FinishReason, PairScores, PairStatus, Rung
from schemas.record import Pair, ThinkRecord
from tests.pipeline.exporting.world import read_rows
from tests.pipeline.packing.world import make_completion, make_world

MARKERS = {
    "think": ("<think>", "</think>"),
    "glm-4.1v": ("<think>", "</think>", "<answer>", "</answer>"),
    "kimi-vl": ("◁think▷", "◁/think▷"),
}
FORMS = {
    "think": re.compile(r"<think>\n(.*)\n</think>\n\n(.*)", re.DOTALL),
    "glm-4.1v": re.compile(r"<think>(.*)</think><answer>(.*)</answer>", re.DOTALL),
    "kimi-vl": re.compile(r"◁think▷(.*)◁/think▷(.*)", re.DOTALL),
}
MEDIA = ("<image>", "<video>", "<audio>")

# the packing world's grammar splits at a bar
pieces = st.sampled_from(
    [
        "<think>",
        "</think>",
        "<answer>",
        "</answer>",
        "◁think▷",
        "◁/think▷",
        "<image>",
        "</s>",
        " ASSISTANT: ",
        "\n",
        "\n\n",
        " ",
        "\r\n",
    ]
)
letters = st.text(st.characters(codec="utf-8", exclude_characters="|"), min_size=1, max_size=8)
texts = st.lists(pieces | letters, min_size=1, max_size=4).map("".join)


CASES = [
    (form, thinking)
    for form in FORMATS
    for thinking in (*FORMS, "reasoning_content", "none")
    if thinking != "reasoning_content" or form in ("trl", "verl")
]


PAIR = Pair(
    teacher="glm",
    model="lab/glm",
    revision="main",
    engine="vllm",
    thinking="a fish",
    answer="A tench.",
    raw="",
    status=PairStatus.OK,
    finish_reason=FinishReason.STOP,
    stop_reason=None,
    attempt=1,
    rung=Rung.AS_IS,
    forced_close=False,
    seed=1,
    fingerprint="0" * 16,
    thinking_tokens=2,
    answer_tokens=2,
    scores=PairScores(compression=1.5, repeated_8grams=0.0, han_share=0.0),
)
RECORD = ThinkRecord(
    image_id="n01440764_10",
    wnid="n01440764",
    lemmas=("tench",),
    definition="freshwater dace-like game fish",
    domain="animal",
    depth=14,
    width=24,
    height=16,
    bytes=100,
    sha256="0" * 64,
    phash="0" * 16,
    complexity=1.0,
    stratum="low",
    weight=1.0,
    greyscale=False,
    blurred=False,
    source_format="JPEG",
    image_encoding="source",
    split="train",
    holdout="none",
    prompt_id="describe-step-by-step",
    prompt="Describe this image.",
    label_shown=False,
    pairs=(PAIR,),
)


@settings(max_examples=200)
@given(case=st.sampled_from(CASES), thought=texts, answer=texts)
def test_thinking_and_answer_stand_in_the_row_exactly_or_are_left_out_with_a_reason(
    case: tuple[str, str], thought: str, answer: str
) -> None:
    form, thinking = case
    options = ExportOptions(format=form, thinking=thinking)
    pair = PAIR.model_copy(update={"thinking": thought, "answer": answer})
    record = RECORD.model_copy(update={"pairs": (pair,)})
    (made,) = make_examples(record, 0, options, FORMATS[form].reserved)
    if fits(form, thinking, thought, answer):
        assert isinstance(made, Example)
        row = json.loads(canonical_json(FORMATS[form].row(made, "images/a.jpg")))
        assert read_back(row, thinking) == (RECORD.image_id, ("" if thinking == "none" else thought, answer))
    else:
        assert isinstance(made, LeftOut)


NASTY = [
    "a fish",
    "\u2028 and \u2029 end no line",
    "\r\n\tcontrol \x00\x1b\x7f",
    '"quoted" \\ \\u0041 {"json": [1]}',
    "𝔸 🐟 \U0010ffff e\u0301 \ufeff",
    " outer space \n",
    "1. x\n\n\n- y\n```py\nz\n```",
]


@pytest.mark.parametrize(("form", "thinking"), [*((form, "think") for form in FORMATS), ("trl", "reasoning_content")])
def test_whatever_utf8_can_hold_is_stored_to_the_letter(form: str, thinking: str, tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", len(NASTY), 0)
    del world.results[1]
    written = dict(zip([image.ref.image_id for image in world.images], NASTY, strict=True))
    world.results[0].completions = [make_completion(key, text=f"{text}|{text}") for key, text in written.items()]
    world.pack()
    export(world.out, tmp_path / "out", ExportOptions(format=form, thinking=thinking), Silent())
    found = dict(read_back(row, thinking) for row in read_rows(tmp_path / "out"))
    assert found == {key: (text, text) for key, text in written.items()}


def fits(form: str, thinking: str, thought: str, answer: str) -> bool:
    shown = answer if thinking == "none" else thought + "\0" + answer
    reserved = (*MEDIA, "</s>", " ASSISTANT: ") if form == "llava" else MEDIA
    return not any(word in shown for word in (*reserved, *MARKERS.get(thinking, ())))


def read_back(row: dict[str, Any], thinking: str) -> tuple[str, tuple[str, str]]:
    """The image, and what was thought and answered, by other means than those that wrote it."""
    key = (row.get("id") or row["extra_info"]["id"]).partition("/")[0]
    last = (row.get("messages") or row["conversations"])[-1]
    content = last["content"] if "content" in last else last["value"]
    if thinking in FORMS:
        match = FORMS[thinking].fullmatch(content)
        assert match is not None
        assert all(content.count(marker) == 1 for marker in MARKERS[thinking])
        return key, (match[1], match[2])
    return key, (last.get("reasoning_content") or "", content)
