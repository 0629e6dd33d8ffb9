"""Write a comparison to a folder."""

from __future__ import annotations

from pathlib import Path

from eval.comparing.tables import explain, introduce, tabulate, warn
from eval.scoring.place import SUMMARY_FILE
from pipeline.files import write_atomic
from pipeline.markdown import escape_markdown, write_table
from schemas.base import canonical_json
from schemas.comparison import Comparison
from schemas.errors import ConfigError

JSON_FILE = "leaderboard.json"
MARKDOWN_FILE = "leaderboard.md"

_OTHER = "name another folder as --out"


def check_place(out: Path) -> None:
    """See that a comparison can be written to a folder, without touching it.

    Raises:
        ConfigError: it is no folder, or one of scores, which holds nothing but these.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is no folder", _OTHER)
    if (out / SUMMARY_FILE).exists():
        raise ConfigError(f"{out}: holds the scores of a model", _OTHER)


def render_json(comparison: Comparison) -> bytes:
    """``leaderboard.json``: one line."""
    return canonical_json(comparison.model_dump(mode="json")) + b"\n"


def render_markdown(comparison: Comparison) -> bytes:
    """All tables as GitHub Flavored Markdown, and how they are to be read. Text of foreign origin is escaped."""
    parts = ["# Leaderboard", escape_markdown(introduce(comparison))]
    parts += [f"**{escape_markdown(warning)}**" for warning in warn(comparison)]
    parts += map(escape_markdown, explain(comparison))
    for table in tabulate(comparison):
        parts += [f"## {escape_markdown(table.title)}", write_table(table.columns, table.rows)]
    return ("\n\n".join(parts) + "\n").encode()


def write_comparison(comparison: Comparison, out: Path) -> list[Path]:
    """Write ``leaderboard.md`` and ``leaderboard.json``, each whole or not at all.

    Returns:
        The files.

    Raises:
        ConfigError: the folder cannot be written.
    """
    files = {out / MARKDOWN_FILE: render_markdown(comparison), out / JSON_FILE: render_json(comparison)}
    try:
        for path, data in files.items():
            write_atomic(path, data)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({error.strerror})", _OTHER) from error
    return list(files)
