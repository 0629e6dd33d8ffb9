"""Which model computes a metric, as it is written on a command line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pipeline.lines import printable
from schemas.errors import ConfigError


class ModelChoice(NamedTuple):
    """A model, of which version, and which of its layers."""

    model: str
    """A folder, or a name on the Hugging Face hub."""
    revision: str | None
    """Branch, tag or commit on the hub; its default where left out."""
    layer: int | None
    """Whose output counts, the first being 1; the model's usual one where left out."""


def parse_model(text: str) -> ModelChoice:
    """Read ``MODEL[@REVISION][#LAYER]``; the name of a folder that exists may hold both marks itself.

    Raises:
        ConfigError: a part is empty, the layer no number from 1, or a folder is to have a revision.
    """
    if _is_folder(text):
        return ModelChoice(text, None, None)
    name, mark, layer = text.rpartition("#")
    if not mark:
        name = text
    elif not (layer.isascii() and layer.isdecimal() and int(layer)):
        raise ConfigError(f"{printable(text)}: what follows '#' is no layer", "name one by its number, the first is 1")
    model, revision = (name, None) if _is_folder(name) else _split_revision(name)
    if revision and _is_folder(model):
        raise ConfigError(
            f"{printable(model)}: is a folder, which has no revision {printable(revision)}", "leave it out"
        )
    if not model or revision == "":
        raise ConfigError(f"{printable(text)!r} names no model", "write MODEL, MODEL@REVISION or MODEL@REVISION#LAYER")
    return ModelChoice(model, revision, int(layer) if mark else None)


def _is_folder(name: str) -> bool:
    return bool(name) and Path(name).is_dir()


def _split_revision(name: str) -> tuple[str, str | None]:
    model, mark, revision = name.rpartition("@")
    return (model, revision) if mark else (name, None)
