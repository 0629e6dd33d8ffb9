"""Records as one page for the browser: pictures inside, nothing fetched, filters that run without a server."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import jinja2

from pipeline import pages
from pipeline.packed import PackedDataset, Row
from pipeline.showing.describe import Facts, agree, count_words, describe_image, describe_pair, harmless
from pipeline.showing.thumbnails import shrink_to_data
from pipeline.texts import reveal
from schemas.manifest import DatasetManifest
from schemas.record import Pair, ThinkRecord

_PACKAGE = "pipeline.showing"


@dataclass(frozen=True, slots=True)
class _Answer:
    """One teacher's column."""

    pair: Pair
    facts: Facts
    thinking_words: int


@dataclass(frozen=True, slots=True)
class _Card:
    """One record as the template wants it."""

    record: ThinkRecord
    thumbnail: str | None
    facts: Facts
    agreement: float | None
    answers: list[_Answer]
    values: dict[str, list[str]]
    """What the filters go by."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """A filter, and how many records of the page each of its values leaves."""

    name: str
    label: str
    counts: list[tuple[str, str, int]]
    """Value, the same in words, records."""


_CHOICES = {
    "split": "split",
    "holdout": "held out by",
    "domain": "domain",
    "class": "class",
    "status": "status",
    "rung": "retry rung",
    "finish": "finish reason",
}


def render_page(dataset: PackedDataset, rows: Iterable[Row]) -> bytes:
    """One HTML document with its style, its script and its pictures inside; the same rows, the same bytes.

    All text is escaped, and what a browser would obey in it is written out. Pictures are made small
    (``thumbnails.LONGEST_SIDE``). The cards of all rows are held in memory.
    """
    cards = [_describe(row) for row in rows]
    style = "\n".join((pages.base_style(), pages.read_asset(_PACKAGE, "page.css")))
    script = pages.read_asset(_PACKAGE, "page.js")
    text = _load_template().render(
        policy=pages.allow_only(style, script),
        style=style,
        script=script,
        dataset=_reveal_names(dataset.manifest),
        total=dataset.manifest.packed,
        has_pictures=dataset.manifest.edition == "pictures",
        cards=cards,
        choices=[_count(name, label, cards) for name, label in _CHOICES.items()],
        can_disagree=any(card.agreement is not None for card in cards),
    )
    return pages.finish(text)


def _describe(row: Row) -> _Card:
    record = harmless(row.record)
    return _Card(
        record=record,
        thumbnail=None if row.jpeg is None else shrink_to_data(row.jpeg),
        facts=[(what, said) for what, said in describe_image(Row(record, row.label, row.jpeg)) if what != "definition"],
        agreement=agree(row.record),
        answers=[_Answer(pair, describe_pair(pair), count_words(pair.thinking)) for pair in record.pairs],
        values={
            "split": [record.split],
            "holdout": [record.holdout],
            "domain": [record.domain],
            "class": [record.wnid],
            "status": sorted({str(pair.status) for pair in record.pairs}),
            "rung": sorted({str(pair.rung) for pair in record.pairs}),
            "finish": sorted({str(pair.finish_reason) for pair in record.pairs}),
        },
    )


def _count(name: str, label: str, cards: list[_Card]) -> _Choice:
    counts = Counter(value for card in cards for value in card.values[name])
    words = {card.record.wnid: f"{card.record.lemmas[0]} ({card.record.wnid})" for card in cards}
    named = [(value, words.get(value, value.replace("_", " ")), count) for value, count in counts.items()]
    return _Choice(name, label, sorted(named, key=lambda each: (each[1].casefold(), each[0])))


def _reveal_names(manifest: DatasetManifest) -> dict[str, str]:
    names = {
        "name": manifest.name,
        "collection": manifest.collection,
        "licence": manifest.picture_licence,
        "digest": manifest.sha256[:12],
        "edition": manifest.edition,
    }
    return {name: reveal(text) for name, text in names.items()}


@functools.cache
def _load_template() -> jinja2.Template:
    return pages.open_template(_PACKAGE, "page.html", {})
