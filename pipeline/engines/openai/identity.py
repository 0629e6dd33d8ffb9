"""Who the servers are together: one model, however many of them.

A build's identity holds model, commit, dtype, quantization and processor. Servers of ``imagenet-think serve`` tell all
of it; of others it is what the configuration and the teacher's entry say, and a warning where they do not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from pipeline.engines.base import IDENTIFYING, EngineInfo
from pipeline.engines.checkpoint import is_commit, named_model
from pipeline.engines.openai.address import Access, Address
from pipeline.engines.openai.answers import ServerAwayError
from pipeline.engines.openai.http import open_session
from pipeline.engines.openai.introduction import Introduction, Markers, introduce
from pipeline.engines.vllm.arguments import flatten_processor
from pipeline.teachers import Grammar, load_teachers
from schemas.engines import OpenAIEngine
from schemas.errors import ConfigError, EngineError
from schemas.teacher import TeacherSpec

UNKNOWN = "unknown"

ESTIMATED = "estimated"
"""What ``versions["token_counts"]`` says where the servers do not count."""


@dataclass(frozen=True, slots=True)
class Party:
    """The servers of one build, all of one kind."""

    config: OpenAIEngine
    teacher: TeacherSpec
    grammar: Grammar
    access: Access
    addresses: tuple[Address, ...]
    absent: dict[Address, str]
    """Those that did not answer at first, and why."""
    info: EngineInfo
    served: str
    """The name that requests must call the model by."""
    context: int | None
    """Of the server with the shortest, in tokens; ``None`` where none tells."""
    markers: Markers | None
    """``None`` where the servers do not count tokens."""

    async def recognise(self, session: aiohttp.ClientSession, address: Address) -> None:
        """Make sure that a server which was away runs what the others do.

        Raises:
            ServerAwayError: it is not back.
            EngineError: it runs something else, or wants another key, model name or URL.
            ConfigError: it runs something else than the configuration names.
        """
        newcomer = await introduce(session, address, self.access, self.config.served_model, self.grammar.think)
        info = _describe(newcomer, self.config, self.teacher)
        if fault := _compare(self.info, self.served, self.markers, info, newcomer):
            raise EngineError(f"{address} came back as another server: {fault}", "start it as it was before")


def meet(config: OpenAIEngine, teacher: TeacherSpec, grammar: Grammar) -> Party:
    """Ask every server who it is, all at once.

    Raises:
        ConfigError: they run something else than the configuration names, or not all the same.
        EngineError: none answers, or one wants another key, model name or URL.
    """
    access = Access.from_environment(config.api_key_env)
    addresses = tuple(dict.fromkeys(map(Address.of, config.base_urls)))
    # A thread with an event loop of its own: the caller may be within one, which cannot be waited for from inside.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="meet") as thread:
        heard = thread.submit(lambda: asyncio.run(_ask_all(addresses, access, config, grammar))).result()
    present = [each for each in heard if isinstance(each, Introduction)]
    absent = {address: str(each) for address, each in zip(addresses, heard, strict=True) if each not in present}
    if not present:
        raise EngineError(
            f"{teacher.name}: {'; '.join(absent.values())}",
            "start the server (imagenet-think serve) or correct engine.base_urls",
        )
    return Party(
        config=config,
        teacher=teacher,
        grammar=grammar,
        access=access,
        addresses=addresses,
        absent=absent,
        info=_agree(present, list(absent.values()), config, teacher),
        served=present[0].served,
        context=min((each.context for each in present if each.context is not None), default=None),
        markers=present[0].markers,
    )


async def _ask_all(
    addresses: Sequence[Address], access: Access, config: OpenAIEngine, grammar: Grammar
) -> list[Introduction | ServerAwayError]:
    async def ask(address: Address) -> Introduction | ServerAwayError:
        try:
            return await introduce(session, address, access, config.served_model, grammar.think)
        except ServerAwayError as absence:
            return absence

    async with open_session(access) as session:
        return list(await asyncio.gather(*map(ask, addresses)))


def _agree(
    present: Sequence[Introduction], absences: Sequence[str], config: OpenAIEngine, teacher: TeacherSpec
) -> EngineInfo:
    """The one description that fits all servers."""
    infos = [_describe(each, config, teacher) for each in present]
    first = present[0]
    for other, info in zip(present, infos, strict=True):
        if fault := _compare(infos[0], first.served, first.markers, info, other):
            raise ConfigError(
                f"{teacher.name}: {first.address} and {other.address} do not run the same: {fault}",
                "give a build servers of one kind (imagenet-think serve), and say in its engine what they do not tell",
            )
    warnings = [warning for each in present for warning in _list_warnings(each, config, teacher)]
    warnings += [f"left out until it answers: {absence}" for absence in absences]
    versions = _join_versions([info.versions for info in infos])
    return replace(infos[0], versions=versions, warnings=tuple(dict.fromkeys(warnings)))


def _describe(server: Introduction, config: OpenAIEngine, teacher: TeacherSpec) -> EngineInfo:
    """What one server runs, by its own word or else by the configuration's and the teacher's.

    Raises:
        ConfigError: its word is against the configuration's.
    """
    _assert_not_swapped(server, config, teacher)
    counts = {} if server.markers else {"token_counts": ESTIMATED}
    if server.told is not None:
        _assert_as_configured(server, server.told, config)
        return replace(server.told, engine="openai", versions=server.told.versions | counts, warnings=())
    model, revision = named_model(config, teacher)
    return EngineInfo(
        engine="openai",
        model=model,
        revision=revision or UNKNOWN,
        dtype=_named_dtype(config) or UNKNOWN,
        quantization=config.quantization,
        processor=flatten_processor({**teacher.engine.mm_processor_kwargs, **config.mm_processor_kwargs}),
        versions=({"vllm": server.version} if server.version else {}) | counts,
    )


def _assert_as_configured(server: Introduction, told: EngineInfo, config: OpenAIEngine) -> None:
    wanted: dict[str, tuple[str | None, str | None]] = {
        "model": (_name_as_served(config.model, told.model), told.model),
        # a branch or tag may well be the commit that the server names
        "revision": (
            config.revision if is_commit(config.revision) else None,
            told.revision,
        ),
        "dtype": (_named_dtype(config), told.dtype),
        "quantization": (config.quantization, told.quantization),
    }
    for name, value in flatten_processor(config.mm_processor_kwargs).items():
        wanted[f"mm_processor_kwargs.{name}"] = (value, told.processor.get(name))
    for name, (ours, theirs) in wanted.items():
        if ours is not None and ours != theirs:
            raise ConfigError(
                f"{server.address} runs {name} {theirs}, and engine.{name} is {ours}",
                "correct one of them, or leave the setting out and take the server's",
            )


def _assert_not_swapped(server: Introduction, config: OpenAIEngine, teacher: TeacherSpec) -> None:
    """Two teachers' URLs are easily exchanged, and their texts look alike for a while."""
    said = {server.told.model if server.told else None, None if config.served_model else server.served}
    for other in load_teachers().values():
        if other.model in said - {teacher.model, config.model}:
            raise ConfigError(
                f"{server.address} serves {other.model}, the model of teacher {other.name}, not of {teacher.name}",
                "check engine.base_urls",
            )


