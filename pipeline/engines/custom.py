"""Engines of the user's own: a factory that the configuration names."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable

from pipeline.engines.base import Engine
from schemas.engines import CustomEngine
from schemas.errors import ConfigError
from schemas.teacher import TeacherSpec

Render = Callable[[str, str], str]
"""Writes (thinking, answer) in a teacher's wire format."""


def bind_factory(config: CustomEngine, teacher: TeacherSpec, render: Render) -> Callable[[], Engine]:
    """The factory with its arguments filled in, not yet called.

    Raises:
        ConfigError: it cannot be imported, or does not take the options.
    """
    module, _, attribute = config.factory.partition(":")
    try:
        factory: Callable[..., Engine] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"engine factory {config.factory}: {error}",
            "name a module:function that Python can import (see PYTHONPATH)",
        ) from error
    try:
        inspect.signature(factory).bind(teacher, render, **config.options)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"engine factory {config.factory}: {error}",
            "it is called with the teacher, the renderer and engine.options: mend the one or the other",
        ) from error
    return functools.partial(factory, teacher, render, **config.options)
