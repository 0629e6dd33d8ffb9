"""The report as Markdown, for a README, a model card or a pull request."""

from __future__ import annotations

from eval.scoring.report.explain import explain, introduce, warn
from eval.scoring.report.names import harmless
from eval.scoring.report.tables import tabulate
from pipeline.markdown import escape_markdown, write_table
from schemas.scores import ScoreSummary


def render_markdown(summary: ScoreSummary) -> bytes:
    """All tables as GitHub Flavored Markdown; the same summary, the same bytes. Text of foreign origin is escaped."""
    shown = harmless(summary)
    parts = [f"# Scores of {escape_markdown(shown.model)}", escape_markdown(introduce(shown))]
    parts += [f"**{escape_markdown(warning)}**" for warning in warn(shown)]
    parts.append(escape_markdown(explain(shown)))
    for table in tabulate(shown):
        parts += [f"## {escape_markdown(table.title)}", write_table(table.columns, table.rows)]
    return ("\n\n".join(parts) + "\n").encode()
