"""What a build asks for besides its models: its pictures, and engines of the user's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.doctor.cases import AnyEngine, Case, on
from pipeline.doctor.finding import Finding, ok, refusal
from pipeline.engines.custom import bind_factory
from pipeline.sources import open_source
from pipeline.teachers import GRAMMARS
from schemas.config import BuildConfig
from schemas.engines import CustomEngine
from schemas.errors import ConfigError, SourceError


def examine_build(config: BuildConfig, cases: Sequence[Case[AnyEngine]]) -> Iterator[Finding]:
    """Look for the pictures and for the factories that a configuration names."""
    try:
        yield ok("source", f"{config.source.path}: {open_source(config.source).form}")
    except SourceError as error:
        yield refusal("source", error)
    for case in on(CustomEngine, cases):
        try:
            bind_factory(case.engine, case.spec, GRAMMARS[case.spec.grammar].render)
            yield ok(case.spec.name, f"{case.engine.factory} can be imported")
        except ConfigError as error:
            yield refusal(case.spec.name, error)
