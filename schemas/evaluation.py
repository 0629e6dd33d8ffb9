"""Running a model over a benchmark: what a model's entry says, and whose an evaluation's folder is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.base import Contract, Sha256
from schemas.config import Name
from schemas.engines import EngineConfig
from schemas.teacher import Sampling, TeacherSpec

EVALUATION_LAYOUT = 1
"""Raised when the layout of an evaluation's folder changes so that an older one cannot be gone on with."""


class ModelEntry(TeacherSpec):
    """A model to evaluate: one entry of ``eval/running/models.yaml``, or a file of the user's own.

    ``grammar`` is a family of ``eval.scoring.families``.
    """

    name: Annotated[Name, Field(max_length=100)]
    """A folder of the ledger is called by it."""
    runs_on: EngineConfig | None = None
    """What runs it when the command line does not say; vLLM in this process when left out."""


class EvaluationIdentity(Contract):
    """Whom an evaluation's folder belongs to. Texts of two models, or for two benchmarks, are never mixed in one."""

    layout: int
    benchmark: str
    benchmark_sha256: Sha256
    name: str
    model: str
    revision: str | None
    grammar: str
    system: str | None
    sampling: Sampling
    """``max_tokens`` too: here texts that were cut off are a result, and not asked for again."""
    engine: str
    """The kind of engine, but ``model`` for all that run the model itself: they may change between two starts."""
