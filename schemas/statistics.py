"""What a packed dataset holds, in numbers: everything that the card says of records, counted from them."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract, Count


class Distribution(Contract):
    """A distribution of whole numbers. A quantile is the smallest value that at least this share does not exceed."""

    count: Count
    total: int = Field(ge=0)
    minimum: Count
    p05: Count
    p25: Count
    p50: Count
    p75: Count
    p95: Count
    p99: Count
    maximum: Count


class TeacherStatistics(Contract):
    """One teacher's published pairs."""

    teacher: str
    thinking_tokens: Distribution
    answer_tokens: Distribution
    finish_reasons: dict[str, Count]
    rungs: dict[str, Count]
    forced_closes: Count


class DatasetStatistics(Contract):
    """Counts of the published records, by what they say of themselves."""

    images: int = Field(gt=0)
    classes: int = Field(gt=0)
    images_per_class: Distribution
    splits: dict[str, Count]
    holdouts: dict[str, Count]
    domains: dict[str, Count]
    """The one with the most images first, as in all tables whose keys have no order of their own."""
    depths: dict[str, Count]
    """By depth in WordNet, in steps, in ascending order."""
    strata: dict[str, Count]
    source_formats: dict[str, Count]
    image_encodings: dict[str, Count]
    greyscale: Count
    blurred: Count
    teachers: tuple[TeacherStatistics, ...]
