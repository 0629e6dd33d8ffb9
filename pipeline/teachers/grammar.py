"""How a teacher's text is built on the wire, and how it is taken apart and judged.

A family of teachers is a :class:`MarkerGrammar`: data, no code. Reading never repairs and never raises: every text
maps to exactly one :class:`~schemas.completion.PairStatus`, by the ordered table ``RULES``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from pipeline.teachers.quality import is_loop, is_wrong_language, score
from schemas.completion import FinishReason, PairStatus, ThinkingAnswer

PARSER_VERSION = "1"
"""Raised whenever any text may be read otherwise than before; kept in every row of the ledger."""


class Grammar(Protocol):
    """The output format of a family of teachers."""

    @property
    def name(self) -> str:
        """Key of ``GRAMMARS``, and what a teacher's entry calls it."""

    @property
    def think(self) -> tuple[str, str]:
        """What opens and what closes the thinking."""

    def parse(self, raw: str, finish_reason: FinishReason, language: str) -> ThinkingAnswer:
        """Take a raw text apart and say whether it is a valid pair. Pure, linear in the text, never raises."""

    def render(self, thinking: str, answer: str) -> str:
        """Write a pair the way the teacher does."""


@dataclass(frozen=True)
class MarkerGrammar:
    """A format of thinking, answer and the markers around them: a :class:`Grammar`.

    ``<think>T</think><answer>A</answer>``, where each pair of markers below is (opening, closing). White space around
    the parts does not count; a single end token may close the text.
    """

    name: str
    think: tuple[str, str]
    think_may_be_prefilled: bool = False
    """The chat template may already have written the opening marker, so that the text begins with the thinking."""
    answer: tuple[str, str] | None = None
    """Around the answer, each optional: the closing one is often a stop token that engines cut off."""
    box: tuple[str, str] | None = None
    """Around words within the answer. Removed; the words stay."""
    end_tokens: tuple[str, ...] = ()
    """What ends a turn: left in the text when engines are told to keep special tokens."""

    def parse(self, raw: str, finish_reason: FinishReason, language: str) -> ThinkingAnswer:
        """Take a raw text apart and judge it by ``RULES``.

        Args:
            raw: the text as the engine gave it, special tokens included.
            finish_reason: why the engine stopped.
            language: language that was asked for, ISO 639-1.

        Returns:
            Thinking and answer as far as they could be told apart. Both are empty for text that UTF-8 cannot hold;
            where no thinking was marked at all, everything is the answer.
        """
        reading = self._take_apart(raw, finish_reason, language)
        status = next((status for status, applies in RULES if applies(reading)), PairStatus.OK)
        return ThinkingAnswer(thinking=reading.thinking, answer=reading.answer, status=status, scores=score(raw))

    def render(self, thinking: str, answer: str) -> str:
        """Write a pair the way the teacher does. ``parse`` gives it back if it holds no markers."""
        before, after = self.answer or ("", "")
        return f"{self.think[0]}{thinking}{self.think[1]}{before}{answer}{after}"

    def _take_apart(self, raw: str, finish_reason: FinishReason, language: str) -> _Reading:
        valid = _is_valid_unicode(raw)
        text = self._without_end_token(raw.strip()) if valid else ""
        head, close, tail = text.partition(self.think[1])
        opened = head.count(self.think[0])
        if close and not opened and self.think_may_be_prefilled:
            opened = 1
        if close or opened:
            thinking, answer = head.strip().removeprefix(self.think[0]).strip(), self._unwrap(tail)
        else:
            thinking, answer = "", head.strip()
        return _Reading(
            raw=raw,
            finish_reason=finish_reason,
            language=language,
            valid_unicode=valid,
            opened=opened,
            closed=bool(close),
            thinking=thinking,
            answer=answer,
            has_marker=any(map(self._marker.search, (thinking, answer))),
        )

    def _without_end_token(self, text: str) -> str:
        return next((text.removesuffix(token) for token in self.end_tokens if text.endswith(token)), text)

    def _unwrap(self, text: str) -> str:
        text = text.strip()
        if self.answer:
            text = text.removeprefix(self.answer[0]).removesuffix(self.answer[1])
        if self.box:
            text = self._box.sub(r"\1", text)
        return text.strip()

    @cached_property
    def _box(self) -> re.Pattern[str]:
        opening, closing = map(re.escape, self.box or ())
        # Possessive, and stopping at either marker: linear however many boxes are opened and never closed.
        return re.compile(f"{opening}((?:(?!{opening}|{closing}).)*+){closing}", re.DOTALL)

    @cached_property
    def _marker(self) -> re.Pattern[str]:
        own = (*self.think, *(self.answer or ()), *(self.box or ()), *self.end_tokens)
        return re.compile("|".join([_ANY_MARKER, *map(re.escape, own)]))


# Markers of whatever family: a teacher that writes another's format is confused. All of GLM's and Kimi's control
# tokens have the last form.
_ANY_MARKER = r"</?(?:think|thinking|reasoning|answer)>|◁/?think▷|<\|\w+\|>"


@dataclass(frozen=True, slots=True)
class _Reading:
    """A raw text taken apart, not yet judged."""

    raw: str
    finish_reason: FinishReason
    language: str
    valid_unicode: bool
    opened: int
    """How often thinking is opened before it is first closed."""
    closed: bool
    thinking: str
    answer: str
    has_marker: bool


RULES: tuple[tuple[PairStatus, Callable[[_Reading], bool]], ...] = (
    # What the engine says of itself.
    (PairStatus.TRUNCATED, lambda it: it.finish_reason in {FinishReason.LENGTH, FinishReason.ABORT}),
    (PairStatus.REPETITION, lambda it: it.finish_reason is FinishReason.REPETITION),
    (PairStatus.REFUSED, lambda it: it.finish_reason is FinishReason.ERROR),
    # The form of the text.
    (PairStatus.INVALID_UNICODE, lambda it: not it.valid_unicode),
    (PairStatus.NO_THINK, lambda it: it.opened == 0),
    (PairStatus.UNCLOSED_THINK, lambda it: not it.closed),
    (PairStatus.NESTED_THINK, lambda it: it.opened > 1),
    (PairStatus.MARKER_LEAK, lambda it: it.has_marker),
    (PairStatus.EMPTY_THINK, lambda it: not it.thinking),
    (PairStatus.EMPTY_ANSWER, lambda it: not it.answer),
    # Its substance.
    (PairStatus.REPETITION, lambda it: is_loop(it.raw)),
    (
        PairStatus.WRONG_LANGUAGE,
        lambda it: is_wrong_language(it.thinking, it.language) or is_wrong_language(it.answer, it.language),
    ),
)
"""When each status holds; the first that does is the status, and ``ok`` is what none applies to."""


def _is_valid_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
