"""Where a pair's thinking goes: into the text between markers, beside it, or nowhere.

Texts are never changed. One that could not be told apart again, because it holds a marker, is the caller's to leave
out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pipeline.teachers import GRAMMARS, MarkerGrammar

REASONING_CONTENT = "reasoning_content"
"""The thinking is a field of the assistant's message, beside ``content``; the student's chat template writes it."""

NO_THINKING = "none"
"""The answer alone."""


@dataclass(frozen=True, slots=True)
class Tags:
    """``opening`` thinking ``middle`` answer ``closing``, all of them kept to the letter."""

    opening: str
    middle: str
    closing: str
    markers: tuple[str, ...]
    """What no text may hold, so that these tags can be found again."""

    def write(self, thinking: str, answer: str) -> str:
        """One text of both."""
        return f"{self.opening}{thinking}{self.middle}{answer}{self.closing}"

    def fits(self, thinking: str, answer: str) -> bool:
        """Whether neither text holds a marker."""
        return not any(marker in text for marker in self.markers for text in (thinking, answer))


def _as_taught(grammar: MarkerGrammar) -> Tags:
    before, after = grammar.answer or ("", "")
    return Tags(grammar.think[0], grammar.think[1] + before, after, (*grammar.think, *(grammar.answer or ())))


THINK = "think"
"""The default: how Qwen3's chat template and most of its kin write it, and LLaMA-Factory's templates by default
(``thought_words`` in its ``data/template.py``)."""

TAGS: Mapping[str, Tags] = MappingProxyType(
    {
        THINK: Tags("<think>\n", "\n</think>\n\n", "", ("<think>", "</think>")),
        **{name: _as_taught(grammar) for name, grammar in GRAMMARS.items() if isinstance(grammar, MarkerGrammar)},
    }
)
"""Ways of writing both into one text: the common one, and each family of teachers' own."""

THINKING = (*TAGS, REASONING_CONTENT, NO_THINKING)
"""Everything that ``--thinking`` knows."""
