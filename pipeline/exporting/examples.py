"""From a record to the examples that a trainer learns from, before any format: whose text, and in which form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pipeline.exporting.options import BOTH, FIRST, ExportOptions
from pipeline.exporting.scores import SCORES
from pipeline.exporting.thinking import NO_THINKING, REASONING_CONTENT, TAGS
from schemas.record import Pair, ThinkRecord


class LeftOut(StrEnum):
    """Why an example that could have been is none."""

    TIE = "tie"
    """The score prefers neither pair."""
    SAME_TEXT = "same_text"
    """What is chosen and what is rejected read the same."""
    MARKER_IN_TEXT = "marker_in_text"
    """Thinking or answer holds one of the markers that were to be put around them."""
    RESERVED_WORD_IN_TEXT = "reserved_word_in_text"
    """A text holds a word that the trainer or the student's processor takes for something else, such as ``<image>``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the assistant says."""

    pair: Pair
    content: str
    reasoning: str | None
    """The thinking, where it is a field of its own."""


@dataclass(frozen=True, slots=True)
class Example:
    """One example: the picture, the prompt, and what is said to it."""

    id: str
    """``n01440764_10/glm-4.1v-9b-thinking``; of a preference the image's id alone."""
    number: int
    """Place among all examples that the split's images can give: stable, whatever is left out."""
    record: ThinkRecord
    answer: Answer
    """Of a preference, what is chosen."""
    rejected: Answer | None
    """Only of a preference."""


def make_examples(
    record: ThinkRecord, position: int, options: ExportOptions, reserved: tuple[str, ...]
) -> Iterator[Example | LeftOut]:
    """Everything that a record gives: one example per teacher for ``both``, else just one, or why not.

    Args:
        record: one image.
        position: of the image in its split, from 0.
        options: checked ones.
        reserved: words that the format's texts must not hold.
    """
    if options.preference is not None:
        yield _prefer(record, position, options, reserved)
        return
    pairs = _choose(record, options.teacher)
    for index, pair in enumerate(pairs):
        answer = _say(pair, record.prompt, options.thinking, reserved)
        if isinstance(answer, LeftOut):
            yield answer
        else:
            name = f"{record.image_id}/{pair.teacher}"
            yield Example(name, position * len(pairs) + index, record, answer, rejected=None)


def _choose(record: ThinkRecord, teacher: str) -> tuple[Pair, ...]:
    named = tuple(pair for pair in record.pairs if pair.teacher == teacher)
    if named or teacher == BOTH:
        return named or record.pairs
    return (record.pairs[0] if teacher == FIRST else SCORES[teacher].best(record.pairs),)


def _prefer(record: ThinkRecord, position: int, options: ExportOptions, reserved: tuple[str, ...]) -> Example | LeftOut:
    score = SCORES[options.preference or ""]
    better, worse = score.best(record.pairs), score.worst(record.pairs)
    if score.value(better) == score.value(worse):
        return LeftOut.TIE
    chosen = _say(better, record.prompt, options.thinking, reserved)
    rejected = _say(worse, record.prompt, options.thinking, reserved)
    if isinstance(chosen, LeftOut):
        return chosen
    if isinstance(rejected, LeftOut):
        return rejected
    if (chosen.content, chosen.reasoning) == (rejected.content, rejected.reasoning):
        return LeftOut.SAME_TEXT
    return Example(record.image_id, position, record, chosen, rejected)


def _say(pair: Pair, prompt: str, thinking: str, reserved: tuple[str, ...]) -> Answer | LeftOut:
    shown = (prompt, pair.answer) if thinking == NO_THINKING else (prompt, pair.answer, pair.thinking)
    if any(word in text for word in reserved for text in shown):
        return LeftOut.RESERVED_WORD_IN_TEXT
    if thinking not in TAGS:
        return Answer(pair, pair.answer, pair.thinking if thinking == REASONING_CONTENT else None)
    tags = TAGS[thinking]
    if not tags.fits(pair.thinking, pair.answer):
        return LeftOut.MARKER_IN_TEXT
    return Answer(pair, tags.write(pair.thinking, pair.answer), reasoning=None)
