"""The folder that a harness takes: written from a benchmark, ready to use, with the command that comes next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from eval.adapters import inspect_files, lmms_files, vlmeval_files
from eval.adapters.scorer import check_pictures
from eval.benchmark.storage import MANIFEST_FILE, Benchmark, open_benchmark
from eval.scoring.families import AUTO, check_tags
from pipeline.files import TEMPORARY_SUFFIX
from pipeline.lines import printable
from schemas.errors import ConfigError

_COMPILED = "__pycache__"
"""What Python leaves beside a file that a harness imported."""


@dataclass(frozen=True)
class Harness:
    """A tool that asks models and gathers figures."""

    files: tuple[str, ...]
    """Names of all that is written for it."""
    write: Callable[[Benchmark, Path, str], None]
    """Writes them, from a benchmark with an absolute root, a folder and a family of thinking tags."""
    next_command: Callable[[Path], str]
    """What to run then, by the folder; capitals stand for what only the user knows."""


HARNESSES: Mapping[str, Harness] = {
    "lmms-eval": Harness(lmms_files.FILES, lmms_files.write, lmms_files.next_command),
    "inspect-ai": Harness(inspect_files.FILES, inspect_files.write, inspect_files.next_command),
    "vlmevalkit": Harness(vlmeval_files.FILES, vlmeval_files.write, vlmeval_files.next_command),
}


@dataclass(frozen=True)
class Adapted:
    """What was written."""

    items: int
    next_command: str


def adapt(root: Path, harness: str, out: Path, tags: str = AUTO) -> Adapted:
    """Write what a harness takes.

    Args:
        root: folder of a benchmark with pictures.
        harness: one of :data:`HARNESSES`.
        out: a folder that is new, empty, or holds what was written for the same harness before, perhaps unfinished.
        tags: family of thinking tags that the models to be asked write, or ``auto``.

    Raises:
        ConfigError: the harness or the tags are unknown, or ``out`` holds something else.
        DatasetError: there is no benchmark, it is damaged, or it has no pictures.
    """
    if harness not in HARNESSES:
        raise ConfigError(f"--to {harness!r}: unknown; known are {', '.join(HARNESSES)}")
    check_tags(tags)
    benchmark = open_benchmark(root.resolve())
    check_pictures(benchmark)
    chosen = HARNESSES[harness]
    _check_folder(out, root, chosen)
    chosen.write(benchmark, out.resolve(), tags)
    return Adapted(benchmark.manifest.items, chosen.next_command(out))


def _check_folder(out: Path, root: Path, harness: Harness) -> None:
    if out.resolve().is_relative_to(root.resolve()):
        raise ConfigError(f"{out}: lies in the benchmark, beside {MANIFEST_FILE}", "name another folder as --out")
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is a file", "name a new folder as --out")
    for path in sorted(out.iterdir()) if out.is_dir() else ():
        if path.name.startswith(".") and path.name.endswith(TEMPORARY_SUFFIX):
            continue
        if path.name not in (*harness.files, _COMPILED):
            raise ConfigError(f"{out}: holds something else, {printable(path.name)}", "name a new folder as --out")
