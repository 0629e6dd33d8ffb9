"""One sample: its members, its class, its record, its picture, and that they belong together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pydantic import ValidationError

from pipeline.packing.records import MEMBERS, serialise_record
from pipeline.screening import Unusable, screen
from pipeline.tables import to_table
from pipeline.tars import Sample
from pipeline.taxonomy import Taxonomy
from schemas.config import ScreeningConfig
from schemas.identity import parse_image_stem
from schemas.image import Split
from schemas.manifest import Edition, PromptEntry, TeacherEntry
from schemas.record import Pair, ThinkRecord

_INTEGER = re.compile(rb"0|[1-9][0-9]{0,8}")

_ANY_PICTURE = ScreeningConfig(
    min_side=1, max_pixels=2**28, max_aspect=2.0**16, max_bytes=2**30, min_grey_std=0.0, min_entropy=0.0
)
"""Taste was selection's business; here a picture must only decode, and not blow up the memory while it does."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the manifest promises of every sample of a shard."""

    split: Split
    edition: Edition
    teachers: tuple[TeacherEntry, ...]
    prompt: PromptEntry
    taxonomy: Taxonomy


def examine_sample(sample: Sample, expected: Expected) -> tuple[ThinkRecord | None, list[str]]:
    """Read a sample's record where it can be read, and say everything that is wrong with the sample."""
    try:
        record = read_record(sample)
    except ValueError as error:
        return None, [*_sample_faults(sample, expected, None), f"json: {error}"]
    return record, list(_sample_faults(sample, expected, record))


def read_record(sample: Sample) -> ThinkRecord:
    """The record in a sample's ``json`` member.

    Raises:
        ValueError: it breaks the contract.
    """
    try:
        return ThinkRecord.model_validate_json(sample.members.get("json", b""))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise ValueError("; ".join(f"{'.'.join(map(str, f['loc']))} {f['msg']}".strip() for f in faults[:3])) from error


def _sample_faults(sample: Sample, expected: Expected, record: ThinkRecord | None) -> Iterator[str]:
    wanted = MEMBERS[expected.edition]
    if sample.suffixes != wanted:
        yield f"has the members {_list(sample.suffixes)} instead of {_list(wanted)}"
    stem = parse_image_stem(sample.key)
    if stem is None or stem[0] != sample.key:
        yield "the key is no image id"
    else:
        yield from _class_faults(sample.members.get("cls"), expected.taxonomy.label(stem[1]))
    if record is not None:
        yield from _record_faults(record, sample, expected)
    if expected.edition == "pictures":
        yield from _picture_faults(sample.members.get("jpg", b""), record)


def _class_faults(cls: bytes | None, label: int | None) -> Iterator[str]:
    if cls is None:
        return
    if not _INTEGER.fullmatch(cls):
        yield f"cls: {cls[:20]!r} is no integer"
    elif label is None or int(cls) != label:
        yield f"cls: {int(cls)} is not the label of its class, {label}"


def _record_faults(record: ThinkRecord, sample: Sample, expected: Expected) -> Iterator[str]:
    if serialise_record(record) != sample.members["json"]:
        yield "json: is not written the way packing writes it (order or form of values, doubled keys, white space)"
    if record.image_id != sample.key:
        yield f"json: image_id is {record.image_id}"
    if record.split != expected.split:
        yield f"json: split is {record.split}, the shard's is {expected.split}"
    if (record.prompt_id, record.label_shown) != (expected.prompt.id, expected.prompt.label_shown):
        yield "json: its prompt is not the manifest's"
    if tuple(pair.teacher for pair in record.pairs) != tuple(teacher.name for teacher in expected.teachers):
        yield f"json: has pairs of {_list(pair.teacher for pair in record.pairs)}, not one per teacher of the manifest"
    else:
        for pair, teacher in zip(record.pairs, expected.teachers, strict=True):
            if _author(pair) != (teacher.identity.model, teacher.identity.revision, teacher.fingerprint):
                yield f"json: {pair.teacher}'s model, revision or fingerprint is not the manifest's"
            if pair.engine not in teacher.engine.split(", "):
                yield f"json: {pair.teacher}'s engine is none that the manifest names for it"
    try:
        to_table([record], ThinkRecord)
    except (pa.ArrowException, OverflowError) as error:
        yield f"json: does not fit the dataset's features ({error})"


def _picture_faults(jpeg: bytes, record: ThinkRecord | None) -> Iterator[str]:
    facts = screen(jpeg, _ANY_PICTURE)
    if isinstance(facts, Unusable):
        yield f"jpg: {facts.reason}, {facts.detail}"
    elif facts.format != "JPEG" or facts.gzipped:
        yield f"jpg: is {'gzip around ' if facts.gzipped else ''}{facts.format}"
    elif record is not None:
        if (facts.width, facts.height) != (record.width, record.height):
            yield f"jpg: is {facts.width} x {facts.height} pixels, the record says {record.width} x {record.height}"
        if record.image_encoding == "source" and facts.sha256 != record.sha256:
            yield "jpg: is not the file whose sha256 the record has"


def _author(pair: Pair) -> tuple[str, str, str]:
    return pair.model, pair.revision, pair.fingerprint


def _list(names: Iterable[str]) -> str:
    return ", ".join(ascii(name).strip("'") for name in names) or "none"
