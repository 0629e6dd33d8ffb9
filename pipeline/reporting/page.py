"""The report as one page for the browser: nothing is fetched, nothing runs."""

from __future__ import annotations

import functools

import jinja2

from pipeline import pages
from pipeline.reporting import plots, words
from schemas.rejection import Stage
from schemas.selection_report import QuotaLevel, SelectionReport

_TEMPLATE = "page.html"
_QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


def render_page(report: SelectionReport) -> bytes:
    """One HTML document with its style and its plots inside; the same report, the same bytes.

    Ids and names come from file names of unknown origin: all text is escaped.
    """
    text = _load_template().render(
        style=pages.report_style(),
        report=report,
        lost_in_index=report.lost_in(Stage.INDEX),
        lost_in_draw=report.lost_in(Stage.SELECT),
        has_bounds=any(words.describe_bounds(group) for group in report.domains),
        quantiles=list_quantiles(report.quotas.levels),
        plots={
            plot.name: plot
            for plot in (
                plots.plot_domains(report.domains),
                plots.plot_depths(report.depths),
                plots.plot_sizes(report.sizes),
                plots.plot_quotas(report.quotas.levels),
                plots.plot_losses(report.losses),
                plots.plot_complexity(report.complexity, report.thresholds),
            )
        },
    )
    return pages.finish(text)


def list_quantiles(levels: tuple[QuotaLevel, ...]) -> list[tuple[float, int, int]]:
    """Of some shares of the wanted classes (the smallest first), the largest quota and number of drawn images."""
    quotas = [(level.images, level.quota) for level in levels]
    drawn = [(level.images, level.drawn) for level in levels]
    return [(share, _quantile(quotas, share), _quantile(drawn, share)) for share in _QUANTILES] if levels else []


def _quantile(counts: list[tuple[int, int]], share: float) -> int:
    """The smallest value that at least this share of the classes do not exceed."""
    total, seen = sum(classes for _, classes in counts), 0
    for value, classes in counts:
        seen += classes
        if classes and seen >= share * total:
            return value
    return counts[-1][0]


@functools.cache
def _load_template() -> jinja2.Template:
    filters: dict[str, pages.Filter] = {
        "explain": words.explain_missed,
        "bounds": words.describe_bounds,
        "size": words.name_size,
    }
    return pages.open_template("pipeline.reporting", _TEMPLATE, filters)
