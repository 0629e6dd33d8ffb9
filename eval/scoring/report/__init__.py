"""What a score came to, for people: a Markdown table and a page for the browser."""

from __future__ import annotations

from eval.scoring.report.markdown import render_markdown
from eval.scoring.report.page import render_page

__all__ = ["render_markdown", "render_page"]
