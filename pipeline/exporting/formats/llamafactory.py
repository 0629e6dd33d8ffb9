"""LLaMA-Factory: ShareGPT conversations and the ``dataset_info.json`` that names their columns.

Its templates find the thinking by their ``thought_words`` and leave it where it is: ``--thinking think`` writes the
default ones to the letter, ``kimi-vl`` those of the template ``kimi_vl``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.exporting.examples import Example
from pipeline.exporting.formats.base import DATA_DIRECTORY, IMAGE, Format
from pipeline.exporting.options import ExportOptions
from schemas.base import canonical_json

DATASET_NAME = "imagenet_think"
"""What ``dataset:`` in a training configuration says."""


def _row(example: Example, picture: Any) -> dict[str, Any]:
    head = {"id": example.id, "images": [picture]}
    question = {"from": "human", "value": f"{IMAGE}{example.record.prompt}"}
    answer = {"from": "gpt", "value": example.answer.content}
    if example.rejected is None:
        return {**head, "conversations": [question, answer]}
    rejected = {"from": "gpt", "value": example.rejected.content}
    return {**head, "conversations": [question], "chosen": answer, "rejected": rejected}


def _documents(options: ExportOptions) -> Mapping[str, bytes]:
    columns = {"messages": "conversations", "images": "images"}
    info: dict[str, Any] = {"file_name": DATA_DIRECTORY, "formatting": "sharegpt"}
    if options.preference is not None:
        info["ranking"] = True
        columns |= {"chosen": "chosen", "rejected": "rejected"}
    return {"dataset_info.json": canonical_json({DATASET_NAME: {**info, "columns": columns}}) + b"\n"}


LLAMAFACTORY = Format(
    name="llamafactory",
    reader="LLaMA-Factory 0.9.5",
    storage="jsonl",
    row=_row,
    reasoning_content=False,
    preferences=True,
    documents=_documents,
)
