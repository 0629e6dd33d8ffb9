"""From a YAML file to a :class:`BuildConfig`, or one line per mistake."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.class_files import read_class_file
from schemas.config import HUB_SCHEME, BuildConfig, SelectionConfig, SourceConfig, SourceForm
from schemas.engines import EngineConfig
from schemas.errors import ConfigError
from schemas.yaml_files import KeyPath, format_key_path, parse_yaml, show


def load_config(path: Path) -> BuildConfig:
    """Read a build's configuration. Relative paths are taken from the file's folder.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or does not fit; the message names each key path, what was
            given and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file", "name the YAML file of the build") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})", "name a YAML file in UTF-8") from error
    config = parse_config(text, str(path))
    source = _anchor_source(config.source, path)
    teachers = tuple(
        teacher.model_copy(update={"engine": anchor_engine(teacher.engine, path, f"teachers[{number}].engine")})
        for number, teacher in enumerate(config.teachers)
    )
    selection = _read_classes(config.selection, path)
    return config.model_copy(update={"source": source, "selection": selection, "teachers": teachers})


def parse_config(text: str, name: str) -> BuildConfig:
    """Read a configuration from YAML text; ``name`` stands for it in messages.

    Raises:
        ConfigError: see :func:`load_config`.
    """
    data = parse_yaml(text, name)
    if not isinstance(data, dict):
        raise ConfigError(f"{name}: holds {show(data)} where a mapping of settings is expected")
    return _validate(data, name)


def dump_config(config: BuildConfig) -> str:
    """Write a configuration as YAML, all defaults spelled out, so that it loads to an equal one."""
    data = json.loads(config.model_dump_json())
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def override_source(config: BuildConfig, place: str | None, form: str | None) -> BuildConfig:
    """The same build from another place or form; what is ``None`` stays.

    Args:
        config: as read from its file.
        place: a folder or file, taken from the working directory, or an address on the hub.
        form: one of the forms, or ``auto``.

    Raises:
        ConfigError: there is no such form, or the text can be no place.
    """
    return config.model_copy(update={"source": _override(config.source.model_dump(), place, form)})


def name_source(place: str, form: str | None) -> SourceConfig:
    """A source that is named outside any file; arguments as of :func:`override_source`."""
    return _override({}, place, form)


def anchor_engine(engine: EngineConfig, file: Path, key: str) -> EngineConfig:
    """An engine whose checkpoint, where it is a path, is taken from the folder of the file that names it.

    Args:
        engine: as read from the file.
        file: the file.
        key: where the engine stands in it, for messages.

    Raises:
        ConfigError: the path can be none.
    """
    model = getattr(engine, "model", None)
    return engine if model is None else engine.model_copy(update={"model": anchor_model(model, file, f"{key}.model")})


def anchor_model(model: str, file: Path, key: str) -> str:
    """The same of a checkpoint alone; a name on the hub begins with neither a dot nor a tilde."""
    return str(_locate(model, file, key)) if model.startswith(("./", "../", "~")) else model


def _override(source: dict[str, Any], place: str | None, form: str | None) -> SourceConfig:
    if form is not None:
        forms = ["auto", *get_args(SourceForm)]
        if form not in forms:
            raise ConfigError(f"--source-form {show(form)}: no such form", f"choose one of {', '.join(forms)}")
        source["form"] = form
    elif place is not None:
        source["form"] = "auto"  # what the file says of its own place need not hold elsewhere
    if place is not None:
        source["path"] = (
            place if place.startswith(HUB_SCHEME) else str(_resolve(Path(), place, f"--source {show(place)}"))
        )
    return SourceConfig.model_validate(source)


def _anchor_source(source: SourceConfig, file: Path) -> SourceConfig:
    """Take a source's places from the file's folder; addresses on the hub stay as they are."""
    update: dict[str, Any] = {}
    if not source.is_hub:
        update["path"] = str(_locate(source.path, file, "source.path"))
    if source.index_cache is not None:
        update["index_cache"] = _locate(str(source.index_cache), file, "source.index_cache")
    return source.model_copy(update=update)


