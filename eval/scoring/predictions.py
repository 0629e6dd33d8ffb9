"""What a model wrote about an item, and the JSON lines that such predictions come in.

A line is ``{"key", "raw"}``, with ``"finish_reason"`` where the tool tells, or ``{"key", "thinking", "answer"}``.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from eval.scoring.families import AUTO, parse_raw
from pipeline.lines import printable
from schemas.completion import FinishReason, PairStatus

KEY = "key"
RAW_KEYS = frozenset({KEY, "raw"})
_APART = frozenset({"thinking", "answer"})
APART_KEYS = _APART | {KEY}
FINISH_REASON = "finish_reason"
FORMS = '{"key", "raw"}, with "finish_reason" where it is known, or {"key", "thinking", "answer"}'

_KNOWN = (KEY, "raw", "thinking", "answer", FINISH_REASON)
_SHOWN_KEYS = 5
"""Unknown keys of a line that an error names."""


class Prediction(NamedTuple):
    """What a model wrote about one item, thinking and answer apart."""

    key: str
    thinking: str
    answer: str
    status: PairStatus | None
    """What the parser made of the raw text; ``None`` where thinking and answer came apart already."""


class Line(NamedTuple):
    """One line of a file of predictions, seen to be well formed."""

    key: str
    texts: tuple[str, ...]
    """The raw text, or thinking and answer."""
    finish_reason: FinishReason


class LineError(ValueError):
    """A line is no prediction; the text says why."""


def read_prediction(
    key: str,
    raw: str,
    finish_reason: FinishReason = FinishReason.STOP,
    tags: str = AUTO,
    language: str = "en",
) -> Prediction:
    """Take a raw text apart.

    Args:
        key: of the item.
        raw: what the model wrote, thinking and all.
        finish_reason: why it stopped.
        tags: family of its thinking tags, one of ``FAMILIES`` or ``AUTO``.
        language: language that was asked for, ISO 639-1.
    """
    parsed = parse_raw(raw, finish_reason, tags, language)
    return Prediction(key, parsed.thinking, parsed.answer, parsed.status)


def take_prediction(line: Line, tags: str, language: str) -> Prediction:
    """The prediction on a line. Texts that UTF-8 cannot hold are dropped, as the parser does."""
    if len(line.texts) == 1:
        return read_prediction(line.key, line.texts[0], line.finish_reason, tags, language)
    thinking, answer = line.texts
    try:
        "".join(line.texts).encode()
    except UnicodeEncodeError:
        return Prediction(line.key, "", "", PairStatus.INVALID_UNICODE)
    return Prediction(line.key, thinking.strip(), answer.strip(), None)


def read_line(data: bytes) -> Line:
    """Read one line.

    Raises:
        LineError: it is no JSON object of one of the two forms.
    """
    return _check(_read_json(data))


def _read_json(data: bytes) -> Any:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise LineError(f"is not UTF-8 (byte {error.start + 1} of the line)") from error
    try:
        return json.loads(text, object_pairs_hook=_refuse_twins, parse_constant=_refuse_constant, parse_int=float)
    except json.JSONDecodeError as error:
        raise LineError(f"is no JSON ({error.msg}, column {error.colno})") from error
    except RecursionError as error:
        raise LineError("is nested too deeply to be a prediction") from error


def _refuse_constant(name: str) -> Any:
    raise LineError(f"holds {name}, which is no JSON")


def _refuse_twins(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        twin, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise LineError(f'holds "{printable(twin)}" twice')
    return record


def _check(record: Any) -> Line:
    if isinstance(record, list):
        raise LineError("is a JSON array, where each prediction must stand on a line of its own")
    if not isinstance(record, dict):
        raise LineError("is no JSON object")
    _check_keys(record)
    for name, value in record.items():
        if not isinstance(value, str) and not (name == FINISH_REASON and value is None):
            raise LineError(f'"{name}" must be a string, and is {_name_type(value)}')
    texts = (record["raw"],) if "raw" in record else (record["thinking"], record["answer"])
    return Line(record[KEY], texts, _read_reason(record.get(FINISH_REASON)))


def _check_keys(record: Mapping[str, Any]) -> None:
    names = record.keys()
    unknown = [name for name in names if name not in _KNOWN]
    if unknown:
        guess = difflib.get_close_matches(unknown[0][:50], _KNOWN, n=1)
        listed = ", ".join(f'"{printable(name)}"' for name in unknown[:_SHOWN_KEYS])
        question = f' (did you mean "{guess[0]}"?)' if guess else ""
        raise LineError(f"has the unknown {'keys' if len(unknown) > 1 else 'key'} {listed}{question}")
    if "raw" in names and names & _APART:
        raise LineError('has both "raw" and texts taken apart')
    if FINISH_REASON in names and names & _APART:
        raise LineError('has "finish_reason", which goes with "raw" alone')
    if not names & {"raw", *_APART}:
        raise LineError("lacks the texts")
    wanted = APART_KEYS if names & _APART else RAW_KEYS
    lacking = [f'"{name}"' for name in _KNOWN if name in wanted - names]
    if lacking:
        raise LineError(f"lacks {' and '.join(lacking)}")


def _read_reason(value: str | None) -> FinishReason:
    if value is None:
        return FinishReason.STOP
    try:
        return FinishReason(value)
    except ValueError as error:
        known = ", ".join(FinishReason)
        raise LineError(f'has the unknown finish_reason "{printable(value)}" (known are {known})') from error


def _name_type(value: Any) -> str:
    names: dict[type, str] = {bool: "true or false", float: "a number", list: "an array", dict: "an object"}
    return names.get(type(value), "null")
