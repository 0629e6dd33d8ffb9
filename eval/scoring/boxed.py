r"""Models that reason in plain text and put the answer in a box: ``T \boxed{A}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.teachers import MarkerGrammar
from pipeline.teachers.quality import score
from schemas.completion import FinishReason, ThinkingAnswer

BOX = "\\boxed{"

_BRACE = re.compile(r"\\boxed\s*\{|\\.|[{}]", re.DOTALL)
"""Whatever opens or closes; a brace after a backslash is a letter."""

_TEXT_COMMAND = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf)\s*\{")
_MATHS = (("$$", "$$"), ("$", "$"), ("\\[", "\\]"), ("\\(", "\\)"))
"""What LaTeX puts around a formula, and so around a box."""


@dataclass(frozen=True)
class BoxedGrammar:
    r"""A :class:`~pipeline.teachers.Grammar`: the answer is what stands in the last ``\boxed{...}`` whose braces close.

    Everything around the box is thinking. Signs of mathematics around the box go with it, and so does one LaTeX text
    command around the whole answer: ``$\boxed{\text{a tench}}$`` answers "a tench". A text without a box is all answer.
    """

    name: str
    end_tokens: tuple[str, ...] = ()

    @property
    def think(self) -> tuple[str, str]:
        """Nothing opens the thinking; the box ends it."""
        return "", BOX

    def parse(self, raw: str, finish_reason: FinishReason, language: str) -> ThinkingAnswer:
        """Take a raw text apart; the rules of all other families judge it."""
        judge = MarkerGrammar(name=self.name, think=_STAND_INS, end_tokens=self.end_tokens)
        text = next(
            (raw.rstrip().removesuffix(token) for token in self.end_tokens if raw.rstrip().endswith(token)), raw
        )
        box = find_box(text)
        if box is None:
            return judge.parse(raw, finish_reason, language)
        before, after = _without_maths(text[: box.start].rstrip(), text[box.end :].rstrip())
        rebuilt = judge.render(before.rstrip() + after, _without_command(text[box.inside : box.end - 1].strip()))
        return judge.parse(rebuilt, finish_reason, language).model_copy(update={"scores": score(raw)})

    def render(self, thinking: str, answer: str) -> str:
        """Write a pair the way such models do. ``parse`` gives it back if its braces are paired and hold no box."""
        return f"{thinking}\n{BOX}{answer}}}"


_STAND_INS = ("\x0e", "\x0f")
"""Shift out and shift in: control characters that no model writes, in the place of the markers that are not there."""


class Box(NamedTuple):
    """Where a box stands in a text."""

    start: int
    inside: int
    """Behind its opening brace."""
    end: int
    """Behind its closing brace."""


def find_box(text: str) -> Box | None:
    """The last box to close: of nested ones the outermost. Linear in the text."""
    found: Box | None = None
    opened: list[re.Match[str]] = []
    for brace in _BRACE.finditer(text):
        if brace.group().endswith("{") and brace.group() != "\\{":
            opened.append(brace)
        elif brace.group() == "}" and opened:
            opening = opened.pop()
            if opening.group() != "{":
                found = Box(opening.start(), opening.end(), brace.end())
    return found


def _without_maths(before: str, after: str) -> tuple[str, str]:
    for opening, closing in _MATHS:
        if before.endswith(opening) and after.lstrip().startswith(closing):
            return before.removesuffix(opening), after.lstrip().removeprefix(closing)
    return before, after


def _without_command(answer: str) -> str:
    command = _TEXT_COMMAND.match(answer)
    if command is None:
        return answer
    depth = 1
    for brace in _BRACE.finditer(answer, command.end()):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            whole = brace.end() == len(answer)
            return answer[command.end() : -1].strip() if whole else answer
    return answer
