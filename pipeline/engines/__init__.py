"""Ways of running a model, one per module, all behind the protocol in ``base``."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable

from pipeline.engines.base import Engine, EngineInfo, EngineReply, EngineRequest
from schemas.config import CustomEngine, EngineConfig, PixelsEngine
from schemas.errors import ConfigError
from schemas.teacher import TeacherSpec

__all__ = ["Engine", "EngineInfo", "EngineReply", "EngineRequest", "Render", "check_engine", "create_engine"]

Render = Callable[[str, str], str]
"""Writes (thinking, answer) in a teacher's wire format."""


def create_engine(config: EngineConfig, teacher: TeacherSpec, render: Render) -> Engine:
    """Start the engine that a configuration names for a teacher.

    Raises:
        ConfigError: a custom factory cannot be imported, or does not take the options.
        EngineError: the engine does not start.
    """
    match config:
        case PixelsEngine():
            from pipeline.engines.pixels import PixelsEngine as Pixels  # noqa: PLC0415 - engines load when used

            return Pixels(teacher, render)
        case CustomEngine():
            return _bind_factory(config, teacher, render)()


def check_engine(config: EngineConfig, teacher: TeacherSpec) -> None:
    """Meet a misspelt engine before hours of other work are done.

    Raises:
        ConfigError: a custom factory cannot be imported, or does not take the options.
    """
    if isinstance(config, CustomEngine):
        _bind_factory(config, teacher, str.join)


def _bind_factory(config: CustomEngine, teacher: TeacherSpec, render: Render) -> Callable[[], Engine]:
    module, _, attribute = config.factory.partition(":")
    try:
        factory: Callable[..., Engine] = getattr(importlib.import_module(module), attribute)
        inspect.signature(factory).bind(teacher, render, **config.options)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"engine factory {config.factory}: {error}",
            "name a module:function that Python can import (see PYTHONPATH)",
        ) from error
    except TypeError as error:
        raise ConfigError(f"engine factory {config.factory}: {error}", "mend the engine's options") from error
    return functools.partial(factory, teacher, render, **config.options)
