"""What ``load_dataset`` bends, drops or trips over in a record, a class or a picture: each is found and named.

The damage is done to the last sample of a shard, behind the five rows that loaders infer types from, and everything is
signed again: only the contents can tell.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from pipeline.progress import Silent
from pipeline.publishing.verify import Fault, verify_dataset
from tests.pipeline.packing.world import make_jpeg, make_png
from tests.pipeline.publishing.damage import TRAIN, Dataset

Change = Callable[[dict[str, Any]], object]


def faults_of(dataset: Dataset) -> list[Fault]:
    return list(verify_dataset(dataset.root, Silent(), workers=1).faults)


def set_field(name: str, value: Any) -> Change:
    return lambda record: record.update({name: value})


def set_pair(name: str, value: Any) -> Change:
    return lambda record: record["pairs"][0].update({name: value})


def swap_order(record: dict[str, Any]) -> None:
    first = record.pop("image_id")
    record["image_id"] = first


RECORDS: dict[str, tuple[Change, str]] = {
    # types that loaders coerce, or fail on, without features; and those that they coerce even with features
    "null-for-text": (set_field("definition", None), "definition Input should be a valid string"),
    "null-for-number": (set_field("width", None), "width Input should be a valid integer"),
    "null-for-list": (set_field("lemmas", None), "lemmas Input should be a valid array"),
    "empty-list": (set_field("lemmas", []), "lemmas Tuple should have at least 1 item"),
    "fraction-for-integer": (set_field("depth", 1.5), "depth Input should be a valid integer"),
    "whole-fraction-for-integer": (set_field("depth", 1.0), "depth Input should be a valid integer"),
    "text-for-integer": (set_field("depth", "1"), "depth Input should be a valid integer"),
    "integer-for-fraction": (set_field("complexity", 1), "not written the way packing writes it"),
    "integer-for-text": (set_field("definition", 3), "definition Input should be a valid string"),
    "list-for-text": (set_field("definition", ["a"]), "definition Input should be a valid string"),
    "object-for-text": (set_field("definition", {"k": 1}), "definition Input should be a valid string"),
    "text-for-list": (set_field("lemmas", "notalist"), "lemmas Input should be a valid array"),
    "integer-for-bool": (set_field("label_shown", 1), "label_shown Input should be a valid boolean"),
    "number-for-bool": (set_field("blurred", 0.0), "blurred Input should be a valid boolean"),
    "unknown-stratum": (set_field("stratum", "medium"), "stratum Input should be 'low', 'middle' or 'high'"),
    "no-weight": (set_field("weight", 0.0), "weight Input should be greater than 0"),
    "integer-for-weight": (set_field("weight", 12), "not written the way packing writes it"),
    "too-big-for-64-bits": (set_pair("seed", 2**63), "does not fit the dataset's features"),
    "type-in-a-pair": (set_pair("thinking_tokens", "7"), "pairs.0.thinking_tokens Input should be a valid integer"),
    # keys that loaders drop, or fill with nulls
    "unknown-key": (set_field("note", "new"), "note Extra inputs are not permitted"),
    "unknown-key-in-a-pair": (set_pair("note", "new"), "pairs.0.note Extra inputs are not permitted"),
    "missing-key": (lambda record: record.pop("domain"), "domain Field required"),
    "missing-key-in-a-pair": (lambda record: record["pairs"][0].pop("raw"), "pairs.0.raw Field required"),
    "other-key-order": (swap_order, "not written the way packing writes it"),
    # promises of the manifest and the other members
    "pair-missing": (lambda record: record["pairs"].pop(), "has pairs of glm, not one per teacher"),
    "pair-twice": (lambda record: record["pairs"].append(record["pairs"][0]), "a teacher stands twice"),
    "pairs-in-other-order": (lambda record: record["pairs"].reverse(), "has pairs of kimi, glm, not one per teacher"),
    "unknown-teacher": (set_pair("teacher", "gpt"), "has pairs of gpt, kimi, not one per teacher"),
    "other-model": (set_pair("model", "lab/other"), "glm's model, revision or fingerprint is not the manifest's"),
    "other-fingerprint": (set_pair("fingerprint", "f" * 16), "glm's model, revision or fingerprint"),
    "other-engine": (set_pair("engine", "pixels"), "glm's engine is none that the manifest names for it"),
    "other-prompt": (set_field("prompt_id", "describe-with-label"), "its prompt is not the manifest's"),
    "told-the-label": (set_field("label_shown", True), "its prompt is not the manifest's"),  # noqa: FBT003 - a value
    "no-valid-pair": (set_pair("status", "truncated"), "pairs.0.status Input should be <PairStatus.OK: 'ok'>"),
    "empty-answer": (set_pair("answer", ""), "pairs.0.answer String should have at least 1 character"),
    "other-split": (set_field("split", "benchmark"), "split is benchmark, the shard's is train"),
    "other-width": (set_field("width", 25), "is 24 x 16 pixels, the record says 25 x 16"),
    "other-sha256": (set_field("sha256", "0" * 64), "not the file whose sha256 the record has"),
    "other-class": (set_field("wnid", "n00007846"), "wnid n00007846 is not that of image_id"),
    "other-id": (set_field("image_id", "n01440764_77"), "is not that of image_id n01440764_77"),
}


@pytest.mark.parametrize(("change", "fault"), RECORDS.values(), ids=RECORDS)
def test_a_damaged_record_is_found(dataset: Dataset, change: Change, fault: str) -> None:
    key = dataset.edit_record(change, index=index_of(dataset, "n02104280"))
    dataset.sign()
    found = faults_of(dataset)
    assert found
    assert {(each.file, each.key) for each in found} == {(TRAIN, key)}
    assert fault in found[0].fault


def become(data: bytes) -> Callable[[bytes], bytes]:
    return lambda _: data


def announce(width: int, height: int) -> bytes:
    """A JPEG whose header announces another size."""
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


MEMBERS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "nan": ("json", lambda data: data.replace(b'"complexity":1.25', b'"complexity":NaN'), "complexity"),
    "infinity": ("json", lambda data: data.replace(b'"complexity":1.25', b'"complexity":1e999'), "complexity"),
    "lone-surrogate": ("json", lambda data: data.replace(b"A picture.", rb"\ud83d"), "Invalid JSON"),
    "no-utf-8": ("json", lambda data: data.replace(b"A picture.", b"\xff"), "Invalid JSON"),
    "cut-json": ("json", lambda data: data[:-9], "Invalid JSON"),
    "empty-json": ("json", become(b""), "Invalid JSON"),
    "json-list": ("json", lambda data: b"[" + data + b"]", "Input should be an object"),
    "doubled-key": ("json", lambda data: b'{"image_id":"a",' + data[1:], "not written the way packing writes it"),
    "white-space": ("json", lambda data: data + b"\n", "not written the way packing writes it"),
    "escapes": ("json", lambda data: data.replace("–".encode(), rb"\u2013"), "not written the way packing writes it"),
    "bom": ("json", lambda data: b"\xef\xbb\xbf" + data, "Invalid JSON"),
    "class-by-wnid": ("cls", become(b"n02104280"), "b'n02104280' is no integer"),
    "class-with-newline": ("cls", lambda data: data + b"\n", "is no integer"),
    "class-with-zeros": ("cls", lambda data: b"00" + data, "is no integer"),
    "empty-class": ("cls", become(b""), "is no integer"),
    "other-class": ("cls", become(b"1"), "1 is not the label of its class"),
    "cut-picture": ("jpg", lambda data: data[: len(data) // 2], "decode_error"),
    "picture-without-end": ("jpg", lambda data: data[:-2], "decode_error"),
    "flipped-bits": ("jpg", lambda data: data[:-200] + bytes(100) + data[-100:], "decode_error"),
    "empty-picture": ("jpg", become(b""), "empty"),
    "png-as-jpg": ("jpg", become(make_png(3)), "is PNG"),
    "html-as-jpg": ("jpg", become(b"<html>gone</html>"), "not_an_image"),
    "other-picture": ("jpg", become(make_jpeg(99)), "not the file whose sha256 the record has"),
    "bomb": ("jpg", become(announce(65_000, 65_000)), "bomb"),
}


@pytest.mark.parametrize(("suffix", "change", "fault"), MEMBERS.values(), ids=MEMBERS)
def test_a_damaged_member_is_found(dataset: Dataset, suffix: str, change: Callable[[bytes], bytes], fault: str) -> None:
    key = dataset.edit_member(suffix, change, index=index_of(dataset, "n02104280"))
    dataset.sign()
    found = faults_of(dataset)
    assert [(each.file, each.key) for each in found] == [(TRAIN, key)]
    assert found[0].fault.startswith(f"{suffix}: ")
    assert fault in found[0].fault


@pytest.mark.parametrize("change", [set_field("depth", 1.5), set_field("note", "new")])
def test_without_new_checksums_record_and_checksum_are_both_named(dataset: Dataset, change: Change) -> None:
    key = dataset.edit_record(change)
    found = faults_of(dataset)
    assert {(each.file, each.key) for each in found} == {(TRAIN, ""), (TRAIN, key)}


def test_null_is_allowed_where_it_is_declared(dataset: Dataset) -> None:
    for index in range(6):
        dataset.edit_record(set_pair("stop_reason", None if index < 5 else "late"), index)
    dataset.sign()
    assert faults_of(dataset) == []


def index_of(dataset: Dataset, wnid: str) -> int:
    """The last sample of a class in the first shard."""
    return max(index for index, key in enumerate(dataset.keys[TRAIN]) if key.startswith(wnid))
