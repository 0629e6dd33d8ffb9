"""A file of predictions: what is taken, what is counted, and what is said of a bad line."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.scoring.lines import MAX_LINE_BYTES, PredictionFile, check_predictions, read_spans
from eval.scoring.predictions import LineError, Prediction, read_line, take_prediction
from pipeline.progress import Silent
from schemas.completion import FinishReason, PairStatus
from schemas.errors import DatasetError

KEYS = ("n01440764_0", "n01440764_1", "n02104280_2")


def check(path: Path, data: bytes | str) -> PredictionFile:
    path = path / "p.jsonl"
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
    return check_predictions(path, KEYS, Silent())


def lines(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def read_all(file: PredictionFile, keys: Sequence[str] = KEYS) -> list[Prediction | None]:
    found = read_spans(file.path, keys, [file.spans.get(key) for key in keys])
    return [None if line is None else take_prediction(line, "auto", "en") for line in found]


def test_both_forms_are_read_in_any_order(tmp_path: Path) -> None:
    file = check(
        tmp_path,
        lines({"thinking": " T ", "answer": "A", "key": KEYS[1]}, {"key": KEYS[0], "raw": "<think>T</think>A"}),
    )
    assert read_all(file) == [
        Prediction(KEYS[0], "T", "A", PairStatus.OK),
        Prediction(KEYS[1], "T", "A", None),
        None,
    ]


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.text(), st.text())), st.sampled_from(["\n", "\r\n", "\n\n \n"]))
def test_a_line_is_found_again_by_its_place(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], end: str
) -> None:
    rows = [(KEYS[0], "first", "line"), *rows]
    data = end.join(
        json.dumps({"key": key, "thinking": thinking, "answer": answer}, ensure_ascii=len(thinking) % 2 == 0)
        for key, thinking, answer in rows
    )
    file = check(tmp_path_factory.mktemp("lines"), data)
    first = {key: (thinking.strip(), answer.strip()) for key, thinking, answer in reversed(rows)}
    assert [prediction and prediction[1:3] for prediction in read_all(file)] == [first.get(key) for key in KEYS]


def test_missing_repeated_and_unknown_keys_are_told(tmp_path: Path) -> None:
    records = [
        {"key": KEYS[0], "raw": "one"},
        {"key": KEYS[0], "raw": "one"},
        {"key": KEYS[0], "raw": "another"},
        {"key": "n99999999_9", "raw": "x"},
        {"key": "\ud800\x1b", "raw": "x"},
    ]
    file = check(tmp_path, lines(*records))
    keys = file.keys
    assert (keys.lines, keys.predicted, keys.missing, keys.repeated, keys.contradictory, keys.unknown) == (
        5,
        1,
        2,
        2,
        1,
        2,
    )
    assert keys.missing_examples == KEYS[1:]
    assert keys.repeated_examples == KEYS[:1]
    assert keys.unknown_examples == ("n99999999_9", "\\ud800\\x1b")
    first = read_all(file)[0]
    assert first is not None
    assert first.answer == "one"


def test_at_most_ten_keys_of_a_kind_are_named(tmp_path: Path) -> None:
    unknown = [{"key": f"other-{number}", "raw": ""} for number in range(30)]
    keys = check(tmp_path, lines({"key": KEYS[0], "raw": ""}, *unknown)).keys
    assert (keys.unknown, len(keys.unknown_examples)) == (30, 10)


def test_a_byte_order_mark_and_a_missing_last_line_feed_do_no_harm(tmp_path: Path) -> None:
    file = check(tmp_path, "\ufeff" + lines({"key": KEYS[0], "raw": "A"}).strip())
    assert [prediction and prediction.answer for prediction in read_all(file)] == ["A", None, None]


def test_lone_surrogates_are_the_parsers_business() -> None:
    given_apart = read_line(b'{"key": "k", "thinking": "\\ud800", "answer": "A"}')
    raw = read_line(b'{"key": "k", "raw": "\\ud800"}')
    for line in (given_apart, raw):
        assert take_prediction(line, "auto", "en") == Prediction("k", "", "", PairStatus.INVALID_UNICODE)


def test_a_finish_reason_may_be_null() -> None:
    assert read_line(b'{"key": "k", "raw": "", "finish_reason": null}').finish_reason is FinishReason.STOP
    assert read_line(b'{"key": "k", "raw": "", "finish_reason": "length"}').finish_reason is FinishReason.LENGTH


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("key,raw", r"is no JSON \(Expecting value, column 1\)"),
        ('{"key": "k", "raw": "a"', "is no JSON"),
        ('[{"key": "k", "raw": "a"}]', "is a JSON array, where each prediction must stand on a line of its own"),
        ('"text"', "is no JSON object"),
        ("{}", "lacks the texts"),
        ('{"key": "k"}', "lacks the texts"),
        ('{"raw": "a"}', 'lacks "key"'),
        ('{"key": "k", "thinking": "a"}', 'lacks "answer"'),
        ('{"key": "k", "raw": "a", "answer": "b"}', 'has both "raw" and texts taken apart'),
        (
            '{"key": "k", "thinking": "a", "answer": "b", "finish_reason": "stop"}',
            'has "finish_reason", which goes with',
        ),
        ('{"key": "k", "raw": "a", "anwser": "b"}', r'the unknown key "anwser" \(did you mean "answer"\?\)'),
        ('{"id": "k", "text": "a"}', 'the unknown keys "id", "text"'),
        ('{"key": 7, "raw": "a"}', '"key" must be a string, and is a number'),
        ('{"key": "k", "raw": null}', '"raw" must be a string, and is null'),
        ('{"key": "k", "raw": ["a"]}', '"raw" must be a string, and is an array'),
        ('{"key": "k", "raw": true}', '"raw" must be a string, and is true or false'),
        ('{"key": "k", "raw": NaN}', "holds NaN, which is no JSON"),
        ('{"key": "k", "raw": -Infinity}', "holds -Infinity, which is no JSON"),
        ('{"key": "k", "raw": 1e999}', "is a number"),
        ('{"key": "k", "raw": ' + "9" * 5000 + "}", "is a number"),
        ('{"key": "k", "raw": "a", "raw": "b"}', 'holds "raw" twice'),
        ('{"key": "k", "raw": "a", "finish_reason": "eos"}', r'unknown finish_reason "eos" \(known are stop, length'),
        ("[" * 100_000, "is nested too deeply|is no JSON"),
        ("\x1b[2J", "is no JSON"),
    ],
)
def test_a_bad_line_is_named_with_its_fault(tmp_path: Path, line: str, fault: str) -> None:
    with pytest.raises(DatasetError, match=rf"p\.jsonl, line 3: .*({fault})") as error:
        check(tmp_path, lines({"key": KEYS[0], "raw": ""}) + "\n" + line + "\n")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500


def test_bytes_that_are_not_utf_8_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="line 1: is not UTF-8"):
        check(tmp_path, '{"key": "k", "raw": "é"}'.encode("latin-1"))


@pytest.mark.parametrize("data", ["", "\n \n"])
def test_an_empty_file_is_no_predictions(tmp_path: Path, data: str) -> None:
    with pytest.raises(DatasetError, match="holds no predictions"):
        check(tmp_path, data)


def test_predictions_for_another_benchmark_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"none of its keys is the benchmark's .*val_1, where an item is called n0144"
    ):
        check(tmp_path, lines({"key": "val_1", "raw": "a"}))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is no file"):
        check_predictions(tmp_path, KEYS, Silent())
    with pytest.raises(DatasetError, match="there is no such file"):
        check_predictions(tmp_path / "none.jsonl", KEYS, Silent())


def test_a_packed_file_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="gzip; unpack it first"):
        check(tmp_path, b"\x1f\x8b\x08 and so on")


def test_a_line_of_100_mb_is_refused_without_being_read(tmp_path: Path) -> None:
    with (tmp_path / "p.jsonl").open("wb") as file:
        file.truncate(100 * 2**20)
    tracemalloc.start()
    with pytest.raises(DatasetError, match="line 1: is longer than 16 MiB"):
        check_predictions(tmp_path / "p.jsonl", KEYS, Silent())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * MAX_LINE_BYTES


def test_a_file_that_changes_while_it_is_read_is_found_out(tmp_path: Path) -> None:
    file = check(tmp_path, lines({"key": KEYS[0], "raw": "a"}))
    for other in (lines({"key": KEYS[1], "raw": "a"}), "x" * 40):
        file.path.write_text(other)
        with pytest.raises(DatasetError, match="changed while it was read"):
            read_all(file)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_prediction_or_an_error(data: bytes) -> None:
    with contextlib.suppress(LineError):
        assert isinstance(read_line(data).key, str)
