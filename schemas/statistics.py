"""What a packed dataset holds, in numbers: everything that the card says of records, counted from them."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract


class Distribution(Contract):
    """A distribution of whole numbers. A quantile is the smallest value that at least this share does not exceed."""

    count: int = Field(ge=0)
    total: int = Field(ge=0)
    minimum: int = Field(ge=0)
    p05: int = Field(ge=0)
    p25: int = Field(ge=0)
    p50: int = Field(ge=0)
    p75: int = Field(ge=0)
    p95: int = Field(ge=0)
    p99: int = Field(ge=0)
    maximum: int = Field(ge=0)


class TeacherStatistics(Contract):
    """One teacher's published pairs."""

    teacher: str
    thinking_tokens: Distribution
    answer_tokens: Distribution
    finish_reasons: dict[str, int]
    rungs: dict[str, int]
    forced_closes: int = Field(ge=0)


class DatasetStatistics(Contract):
    """Counts of the published records, by what they say of themselves."""

    images: int = Field(gt=0)
    classes: int = Field(gt=0)
    splits: dict[str, int]
    holdouts: dict[str, int]
    domains: dict[str, int]
    """The one with the most images first, as in all tables whose keys have no order of their own."""
    depths: dict[str, int]
    """By depth in WordNet, in steps, in ascending order."""
    strata: dict[str, int]
    source_formats: dict[str, int]
    image_encodings: dict[str, int]
    greyscale: int = Field(ge=0)
    blurred: int = Field(ge=0)
    teachers: tuple[TeacherStatistics, ...]
