"""A teacher as its YAML entry describes it."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract


class Sampling(Contract):
    """Sampling parameters, with vLLM's names and meanings."""

    temperature: float = Field(ge=0, le=2)
    top_p: float = Field(gt=0, le=1)
    top_k: int = Field(ge=-1)
    """-1 considers all tokens."""
    repetition_penalty: float = Field(gt=0, le=2)
    max_tokens: int = Field(gt=0)


class TeacherSpec(Contract):
    """One entry of ``pipeline/teachers/teachers.yaml``."""

    name: str
    model: str
    """Repository on the Hugging Face hub."""
    revision: str | None
    """Commit that the settings below were written for; ``None`` where it could not be learnt."""
    licence: str
    grammar: str
    """Name of the output grammar, a key of ``pipeline.teachers.GRAMMARS``."""
    context: int = Field(gt=0)
    """Longest prompt and output together, in tokens."""
    sampling: Sampling
    source: str
    """Where the sampling defaults come from."""
