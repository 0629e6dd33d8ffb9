"""`imagenet-think report`: what a selection came to, in full; and the few lines of it that a summary shows."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.reporting import (
    PAGE_FILE,
    REPORT_FILE,
    describe_selection,
    keep_report,
    summarise_classes,
    words,
    write_page,
)
from pipeline.rundir import RunDirectory
from pipeline.taxonomy import load_taxonomy
from schemas.errors import ConfigError
from schemas.rejection import Stage
from schemas.selection_report import ClassGroup, SelectionReport

Row = Sequence[str]

_TOP_DOMAINS = 4
_PIPED_WIDTH = 160
"""Of lines that no terminal cuts."""


def report(run_dir: Path, html: Path | None, *, as_json: bool) -> None:
    """Count a selection and print it; write the report anew, unless the page goes elsewhere or JSON is asked for.

    Raises:
        RunDirectoryError: no images were selected yet, or a file of the selection is damaged.
        ConservationError: the selection's files do not belong together.
        ConfigError: the page cannot be written there.
    """
    run = RunDirectory(run_dir)
    if html is None and not as_json:
        described = keep_report(run, load_taxonomy())
        written = [run.selection / REPORT_FILE, run.selection / PAGE_FILE]
    else:
        described = describe_selection(run, load_taxonomy())
        written = [html] if html is not None else []
    if html is not None:
        _write_elsewhere(html, described)
    if as_json:
        typer.echo(described.model_dump_json(indent=2))
        return
    print_report(described, Console() if sys.stdout.isatty() else Console(width=_PIPED_WIDTH))
    for path in written:
        typer.echo(f"written: {path}")


def _write_elsewhere(html: Path, described: SelectionReport) -> None:
    try:
        write_page(html, described)
    except OSError as error:
        raise ConfigError(f"{html}: cannot be written ({error.strerror})", "name another file in --html") from error


def print_report(described: SelectionReport, console: Console) -> None:
    """Print all sections as tables, bare of frames so that they can be piped."""
    for title, headings, rows in _sections(described):
        _print_table(console, title, headings, rows)


def summarise_selection(selection: Path) -> list[tuple[str, str, str]]:
    """The report in short, as what, how many, and a word on it; read from the table of classes alone.

    Raises:
        RunDirectoryError: the table is missing or damaged.
    """
    outcomes, domains = summarise_classes(selection)
    drawn_from = sum(group.drawn_from for group in domains)
    told = [
        f"quotas met {outcomes['met']:,}",
        f"missed {outcomes['missed']:,}",
        f"unwanted {outcomes['unwanted']:,}",
    ]
    largest = [f"{group.name} {group.share:.1%}" for group in domains[:_TOP_DOMAINS] if group.drawn]
    lines = [
        ("  classes", f"{drawn_from:,}", ", ".join(told)),
        ("  domains", f"{sum(group.drawn > 0 for group in domains):,}", ", ".join(largest)),
    ]
    page = selection / PAGE_FILE
    return [*lines, ("  report", "", str(page))] if page.exists() else lines


def _sections(described: SelectionReport) -> Iterable[tuple[str, Row, Iterable[Row]]]:
    quotas = described.quotas
    yield "Where every entry went", ("", ">entries"), _flow(described)
    classes = (">classes", ">drawn from", ">indexed", ">screened", ">usable", ">drawn")
    bounds = list(map(words.describe_bounds, described.domains))
    domains = [(*_group(group), f"{group.share:.1%}") for group in described.domains]
    if any(bounds):
        bounded = [(*row, bound) for row, bound in zip(domains, bounds, strict=True)]
        yield "By domain", ("domain", *classes, ">share", ">bounds"), bounded
    else:
        yield "By domain", ("domain", *classes, ">share"), domains
    yield "By depth of the class", (">depth", *classes), map(_group, described.depths)
    yield "By size of the class", ("images", *classes), map(_group, described.sizes)
    outcomes = [("met", quotas.met, ""), ("missed", quotas.missed, f"{quotas.short:,} images short")]
    outcomes.append(("unwanted", quotas.unwanted, _list(quotas.unwanted_reasons)))
    yield "Quotas", ("", ">classes", ""), [(what, f"{count:,}", note) for what, count, note in outcomes]
    if quotas.worst:
        heading = f"The {len(quotas.worst)} classes that lack most"
        yield heading, ("class", "name", ">indexed", ">usable", ">quota", ">drawn", "why"), _worst(described)
    if described.losses:
        losses = [
            (str(loss.stage), str(loss.reason), f"{loss.images:,}", ", ".join(words.list_examples(loss)))
            for loss in described.losses
        ]
        yield "Rejected", ("stage", "reason", ">images", "first"), losses
    yield "Complexity (bits per pixel)", ("from", ">low", ">middle", ">high"), _complexity(described)
    yield "Photographs", ("", ">images"), _photographs(described)
    splits = [(split.split, split.holdout, f"{split.images:,}") for split in described.splits]
    yield "Splits", ("split", "held out by", ">images"), splits


def _flow(described: SelectionReport) -> list[Row]:
    steps = [
        ("in the source", described.entries),
        ("sidecars of images", described.companions),
        ("rejected by the index", described.lost_in(Stage.INDEX)),
        ("candidates", described.candidates),
        ("rejected by the draw", described.lost_in(Stage.SELECT)),
        ("not needed for the target", described.left_over),
        (f"drawn of {described.target:,} asked for", described.drawn),
    ]
    return [(what, f"{count:,}") for what, count in steps]


def _group(group: ClassGroup) -> Row:
    counts = (group.classes, group.drawn_from, group.indexed, group.screened, group.usable, group.drawn)
    return (words.name_size(group.name), *(f"{count:,}" for count in counts))


def _worst(described: SelectionReport) -> list[Row]:
    return [
        (
            missed.wnid,
            missed.name,
            *(f"{count:,}" for count in (missed.indexed, missed.usable, missed.quota, missed.drawn)),
            words.explain_missed(missed),
        )
        for missed in described.quotas.worst
    ]


def _complexity(described: SelectionReport) -> list[Row]:
    complexity = described.complexity
    rows: list[Row] = [
        (f"{each.start:.1f}", f"{each.low:,}", f"{each.middle:,}", f"{each.high:,}") for each in complexity.bins
    ]
    rows.append(("all", *(f"{stratum.images:,}" for stratum in complexity.strata)))
    rows.append(("stand for", *(f"{stratum.weight:,.0f}" for stratum in complexity.strata)))
    return [*rows, ("begins at", "", *(f"{border:.2f}" for border in described.thresholds.complexity))]


def _photographs(described: SelectionReport) -> list[Row]:
    pictures, alike = described.pictures, described.near_duplicates
    counts = [
        *pictures.formats.items(),
        ("inside a gzip stream", pictures.gzipped),
        ("greyscale", pictures.greyscale),
        ("blurred", pictures.blurred),
        *((f"to normalise: {step}", images) for step, images in pictures.normalised.items()),
        (f"near-duplicates, in {alike.groups:,} groups of up to {alike.largest:,}", alike.images),
    ]
    return [(what, f"{count:,}") for what, count in counts]


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _print_table(console: Console, title: str, headings: Row, rows: Iterable[Row]) -> None:
    """Print one section. A heading that begins with ``>`` stands over numbers."""
    table = Table(
        box=None,
        pad_edge=False,
        collapse_padding=True,
        padding=(0, 1),
        header_style="dim",
    )
    for heading in headings:
        is_number = heading.startswith(">")
        table.add_column(
            heading.removeprefix(">"),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(title, style="bold", markup=False, highlight=False)
    console.print(table)
    console.print()
