"""Engines are found by what the configuration names."""

from __future__ import annotations

import pytest

from pipeline.engines import create_engine
from pipeline.teachers import GRAMMARS, load_teacher
from schemas.engines import CustomEngine, PixelsEngine
from schemas.errors import ConfigError
from tests.fakes.scripted_engine import ScriptedEngine

TEACHER = load_teacher("glm-4.1v-9b-thinking")


def test_pixels_is_the_embedded_engine() -> None:
    info = create_engine(PixelsEngine(kind="pixels"), TEACHER, GRAMMARS[TEACHER.grammar]).info
    assert (info.engine, info.model) == ("pixels", "imagenet-think/pixels")


def test_a_custom_factory_gets_teacher_renderer_and_options() -> None:
    config = CustomEngine(kind="custom", factory="tests.fakes.scripted_engine:create", options={"concurrency": 3})
    engine = create_engine(config, TEACHER, GRAMMARS[TEACHER.grammar])
    assert isinstance(engine, ScriptedEngine)
    assert engine.concurrency == 3


@pytest.mark.parametrize("factory", ["no_such_module:create", "tests.fakes.scripted_engine:no_such_function"])
def test_a_factory_that_cannot_be_found_is_named(factory: str) -> None:
    with pytest.raises(ConfigError, match=f"engine factory {factory}"):
        create_engine(CustomEngine(kind="custom", factory=factory), TEACHER, GRAMMARS[TEACHER.grammar])


def test_options_that_the_factory_does_not_know_are_named() -> None:
    config = CustomEngine(kind="custom", factory="tests.fakes.scripted_engine:create", options={"speed": 3})
    with pytest.raises(ConfigError, match="speed"):
        create_engine(config, TEACHER, GRAMMARS[TEACHER.grammar])


@pytest.mark.parametrize("factory", ["builtins:dict", "pipeline.teachers:PARSER_VERSION"])
def test_what_cannot_be_called_with_teacher_and_renderer_is_no_factory(factory: str) -> None:
    with pytest.raises(ConfigError, match=f"engine factory {factory}: .* is called with the teacher"):
        create_engine(CustomEngine(kind="custom", factory=factory), TEACHER, GRAMMARS[TEACHER.grammar])
