"""A record in words: its facts as people say them, harmless to look at, long texts folded."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from types import MappingProxyType
from typing import Any

from pipeline.packed import Row
from pipeline.texts import jaccard, reveal, words_of
from schemas.base import Contract
from schemas.record import ImageEncoding, Pair, ThinkRecord

_HEAD_WORDS, _TAIL_WORDS = 40, 25
"""What is left of a folded text: enough to tell how it begins and where it arrives."""

_WORD = re.compile(r"\S{1,24}")
"""What folding takes for a word; some scripts, and models that have lost the thread, write no spaces."""

_ENCODINGS: Mapping[ImageEncoding, str] = MappingProxyType(
    {
        "source": "the source's own file",
        "unwrapped": "taken out of the source's gzip",
        "transcoded": "made into a JPEG",
        "rejoined": "another file of the same picture",
    }
)

Facts = list[tuple[str, str]]
"""What, and what is said of it."""


@dataclass(frozen=True, slots=True)
class Fold:
    """A long text's first and last words; ``tail`` is empty and ``hidden`` 0 where there was nothing to fold."""

    head: str
    hidden: int
    """Characters between the two."""
    tail: str


def harmless(record: ThinkRecord) -> ThinkRecord:
    """The same record with everything written out that a terminal or a browser would obey: see ``reveal``.

    Texts come from models, and a dataset from anywhere.
    """
    safe: ThinkRecord = _map_texts(record, reveal)
    return safe


def agree(record: ThinkRecord) -> float | None:
    """How like the teachers' answers are: Jaccard's index of their sets of words, on average over pairs of teachers.

    ``None`` where one teacher answered. Rounded to four digits.
    """
    answers = [words_of(pair.answer) for pair in record.pairs]
    pairs = [jaccard(one, other) for one, other in combinations(answers, 2)]
    return round(fmean(pairs), 4) if pairs else None


def fold(text: str) -> Fold:
    """Cut the middle out of a text that is longer than its beginning and end together by half or more."""
    words = list(_WORD.finditer(text))
    if 2 * len(words) < 3 * (_HEAD_WORDS + _TAIL_WORDS):
        return Fold(text, 0, "")
    begin, end = words[_HEAD_WORDS - 1].end(), words[-_TAIL_WORDS].start()
    return Fold(text[:begin], end - begin, text[end:])


def count_words(text: str) -> int:
    """Number of runs of anything but white space."""
    return len(text.split())


def describe_image(row: Row) -> Facts:
    """What is known of a picture and its class."""
    record = row.record
    flags = [name for name, is_set in (("greyscale", record.greyscale), ("blurred", record.blurred)) if is_set]
    return [
        ("class", f"{record.wnid}, label {row.label}; {record.domain}, depth {record.depth}"),
        ("definition", record.definition),
        ("picture", f"{record.width} × {record.height} pixels, {record.source_format}, {_size(record.bytes)}"),  # noqa: RUF001 - the sign
        ("file here", "none: this edition has no pictures" if row.jpeg is None else _ENCODINGS[record.image_encoding]),
        ("complexity", f"{record.complexity:.2f} bits per pixel ({record.stratum})"),
        ("weight", f"stands for {record.weight:,.1f} images of the collection"),
        ("flags", ", ".join(flags) or "none"),
        ("held out", "no" if record.holdout == "none" else f"yes, by {record.holdout}"),
        ("SHA-256", record.sha256),
        ("phash", record.phash),
    ]


def describe_pair(pair: Pair) -> Facts:
    """How a pair came about, and its scores."""
    stop = f" at {pair.stop_reason}" if pair.stop_reason else ""
    forced = ", thinking closed by its budget" if pair.forced_close else ""
    scores, han = pair.scores, f"{pair.scores.han_share:.1%}"
    return [
        ("model", f"{pair.model}@{pair.revision}"),
        ("engine", "pixels (measured, written by no model)" if pair.engine == "pixels" else pair.engine),
        ("outcome", f"{pair.status}, finished by {pair.finish_reason}{stop}"),
        ("attempt", f"{pair.attempt} ({pair.rung}){forced}"),
        ("tokens", f"{pair.thinking_tokens:,} thinking, {pair.answer_tokens:,} answer"),
        ("scores", f"compression {scores.compression:.2f}, repeated 8-grams {scores.repeated_8grams:.1%}, Han {han}"),
        ("seed", str(pair.seed)),
        ("fingerprint", pair.fingerprint),
    ]


def _size(size: int) -> str:
    return f"{size:,} bytes" if size < 1000 else f"{size / 1000:,.1f} kB"


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A copy in which every text is changed; enumerations, which are texts too, stay what they are."""
    if type(value) is str:
        return change(value)
    if isinstance(value, Contract):  # not validated again: two teachers' names may have become one
        return value.model_copy(update={name: _map_texts(each, change) for name, each in value})
    if isinstance(value, tuple):
        return tuple(_map_texts(each, change) for each in value)
    return value
