"""The flows: one per stage, and one for the whole build. Thin on purpose; the work is in ``pipeline.stages``.

A flow's parameters are the configuration and the run directory. What it did is in the run directory, not in its result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path

from flows import environment

environment.prepare_environment()

from prefect import flow  # noqa: E402

from eval import check_holdout  # noqa: E402
from pipeline import stages  # noqa: E402
from pipeline.progress import Progress, Silent  # noqa: E402
from pipeline.selection import SELECTION_FILE  # noqa: E402
from schemas.config import BuildConfig  # noqa: E402

PROGRESS: ContextVar[Progress] = ContextVar("progress", default=Silent())  # noqa: B039 - Silent has no state
"""Where flows in this process tell how they advance. Not a parameter: it cannot travel to another machine."""


def _open(config: BuildConfig, run_dir: Path) -> stages.Build:
    return stages.open_build(config, run_dir, PROGRESS.get())


@flow
def index(config: BuildConfig, run_dir: Path) -> None:
    """List what the source holds."""
    stages.index(_open(config, run_dir))


@flow
def select(config: BuildConfig, run_dir: Path) -> None:
    """Draw the images, and make sure that the benchmark does not leak into train."""
    work = _open(config, run_dir)
    stages.select(work)
    check_holdout(work.run.selection / SELECTION_FILE)


@flow(flow_run_name="generate-{teacher}")
def generate(config: BuildConfig, run_dir: Path, teacher: str) -> None:
    """Ask one teacher about every image that is still missing."""
    stages.generate(_open(config, run_dir), teacher)


@flow
def pack(config: BuildConfig, run_dir: Path) -> None:
    """Write the shards."""
    stages.pack_dataset(_open(config, run_dir))


@flow
def verify(config: BuildConfig, run_dir: Path) -> None:
    """Read the packed dataset back."""
    stages.verify(_open(config, run_dir))


@flow
def build(config: BuildConfig, run_dir: Path) -> None:
    """Do whatever is missing, from source to verified dataset."""
    index(config, run_dir)
    select(config, run_dir)
    for teacher in config.teachers:
        generate(config, run_dir, teacher.name)
    pack(config, run_dir)
    verify(config, run_dir)


def run(stage: str, config: BuildConfig, run_dir: Path, teachers: Sequence[str]) -> None:
    """Run the flow of a stage's name; ``generate`` runs once per named teacher."""
    if stage == "generate":
        for teacher in teachers:
            generate(config, run_dir, teacher)
    else:
        _FLOWS[stage](config, run_dir)


_FLOWS: dict[str, Callable[[BuildConfig, Path], None]] = {
    "index": index,
    "select": select,
    "pack": pack,
    "verify": verify,
    "build": build,
}
