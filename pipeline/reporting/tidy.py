"""The report as one flat table: section, key, measure, value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from schemas.base import Contract
from schemas.selection_report import ReportRow, SelectionReport


def to_rows(report: SelectionReport) -> Iterator[ReportRow]:
    """Every number of a report, in the report's order."""
    counts = {"seed", "target", "entries", "companions", "candidates", "left_over", "drawn", "resized"}
    total = report.model_dump(include=counts)
    yield from _numbers("total", "", total)
    yield _text("total", "", "selection", report.selection)
    yield _text("total", "", "form", report.form)
    yield _text("total", "", "rule", report.rule)
    middle, high = report.thresholds.complexity
    limits = {"pilot": report.thresholds.pilot, "middle": middle, "high": high, "blurred": report.thresholds.sharpness}
    yield from _numbers("thresholds", "", limits)
    for section, groups in (("domains", report.domains), ("depths", report.depths), ("sizes", report.sizes)):
        for group in groups:
            yield from _fields(section, group.name, group, {"name"})
    yield from _quotas(report)
    yield from _losses(report)
    yield from _complexity(report)
    yield from _pictures(report)
    yield from _fields("near_duplicates", "", report.near_duplicates)
    for split in report.splits:
        yield from _numbers("splits", f"{split.split}/{split.holdout}", {"images": split.images})


def _quotas(report: SelectionReport) -> Iterator[ReportRow]:
    quotas = report.quotas
    yield from _numbers("quotas", "", quotas.model_dump(include={"met", "missed", "unwanted", "short"}))
    for reason, classes in quotas.unwanted_reasons.items():
        yield from _numbers("quotas", reason, {"unwanted": classes})
    for loss, images in quotas.short_reasons.items():
        yield from _numbers("quotas", loss, {"short_reasons": images})
    for missed in quotas.worst:
        yield _text("quotas.worst", missed.wnid, "name", missed.name)
        yield _text("quotas.worst", missed.wnid, "domain", missed.domain)
        yield from _numbers("quotas.worst", missed.wnid, missed.model_dump(include={"indexed", "usable", "quota"}))
        yield from _numbers("quotas.worst", missed.wnid, {"drawn": missed.drawn})
        for loss, images in missed.reasons.items():
            yield from _numbers("quotas.worst", missed.wnid, {loss: images})
    for level in quotas.levels:
        yield from _fields("quotas.levels", str(level.images), level, {"images"})


def _losses(report: SelectionReport) -> Iterator[ReportRow]:
    for loss in report.losses:
        key = f"{loss.stage}/{loss.reason}"
        yield from _numbers("losses", key, {"images": loss.images})
        for number, example in enumerate(loss.examples, start=1):
            text = ": ".join(part for part in (example.image_id, example.detail) if part)
            yield _text("losses", key, f"example {number}", text)


def _complexity(report: SelectionReport) -> Iterator[ReportRow]:
    complexity = report.complexity
    for stratum in complexity.strata:
        yield from _fields("complexity.strata", stratum.stratum, stratum, {"stratum"})
    for each in complexity.bins:
        yield from _fields("complexity.bins", f"{each.start:.1f}", each, {"start"})


def _pictures(report: SelectionReport) -> Iterator[ReportRow]:
    pictures = report.pictures
    yield from _numbers("pictures", "", pictures.model_dump(include={"gzipped", "greyscale", "blurred"}))
    yield from _numbers("pictures", "formats", pictures.formats)
    yield from _numbers("pictures", "normalised", pictures.normalised)


def _fields(section: str, key: str, model: Contract, without: Iterable[str] = ()) -> Iterator[ReportRow]:
    return _numbers(section, key, model.model_dump(exclude=set(without)))


def _numbers(section: str, key: str, values: Mapping[str, float]) -> Iterator[ReportRow]:
    for measure, value in values.items():
        yield ReportRow(section=section, key=str(key), measure=str(measure), value=float(value), text=None)


def _text(section: str, key: str, measure: str, text: str) -> ReportRow:
    return ReportRow(section=section, key=key, measure=measure, value=None, text=text)
