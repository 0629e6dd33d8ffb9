"""The command line: one verb per stage, one for all of them.

Prefect is imported only by the verbs that run flows.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.metadata
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from flows import environment
from pipeline.progress import Progress, Silent
from schemas.config import BuildConfig
from schemas.errors import ConfigError, ImageNetThinkError
from schemas.loading import load_config

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

app = typer.Typer(
    name="imagenet-think",
    help="From ImageNet-21k to a verified dataset of multimodal reasoning.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML file of the build.")]
RunDir = Annotated[
    Path, typer.Option("--run-dir", help="Directory of this build; safe to use again after any interruption.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and how much, and do nothing.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]


@app.command()
def build(config: ConfigFile, run_dir: RunDir, dry_run: DryRun = False, quiet: Quiet = False) -> None:  # noqa: FBT002 - a flag
    """Do whatever is missing, from the source to a verified dataset."""
    settings = load_config(config)
    if dry_run:
        _print_plan(settings, run_dir)
        return
    with _interruptible():
        _run_flow("build", settings, run_dir, quiet=quiet)
    _print_result(settings, run_dir)


@app.command()
def index(config: ConfigFile, run_dir: RunDir, quiet: Quiet = False) -> None:  # noqa: FBT002 - a flag
    """List what the source holds."""
    _run_stage("index", config, run_dir, quiet=quiet)


@app.command()
def select(config: ConfigFile, run_dir: RunDir, quiet: Quiet = False) -> None:  # noqa: FBT002 - a flag
    """Screen and draw the images, and hold out the benchmark."""
    _run_stage("select", config, run_dir, quiet=quiet)


@app.command()
def generate(
    config: ConfigFile,
    run_dir: RunDir,
    teacher: Annotated[str | None, typer.Option(help="Only this teacher; all of them when left out.")] = None,
    quiet: Quiet = False,  # noqa: FBT002 - a flag
) -> None:
    """Ask the teachers about every image that is still missing."""
    settings = load_config(config)
    names = [each.name for each in settings.teachers]
    if teacher is not None and teacher not in names:
        raise ConfigError(f"--teacher {teacher}: not in {config}", f"name one of {', '.join(names)}")
    with _interruptible():
        _run_flow("generate", settings, run_dir, quiet=quiet, teachers=[teacher] if teacher else names)
    _print_summary(settings, run_dir)


@app.command()
def pack(config: ConfigFile, run_dir: RunDir, quiet: Quiet = False) -> None:  # noqa: FBT002 - a flag
    """Write the shards, the card and the manifests."""
    _run_stage("pack", config, run_dir, quiet=quiet)


@app.command()
def verify(
    dataset: Annotated[Path, typer.Argument(metavar="DIR", help="A packed dataset.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,  # noqa: FBT002 - a flag
    quiet: Quiet = False,  # noqa: FBT002 - a flag
) -> None:
    """Read a packed dataset back with three readers and check every byte and record of it."""
    from flows.verification import print_report  # noqa: PLC0415 - verbs load what they need
    from pipeline.publishing.verify import verify_dataset  # noqa: PLC0415

    with _interruptible():
        report = verify_dataset(dataset, _make_progress(quiet=quiet or as_json))
    print_report(report, as_json=as_json)
    if report.faults:
        raise typer.Exit(1)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Run directory; the dataset is in its folder `dataset`.")] = Path(
        "demo"
    ),
    quiet: Quiet = False,  # noqa: FBT002 - a flag
) -> None:
    """Build a small dataset from photographs that ship inside Python packages, with the embedded engine."""
    from flows.demo.prepare import prepare_demo  # noqa: PLC0415 - verbs load what they need
    from flows.demo.sample import describe_first_record  # noqa: PLC0415

    with _interruptible():
        settings = prepare_demo(out)
        _run_flow("build", settings, out, quiet=quiet)
    _print_result(settings, out)
    typer.echo("\n" + "\n".join(describe_first_record(out / "dataset")))


@app.callback(invoke_without_command=True)
def common(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Handle options before any verb."""
    if version:
        typer.echo(importlib.metadata.version("imagenet-think"))
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line; errors that are the user's to mend become one line and an exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    try:
        app()
    except ImageNetThinkError as error:
        typer.echo(f"imagenet-think: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if (remedy := _REMEDIES.get(error.errno or 0)) is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"imagenet-think: {where}{error.strerror}; {remedy}", err=True)
        sys.exit(1)
    sys.exit(0)


_REMEDIES = {
    errno.ENOSPC: "make room on the disk and run the same command again; what is done is kept",
    errno.EDQUOT: "make room in your quota and run the same command again; what is done is kept",
    errno.EROFS: "choose a --run-dir that can be written",
    errno.EACCES: "check the permissions and run the same command again",
    errno.EIO: "look after the disk, then run the same command again; what is done is kept",
    errno.ENOLCK: "choose a --run-dir on a file system that has locks",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and run the same command again",
}


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    again = shlex.join(["imagenet-think", *sys.argv[1:]])
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        typer.echo(f"\nstopped; what is done is kept. To go on: {again}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED if isinstance(stop, KeyboardInterrupt) else EXIT_TERMINATED) from None


def _run_stage(stage: str, config: Path, run_dir: Path, *, quiet: bool) -> None:
    settings = load_config(config)
    with _interruptible():
        _run_flow(stage, settings, run_dir, quiet=quiet)
    _print_summary(settings, run_dir)


def _run_flow(stage: str, config: BuildConfig, run_dir: Path, *, quiet: bool, teachers: Sequence[str] = ()) -> None:
    """Run a stage's flow in this process, under the directory's lock, against an embedded or a named Prefect server."""
    from pipeline.rundir import exclusive  # noqa: PLC0415 - verbs load what they need
    from pipeline.stages import open_build  # noqa: PLC0415

    run = open_build(config, run_dir).run
    # Prefect's home must be set before it is imported
    environment.prepare_environment(run.prefect)
    from flows import build as flows  # noqa: PLC0415
    from flows.embedded import orchestrator  # noqa: PLC0415

    flows.PROGRESS.set(_make_progress(quiet=quiet))
    with exclusive(run, config), orchestrator():
        flows.run(stage, config, run_dir, teachers)


def _make_progress(*, quiet: bool) -> Progress:
    if quiet:
        return Silent()
    from flows.console import make_progress  # noqa: PLC0415 - rich takes its time

    return make_progress(_stderr())


def _print_plan(config: BuildConfig, run_dir: Path) -> None:
    from flows.summary import plan, print_lines  # noqa: PLC0415

    print_lines(plan(config, run_dir), Console())


def _print_summary(config: BuildConfig, run_dir: Path) -> None:
    from flows.summary import print_lines, summarise  # noqa: PLC0415

    print_lines(summarise(config, run_dir), Console())


def _print_result(config: BuildConfig, run_dir: Path) -> None:
    _print_summary(config, run_dir)
    dataset = (run_dir / "dataset").resolve()
    typer.echo(f"""
The dataset is in {dataset}. To read it:

    from datasets import load_dataset
    rows = load_dataset({str(dataset)!r}, split="train")
    rows = load_dataset({str(dataset)!r}, split="train", streaming=True)""")


def _stderr() -> Console:
    return Console(stderr=True)


if __name__ == "__main__":
    main()
