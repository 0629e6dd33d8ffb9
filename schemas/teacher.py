"""A teacher as its YAML entry describes it."""

from __future__ import annotations

from pydantic import Field, JsonValue

from schemas.base import Contract
from schemas.config import Name


class Sampling(Contract):
    """Sampling parameters, with vLLM's names and meanings."""

    temperature: float = Field(ge=0, le=2)
    top_p: float = Field(gt=0, le=1)
    top_k: int = Field(ge=-1)
    """-1 considers all tokens."""
    repetition_penalty: float = Field(gt=0, le=2)
    max_tokens: int = Field(gt=0)


class ImageLimits(Contract):
    """What the teacher's own image processor makes of a picture's size."""

    min_pixels: int = Field(gt=0)
    """Smaller pictures are enlarged."""
    max_pixels: int = Field(gt=0)
    """Larger pictures are shrunk."""
    max_aspect: float = Field(ge=1)
    pixels_per_token: int = Field(gt=0)
    """Pixels that one visual token stands for."""


class EngineDefaults(Contract):
    """How an engine is set up for the teacher. Names and meanings are vLLM's."""

    max_model_len: int = Field(gt=0)
    limit_mm_per_prompt: dict[str, int]
    mm_processor_kwargs: dict[str, JsonValue]


class Requirements(Contract):
    """What the teacher needs of its environment."""

    vllm: str
    """Versions it was tried with, as a version specifier (PEP 440)."""
    transformers: str
    packages: tuple[str, ...]
    """Beyond what vLLM brings along."""
    weights_gib: float = Field(gt=0)
    """Of the weights on disk, and about what they take on the GPU."""


class TeacherSpec(Contract):
    """One entry of ``pipeline/teachers/teachers.yaml``."""

    name: Name
    model: str
    """Repository on the Hugging Face hub."""
    revision: str | None
    """Commit that the settings below were written for; ``None`` where it could not be learnt."""
    remote_code: bool
    """The repository's own Python code is run; only ever of a revision that is named."""
    licence: str
    grammar: str
    """Name of the output grammar: for teachers a key of ``pipeline.teachers.GRAMMARS``."""
    context: int = Field(gt=0)
    """Longest prompt and output together, in tokens."""
    image: ImageLimits
    sampling: Sampling
    system: str | None = Field(default=None, min_length=1)
    """A message of its own before the question, where the model thinks only when it is told to."""
    engine: EngineDefaults
    requires: Requirements
    source: str
    """Where all of this comes from."""
