"""What can be said of an item without a model: its label alone, or its pixels alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from pipeline.engines.pixels import VOICES, measure, tell
from pipeline.files import atomic_writer
from pipeline.screening import open_picture
from schemas.base import canonical_json
from schemas.benchmark import BenchmarkItem

LABEL_ONLY, PIXELS = "label-only", "pixels"

_VOICE = VOICES[0]
_SEED = 0
"""One voice and one seed: the same picture always gets the same text."""


def label_only(item: BenchmarkItem) -> tuple[str, str]:
    """Thinking and answer of somebody who knows what the picture is filed under, and has not looked at it."""
    name, *others = item.lemmas
    also = f", also called {', '.join(others)}" if others else ""
    meaning = f" It means: {item.definition}." if item.definition else ""
    above = next((hypernym.lemmas[0] for hypernym in item.hypernyms), None)
    kind = f" That is a kind of {above}." if above else ""
    thinking = (
        f"The picture is filed under {name}{also}.{meaning}{kind} "
        f"The label is all that is known, so the picture should show {name}."
    )
    return thinking, f"The picture shows {name}{also}.{meaning}"


def describe_pixels(jpeg: bytes) -> tuple[str, str]:
    """Thinking and answer that the embedded engine measures from a picture.

    Raises:
        SourceError: the picture does not decode.
    """
    return tell(measure(open_picture(jpeg).image), _VOICE, _SEED)


class PredictionWriter:
    """Appends predictions to an open file, one JSON line each."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def add(self, key: str, thinking: str, answer: str) -> None:
        """Append the prediction for an item."""
        self._file.write(canonical_json({"key": key, "thinking": thinking, "answer": answer}) + b"\n")


@contextlib.contextmanager
def open_baseline(path: Path) -> Iterator[PredictionWriter]:
    """Write a file of predictions, in the form that ``score`` reads, whole or not at all."""
    with atomic_writer(path) as file:
        yield PredictionWriter(file)


def write_baseline(path: Path, rows: Iterable[tuple[str, str, str]]) -> None:
    """Write predictions (key, thinking, answer), whole or not at all."""
    with open_baseline(path) as writer:
        for key, thinking, answer in rows:
            writer.add(key, thinking, answer)
