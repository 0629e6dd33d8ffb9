"""What ``imagenet-think index`` says in the end."""

from __future__ import annotations

from pathlib import Path

from flows.summary import Line
from pipeline.sources import IndexSummary
from pipeline.sources.index import IMAGES, PARTS
from schemas.config import SourceConfig


def describe_index(summary: IndexSummary, index_dir: Path, source: SourceConfig) -> list[Line]:
    """The form that was found, counts, rejections by reason with an example of each, and where it all lies."""
    lines = [
        Line("form", summary.form, summary.place),
        Line("containers", f"{summary.containers:,}"),
        Line("entries", f"{summary.entries:,}"),
        Line("  images", f"{summary.images:,}", f"{summary.bytes:,} bytes"),
    ]
    if summary.companions:
        lines.append(Line("  sidecars", f"{summary.companions:,}", "of images"))
    lines += [
        Line("  rejected", f"{count:,}", f"{reason}, e.g. {summary.examples[reason]}")
        for reason, count in summary.rejected.items()
    ]
    if source.dimensions or summary.known_dimensions:
        share = f"{summary.known_dimensions / summary.images:.1%} of the images"
        lines.append(Line("known sizes", f"{summary.known_dimensions:,}", share))
    if summary.resized:
        lines.append(Line("warning", "resized", "looks like imagenet21k_resized: no picture is an original"))
    lines.append(Line("index", "done", str(index_dir / IMAGES)))
    lines.append(Line("parts", "kept", str(source.index_cache or index_dir / PARTS)))
    return lines