def _read_classes(selection: SelectionConfig, file: Path) -> SelectionConfig:
    """Put the classes of a file in its place: what identifies a build is which classes it draws from."""
    if selection.classes_file is None:
        return selection
    if selection.classes is not None:
        raise ConfigError(f"{file}: selection: both classes and classes_file are given", "give one of them")
    place = _locate(str(selection.classes_file), file, "selection.classes_file")
    return selection.model_copy(update={"classes": read_class_file(place), "classes_file": None})


def _locate(given: str, file: Path, key: str) -> Path:
    """A place that a file names, taken from the file's folder."""
    return _resolve(file.parent, given, f"{file}: {key}: {show(given)} was given")


def _resolve(folder: Path, given: str, what: str) -> Path:
    if not given:
        raise ConfigError(f"{what}; that is no place")
    try:
        place = (folder / Path(given).expanduser()).resolve()
        str(place).encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{what}; its name is not UTF-8", "rename it, or a folder above it") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"{what}; {_lower_first(str(error))}") from error
    return place


def _validate(data: dict[str, Any], name: str) -> BuildConfig:
    try:
        # JSON mode: YAML's lists and strings become tuples, paths and enums, while types stay strict.
        return BuildConfig.model_validate_json(json.dumps(data))
    except ValidationError as error:
        details = error.errors(include_url=False)
        # a list whose items are all wrong is also reported as too short: the items say it better
        parents = {detail["loc"][:end] for detail in details for end in range(len(detail["loc"]))}
        mistakes = [_explain(detail) for detail in details if detail["loc"] not in parents]
        raise ConfigError("\n".join(f"{name}: {mistake}" for mistake in mistakes)) from error


def _explain(detail: ErrorDetails) -> str:  # noqa: PLR0911 - a table
    location, models = _follow(detail["loc"])
    path = format_key_path(location)
    given = show(detail["input"])
    match detail["type"]:
        case "extra_forbidden":
            known = [key for model in models for key in model.model_fields]
            return f"{path}: unknown key{_suggest(str(location[-1]), known)}"
        case "unshown":
            return f"{path}: {detail['msg']}"
        case "missing":
            return f"{path}: missing; this key is required"
        case "value_error":
            return detail["msg"].removeprefix("Value error, ")
        case "too_short":
            return f"{path}: {given} was given; at least {detail['ctx']['min_length']} is needed"
        case "union_tag_invalid" | "union_tag_not_found":
            return f"{path}: {given} was given; {_tag_choice(detail)}"
        case _:
            return f"{path}: {given} was given; {_lower_first(detail['msg'])}"


def _follow(location: KeyPath) -> tuple[KeyPath, list[type[BaseModel]]]:
    """A location's key path in the file, and the innermost models on the way there."""
    path: KeyPath = ()
    models: list[type[BaseModel]] = [BuildConfig]
    for step in location:
        if len(models) > 1:
            # a discriminated union adds its tag ("pixels") to the location; the file has no such key
            models = [model for model in models if step in _tags(model)]
            continue
        path = (*path, step)
        if step in models[0].model_fields:
            models = _options(models[0].model_fields[str(step)].annotation) or models
    return path, models


def _tag_choice(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    allowed = context.get("expected_tags") or ", ".join(repr(tag) for model in _engines() for tag in _tags(model))
    return f"{str(context['discriminator']).strip(chr(39))} must be one of {allowed}"


def _engines() -> list[type[BaseModel]]:
    return _options(EngineConfig)


def _options(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) is None:
        return []
    return [model for argument in get_args(annotation) for model in _options(argument)]


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("kind")
    return get_args(field.annotation) if field else ()


def _suggest(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ";"
    return f"{hint} allowed here: {', '.join(known)}"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
