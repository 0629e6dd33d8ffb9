"""Who is examined: each teacher with the engine that is to run it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.doctor.finding import Finding, fault, warning
from pipeline.teachers import load_teacher, load_teachers
from schemas.config import BuildConfig
from schemas.engines import CustomEngine, OpenAIEngine, PixelsEngine, VllmEngine
from schemas.teacher import TeacherSpec

AnyEngine = PixelsEngine | CustomEngine | VllmEngine | OpenAIEngine

E = TypeVar("E", bound=AnyEngine)
E_co = TypeVar("E_co", bound=AnyEngine, covariant=True)


@dataclass(frozen=True)
class Case(Generic[E_co]):
    """One teacher on one engine."""

    spec: TeacherSpec
    engine: E_co
    required: bool
    """A build asks for it. Otherwise what it lacks is worth a warning, no more."""

    def lacks(self, what: str, detail: str, remedy: str) -> Finding:
        """Report what this teacher cannot do without."""
        return (fault if self.required else warning)(what, detail, remedy)


def list_cases(config: BuildConfig | None) -> list[Case[AnyEngine]]:
    """The teachers of a build on its engines; without a build all known teachers on vLLM.

    Raises:
        ConfigError: the build names an unknown teacher.
    """
    if config is None:
        return [Case(spec, VllmEngine(kind="vllm"), required=False) for spec in load_teachers().values()]
    return [Case(load_teacher(teacher.name), teacher.engine, required=True) for teacher in config.teachers]


def on(kind: type[E], cases: Iterable[Case[AnyEngine]]) -> list[Case[E]]:
    """The cases that one kind of engine runs."""
    return [Case(case.spec, engine, case.required) for case in cases if isinstance(engine := case.engine, kind)]


def lacked_by(cases: Iterable[Case[AnyEngine]], what: str, detail: str, remedy: str) -> Finding:
    """Report what all of these cannot do without: a fault where a build asks for any of them."""
    return (fault if any(case.required for case in cases) else warning)(what, detail, remedy)
