"""The trainers' formats, one module each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.exporting.formats.base import Format
from pipeline.exporting.formats.llamafactory import LLAMAFACTORY
from pipeline.exporting.formats.llava import LLAVA
from pipeline.exporting.formats.swift import SWIFT
from pipeline.exporting.formats.trl import TRL
from pipeline.exporting.formats.verl import VERL
from pipeline.exporting.options import ExportOptions, check_name
from pipeline.exporting.thinking import REASONING_CONTENT
from schemas.errors import ConfigError

FORMATS: Mapping[str, Format] = MappingProxyType({each.name: each for each in (TRL, LLAVA, LLAMAFACTORY, SWIFT, VERL)})
"""Every format, by name."""


def find_format(options: ExportOptions) -> Format:
    """The format that was asked for.

    Raises:
        ConfigError: there is none of this name, or it has no form for the options.
    """
    check_name("--format", options.format, FORMATS)
    chosen = FORMATS[options.format]
    if options.thinking == REASONING_CONTENT and not chosen.reasoning_content:
        able = [each.name for each in FORMATS.values() if each.reasoning_content]
        raise ConfigError(_no_form(chosen, f"--thinking {REASONING_CONTENT}"), f"{_listed(able)} have")
    if options.preference is not None and not chosen.preferences:
        able = [each.name for each in FORMATS.values() if each.preferences]
        raise ConfigError(_no_form(chosen, f"--preference {options.preference}"), f"{_listed(able)} have")
    return chosen


def _no_form(chosen: Format, asked: str) -> str:
    return f"{asked}: {chosen.name} has no form for it"


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


__all__ = ["FORMATS", "Format", "find_format"]
