"""What a person sees: progress while work goes on, and a table when it is done."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from pipeline import progress as contract

SECONDS_BETWEEN_LINES = 10.0
"""How often a stage speaks when nobody watches a terminal."""


def make_progress(console: Console) -> contract.Progress:
    """Bars on a terminal, plain lines elsewhere."""
    return Bars(console) if console.is_terminal else Lines(console)


class Bars:
    """Progress bars with rate and time left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._display: Progress | None = None

    @contextlib.contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[contract.Task]:
        """Show a bar while the block runs; it stays on the screen afterwards."""
        with self._shown() as bars:
            task = bars.add_task(name, total=total, unit=unit, note="")
            yield _Bar(bars, task)
            bars.update(task, total=bars.tasks[task].completed)

    def warn(self, text: str) -> None:
        """Say it above the bars."""
        _print_warning(self._console, text)

    @contextlib.contextmanager
    def _shown(self) -> Iterator[Progress]:
        """The display of the outermost stage: a terminal has room for one alone."""
        if self._display is not None:
            yield self._display
            return
        columns = (
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description:<36}", markup=False),
            BarColumn(bar_width=24),
            _AmountColumn(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        try:
            with Progress(*columns, console=self._console) as self._display:
                yield self._display
        finally:
            self._display = None


class _AmountColumn(ProgressColumn):
    """How much is done, of how much, and how fast."""

    def render(self, task: Task) -> Text:
        """E.g. ``120/1,000 images 3.5/s``."""
        unit = task.fields["unit"]
        total = "?" if task.total is None else _amount(task.total, unit)
        words = [f"{_amount(task.completed, unit)}/{total}", "" if unit == contract.BYTES else unit]
        return Text(" ".join(word for word in [*words, _rate(task.speed, unit) if task.speed else ""] if word))


class _Bar:
    def __init__(self, bars: Progress, task: TaskID) -> None:
        self._bars = bars
        self._task = task

    def advance(self, count: int = 1) -> None:
        self._bars.advance(self._task, count)

    def expect(self, total: int) -> None:
        self._bars.update(self._task, total=total)

    def describe(self, text: str) -> None:
        self._bars.update(self._task, note=text)


class Lines:
    """A line now and then, for logs."""

    def __init__(self, console: Console, interval: float = SECONDS_BETWEEN_LINES) -> None:
        self._console = console
        self._interval = interval

    @contextlib.contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[contract.Task]:
        """Speak every few seconds while the block runs, and once when it ends.

        Work of a single unit can tell nothing on its way, and so is announced.
        """
        if total == 1:
            _print_plain(self._console, f"{name} ...")
        line = _Line(self._console, self._interval, name, total, unit)
        yield line
        line.speak(last=True)

    def warn(self, text: str) -> None:
        """Say it on a line of its own."""
        _print_warning(self._console, text)


class _Line:
    def __init__(self, console: Console, interval: float, name: str, total: int | None, unit: str) -> None:
        self._console = console
        self._interval = interval
        self._name = name
        self._total = total
        self._unit = unit
        self._done = 0
        self._note = ""
        self._began = self._spoke = time.monotonic()

    def advance(self, count: int = 1) -> None:
        self._done += count
        if self._done != self._total and time.monotonic() - self._spoke >= self._interval:
            self._spoke = time.monotonic()
            self.speak()

    def expect(self, total: int) -> None:
        self._total = total

    def describe(self, text: str) -> None:
        self._note = text

    def speak(self, *, last: bool = False) -> None:
        elapsed = time.monotonic() - self._began
        rate = self._done / elapsed if elapsed else 0.0
        parts = [f"{self._name}: {_amount(self._done, self._unit)}"]
        if self._total is not None and not last:
            parts.append(f"of {_amount(self._total, self._unit)}")
        if self._unit != contract.BYTES:
            parts.append(self._unit)
        speed = "" if self._total == 1 else f" {_rate(rate, self._unit)},"
        parts[-1] += f",{speed} {elapsed:.0f} s"
        if self._total is not None and rate and not last:
            parts.append(f"({(self._total - self._done) / rate:.0f} s left)")
        if self._note:
            parts.append(f"[{self._note}]")
        _print_plain(self._console, " ".join(parts))


def _amount(count: float, unit: str) -> str:
    return decimal(int(count)) if unit == contract.BYTES else f"{count:,.0f}"


def _rate(rate: float, unit: str) -> str:
    return f"{decimal(int(rate))}/s" if unit == contract.BYTES else f"{rate:,.1f}/s"


def _print_plain(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _print_warning(console: Console, text: str) -> None:
    _print_plain(console, f"warning: {text}", "yellow")
