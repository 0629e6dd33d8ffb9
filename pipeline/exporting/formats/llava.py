"""LLaVA and what descends from it: one JSON array of ``conversations``, pictures by path."""

from __future__ import annotations

from typing import Any

from pipeline.exporting.examples import Example
from pipeline.exporting.formats.base import IMAGE, MEDIA_WORDS, Format

_TURNS = ("</s>", " ASSISTANT: ")
"""By which it cuts a conversation into turns; of one that is not cut as it should be it learns nothing
(``preprocess_v1`` in its ``train.py``)."""


def _row(example: Example, picture: Any) -> dict[str, Any]:
    return {
        "id": example.id,
        "image": picture,
        "conversations": [
            {"from": "human", "value": f"{IMAGE}\n{example.record.prompt}"},
            {"from": "gpt", "value": example.answer.content},
        ],
    }


LLAVA = Format(
    name="llava",
    reader="LLaVA",
    storage="json",
    row=_row,
    reasoning_content=False,
    preferences=False,
    reserved=(*MEDIA_WORDS, *_TURNS),
)