def _compare(
    info: EngineInfo, served: str, markers: Markers | None, other: EngineInfo, newcomer: Introduction
) -> str | None:
    """In what the newcomer differs, or ``None``."""
    for name in IDENTIFYING:
        if getattr(info, name) != getattr(other, name):
            return f"{name} {getattr(info, name)} and {getattr(other, name)}"
    if served != newcomer.served:
        return f"the model is called {served} and {newcomer.served}"
    if markers != newcomer.markers:
        return "they count tokens in different ways"
    return None


def _list_warnings(server: Introduction, config: OpenAIEngine, teacher: TeacherSpec) -> Iterator[str]:
    if server.told is None:
        model, revision = named_model(config, teacher)
        yield f"{server.address} does not say what it runs, as imagenet-think serve does; it is taken for {model}"
        if revision is None:
            yield "no record will say which commit of the model wrote it; set engine.revision"
        if _named_dtype(config) is None:
            yield "no record will say in which dtype the model runs; set engine.dtype"
    else:
        yield from (f"{server.address}: {warning}" for warning in server.told.warnings)
    if server.markers is None:
        yield f"{server.address} does not count tokens of a text (/tokenize); the counts in the records are estimates"
    if server.context is not None and server.context < teacher.engine.max_model_len:
        yield (
            f"{server.address} has a context of {server.context} tokens, and {teacher.name} is set up for "
            f"{teacher.engine.max_model_len}; texts end early"
        )
    if not config.extensions:
        yield (
            "engine.extensions is off: top_k, repetition_penalty and the thinking budget of the last retries are not "
            "sent, and markers that are special tokens may be missing from the texts"
        )


def _join_versions(versions: Sequence[dict[str, str]]) -> dict[str, str]:
    """Each package's versions at all servers."""
    names = dict.fromkeys(name for each in versions for name in each)
    return {name: ", ".join(dict.fromkeys(each[name] for each in versions if name in each)) for name in names}


def _named_dtype(config: OpenAIEngine) -> str | None:
    return None if config.dtype == "auto" else config.dtype


def _name_as_served(configured: str | None, told: str) -> str | None:
    """A configured folder the way servers name it: without the path to it."""
    is_same_folder = configured is not None and Path(configured).name == told
    return told if is_same_folder else configured
