"""What a format is. A new one is a module with a :class:`Format`, and a line in ``formats/__init__.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pipeline.exporting.examples import Answer, Example
from pipeline.exporting.options import ExportOptions

if TYPE_CHECKING:
    from datasets import Features

Storage = Literal["parquet", "jsonl", "json"]
"""Parquet parts with pictures inside, parts of JSON lines with pictures beside them, or these joined to one array."""

IMAGE = "<image>"
"""In whose place most trainers put the picture."""

MEDIA_WORDS = (IMAGE, "<video>", "<audio>")
"""Trainers, and the processors of students such as LLaVA and SmolVLM whoever trains them, count these in all messages
and refuse, or misread, a row that has more of them than media."""

DATA_DIRECTORY = "data"


@dataclass(frozen=True)
class Format:
    """A trainer's format."""

    name: str
    reader: str
    """Whose loader the format was written for, with the version where there are any."""
    storage: Storage
    row: Callable[[Example, Any], dict[str, Any]]
    """A row: of an example, and of what stands for its picture."""
    reasoning_content: bool
    """Whether the reader passes such a field on to the chat template."""
    preferences: bool
    """Whether the reader takes chosen and rejected texts beside a picture."""
    reserved: tuple[str, ...] = MEDIA_WORDS
    """Words with a meaning in its texts, which they must not hold."""
    features: Callable[[ExportOptions], Features] | None = None
    """Of the rows, where they are Parquet."""
    documents: Callable[[ExportOptions], Mapping[str, bytes]] = lambda _: {}
    """Further files by path, e.g. what tells the trainer how its columns are called."""


def user(text: str) -> dict[str, str]:
    """The user's message as most formats write it."""
    return {"role": "user", "content": text}


def assistant(answer: Answer) -> dict[str, str]:
    """The assistant's message as most formats write it."""
    message = {"role": "assistant", "content": answer.content}
    return message if answer.reasoning is None else {**message, "reasoning_content": answer.reasoning}


def message_features(options: ExportOptions) -> Any:
    """The feature of a list of messages.

    ``reasoning_content`` is there only when asked for: templates may take an empty one for an empty thinking.
    """
    from datasets import List, Value  # noqa: PLC0415 - takes a second, and few callers need it

    names = ("role", "content", *(("reasoning_content",) if options.thinking == "reasoning_content" else ()))
    return List({name: Value("string") for name in names})
