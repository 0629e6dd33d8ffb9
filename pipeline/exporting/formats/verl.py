"""verl: the columns of its reinforcement learning, and ``messages`` for its supervised trainer, in the same Parquet.

Its reward datasets hold text only, so that there is no form for preferences about pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.exporting.examples import Example
from pipeline.exporting.formats.base import IMAGE, Format, assistant, message_features, user
from pipeline.exporting.options import ExportOptions

if TYPE_CHECKING:
    from datasets import Features

DATA_SOURCE = "imagenet-think"
"""By which a reward function tells where a row is from. verl has none of its own for it."""


def _row(example: Example, picture: Any) -> dict[str, Any]:
    record, pair = example.record, example.answer.pair
    question = user(f"{IMAGE}{record.prompt}")
    return {
        "data_source": DATA_SOURCE,
        "prompt": [question],
        "images": [picture],
        "messages": [question, assistant(example.answer)],
        "ability": "image description",
        "reward_model": {"style": "rule", "ground_truth": pair.answer},
        "extra_info": {
            "index": example.number,
            "split": record.split,
            "id": example.id,
            "teacher": pair.teacher,
            "wnid": record.wnid,
            "lemmas": list(record.lemmas),
        },
    }


def _features(options: ExportOptions) -> Features:
    from datasets import Features, Image, List, Value  # noqa: PLC0415 - takes a second, and few callers need it

    text = Value("string")
    return Features(
        {
            "data_source": text,
            "prompt": List({"role": text, "content": text}),
            "images": List(Image()),
            "messages": message_features(options),
            "ability": text,
            "reward_model": {"style": text, "ground_truth": text},
            "extra_info": {
                "index": Value("int64"),
                "split": text,
                "id": text,
                "teacher": text,
                "wnid": text,
                "lemmas": List(text),
            },
        }
    )


VERL = Format(
    name="verl",
    reader="verl 0.9.1",
    storage="parquet",
    row=_row,
    reasoning_content=True,
    preferences=False,
    features=_features,
)
