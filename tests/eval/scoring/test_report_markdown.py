"""The Markdown holds the tables, and nothing in it is more than text."""

from __future__ import annotations

import re

from eval.scoring.report import render_markdown
from schemas.scores import Anchors, ScoreSummary
from tests.eval.scoring.report_world import TEACHERS, make_items, make_summary


def summarise(**changes: object) -> ScoreSummary:
    return make_summary(make_items()).model_copy(update=changes)


def lines_of(summary: ScoreSummary) -> list[str]:
    return render_markdown(summary).decode().splitlines()


def test_thinking_and_answer_stand_apart_with_interval_floor_and_ceiling() -> None:
    summary = summarise()
    figure = {figure.name: figure for figure in summary.figures}["answer_tfidf"]
    lines = lines_of(summary)
    row = next(line for line in lines[lines.index("## Answer: scores") :] if line.startswith("| TF-IDF cosine |"))
    interval = f"{figure.interval.low:.4f} to {figure.interval.high:.4f}"
    assert row == (
        f"| TF-IDF cosine | {figure.value:.4f} | {interval} | {figure.without_missing:.4f} | 0.0800 | 0.2100 | 0.6200 "
        f"| {figure.position:.1%} |"
    )
    assert "## Thinking: scores" in lines


def test_every_row_has_as_many_cells_as_its_table_has_headings() -> None:
    for table in re.findall(r"(?:^\|.*\n)+", render_markdown(summarise()).decode(), re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_a_column_that_says_nothing_is_left_out() -> None:
    figures = tuple(
        figure.model_copy(update={"anchors": Anchors(floor=None, label_only=0.2, ceiling=None), "position": None})
        for figure in summarise().figures
    )
    lines = lines_of(summarise(figures=figures))
    after = lines[lines.index("## Answer: scores") + 2]
    assert after == "| metric | score | 95 % interval | without missing | label only |"


def test_one_reference_alone_needs_no_table_of_references() -> None:
    lines = lines_of(summarise(references=TEACHERS[:1], excluded_references=TEACHERS[1:]))
    assert not [line for line in lines if "reference by reference" in line]
    assert f"references of {TEACHERS[0]}; left out: {TEACHERS[1]}" in lines[2]


def test_scores_against_measured_references_say_so_first() -> None:
    measured = render_markdown(summarise(measured_references=True)).decode()
    assert "**The references were measured by the embedded engine and written by no model." in measured.split("##")[0]
    assert "written by no model" not in render_markdown(summarise()).decode()


def test_missing_contradicting_and_unknown_predictions_are_said_at_the_top() -> None:
    head = render_markdown(summarise()).decode().split("##")[0]
    assert "**Items without a prediction: 3 of 60. They count as zero.**" in head
    assert "**Lines that contradict the first of their key: 1. The first counts.**" in head
    assert "**Lines with a key that the benchmark does not hold: 3. They are left out.**" in head


def test_foreign_text_stays_text() -> None:
    hostile = "a | b\n# <b>`c` [d](e) \x1b[2J"
    keys = summarise().keys.model_copy(update={"unknown_examples": (hostile,)})
    text = render_markdown(summarise(model=hostile, keys=keys, definitions={hostile: hostile})).decode()
    assert text.splitlines()[0] == r"# Scores of a \| b \# \<b\>\`c\` \[d\](e) \\x1b\[2J"
    assert "\x1b" not in text
    assert "<b>" not in text


def test_the_same_summary_is_the_same_bytes() -> None:
    assert render_markdown(summarise()) == render_markdown(summarise())
