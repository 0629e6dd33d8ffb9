"""Which models there are to evaluate: entries that come along, the teachers, and files of the user's own."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from eval.scoring.families import FAMILIES
from pipeline.lines import printable
from pipeline.teachers import load_teachers, read_teachers
from schemas.engines import CustomEngine, EngineConfig, OpenAIEngine, PixelsEngine, VllmEngine
from schemas.errors import ConfigError
from schemas.evaluation import ModelEntry
from schemas.loading import anchor_engine, anchor_model
from schemas.teacher import TeacherSpec
from schemas.yaml_files import format_key_path, parse_yaml

MODELS_FILE = "models.yaml"
ENGINES = ("vllm", "openai", "pixels")
"""Kinds that the command line can name; others stand in a model's file."""

_SUFFIXES = (".yaml", ".yml")


@functools.cache
def load_presets() -> Mapping[str, TeacherSpec]:
    """The models that come along, by name, in the file's order.

    Raises:
        ConfigError: the file is damaged.
    """
    return read_teachers(resources.files(__package__).joinpath(MODELS_FILE).read_bytes(), MODELS_FILE, FAMILIES)


def load_model(name: str) -> ModelEntry:
    """A model by its name, or by the path of a YAML file that describes it.

    Raises:
        ConfigError: no model has this name; the file cannot be read, or does not describe a model.
    """
    if name.endswith(_SUFFIXES):
        return read_model(Path(name))
    known = {**load_presets(), **load_teachers()}
    if name not in known:
        guess = difflib.get_close_matches(name, known, n=1)
        question = f"did you mean {guess[0]}? " if guess else ""
        raise ConfigError(
            f"--model {printable(name)}: there is no such model",
            f"{question}known are {', '.join(known)}; any other is described in a file that ends with .yaml",
        )
    return ModelEntry.model_validate(known[name].model_dump())


def read_model(path: Path) -> ModelEntry:
    """Read a model of the user's own from its file.

    Raises:
        ConfigError: the file cannot be read, or does not describe a model; the message names each key at fault.
    """
    try:
        data = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path}: cannot be read ({said})", "name a model, or a YAML file in UTF-8") from error
    try:
        # JSON mode: YAML's lists become tuples, while types stay strict
        entry = ModelEntry.model_validate_json(json.dumps(data))
    except ValidationError as error:
        faults = error.errors(include_url=False)
        said = "; ".join(f"{format_key_path(fault['loc'])}: {fault['msg']}" for fault in faults)
        raise ConfigError(f"{path}: {said}", "see docs/evaluating.md") from error
    if entry.grammar not in FAMILIES:
        raise ConfigError(
            f"{path}: grammar: {printable(entry.grammar)} is no family of thinking tags",
            f"known are {', '.join(FAMILIES)}",
        )
    return entry.model_copy(
        update={
            "model": anchor_model(entry.model, path, "model"),
            "runs_on": entry.runs_on and anchor_engine(entry.runs_on, path, "runs_on"),
        }
    )


def choose_engine(entry: ModelEntry, kind: str | None, servers: tuple[str, ...]) -> EngineConfig:
    """What runs a model.

    Args:
        entry: the model.
        kind: one of :data:`ENGINES`; the entry's own, or else vLLM, when ``None``. ``openai`` where servers are named.
        servers: URLs of servers, ``/v1`` included.

    Raises:
        ConfigError: there is no such kind; servers are named for another kind than ``openai``, or none is for that;
            a URL is none.
    """
    kind = kind or ("openai" if servers else None)
    if kind not in (None, *ENGINES):
        raise ConfigError(f"--engine {printable(str(kind))}: unknown", f"known are {', '.join(ENGINES)}")
    if servers and kind != "openai":
        raise ConfigError(f"--server: goes with --engine openai, and not with {kind}", "leave one of them out")
    own = entry.runs_on
    match kind:
        case None:
            engine = own or VllmEngine(kind="vllm")
        case "openai":
            engine = _behind_servers(own, servers)
        case "pixels":
            engine = PixelsEngine(kind="pixels")
        case _:
            engine = own if isinstance(own, VllmEngine) else VllmEngine(kind="vllm")
    return _without_judgement(engine)


def _behind_servers(own: EngineConfig | None, servers: tuple[str, ...]) -> OpenAIEngine:
    settings: dict[str, Any] = own.model_dump() if isinstance(own, OpenAIEngine) else {"kind": "openai"}
    if servers:
        settings["base_urls"] = servers
    if "base_urls" not in settings:
        raise ConfigError("--engine openai: no server is named", "name it with --server http://HOST:PORT/v1")
    try:
        return OpenAIEngine.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(f"--server: {error.errors(include_url=False)[0]['msg']}") from error


def _without_judgement(engine: EngineConfig) -> EngineConfig:
    """An engine whose canaries do not ask for valid pairs: how often a model keeps to its form is what is measured."""
    if isinstance(engine, PixelsEngine | CustomEngine):
        return engine
    return engine.model_copy(update={"canaries": engine.canaries.model_copy(update={"min_ok": 0.0})})
