from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import pyarrow as pa
import pytest
from datasets import Features, Image, List, Value
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from schemas.base import Contract
from schemas.derived import (
    arrow_schema,
    arrow_type,
    card_features_yaml,
    json_schema,
    record_arrow_schema,
    record_features,
)
from schemas.record import ThinkRecord


class Colour(StrEnum):
    RED = "red"


class Inner(Contract):
    number: int
    note: str | None


class Outer(Contract):
    required: str
    optional: Annotated[float | None, Field(ge=0)]
    inner: Inner
    inners: tuple[Inner, ...]
    names: dict[str, str]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, pa.string()),
        (Colour, pa.string()),
        (Literal["a", "b"], pa.string()),
        (Literal[Colour.RED], pa.string()),
        (Literal[1, 2], pa.int64()),
        (bool, pa.bool_()),
        (int, pa.int64()),
        (float, pa.float64()),
        (bytes, pa.binary()),
        (Annotated[int | None, Field(gt=0)], pa.int64()),
        (tuple[str, ...], pa.list_(pa.field("item", pa.string(), nullable=False))),
        (tuple[int | None, ...], pa.list_(pa.field("item", pa.int64(), nullable=True))),
        (dict[Colour, int], pa.map_(pa.string(), pa.field("value", pa.int64(), nullable=False))),
        (
            Inner,
            pa.struct([pa.field("number", pa.int64(), nullable=False), pa.field("note", pa.string(), nullable=True)]),
        ),
    ],
    ids=str,
)
def test_each_annotation_has_one_arrow_type(annotation: Any, expected: pa.DataType) -> None:
    assert arrow_type(annotation) == expected


@pytest.mark.parametrize("annotation", [int | str, tuple[int, str], Literal[1, "a"], object, list[int]], ids=str)
def test_an_annotation_without_one_arrow_type_is_refused(annotation: Any) -> None:
    with pytest.raises(TypeError, match="no single Arrow type"):
        arrow_type(annotation)


def test_a_schema_has_the_models_order_and_is_nullable_only_where_declared() -> None:
    schema = arrow_schema(Outer)
    assert schema.names == ["required", "optional", "inner", "inners", "names"]
    assert [field.nullable for field in schema] == [False, True, False, False, False]


rows = st.builds(
    Outer,
    required=st.text(),
    optional=st.none() | st.floats(0, allow_infinity=False),
    inner=st.builds(Inner, number=st.integers(-(2**63), 2**63 - 1), note=st.none() | st.text()),
    inners=st.lists(st.builds(Inner, number=st.integers(0, 9), note=st.none())).map(tuple),
    names=st.dictionaries(st.text(), st.text()),
)


@given(st.lists(rows))
def test_rows_survive_arrow(given_rows: list[Outer]) -> None:
    batch = pa.RecordBatch.from_pylist([row.model_dump() for row in given_rows], schema=arrow_schema(Outer))
    back = [Outer.model_validate(row, strict=False) for row in batch.to_pylist(maps_as_pydicts="strict")]
    assert back == given_rows


def test_all_descriptions_of_the_record_are_equal() -> None:
    described = _describe_arrow(pa.struct(list(record_arrow_schema())))
    assert described == _describe_json(json_schema(), json_schema()["$defs"])
    assert _without_nulls(described) == _describe_features(record_features()["json"])
    assert Features._from_yaml_list(card_features_yaml()) == record_features()


def test_the_row_has_the_members_of_a_sample() -> None:
    features = record_features()
    assert list(features) == ["jpg", "json", "cls"]
    assert features["jpg"] == Image()
    assert features["cls"] == Value("int64")
    assert list(features["json"]) == list(ThinkRecord.model_fields)


def test_the_json_schema_allows_no_other_key() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(ThinkRecord.model_fields)
    assert schema["$id"] == "think-record-v1"


def _describe_arrow(kind: pa.DataType, *, nullable: bool = False) -> Any:
    """Types as nested plain data: names of scalars, lists of one, dictionaries in order; ``?`` marks a nullable."""
    if pa.types.is_struct(kind):
        return {field.name: _describe_arrow(field.type, nullable=field.nullable) for field in kind}
    if pa.types.is_list(kind):
        return [_describe_arrow(kind.value_type, nullable=kind.value_field.nullable)]
    name = {"string": "string", "int64": "integer", "double": "number", "bool": "boolean"}[str(kind)]
    return f"{name}?" if nullable else name


def _describe_json(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _describe_json(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        kinds = [_describe_json(option, definitions) for option in schema["anyOf"] if option != {"type": "null"}]
        return f"{kinds[0]}?" if len(kinds) == 1 else kinds
    if schema["type"] == "object":
        return {name: _describe_json(field, definitions) for name, field in schema["properties"].items()}
    if schema["type"] == "array":
        return [_describe_json(schema["items"], definitions)]
    return schema["type"]


def _describe_features(feature: Any) -> Any:
    if isinstance(feature, dict):
        return {name: _describe_features(field) for name, field in feature.items()}
    if isinstance(feature, List):
        return [_describe_features(feature.feature)]
    return {"string": "string", "int64": "integer", "float64": "number", "bool": "boolean"}[feature.dtype]


def _without_nulls(described: Any) -> Any:
    if isinstance(described, dict):
        return {name: _without_nulls(field) for name, field in described.items()}
    if isinstance(described, list):
        return [_without_nulls(field) for field in described]
    return described.removesuffix("?")
