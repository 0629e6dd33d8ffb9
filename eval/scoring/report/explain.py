"""What must be said beside the numbers, so that nobody reads more into them than they hold."""

from __future__ import annotations

from eval.scoring.report.names import name_metric
from schemas.scores import ScoreSummary

_DIGITS = 16
"""Of a digest that is shown: enough to tell benchmarks apart."""

_MEASURED = (
    "The references were measured by the embedded engine and written by no model. These scores show that the "
    "machinery works, and nothing about the model."
)


def introduce(summary: ScoreSummary) -> str:
    """What was scored against what, in one or two sentences."""
    left_out = f"; left out: {', '.join(summary.excluded_references)}" if summary.excluded_references else ""
    return (
        f"{summary.keys.predicted:,} of {summary.items:,} items of {summary.classes:,} classes were predicted. "
        f"Benchmark {summary.benchmark} ({summary.benchmark_sha256[:_DIGITS]}); "
        f"references of {', '.join(summary.references)}{left_out}. Raw texts read by the tags: {summary.tags}."
    )


def warn(summary: ScoreSummary) -> list[str]:
    """What puts the scores in doubt."""
    keys = summary.keys
    warnings = [_MEASURED] if summary.measured_references else []
    if keys.missing:
        warnings.append(f"Items without a prediction: {keys.missing:,} of {summary.items:,}. They count as zero.")
    if keys.contradictory:
        warnings.append(f"Lines that contradict the first of their key: {keys.contradictory:,}. The first counts.")
    if keys.unknown:
        warnings.append(f"Lines with a key that the benchmark does not hold: {keys.unknown:,}. They are left out.")
    return warnings


def explain(summary: ScoreSummary) -> str:
    """How the columns of the tables are to be read."""
    return (
        "A score is the mean over all items, a missing prediction counting as zero. The interval is the middle 95 % "
        f"of {summary.replicates:,} bootstrap samples that draw whole classes. The floor is the embedded engine "
        "pixels, which measures the picture and knows no thing in it; label only knows the class's names and "
        "definition and nothing of the picture; the ceiling is the teachers, each against the others. The position is "
        "where the score lies between floor (0 %) and ceiling (100 %)."
    )


def describe_coverage(summary: ScoreSummary) -> list[str]:
    """What each embedding metric saw of each text, a sentence each."""
    return [
        f"{name_metric(each.metric)} saw {each.scored / each.tokens:.1%} of the tokens of all {each.field} texts; cut "
        f"at its {each.window:,} tokens it would have seen {each.first_window / each.tokens:.1%}."
        for each in summary.coverage
        if each.tokens
    ]
