"""What `imagenet-think doctor` prints: a line per finding as it comes, or all of them as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.console import make_progress
from pipeline.doctor import Finding, Level, examine
from schemas.config import BuildConfig

_MARKS = {Level.OK: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.FAULT: ("✗", "red")}

_WIDTH = 34
"""Of what was looked at: the longest is a teacher's name and a word."""

_UNBROKEN = 10_000
"""Width of what is no terminal: in a log or a pipe a finding stays on its line, and a command can be copied."""


def diagnose(config: BuildConfig | None, run_dir: Path | None, *, engine: bool, as_json: bool) -> bool:
    """Examine this machine and print what is found.

    Args:
        config: the build that is meant; all known teachers on vLLM when there is none.
        run_dir: where it is to run.
        engine: also try vLLM itself, on small checkpoints.
        as_json: print one JSON document at the end instead of lines.

    Returns:
        Whether nothing was found that stops a build.

    Raises:
        ConfigError: the configuration names an unknown teacher.
    """
    findings = examine(config, run_dir, engine=engine, progress=make_progress(Console(stderr=True)))
    levels = _print_json(findings) if as_json else _print_lines(findings, _make_console())
    return not levels[Level.FAULT]


def _print_json(findings: Iterable[Finding]) -> Counter[Level]:
    found = list(findings)
    levels = Counter(finding.level for finding in found)
    report = {
        "faults": levels[Level.FAULT],
        "warnings": levels[Level.WARNING],
        "findings": [finding.model_dump(mode="json") for finding in found],
    }
    typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    return levels


def _make_console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_UNBROKEN)


def _print_lines(findings: Iterable[Finding], console: Console) -> Counter[Level]:
    levels: Counter[Level] = Counter()
    for finding in findings:
        console.print(_line(finding))
        levels[finding.level] += 1
    console.print(f"\n{levels[Level.FAULT]} fault(s), {levels[Level.WARNING]} warning(s)", highlight=False)
    return levels


def _line(finding: Finding) -> Table:
    mark, colour = _MARKS[finding.level]
    line = Table.grid(padding=(0, 1))
    line.add_column(width=1)
    line.add_column(width=_WIDTH)
    line.add_column(overflow="fold")
    # Text: what comes from outside may look like markup
    line.add_row(Text(mark, colour), Text(finding.what, "bold"), Text(finding.detail))
    if finding.remedy:
        line.add_row("", "", Text(f"→ {finding.remedy}", "dim"))
    return line
