"""What every way of running a model offers: ask, count, report, close."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from PIL import Image

from schemas.completion import FinishReason
from schemas.teacher import Sampling


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The source's own JPEG, where its decoded pixels are those of the request: no need to encode them again."""

    data: bytes
    path: Path | None
    """The file that holds exactly these bytes; ``None`` for a member of an archive."""


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """One question to a teacher.

    ``image`` is the normalised picture: upright, 8-bit, RGB. No request carries the label or a file name; the id is
    for the engine's own bookkeeping and must not influence the text.
    """

    request_id: str
    image: Image.Image
    prompt: str
    sampling: Sampling
    seed: int
    thinking_budget: int | None = None
    """Close the thinking by force after this many tokens."""
    source: SourceFile | None = None
    """Where normalisation changed nothing."""
    system: str | None = None
    """A message of its own before the question; ``None`` leaves it to the model's chat template."""


@dataclass(frozen=True, slots=True)
class EngineReply:
    """What came back, untouched: markers, stop strings and all."""

    text: str
    finish_reason: FinishReason
    stop_reason: str | None
    completion_tokens: int
    prompt_tokens: int | None = None
    forced_close: bool = False
    """A thinking budget ended the thinking, not the model."""
    split: tuple[int, int] | None = None
    """Tokens of the thinking and after it, its two markers left out; ``None`` where the engine cannot tell."""


IDENTIFYING = ("model", "revision", "dtype", "quantization", "processor")
"""Fields of :class:`EngineInfo` that are part of a ledger's identity; the others may differ between starts."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Who is asked, and on what. Constant for the life of an engine."""

    engine: str
    """The engine's kind, e.g. ``pixels``."""
    model: str
    revision: str
    dtype: str
    quantization: str | None = None
    processor: dict[str, str] = field(default_factory=dict)
    """Settings that change what the model sees of the picture, nested names joined by dots, values as JSON."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of the packages and devices that make the text."""
    warnings: tuple[str, ...] = ()
    """What its user should know before days of work, each a sentence."""


class Engine(Protocol):
    """A model that can be asked, many requests at a time.

    ``complete`` and ``count_tokens`` raise the errors of ``schemas.errors``: ``EngineUnavailableError`` (ask again
    later), ``EngineDiedError`` (start me again), ``RequestRefusedError`` (this request never). Cancelling the awaiting
    task aborts the request.
    """

    @property
    def info(self) -> EngineInfo:
        """Who is asked."""

    @property
    def concurrency(self) -> int:
        """How many requests it wants in flight."""

    async def complete(self, request: EngineRequest) -> EngineReply:
        """Answer one request."""

    async def count_tokens(self, text: str) -> int:
        """Length of a text in the model's own tokens."""

    async def close(self) -> None:
        """Free everything; no request may follow."""
