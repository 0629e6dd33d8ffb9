"""One verb per stage, one for all of them, and the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.running import (
    find_run_dir,
    interruptible,
    load_build,
    make_progress,
    print_plan,
    print_result,
    print_summary,
    run_flow,
    run_index,
    run_stage,
    submit_build,
)
from schemas.errors import ConfigError

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML file of the build.")]
RunDir = Annotated[
    Path,
    typer.Option(
        "--run-dir",
        parser=find_run_dir,
        metavar="DIR",
        help="Directory of this build, or its address on an object store, s3://BUCKET/FOLDER; safe to use again after "
        "any interruption.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and how much, and do nothing.")]
Source = Annotated[
    str | None,
    typer.Option("--source", metavar="PATH", help="Folder, file or hf:// address; the configuration's when left out."),
]
SourceForm = Annotated[
    str | None,
    typer.Option(
        "--source-form",
        metavar="FORM",
        help="tree, tars, tar, tar.gz, webdataset or parquet; found by looking when left out.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]


@app.command()
def build(
    config: ConfigFile,
    run_dir: RunDir,
    source: Source = None,
    source_form: SourceForm = None,
    dry_run: DryRun = False,
    submit: Annotated[
        bool, typer.Option("--submit", help="Hand the build to the deployment build/cpu, and do not wait for it.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Do whatever is missing, from the source to a verified dataset."""
    settings = load_build(config, source, source_form)
    if dry_run:
        print_plan(settings, run_dir)
        return
    if submit:
        submit_build(settings, run_dir)
        return
    with interruptible():
        run_flow("build", settings, run_dir, quiet=quiet)
    print_result(settings, run_dir)


@app.command()
def index(
    run_dir: RunDir,
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="YAML file of the build; a --source alone will do.")
    ] = None,
    source: Source = None,
    source_form: SourceForm = None,
    quiet: Quiet = False,
) -> None:
    """List what the source holds."""
    run_index(config, source, source_form, run_dir, quiet=quiet)


@app.command()
def select(
    config: ConfigFile,
    run_dir: RunDir,
    source: Source = None,
    source_form: SourceForm = None,
    quiet: Quiet = False,
) -> None:
    """Screen and draw the images, and hold out the benchmark."""
    run_stage("select", load_build(config, source, source_form), run_dir, quiet=quiet)


@app.command()
def generate(
    config: ConfigFile,
    run_dir: RunDir,
    teacher: Annotated[str | None, typer.Option(help="Only this teacher; all of them when left out.")] = None,
    source: Source = None,
    source_form: SourceForm = None,
    quiet: Quiet = False,
) -> None:
    """Ask the teachers about every image that is still missing."""
    settings = load_build(config, source, source_form)
    names = [each.name for each in settings.teachers]
    if teacher is not None and teacher not in names:
        raise ConfigError(f"--teacher {teacher}: not in {config}", f"name one of {', '.join(names)}")
    with interruptible():
        run_flow("generate", settings, run_dir, quiet=quiet, teachers=[teacher] if teacher else names)
    print_summary(settings, run_dir)


@app.command()
def pack(
    config: ConfigFile,
    run_dir: RunDir,
    source: Source = None,
    source_form: SourceForm = None,
    quiet: Quiet = False,
) -> None:
    """Write the shards, the card and the manifests."""
    run_stage("pack", load_build(config, source, source_form), run_dir, quiet=quiet)


@app.command()
def verify(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of a packed dataset, of either edition.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Read a packed dataset back with three readers and check every byte and record of it."""
    from flows.verification import print_report  # noqa: PLC0415 - verbs load what they need
    from pipeline.publishing.verify import verify_dataset  # noqa: PLC0415

    with interruptible():
        report = verify_dataset(dataset, make_progress(quiet=quiet or as_json))
    print_report(report, as_json=as_json)
    if report.faults:
        raise typer.Exit(1)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Run directory; the dataset is in its folder `dataset`.")] = Path(
        "demo"
    ),
    quiet: Quiet = False,
) -> None:
    """Build a small dataset from photographs that ship inside Python packages, with the embedded engine."""
    from flows.demo.prepare import prepare_demo  # noqa: PLC0415 - verbs load what they need
    from flows.demo.sample import describe_first_record  # noqa: PLC0415

    with interruptible():
        settings = prepare_demo(out)
        run_flow("build", settings, out, quiet=quiet)
    print_result(settings, out)
    typer.echo("\n" + "\n".join(describe_first_record(out / "dataset")))
