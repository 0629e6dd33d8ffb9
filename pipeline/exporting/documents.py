"""What lies beside the rows: a README that says what they are, and what the trainer wants to be told."""

from __future__ import annotations

from pipeline.exporting.formats import Format
from pipeline.exporting.formats.base import DATA_DIRECTORY
from pipeline.exporting.options import ExportOptions
from pipeline.exporting.receipts import EXPORT_FILE, ExportReport
from pipeline.exporting.scores import SCORES
from schemas.manifest import DatasetManifest, TeacherEntry

README_FILE = "README.md"


def render_documents(chosen: Format, manifest: DatasetManifest, report: ExportReport) -> dict[str, bytes]:
    """Every file of an export that is neither rows nor pictures nor its report, by path."""
    options = report.identity.options
    return {**chosen.documents(options), README_FILE: _render_readme(chosen, manifest, report).encode()}


def _render_readme(chosen: Format, manifest: DatasetManifest, report: ExportReport) -> str:
    options, counts = report.identity.options, report.counts
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in counts.left_out.items()) or "none"
    return f"""{_front_matter(chosen, report)}# {manifest.name} for {chosen.reader}

| | |
|---|---|
| made by | `imagenet-think export --format {chosen.name}` |
| from the dataset with the manifest | `{manifest.sha256}` |
| rows | {counts.rows:,}, of {counts.images:,} images of the split {options.split} |
| left out | {left_out} |
| pictures turned upright | {counts.turned:,} |
| texts by | {"; ".join(map(_describe_author, manifest.teachers))} |
| whose text | {_describe_choice(options)} |
| thinking | {options.thinking} |
| pictures | {manifest.collection}; {manifest.picture_licence} |

`{EXPORT_FILE}` has all options, counts and checksums. The card of the dataset says how the texts came about. The
pictures are under the terms of the collection that they are from, and are not to be passed on without them.
"""


def _describe_author(teacher: TeacherEntry) -> str:
    measured = ", measured from the pictures and written by no model" if teacher.is_measured else ""
    return f"{teacher.name}: {teacher.identity.model}{measured}"


def _describe_choice(options: ExportOptions) -> str:
    choice = options.preference or options.teacher
    meaning = f" ({SCORES[choice].meaning})" if choice in SCORES else ""
    return f"{'chosen over the other' if options.preference else 'teacher'}: {choice}{meaning}"


def _front_matter(chosen: Format, report: ExportReport) -> str:
    """What ``load_dataset`` must be told, since it would guess from all files that it finds."""
    split = report.identity.options.split
    files = f"{split}.json" if chosen.storage == "json" else f"{DATA_DIRECTORY}/*.{chosen.storage}"
    return f"""---
configs:
- config_name: default
  data_files:
  - split: {split}
    path: {files}
---

"""
