"""A file of predictions, read without holding its texts: once to check every line, then line by line when wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from eval.scoring.predictions import FORMS, Line, LineError, read_line
from pipeline.lines import printable
from pipeline.progress import BYTES, Progress
from schemas.errors import DatasetError
from schemas.scores import Keys

MAX_LINE_BYTES = 16 * 2**20
"""A hundred times the longest text that a model writes; longer lines are something else, and are not read."""

_EXAMPLES = 10
"""Keys of each kind that are named."""

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Span(NamedTuple):
    """Where a line lies in its file."""

    start: int
    size: int


@dataclass(frozen=True)
class PredictionFile:
    """A file of predictions whose every line is well formed."""

    path: Path
    spans: dict[str, Span]
    """The first line for each of the benchmark's keys."""
    keys: Keys


def read_spans(path: Path, keys: Sequence[str], spans: Sequence[Span | None]) -> list[Line | None]:
    """The lines for some keys at their places in a checked file; ``None`` for a key without a place.

    Raises:
        DatasetError: the file changed since it was checked.
    """
    lines: list[Line | None] = []
    try:
        with path.open("rb") as file:
            for span in spans:
                if span is not None:
                    file.seek(span.start)
                lines.append(None if span is None else read_line(file.read(span.size)))
    except (FileNotFoundError, LineError) as error:
        raise _explain_change(path) from error
    if any(line is not None and line.key != key for key, line in zip(keys, lines, strict=True)):
        raise _explain_change(path)
    return lines


def _explain_change(path: Path) -> DatasetError:
    return DatasetError(f"{path}: changed while it was read", "run the same command again")


@dataclass
class _Tally:
    """What was found of each key so far."""

    known: frozenset[str]
    spans: dict[str, Span] = field(default_factory=dict)
    digests: dict[str, bytes] = field(default_factory=dict)
    lines: int = 0
    repeated: int = 0
    contradictory: int = 0
    unknown: int = 0
    repeated_examples: dict[str, None] = field(default_factory=dict)
    unknown_examples: dict[str, None] = field(default_factory=dict)

    def add(self, line: Line, span: Span) -> None:
        self.lines += 1
        if line.key not in self.known:
            self.unknown += 1
            _note(self.unknown_examples, line.key)
        elif line.key not in self.spans:
            self.spans[line.key], self.digests[line.key] = span, _digest(line)
        else:
            self.repeated += 1
            self.contradictory += _digest(line) != self.digests[line.key]
            _note(self.repeated_examples, line.key)

    def count(self, keys: Sequence[str]) -> Keys:
        missing = [key for key in keys if key not in self.spans]
        return Keys(
            lines=self.lines,
            predicted=len(self.spans),
            missing=len(missing),
            repeated=self.repeated,
            contradictory=self.contradictory,
            unknown=self.unknown,
            missing_examples=tuple(missing[:_EXAMPLES]),
            repeated_examples=tuple(self.repeated_examples),
            unknown_examples=tuple(self.unknown_examples),
        )


def check_predictions(path: Path, keys: Sequence[str], progress: Progress) -> PredictionFile:
    """See that every line of a file is a prediction, and note where each of a benchmark's items has its own.

    Args:
        path: JSON lines in UTF-8; blank lines do not count.
        keys: of the benchmark's items, in order.
        progress: hears how far the file is read.

    Raises:
        DatasetError: there is no such file, it holds nothing, a line is no prediction, or all are for other items.
    """
    if not path.is_file():
        fault = "is no file" if path.exists() else "there is no such file"
        raise DatasetError(f"{path}: {fault}", "name a file of JSON lines, each a prediction")
    tally = _Tally(frozenset(keys))
    with path.open("rb") as file, progress.task("check", path.stat().st_size, BYTES) as task:
        for number, span, data in _split(path, file):
            task.advance(span.size)
            try:
                tally.add(read_line(data), span)
            except LineError as error:
                raise _refuse(path, number, str(error)) from error
    if not tally.lines:
        raise DatasetError(f"{path}: holds no predictions", f"write a line for each item: {FORMS}")
    if not tally.spans:
        examples = f"{next(iter(tally.unknown_examples))}, where an item is called {keys[0]}"
        raise DatasetError(
            f"{path}: none of its keys is the benchmark's ({examples})", "name the predictions for this benchmark"
        )
    return PredictionFile(path, tally.spans, tally.count(keys))


def _split(path: Path, file: BinaryIO) -> Iterator[tuple[int, Span, bytes]]:
    """Lines that hold anything, by number; at most one of them in memory."""
    start = number = 0
    while data := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1 and data.startswith(_GZIP):
            raise DatasetError(f"{path}: is packed with gzip", "unpack it first")
        if len(data) > MAX_LINE_BYTES:
            raise _refuse(path, number, f"is longer than {MAX_LINE_BYTES >> 20} MiB")
        mark = len(_BYTE_ORDER_MARK) if number == 1 and data.startswith(_BYTE_ORDER_MARK) else 0
        if data[mark:].strip():
            yield number, Span(start + mark, len(data) - mark), data[mark:]
        start += len(data)


def _refuse(path: Path, number: int, fault: str) -> DatasetError:
    return DatasetError(f"{path}, line {number:,}: {fault}", f"a line is {FORMS}")


def _digest(line: Line) -> bytes:
    said = "\0".join((str(len(line.texts)), line.finish_reason, *line.texts))
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _note(examples: dict[str, None], key: str) -> None:
    if len(examples) < _EXAMPLES:
        examples[printable(key)] = None
