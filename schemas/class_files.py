"""Lists of classes in files of one's own."""

from __future__ import annotations

import re
from pathlib import Path

from schemas.errors import ConfigError
from schemas.yaml_files import show

_WNID = re.compile(r"n[0-9]{8}")


def read_class_file(path: Path) -> tuple[str, ...]:
    """Read a file of wnids, one a line; what follows a blank on the line is not read, nor are lines that begin with #.

    That is the form of the lists that timm and ILSVRC use (``synsets.txt``).

    Returns:
        The wnids in ascending order, each once: their order in the file means nothing.

    Raises:
        ConfigError: the file cannot be read, holds no wnid, or something else.
    """
    remedy = "name a text file with one wnid (n and eight digits) per line in selection.classes_file"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})", remedy) from error
    wnids: set[str] = set()
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if not _WNID.fullmatch(words[0]):
            raise ConfigError(f"{path}: line {number} begins with {show(words[0])}", remedy)
        wnids.add(words[0])
    if not wnids:
        raise ConfigError(f"{path}: holds no class", remedy)
    return tuple(sorted(wnids))
