"""Do a build's servers answer, and do they run what it asks for?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.doctor.cases import AnyEngine, Case, on
from pipeline.doctor.finding import Finding, ok, refusal, warning
from pipeline.teachers import GRAMMARS
from schemas.engines import OpenAIEngine
from schemas.errors import ImageNetThinkError


def examine_servers(cases: Sequence[Case[AnyEngine]]) -> Iterator[Finding]:
    """Ask the servers of each teacher who they are, as a build does when it starts."""
    for case in on(OpenAIEngine, cases):
        yield from _meet(case)


def _meet(case: Case[OpenAIEngine]) -> Iterator[Finding]:
    from pipeline.engines.openai.identity import meet  # noqa: PLC0415 - its HTTP client loads when used

    what = f"{case.spec.name} servers"
    try:
        party = meet(case.engine, case.spec, GRAMMARS[case.spec.grammar])
    except ImageNetThinkError as error:
        yield refusal(what, error)
        return
    info, count = party.info, len(party.addresses)
    up = [str(address) for address in party.addresses if address not in party.absent]
    context = f", context {party.context:,}" if party.context else ""
    versions = ", ".join(f"{name} {version}" for name, version in info.versions.items())
    runs = f"{info.model} at {info.revision}, {info.dtype}{context}" + (f" ({versions})" if versions else "")
    yield ok(what, f"{len(up)} of {count} answer ({', '.join(up)}) and serve {party.served}: {runs}")
    for absence in party.absent.values():
        yield warning(what, absence, "start it, or take it out of engine.base_urls; a build goes on without it")
    for said in info.warnings:
        if not any(absence in said for absence in party.absent.values()):
            yield warning(what, said, "servers of imagenet-think serve tell what others do not")
