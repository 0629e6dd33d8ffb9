"""YAML as plain data: text, finite numbers, true, false, null, lists and mappings, and nothing else."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from schemas.errors import ConfigError

KeyPath = tuple[int | str, ...]
"""Where a value stands in a file: keys of mappings and positions in lists, from the outside in."""

_MAX_SHOWN = 60
"""Characters of a wrong value that a message repeats."""

_MAX_DEPTH = 32
"""Levels of lists and mappings; a configuration has six."""

_ALLOWED = "allowed are text, finite numbers, integers below 2**63, true, false, null, lists and mappings"

_NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""What neither a file name nor UTF-8 can hold: NUL, and half of a surrogate pair."""


def parse_yaml(text: str, name: str) -> Any:
    """Read one YAML document as plain data; ``name`` stands for the file in messages.

    Raises:
        ConfigError: the text is not YAML, gives a key twice, nests too deeply, or holds what is no plain data; the
            message has one line per mistake, with its key path.
    """
    try:
        data = _Loader(text, name).get_single_data()
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # PyYAML lets more through than its own errors: for escapes beyond Unicode, and for long chains of merges
        raise ConfigError(f"{name}: not YAML ({' '.join(str(error).split())})", "mend the line it names") from error
    mistakes = list(_find_mistakes(data, (), name))
    if mistakes:
        raise ConfigError("\n".join(f"{name}: {mistake}" for mistake in mistakes))
    return data


def format_key_path(path: KeyPath) -> str:
    """Write a key path as in ``teachers[0].name``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return _on_one_line(text.removeprefix(".")) or "the file"


def show(value: Any) -> str:
    """Write a value on one line, cut to a length that a message can bear."""
    match value:
        case yaml.ScalarNode():
            text = value.value
        case yaml.Node():
            text = f"!!{value.tag.rpartition(':')[2]}"
        case _:
            text = json.dumps(value, ensure_ascii=False)
    text = _on_one_line(text)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."


class _Loader(yaml.SafeLoader):
    """Refuses repeated keys and endless nesting; leaves what is no plain data as the node it was written as."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name
        self._path: KeyPath = ()

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        outer = self._path
        if parent is not None:
            self._path = (*outer, "?" if index is None else index if isinstance(index, int) else show(index))
            _check_depth(self._path, self.name)
        node = super().compose_node(parent, index)
        self._path = outer
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # here and not while building, when merges ("<<") have already added keys that may stand twice
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            line = key.start_mark.line + 1
            identity = (key.tag, key.value)
            if identity in lines:
                path = format_key_path((*self._path, key.value))
                raise ConfigError(
                    f"{self.name}: {path}: given on line {lines[identity]} and again on line {line}", "keep one of them"
                )
            lines[identity] = line
        return node


def _construct_scalar(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    try:
        value = yaml.SafeLoader.yaml_constructors[node.tag](loader, node)
    except (ArithmeticError, LookupError, ValueError):
        return node
    limit = 2**63 if isinstance(value, int) else math.inf
    return value if abs(value) < limit else node


def _keep_node(_loader: yaml.SafeLoader, node: yaml.Node) -> yaml.Node:
    return node


for _tag in ("bool", "int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _construct_scalar)
for _tag in ("timestamp", "binary", "set", "omap", "pairs"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _keep_node)


def _find_mistakes(value: Any, path: KeyPath, name: str) -> Iterator[str]:
    # again: aliases can nest more deeply than what is written, or without end
    _check_depth(path, name)
    match value:
        case dict():
            for key, item in value.items():
                if isinstance(key, str) and not _NO_TEXT.search(key):
                    yield from _find_mistakes(item, (*path, key), name)
                else:
                    where = format_key_path((*path, key if isinstance(key, str) else show(key)))
                    yield f"{where}: {show(key)} was given as a key; keys are text, in quotes if need be"
        case list():
            for index, item in enumerate(value):
                yield from _find_mistakes(item, (*path, index), name)
        case str() if _NO_TEXT.search(value):
            yield f"{format_key_path(path)}: {show(value)} was given; text must not hold NUL or lone surrogates"
        case yaml.Node():
            yield f"{format_key_path(path)}: {show(value)} was given; {_ALLOWED}; quote what is meant as text"


def _check_depth(path: KeyPath, name: str) -> None:
    if len(path) > _MAX_DEPTH:
        raise ConfigError(f"{name}: {format_key_path(path)}: nests deeper than {_MAX_DEPTH} levels")


def _on_one_line(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
