"""The base of every contract: immutable, closed to unknown keys, strict about types."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

ImageId = Annotated[str, StringConstraints(pattern=r"^n[0-9]{8}_[0-9]{1,12}$")]
"""The original ImageNet stem, e.g. ``n00005787_11054``. Never a row number."""

Wnid = Annotated[str, StringConstraints(pattern=r"^n[0-9]{8}$")]
"""A WordNet 3.0 noun synset: ``n`` and its eight-digit byte offset in ``data.noun``."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest in lower-case hexadecimal."""

Hash64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""Sixty-four bits in lower-case hexadecimal: a perceptual hash or a fingerprint."""

Count = Annotated[int, Field(ge=0, lt=2**63)]
"""How many of something, or a size in bytes: at most what 64 bits hold."""

OPERATIONAL = "operational"
"""Marks a field of a configuration that is no part of its identity (see ``schemas.config``)."""


UNSHOWN = "unshown"
"""Type of a validation error whose input may be a secret: messages say what is wanted, never what was given."""


class Contract(BaseModel):
    """A frozen record of exactly the declared fields; no coercion, no NaN, no infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def canonical_json(value: Any) -> bytes:
    """Serialise plain data to the one byte string that hashes and files are made of.

    Key order is the caller's (a contract's is its declaration order). There is no ``default=``:
    a ``repr`` would make hashes depend on the interpreter.

    Raises:
        ValueError: NaN or infinity, or text that UTF-8 cannot hold (a lone surrogate).
        TypeError: a value that JSON has no form for.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8")
