"""TRL: ``messages`` and ``images``, or ``prompt``, ``chosen``, ``rejected`` and ``images``.

``trl.data_utils.prepare_multimodal_messages`` puts the picture before the first user's text; it needs no placeholder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.exporting.examples import Example
from pipeline.exporting.formats.base import Format, assistant, message_features, user
from pipeline.exporting.options import ExportOptions

if TYPE_CHECKING:
    from datasets import Features


def _row(example: Example, picture: Any) -> dict[str, Any]:
    question, answer = user(example.record.prompt), assistant(example.answer)
    head = {"id": example.id, "images": [picture]}
    if example.rejected is None:
        return {**head, "messages": [question, answer], "teacher": example.answer.pair.teacher}
    return {
        **head,
        "prompt": [question],
        "chosen": [answer],
        "rejected": [assistant(example.rejected)],
        "chosen_teacher": example.answer.pair.teacher,
        "rejected_teacher": example.rejected.pair.teacher,
    }


def _features(options: ExportOptions) -> Features:
    from datasets import Features, Image, List, Value  # noqa: PLC0415 - takes a second, and few callers need it

    text, messages = Value("string"), message_features(options)
    head = {"id": text, "images": List(Image())}
    if options.preference is None:
        return Features({**head, "messages": messages, "teacher": text})
    talk = {"prompt": messages, "chosen": messages, "rejected": messages}
    return Features({**head, **talk, "chosen_teacher": text, "rejected_teacher": text})


TRL = Format(
    name="trl",
    reader="TRL 1.16",
    storage="parquet",
    row=_row,
    reasoning_content=True,
    preferences=True,
    features=_features,
)
