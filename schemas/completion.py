"""What a teacher wrote: one attempt as the ledger keeps it, and what the parser makes of it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from schemas.base import Contract, Hash64, ImageId


class FinishReason(StrEnum):
    """Why the engine stopped. The values are vLLM's own."""

    STOP = "stop"
    LENGTH = "length"
    ABORT = "abort"
    REPETITION = "repetition"
    ERROR = "error"


class PairStatus(StrEnum):
    """What the parser makes of a raw text. Only ``ok`` is published as a pair."""

    OK = "ok"
    UNCLOSED_THINK = "unclosed_think"
    NO_THINK = "no_think"
    EMPTY_THINK = "empty_think"
    EMPTY_ANSWER = "empty_answer"
    NESTED_THINK = "nested_think"
    MARKER_LEAK = "marker_leak"
    """A marker of the grammar is left inside thinking or answer."""
    TRUNCATED = "truncated"
    """The engine stopped before the model did (length or abort)."""
    REPETITION = "repetition"
    WRONG_LANGUAGE = "wrong_language"
    INVALID_UNICODE = "invalid_unicode"
    """A lone surrogate: text that UTF-8 cannot hold."""
    REFUSED = "refused"
    """No text at all: the engine refused the request or failed on it."""


class Rung(StrEnum):
    """The steps of the retry ladder (``pipeline.generation.retries`` says what each changes)."""

    AS_IS = "as_is"
    NEW_SEED = "new_seed"
    REPETITION_PENALTY = "repetition_penalty"
    FORCED_CLOSE = "forced_close"


class PairScores(Contract):
    """Cheap measures of a raw text, each rounded to four digits."""

    compression: float = Field(ge=0)
    """UTF-8 bytes over the bytes of their zlib stream (level 6, 8 KiB window). Prose lies between 1.5 and 3.3, loops
    above 5."""
    repeated_8grams: float = Field(ge=0, le=1)
    """Share of word 8-grams that occurred before in the text."""
    han_share: float = Field(ge=0, le=1)
    """Share of Han characters among the letters."""


class ThinkingAnswer(Contract):
    """A raw text, parsed. Nothing is repaired: where the text does not follow its grammar, ``status`` says how.

    ``thinking`` and ``answer`` are what could be told apart, without outer white space; both are meaningful
    only when ``status`` is ``ok``.
    """

    thinking: str
    answer: str
    status: PairStatus
    scores: PairScores


class Completion(Contract):
    """One attempt of one teacher on one image: a row of the ledger.

    ``raw`` is the text byte for byte, in UTF-8 with lone surrogates passed through. ``status`` and the token
    counts of thinking and answer are what parser ``parser`` saw; a newer parser reads ``raw`` again.
    """

    image_id: ImageId
    teacher: str
    fingerprint: Hash64
    attempt: int = Field(ge=1)
    rung: Rung
    seed: int = Field(ge=0)
    max_tokens: int = Field(gt=0)
    thinking_budget: int | None
    """Tokens after which the engine was to close the thinking."""
    raw: bytes
    finish_reason: FinishReason
    stop_reason: str | None
    error: str | None
    """Why the engine gave no text, when it gave none."""
    forced_close: bool
    """It did: not the model but the thinking budget ended the thinking."""
    prompt_tokens: int | None
    completion_tokens: int = Field(ge=0)
    thinking_tokens: int = Field(ge=0)
    """Without the thinking's markers: as the engine wrote it where it tells, else of the text."""
    answer_tokens: int = Field(ge=0)
    """Likewise; an engine that tells counts everything after the thinking, markers of the answer included."""
    parser: str
    status: PairStatus
    engine: str
    model: str
    revision: str
    dtype: str
    quantization: str | None
    processor: dict[str, str]
    """Settings that change what the model sees of the picture."""
    versions: dict[str, str]
    """Package and device versions that made the text, by name."""
    started_at: float
    """Seconds since the epoch, UTC."""
    seconds: float = Field(ge=0)

    @property
    def text(self) -> str:
        """The raw text as the engine gave it."""
        return self.raw.decode("utf-8", "surrogatepass")
