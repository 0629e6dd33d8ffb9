"""The flows: one per stage, and one for the whole build. Thin on purpose; the work is in ``pipeline``.

A flow's parameters are the run directory and the configuration, which may be left out where the directory has one. What
a flow did is in the run directory, not in its result. The same flows run in the command line's own process and, as
deployments, on work pools.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path

from flows import environment

environment.prepare_environment()

from prefect import flow  # noqa: E402
from prefect.runtime import flow_run  # noqa: E402

from eval import check_holdout  # noqa: E402
from flows.at_work import at_work, open_chunk  # noqa: E402
from flows.cluster.dispatching import check_server, generate_on_pool  # noqa: E402
from flows.cluster.gpus import gpus_held  # noqa: E402
from flows.cluster.parameters import ConfigParameter  # noqa: E402
from flows.cluster.tables import build_rows, chunk_rows  # noqa: E402
from flows.cluster.watching import RunProgress, reported, show_table, show_text, this_run  # noqa: E402
from pipeline import stages  # noqa: E402
from pipeline.dispatch import generate_chunk  # noqa: E402
from pipeline.progress import Progress, Silent  # noqa: E402
from pipeline.selection import SELECTION_FILE  # noqa: E402
from schemas.config import BuildConfig  # noqa: E402

PROGRESS: ContextVar[Progress] = ContextVar("progress", default=Silent())  # noqa: B039 - Silent has no state
"""Where flows in this process tell how they advance. Not a parameter: it cannot travel to another machine."""


_NEEDS = {
    "index": ("index", "candidates"),
    "select": ("index", "candidates", "selection"),
    "generate": ("candidates", "selection", "ledger"),
    "hand_out": ("candidates", "selection"),
    "pack": ("index", "candidates", "selection", "ledger", "dataset"),
    "verify": ("dataset",),
}
_MAKES = {
    "index": ("index", "candidates", "reports"),
    "select": ("selection", "candidates", "reports"),
    "generate": ("ledger", "reports"),
    "pack": ("dataset", "reports"),
    "verify": ("reports",),
}
"""Folders of the run directory, by flow: what is fetched before and sent after it, where it lies on an object store."""


def _open(flow: str, config: BuildConfig | None, run_dir: str) -> contextlib.AbstractContextManager[stages.Build]:
    return at_work(config, run_dir, _progress(), _NEEDS.get(flow, ()), _MAKES.get(flow, ()))


def _progress() -> Progress:
    run = this_run()
    return PROGRESS.get() if run is None else RunProgress(run)


def _name_run() -> str:
    """What a flow run is called: what it does, and for which build."""
    asked = flow_run.parameters
    what = " ".join(asked[name] for name in ("teacher", "chunk") if asked.get(name))
    return f"{flow_run.flow_name} {what or Path(asked['run_dir']).name}"


@flow(flow_run_name=_name_run)
@reported
def index(run_dir: str, config: ConfigParameter | None = None) -> None:
    """List what the source holds."""
    with _open("index", config, run_dir) as build:
        stages.index(build)


@flow(flow_run_name=_name_run)
@reported
def select(run_dir: str, config: ConfigParameter | None = None) -> None:
    """Draw the images, and make sure that the benchmark does not leak into train."""
    with _open("select", config, run_dir) as build:
        stages.select(build)
        check_holdout(build.run.selection / SELECTION_FILE)


@flow(flow_run_name=_name_run)
@reported
def generate(run_dir: str, teacher: str, chunk: str | None = None, config: ConfigParameter | None = None) -> None:
    """Ask one teacher about every image that is still missing or, on a work pool's worker, about those of one chunk."""
    if chunk is None:
        with _open("generate", config, run_dir) as build:
            stages.generate(build, teacher)
        return
    # the parent of the chunks holds the directory; engines of one machine's GPUs are kept apart by the GPUs' own locks
    progress = _progress()
    build = open_chunk(config, run_dir, teacher, chunk, progress)
    with gpus_held(progress.warn):
        report = generate_chunk(build, teacher, chunk)
    if report is not None:
        show_table(f"chunk-{teacher}", chunk_rows(report), f"{teacher}, chunk {chunk}, {report.seconds:,.0f} s")


@flow(flow_run_name=_name_run)
@reported
def pack(run_dir: str, config: ConfigParameter | None = None) -> None:
    """Write the shards."""
    with _open("pack", config, run_dir) as build:
        manifest = stages.pack_dataset(build)
        show_table("images", build_rows(manifest), "Where every entry of the source went")


@flow(flow_run_name=_name_run)
@reported
def verify(run_dir: str, config: ConfigParameter | None = None) -> None:
    """Read the packed dataset back."""
    with _open("verify", config, run_dir) as build:
        stages.verify(build)
        show_text("report", _describe_report(build), "What came of the build")


@flow(flow_run_name=_name_run)
@reported
def build(run_dir: str, config: ConfigParameter | None = None) -> None:
    """Do whatever is missing, from source to verified dataset."""
    with _open("build", config, run_dir) as work:
        check_server(work.config.generation.where)
        index(run_dir, work.config)
        select(run_dir, work.config)
        _generate_all(work.config, run_dir, [teacher.name for teacher in work.config.teachers])
        pack(run_dir, work.config)
        verify(run_dir, work.config)


@flow(flow_run_name=_name_run)
@reported
def hand_out(run_dir: str, teachers: list[str], config: ConfigParameter | None = None) -> None:
    """Have the workers of a pool ask teachers about every image that is still missing."""
    with _open("hand_out", config, run_dir) as build:
        where = build.config.generation.where
        assert where is not None
        generate_on_pool(build, where, teachers)


def _generate_all(config: BuildConfig, run_dir: str, teachers: Sequence[str]) -> None:
    """Ask the teachers: one after the other in this process, or all at once on a work pool."""
    if config.generation.where is not None:
        hand_out(run_dir, list(teachers), config)
    else:
        for teacher in teachers:
            generate(run_dir, teacher, config=config)


def _describe_report(build: stages.Build) -> str:
    return f"The selection's report is `{build.run.selection / 'report.html'}`, the dataset `{build.run.dataset}`."


def run(stage: str, config: BuildConfig, run_dir: Path, teachers: Sequence[str]) -> None:
    """Run the flow of a stage's name; ``generate`` for these teachers."""
    if stage == "generate":
        _generate_all(config, str(run_dir), teachers)
    else:
        _FLOWS[stage](str(run_dir), config)


_FLOWS: dict[str, Callable[[str, BuildConfig], object]] = {
    "index": index,
    "select": select,
    "pack": pack,
    "verify": verify,
    "build": build,
}
