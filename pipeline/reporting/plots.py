"""The plots of the page: from counts to shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.pages.shapes import WIDTH, Bar, Curve, Dot, Key, Label, Plot, Rule, Scale, choose_ticks, draw_steps
from pipeline.reporting.words import name_size
from schemas.manifest import Thresholds
from schemas.selection_report import ClassGroup, Complexity, DomainGroup, Loss, QuotaLevel

_ROW = 22.0
_TOP = 26.0
_LEFT = 68.0
_RIGHT = WIDTH - 12.0
_BOTTOM = 240.0
_HEIGHT = 286.0
_BIN = 0.1
_STRATA = (("low", "stratum-low"), ("middle", "stratum-middle"), ("high", "stratum-high"))


def plot_domains(groups: Sequence[DomainGroup]) -> Plot:
    """Shares of the domains among the drawn images, beside their shares of the source."""
    indexed = sum(group.indexed for group in groups) or 1
    shares = [max(group.share, group.indexed / indexed) for group in groups]
    bounded = [group for group in groups if group.floor > 0 or group.cap < 1]
    top = max([*shares, *(group.floor for group in bounded), 0.01])
    plot = _lying("domains", "Drawn images by domain", len(groups))
    plot.legend = [Key("bar", "share of the drawn images", "area"), Key("mark", "share of the source", "mark")]
    plot.legend += [Key("bound", "floor and cap", "mark")] if bounded else []
    plot.description = "; ".join(f"{group.name} {group.share:.1%}" for group in groups)
    across = _lying_axis(plot, choose_ticks(top, smallest_step=0.01), percent=True)
    for row, group in enumerate(groups):
        y = _TOP + row * _ROW
        tip = f"{group.name}: {group.drawn:,} drawn, {group.share:.1%}"
        plot.bars.append(Bar(across.start, y + 4, across(group.share) - across.start, _ROW - 8, "bar", tip))
        mark = across(group.indexed / indexed)
        plot.rules.append(Rule(mark, y + 2, mark, y + _ROW - 2, "mark"))
        for bound in (group.floor, group.cap):
            if 0 < bound < 1 and bound <= across.high:
                plot.rules.append(Rule(across(bound), y + 1, across(bound), y + _ROW - 1, "bound"))
        plot.labels.append(Label(across.start - 8, y + 15, group.name.replace("_", " "), "end"))
    return plot


def plot_depths(groups: Sequence[ClassGroup]) -> Plot:
    """Drawn images by the depth of their class."""
    plot = _standing("depths", "Drawn images by depth of their class", groups, [group.name for group in groups])
    plot.labels.append(Label((_LEFT + _RIGHT) / 2, _HEIGHT - 6, "steps below the root of WordNet's nouns", "middle"))
    return plot


def plot_sizes(groups: Sequence[ClassGroup]) -> Plot:
    """Drawn images by the size of their class."""
    names = [name_size(group.name) for group in groups]
    plot = _standing("sizes", "Drawn images by size of their class", groups, names)
    plot.labels.append(Label((_LEFT + _RIGHT) / 2, _HEIGHT - 6, "images that the source holds of the class", "middle"))
    return plot


def plot_losses(losses: Sequence[Loss]) -> Plot:
    """Rejections by reason, on a logarithmic scale: a few bombs stand beside millions of unwanted images."""
    plot = _lying("losses", "Rejected images by reason, logarithmic scale", len(losses))
    plot.description = "; ".join(f"{loss.reason} {loss.images:,}" for loss in losses)
    decades = max(1, math.ceil(math.log10(max([10, *(loss.images for loss in losses)]))))
    across = Scale(0, decades, _LABELS, _RIGHT - 30)
    for decade in range(decades + 1):
        x = across(decade)
        plot.rules.append(Rule(x, _TOP, x, plot.height - 20, "grid"))
        plot.labels.append(Label(x, plot.height - 6, _name_decade(decade), "middle"))
    for row, loss in enumerate(losses):
        x, y = across(math.log10(loss.images)), _TOP + (row + 0.5) * _ROW
        plot.rules.append(Rule(across.start, y, x, y, "stem"))
        plot.dots.append(Dot(x, y, f"{loss.reason}: {loss.images:,}"))
        plot.labels.append(Label(across.start - 8, y + 4, loss.reason.replace("_", " "), "end"))
    return plot


def plot_complexity(complexity: Complexity, thresholds: Thresholds) -> Plot:
    """Histogram of the complexity of the drawn images, with the borders of the strata."""
    bins, borders = complexity.bins, thresholds.complexity if thresholds.pilot else ()
    plot = Plot("complexity", "Drawn images by visual complexity", "", _HEIGHT)
    plot.legend = [Key(style, f"stratum {stratum}", "area") for stratum, style in _STRATA]
    if borders:
        words = "borders of the strata: " + " and ".join(f"{border:.2f}" for border in borders)
        plot.legend.append(Key("border", words, "line"))
    edges = [*(each.start for each in bins), *(each.start + _BIN for each in bins), *borders]
    first, last = (math.floor(min(edges) * 2) / 2, max(edges)) if edges else (0.0, 1.0)
    across = Scale(first, last, _LEFT, _RIGHT)
    up = _standing_axis(plot, max((each.low + each.middle + each.high for each in bins), default=0))
    for tick in choose_ticks(last - first, 8, 0.1):
        if first + tick <= last + _BIN / 2:
            plot.labels.append(Label(across(first + tick), _BOTTOM + 16, f"{first + tick:.1f}", "middle"))
    for each in bins:
        bottom = 0
        for stratum, style in _STRATA:
            count: int = getattr(each, stratum)
            y = up(bottom + count)
            width = max(across(each.start + _BIN) - across(each.start) - 0.6, 0.4)
            tip = f"{each.start:.1f} to {each.start + _BIN:.1f}, {stratum}: {count:,}"
            if count:
                plot.bars.append(Bar(across(each.start), y, width, up(bottom) - y, style, tip))
            bottom += count
    plot.rules += [Rule(across(border), _TOP - 8, across(border), _BOTTOM, "border") for border in borders]
    plot.labels.append(Label((_LEFT + _RIGHT) / 2, _HEIGHT - 6, "bits per pixel of a canonical re-encode", "middle"))
    counts = ", ".join(f"{stratum.stratum} {stratum.images:,}" for stratum in complexity.strata)
    plot.description = f"Images by stratum: {counts}."
    return plot


def plot_quotas(levels: Sequence[QuotaLevel]) -> Plot:
    """Images per class, from the class that gave most to the one that gave least."""
    plot = Plot("quotas", "Drawn images and quotas, class by class", "", _HEIGHT)
    plot.legend = [Key("line-drawn", "drawn", "line"), Key("line-quota", "quota", "line")]
    classes = sum(level.drawn for level in levels)
    largest = max((level.images for level in levels), default=0)
    up = _standing_axis(plot, largest)
    across = Scale(0, max(classes, 1), _LEFT, _RIGHT)
    for tick in choose_ticks(classes):
        if tick <= classes:
            plot.labels.append(Label(across(tick), _BOTTOM + 16, f"{tick:,.0f}", "middle"))
    falling = list(reversed(levels))
    for style, counts in (
        ("line-quota", [(level.images, level.quota) for level in falling if level.quota]),
        ("line-drawn", [(level.images, level.drawn) for level in falling if level.drawn]),
    ):
        plot.curves.append(Curve(draw_steps(counts, across, up), style))
    plot.labels.append(
        Label((_LEFT + _RIGHT) / 2, _HEIGHT - 6, "wanted classes, each curve in falling order", "middle")
    )
    plot.description = f"{classes:,} wanted classes; the largest number is {largest:,} images."
    return plot


_LABELS = 190.0
"""Where the bars of a lying plot begin: left of it stand names."""


def _name_decade(decade: int) -> str:
    """A power of ten, short enough to stand beside the next one."""
    thousands, rest = divmod(decade, 3)
    return f"{10**rest}{('', 'k', 'M', 'G')[min(thousands, 3)]}"


def _lying(name: str, title: str, rows: int) -> Plot:
    return Plot(name, title, "", _TOP + max(rows, 1) * _ROW + 24)


def _lying_axis(plot: Plot, ticks: Sequence[float], *, percent: bool) -> Scale:
    across = Scale(0, ticks[-1], _LABELS, _RIGHT - 20)
    for tick in ticks:
        x = across(tick)
        plot.rules.append(Rule(x, _TOP, x, plot.height - 20, "grid"))
        plot.labels.append(Label(x, plot.height - 6, f"{tick:.0%}" if percent else f"{tick:,.0f}", "middle"))
    return across


def _standing(name: str, title: str, groups: Sequence[ClassGroup], names: Sequence[str]) -> Plot:
    """Bars of drawn images, side by side."""
    plot = Plot(name, title, "; ".join(f"{n}: {g.drawn:,}" for n, g in zip(names, groups, strict=True)), _HEIGHT)
    up = _standing_axis(plot, max((group.drawn for group in groups), default=0))
    step = (_RIGHT - _LEFT) / max(len(groups), 1)
    for place, (label, group) in enumerate(zip(names, groups, strict=True)):
        x, y = _LEFT + place * step, up(group.drawn)
        tip = f"{label}: {group.drawn:,} of {group.classes:,} classes"
        plot.bars.append(Bar(x + step * 0.1, y, step * 0.8, _BOTTOM - y, "bar", tip))
        plot.labels.append(Label(x + step / 2, _BOTTOM + 16, label, "middle"))
    return plot


def _standing_axis(plot: Plot, largest: int) -> Scale:
    ticks = choose_ticks(largest)
    up = Scale(0, ticks[-1], _BOTTOM, _TOP)
    for tick in ticks:
        plot.rules.append(Rule(_LEFT, up(tick), _RIGHT, up(tick), "grid"))
        plot.labels.append(Label(_LEFT - 6, up(tick) + 4, f"{tick:,.0f}", "end"))
    return up
