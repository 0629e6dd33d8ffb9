"""`imagenet-think show`: records on the terminal, as JSON, or as a page for the browser."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from pipeline import showing
from pipeline.files import write_atomic
from pipeline.packed import PackedDataset, Row, open_dataset
from pipeline.texts import reveal
from schemas.errors import ConfigError
from schemas.image import Split
from schemas.record import Pair, ThinkRecord

_LISTED = 6
"""Records of a listing."""
_ON_A_PAGE = 60
"""Records of a page: some 3 MB, and more than a person looks at in one go."""
_BEGINNING = 150
"""Characters of an answer in a listing."""
_PIPED_WIDTH = 120
"""Of lines that no terminal cuts."""
_LABEL_WIDTH = 11
_OTHER_FILE = "name another file in --html"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records, and how much of each."""

    key: str | None
    split: str | None
    limit: int | None
    """At most so many records where no key is named."""
    full: bool
    """Nothing is folded."""


def show(root: Path, wanted: Wanted, html: Path | None, *, as_json: bool) -> None:
    """Print records, or write the page.

    Raises:
        DatasetError: there is no dataset, it is damaged, or does not hold the key.
        ConfigError: there is no such split, the options contradict each other, or the page cannot be written there.
    """
    if html is not None and as_json:
        raise ConfigError("--html and --json", "choose one of them")
    dataset = open_dataset(root)
    if html is not None:
        _check_place(html, dataset)
        _write_page(html, showing.render_page(dataset, _select(dataset, wanted, _ON_A_PAGE)))
        return
    rows = _select(dataset, wanted, _LISTED)
    if as_json:
        print_json(rows)
        return
    console = Console() if sys.stdout.isatty() else Console(width=_PIPED_WIDTH)
    if wanted.key is None and not wanted.full:
        _print_listing(console, dataset, rows)
        return
    for row in rows:
        print_record(console, row, full=wanted.full)
        console.print()


def _select(dataset: PackedDataset, wanted: Wanted, limit: int) -> Iterable[Row]:
    split = _check_split(dataset, wanted.split)
    if wanted.key is None:
        return showing.sample(dataset, split, wanted.limit or limit)
    return [showing.find_row(dataset, wanted.key.partition(".")[0], split)]  # a member's name will do


def print_record(console: Console, row: Row, *, full: bool) -> None:
    """Print one record; long thinking is folded unless all is wanted."""
    record = showing.harmless(row.record)
    _print_title(console, record)
    facts = [*showing.describe_image(Row(record, row.label, row.jpeg)), ("agreement", _name_agreement(row.record))]
    _print_facts(
        console, [*facts, ("prompt", f"{record.prompt_id}, class {'' if record.label_shown else 'not '}shown")]
    )
    _print_text(console, record.prompt, indent=_LABEL_WIDTH + 4)
    for pair in record.pairs:
        _print_pair(console, pair, full=full)


def _print_pair(console: Console, pair: Pair, *, full: bool) -> None:
    console.print()
    console.print(Rule(Text(pair.teacher, style="bold"), align="left", style="dim"))
    _print_facts(console, showing.describe_pair(pair))
    _print_heading(console, "thinking")
    folded = showing.fold(pair.thinking)
    if full or not folded.hidden:
        _print_text(console, pair.thinking)
    else:
        _print_text(console, f"{folded.head} …")
        _print_text(console, f"… {folded.hidden:,} characters (--full shows them) …", style="dim italic")
        _print_text(console, f"… {folded.tail}")
    _print_heading(console, "answer")
    _print_text(console, pair.answer)


def _print_listing(console: Console, dataset: PackedDataset, rows: Iterable[Row]) -> None:
    shown = 0
    first = ""
    for row in rows:
        record = showing.harmless(row.record)
        _print_title(console, record)
        for pair in record.pairs:
            answer = " ".join(pair.answer.split())
            cut = " …" if len(answer) > _BEGINNING else ""
            tokens = f"{pair.thinking_tokens:,} + {pair.answer_tokens:,} tokens"
            line = Text.assemble((f"{pair.teacher}, {tokens}: ", "dim"), answer[:_BEGINNING] + cut)
            console.print(Padding(line, (0, 0, 0, 2), expand=False))
        console.print(
            Padding(Text(f"agreement {_name_agreement(row.record)}", style="dim"), (0, 0, 0, 2), expand=False)
        )
        console.print()
        shown += 1
        first = first or record.image_id
    pictures = "" if dataset.manifest.edition == "pictures" else ", without pictures"
    _print_plain(console, f"{shown:,} of {dataset.manifest.packed:,} records{pictures}. One of them in full:")
    _print_plain(console, f"  imagenet-think show {shlex.quote(str(dataset.root))} {first} --full")


def _print_title(console: Console, record: ThinkRecord) -> None:
    words = [f"  {', '.join(record.lemmas)}", f"  {record.split}, {record.domain}"]
    console.print(Text.assemble((record.image_id, "bold"), words[0], (words[1], "dim")))


def _print_facts(console: Console, facts: Iterable[tuple[str, str]]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=_LABEL_WIDTH, style="dim")
    table.add_column(overflow="fold")
    for what, said in facts:
        table.add_row(Text(what), Text(said))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _print_heading(console: Console, text: str) -> None:
    console.print(Padding(Text(text, style="dim"), (0, 0, 0, 2), expand=False))


def _print_text(console: Console, text: str, *, style: str = "", indent: int = 4) -> None:
    console.print(Padding(Text(text, style=style, overflow="fold"), (0, 0, 0, indent), expand=False))


def _print_plain(console: Console, text: str) -> None:
    console.print(reveal(text), markup=False, highlight=False, soft_wrap=True)


def print_json(rows: Iterable[Row]) -> None:
    """One record a line, in printable ASCII: no byte of it can be meant for the terminal."""
    for row in rows:
        typer.echo(json.dumps(row.record.model_dump(mode="json")).replace("\x7f", "\\u007f"))


def _name_agreement(record: ThinkRecord) -> str:
    agreement = showing.agree(record)
    return (
        "none: one teacher" if agreement is None else f"{agreement:.2f} (share of the answers' words that are common)"
    )


def _check_split(dataset: PackedDataset, split: str | None) -> Split | None:
    if split is None:
        return None
    for each in dataset.splits:
        if each == split:
            return each
    raise ConfigError(f"--split {split}: not in {dataset.root}", f"it has {', '.join(dataset.splits)}")


def _check_place(html: Path, dataset: PackedDataset) -> None:
    place = html.resolve()
    if place.is_relative_to(dataset.root.resolve()):
        raise ConfigError(f"{html}: lies inside the dataset, which would not verify then", _OTHER_FILE)
    if place.exists() and not place.is_file():
        raise ConfigError(f"{html}: is no ordinary file", _OTHER_FILE)


def _write_page(html: Path, page: bytes) -> None:
    try:
        write_atomic(html.resolve(), page)
    except OSError as error:
        raise ConfigError(f"{html}: cannot be written ({error.strerror})", _OTHER_FILE) from error
    typer.echo(f"written: {html} ({len(page) / 1e6:.1f} MB)")
