"""What `imagenet-think benchmark` takes from a run, and what it prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import typer

from eval.benchmark.build import BenchmarkOptions, Plan
from eval.benchmark.storage import LEAKS_FILE
from pipeline.lines import printable
from pipeline.packing.sidecars import MANIFEST_FILE
from pipeline.rundir import RunDirectory
from schemas.benchmark import LEVELS, BenchmarkManifest, LeakReport
from schemas.errors import DatasetError
from schemas.loading import load_config

_CONFIG_FILE = "config.yaml"


def find_dataset(run: Path) -> Path:
    """The dataset that a folder is, or that the run there has finished.

    Raises:
        DatasetError: it is neither a dataset nor a run.
    """
    dataset = RunDirectory(run).dataset
    if (run / MANIFEST_FILE).exists():
        return run
    if (dataset / MANIFEST_FILE).exists():
        return dataset
    if (run / _CONFIG_FILE).exists():
        raise DatasetError(
            f"{run}: the build there is not finished", f"finish it: imagenet-think build --run-dir {run}"
        )
    raise DatasetError(
        f"{run}: holds neither a finished build nor a dataset",
        "name a run directory, or the folder that holds a dataset's manifest.json",
    )


def choose_options(run: Path, size: int | None, subtrees: Iterable[str], *, pictures: bool) -> BenchmarkOptions:
    """What the command line asks for, and where it is silent what the run's configuration says, if there is one.

    Raises:
        ConfigError: the configuration is damaged.
    """
    defaults = BenchmarkOptions()
    if (run / _CONFIG_FILE).exists():
        config = load_config(run / _CONFIG_FILE)
        defaults = BenchmarkOptions(
            config.benchmark.size, config.selection.holdout.subtrees, config.screening.near_duplicate_bits
        )
    return BenchmarkOptions(
        size=size or defaults.size,
        subtrees=tuple(subtrees) or defaults.subtrees,
        near_duplicate_bits=defaults.near_duplicate_bits,
        pictures=pictures,
    )


def print_plan(plan: Plan, options: BenchmarkOptions) -> None:
    """Print what would be built."""
    typer.echo(
        f"{len(plan.drawn):,} of {plan.available:,} held-out images would be taken ({options.size:,} were asked for); "
        "nothing was written"
    )
    _print_counts(plan.by_level, plan.by_domain, plan.by_stratum)
    _print_leaks(plan.leaks)


def print_benchmark(manifest: BenchmarkManifest, out: Path) -> None:
    """Print what was built, how little it shares with train, and how to go on."""
    pictures = "" if manifest.pictures else ", without pictures"
    typer.echo(f"{out}: {manifest.items:,} of {manifest.available:,} held-out images{pictures}")
    _print_counts(manifest.items_by_level, manifest.items_by_domain, manifest.items_by_stratum)
    typer.echo(f"{'references':<12}{', '.join(map(printable, manifest.teachers))}")
    _print_leaks(LeakReport.model_validate_json((out / LEAKS_FILE).read_bytes()))
    typer.echo(f"""
To read it, and to score with it:

    from datasets import load_dataset
    items = load_dataset({str(out.resolve())!r}, split="test")

    imagenet-think score --benchmark {out} --predictions PREDICTIONS.jsonl --out DIR""")


def _print_counts(levels: Mapping[str, int], domains: Mapping[str, int], strata: Mapping[str, int]) -> None:
    every_level = {level: levels.get(level, 0) for level in LEVELS}
    for head, counts in (("level", every_level), ("domain", domains), ("complexity", strata)):
        typer.echo(f"{head:<12}{', '.join(f'{printable(name)} {count:,}' for name, count in counts.items())}")


def _print_leaks(leaks: LeakReport) -> None:
    nearest = next(iter(leaks.nearest_bits), None)
    near = f"; the nearest pictures differ in {nearest} of 64 bits" if nearest is not None else ""
    typer.echo(
        f"{'leaks':<12}{leaks.leaks:,} in ids, files, near-duplicates ({leaks.near_duplicate_bits} bits), classes and "
        f"subtrees, against all {leaks.train_images:,} images of train{near}"
    )
