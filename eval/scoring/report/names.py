"""How figures are called and their numbers written, on a terminal, in Markdown and on the page alike."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

from pipeline.lines import printable
from pipeline.texts import reveal
from schemas.benchmark import TextField
from schemas.scores import Grouping, Interval, ScoreSummary

NOTHING = "\N{EN DASH}"
"""Stands where there is no number."""

BEST = "best"
"""Stands for the best of the references, in the place of one teacher's name."""

SIMILARITIES = {
    "rouge1": "ROUGE-1",
    "rougeL": "ROUGE-L",
    "jaccard": "Jaccard",
    "overlap": "overlap coefficient",
    "tfidf": "TF-IDF cosine",
    "bertscore": "BERTScore F1",
    "sbert": "Sentence-BERT cosine",
}
"""Metrics that compare with the references, in the order of the tables."""

CLASS_RECALL = {
    "class_exact": "names the class",
    "class_ancestor": "names an ancestor",
    "class_sibling": "names a sibling",
    "class_closeness": "closeness to the class",
}

SPREAD = (*SIMILARITIES, "class_closeness")
"""Metrics that give more than yes or no for an item."""

_BEHAVIOUR = {
    "format_ok": "format obeyed",
    "found_then_lost": "class in thinking, not in answer",
    "repeated_8grams": "repeated 8-grams",
    "han_share": "Han characters",
    "wrong_language": "wrong language",
}

_GROUPINGS: dict[Grouping, str] = {"level": "level", "domain": "domain", "stratum": "complexity"}

LEVEL_MEANINGS = {
    "image": "other images of trained synsets",
    "synset": "synsets never trained on",
    "subtree": "a WordNet subtree never trained on",
}


class Measure(NamedTuple):
    """The parts of a figure's name."""

    field: TextField | None
    """``None`` for what is measured on both texts together."""
    metric: str
    against: str | None
    """A teacher, or ``BEST``; ``None`` for the mean over references and for what needs none."""


def take_apart(name: str) -> Measure:
    """A figure's name in its parts: ``answer_rougeL@glm`` is the answer's ROUGE-L against one teacher."""
    rest, at, teacher = name.partition("@")
    against: str | None = teacher if at else None
    if not at and rest.endswith(f"_{BEST}"):
        rest, against = rest.removesuffix(f"_{BEST}"), BEST
    for field in get_args(TextField):
        if rest.startswith(f"{field}_"):
            return Measure(field, rest.removeprefix(f"{field}_"), against)
    return Measure(None, rest, against)


def name_metric(metric: str) -> str:
    """A metric as people call it; one that is not known here as it is."""
    return {**SIMILARITIES, **CLASS_RECALL, **_BEHAVIOUR}.get(metric, metric.replace("_", " "))


def name_measure(name: str) -> str:
    """A whole figure's name in words."""
    measure = take_apart(name)
    words = [measure.field or "", name_metric(measure.metric)]
    against = {None: "", BEST: "best reference"}.get(measure.against, measure.against or "")
    return " ".join(filter(None, words)) + (f", {against}" if against else "")


def name_grouping(by: Grouping) -> str:
    """What items are grouped by."""
    return _GROUPINGS[by]


def name_group(by: Grouping, group: str) -> str:
    """A group, and what it means where its name does not say so."""
    if by == "level" and group in LEVEL_MEANINGS:
        return f"{group}: {LEVEL_MEANINGS[group]}"
    return group.replace("_", " ")


def write_number(name: str, value: float | None) -> str:
    """A figure's value to four digits behind the point, of a number of words to one; a dash for none."""
    if value is None:
        return NOTHING
    return f"{value:,.1f}" if take_apart(name).metric == "words" else f"{value:.4f}"


def write_interval(name: str, interval: Interval) -> str:
    """Both ends of an interval."""
    return f"{write_number(name, interval.low)} to {write_number(name, interval.high)}"


def write_position(position: float | None) -> str:
    """Where a value lies between floor and ceiling, in percent; a dash where that is not defined."""
    return NOTHING if position is None else f"{position:.1%}"


def harmless(summary: ScoreSummary) -> ScoreSummary:
    """The summary, nothing in its texts left that a terminal or a browser would obey.

    Keys come from files of unknown origin, and are cut where they are long.
    """
    plain = _reveal(summary.model_dump())
    for examples in ("missing_examples", "repeated_examples", "unknown_examples"):
        plain["keys"][examples] = tuple(map(printable, getattr(summary.keys, examples)))
    return ScoreSummary.model_validate(plain)


def _reveal(value: Any) -> Any:
    match value:
        case str():
            return reveal(value)
        case dict():
            return {_reveal(key): _reveal(each) for key, each in value.items()}
        case list() | tuple():
            return tuple(_reveal(each) for each in value)
        case _:
            return value
