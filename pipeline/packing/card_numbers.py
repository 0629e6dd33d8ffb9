"""Numbers of the card that neither the manifest nor the statistics hold as they are: sums, shares, and what adds up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from schemas.completion import FinishReason, PairStatus, Rung
from schemas.manifest import DatasetManifest
from schemas.rejection import Stage
from schemas.statistics import DatasetStatistics

PERSON = "person"
"""The taxonomy's domain of the classes that are kinds of people."""
CLOSED_BY_FORCE = "closed by force"
"""Column of the pairs whose thinking a token budget ended."""

_AFTER_SELECTION = (Stage.PACK, Stage.REJOIN)


class Step(NamedTuple):
    """One line of the account from the source's entries to the rows."""

    what: str
    files: int | None
    """Taken away here; ``None`` where lines are summed up."""
    left: int


def account(manifest: DatasetManifest) -> Iterator[Step]:
    """Every entry of the source, step by step, until only the dataset's rows are left."""
    left = manifest.seen
    yield Step("entries of the source", None, left)
    lost = {stage: sum(reasons.values()) for stage, reasons in manifest.rejected.items()}
    for stage in (stage for stage in Stage if stage in lost and stage not in _AFTER_SELECTION):
        left -= lost[stage]
        yield Step(f"rejected by `{stage}`", lost[stage], left)
    left -= manifest.left_over
    yield Step("not needed for the draw", manifest.left_over, left)
    yield Step("**selected**", None, left)
    for stage in (stage for stage in _AFTER_SELECTION if stage in lost):
        left -= lost[stage]
        yield Step(f"rejected by `{stage}`", lost[stage], left)
    yield Step("**in this dataset**", None, left)


def format_share(part: int, whole: int) -> str:
    """A share in per cent, to one digit after the point; of nothing, a dash."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def compute_numbers(manifest: DatasetManifest, statistics: DatasetStatistics) -> dict[str, Any]:
    """What the card's template calls by name beside the manifest and the statistics themselves."""
    teachers = statistics.teachers
    parts = [
        (teacher.teacher, part, tokens)
        for teacher in teachers
        for part, tokens in (("thinking", teacher.thinking_tokens), ("answer", teacher.answer_tokens))
    ]
    attempts = [(entry.name, entry.attempts_by_status) for entry in manifest.teachers]
    return {
        "account": list(account(manifest)),
        "first_split": next(iter(statistics.splits)),
        "per_class": statistics.images_per_class,
        "people": statistics.domains.get(PERSON, 0),
        "pairs": sum(teacher.thinking_tokens.count for teacher in teachers),
        "tokens": sum(tokens.total for _, _, tokens in parts),
        "lengths": parts,
        "attempts": [(name, sum(counts.values()), counts) for name, counts in attempts],
        "rungs": [(t.teacher, sum(t.rungs.values()), t.rungs | {CLOSED_BY_FORCE: t.forced_closes}) for t in teachers],
        "finish_reasons": [(t.teacher, sum(t.finish_reasons.values()), t.finish_reasons) for t in teachers],
        "columns": {
            "statuses": _used(PairStatus, (counts for _, counts in attempts)),
            "rungs": [*_used(Rung, (teacher.rungs for teacher in teachers)), CLOSED_BY_FORCE],
            "finish_reasons": _used(FinishReason, (teacher.finish_reasons for teacher in teachers)),
        },
    }


def _used(names: Iterable[str], tables: Iterable[Mapping[str, int]]) -> list[str]:
    """The names that any of the tables counts, in their own order."""
    found = set().union(*tables)
    return [str(name) for name in names if str(name) in found]
