"""Everything that other tools must know of a contract, computed from the contract itself.

Arrow schemas, the JSON schema, the ``datasets`` features and the card's YAML are all read off the pydantic models, so
that no two descriptions of a row can disagree.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import pyarrow as pa
from pydantic.json_schema import GenerateJsonSchema

from schemas.base import Contract
from schemas.manifest import Edition
from schemas.record import RECORD_VERSION, ThinkRecord

if TYPE_CHECKING:
    from datasets import Features

JSON_SCHEMA_ID = f"think-record-v{RECORD_VERSION}"

_SCALARS: dict[type, pa.DataType] = {
    str: pa.string(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    bytes: pa.binary(),
}


@functools.cache
def arrow_schema(model: type[Contract]) -> pa.Schema:
    """The Arrow schema of a contract: one field per declared field, in that order, nullable only where declared."""
    return pa.schema(_arrow_fields(model))


def arrow_type(annotation: Any) -> pa.DataType:
    """The Arrow type of a contract field's annotation.

    ==================================  =========================================
    annotation                          Arrow
    ==================================  =========================================
    ``str``, ``StrEnum``, ``Literal``   ``string`` (enums and literals by value)
    ``int``, ``float``, ``bool``        ``int64``, ``float64``, ``bool``
    ``bytes``                           ``binary``
    ``T | None``                        that of ``T``; the field is nullable
    ``tuple[T, ...]``                   ``list``
    ``dict[K, V]``                      ``map``
    a contract                          ``struct``
    ==================================  =========================================

    Raises:
        TypeError: an annotation without one Arrow type, such as a union of two types.
    """
    annotation = _required(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        kinds = {type(value) for value in arguments}
        return arrow_type(kinds.pop() if len(kinds) == 1 else Union[tuple(kinds)])  # noqa: UP007 - built at run time
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return pa.list_(_arrow_field("item", arguments[0]))
    if origin is dict:
        key, value = arguments
        return pa.map_(arrow_type(key), _arrow_field("value", value))
    if isinstance(annotation, type):
        if issubclass(annotation, Contract):
            return pa.struct(_arrow_fields(annotation))
        for scalar, arrow in _SCALARS.items():
            if issubclass(annotation, scalar):
                return arrow
    raise TypeError(f"{annotation!r} has no single Arrow type")


def record_arrow_schema() -> pa.Schema:
    """The published record as Arrow holds it."""
    return arrow_schema(ThinkRecord)


def record_features(edition: Edition = "pictures") -> Features:
    """The features of the published row as ``datasets`` reads it from a shard: the members of one sample."""
    from datasets import Features, Image, Value  # noqa: PLC0415 - takes a second, and few callers need it

    record = Features.from_arrow_schema(record_arrow_schema())
    picture = {"jpg": Image()} if edition == "pictures" else {}
    return Features({**picture, "json": dict(record), "cls": Value("int64")})


def card_features_yaml(edition: Edition = "pictures") -> list[dict[str, Any]]:
    """The value of ``dataset_info.features`` in the card's YAML."""
    plain: list[dict[str, Any]] = record_features(edition)._to_yaml_list()  # noqa: SLF001 - the only way to what datasets writes into cards
    return plain


def json_schema() -> dict[str, Any]:
    """The JSON schema of the published record, for readers in any language."""
    body = ThinkRecord.model_json_schema()
    return {"$schema": GenerateJsonSchema.schema_dialect, "$id": JSON_SCHEMA_ID, **body}


def _arrow_fields(model: type[Contract]) -> list[pa.Field]:
    return [_arrow_field(name, field.annotation) for name, field in model.model_fields.items()]


def _arrow_field(name: str, annotation: Any) -> pa.Field:
    return pa.field(name, arrow_type(annotation), nullable=_is_optional(annotation))


def _is_optional(annotation: Any) -> bool:
    return type(None) in get_args(_bare(annotation))


def _required(annotation: Any) -> Any:
    """The annotation without its metadata and without ``None``."""
    annotation = _bare(annotation)
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    members = [member for member in get_args(annotation) if member is not type(None)]
    return _required(members[0]) if len(members) == 1 else annotation


def _bare(annotation: Any) -> Any:
    return _bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation
