"""Which teachers and grammars there are."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

import yaml
from pydantic import TypeAdapter, ValidationError

from pipeline.teachers.glm import GLM
from pipeline.teachers.grammar import Grammar
from pipeline.teachers.kimi import KIMI
from schemas.config import SamplingOverrides
from schemas.errors import ConfigError
from schemas.teacher import Sampling, TeacherSpec

GRAMMARS: Mapping[str, Grammar] = MappingProxyType({grammar.name: grammar for grammar in (GLM, KIMI)})
"""Every output grammar, by name."""

_SPECS = TypeAdapter(list[TeacherSpec])


def load_teacher(name: str) -> TeacherSpec:
    """One teacher's entry.

    Raises:
        ConfigError: no teacher has this name, or ``teachers.yaml`` is damaged.
    """
    teachers = load_teachers()
    if name not in teachers:
        guess = difflib.get_close_matches(name, teachers, n=1)
        question = f"did you mean {guess[0]}? " if guess else ""
        raise ConfigError(f"teachers: there is no teacher {name!r}", f"{question}known are {', '.join(teachers)}")
    return teachers[name]


@functools.cache
def load_teachers() -> Mapping[str, TeacherSpec]:
    """All entries of ``teachers.yaml``, by name, in the file's order.

    Raises:
        ConfigError: the file is damaged.
    """
    return read_teachers(resources.files(__package__).joinpath("teachers.yaml").read_bytes())


def read_teachers(
    data: bytes, file: str = "teachers.yaml", grammars: Mapping[str, Grammar] = GRAMMARS
) -> Mapping[str, TeacherSpec]:
    """Read a list of teacher entries from YAML.

    Args:
        data: the file's bytes.
        file: its name, for messages.
        grammars: those that an entry may name.

    Raises:
        ConfigError: it is no YAML, an entry does not follow :class:`~schemas.teacher.TeacherSpec`, a name stands
            twice, or a grammar is unknown.
    """
    try:
        entries = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{file} is no YAML: {' '.join(str(error).split())}") from error
    try:
        # JSON mode: YAML's lists become tuples, while types stay strict
        specs = _SPECS.validate_json(json.dumps(entries, default=str))
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc'])) or 'top'}: {fault['msg']}" for fault in error.errors())
        raise ConfigError(f"{file}: {'; '.join(faults)}", "see docs/teachers.md") from error
    teachers: dict[str, TeacherSpec] = {}
    for spec in specs:
        if spec.name in teachers:
            raise ConfigError(f"{file}: {spec.name} stands twice", "rename or remove one")
        if spec.grammar not in grammars:
            raise ConfigError(
                f"{file}: {spec.name} has the unknown grammar {spec.grammar!r}",
                f"known are {', '.join(grammars)}",
            )
        teachers[spec.name] = spec
    return MappingProxyType(teachers)


def resolve_sampling(spec: TeacherSpec, overrides: SamplingOverrides) -> Sampling:
    """The teacher's sampling parameters with the build's own in their place.

    Raises:
        ConfigError: ``max_tokens`` leaves no room for a prompt in the teacher's context.
    """
    sampling = spec.sampling.model_copy(update=overrides.model_dump(exclude_none=True))
    if sampling.max_tokens >= spec.context:
        raise ConfigError(
            f"max_tokens {sampling.max_tokens} of teacher {spec.name} fills its context of {spec.context} tokens",
            "set it lower, so that the picture and the prompt fit too",
        )
    return sampling
