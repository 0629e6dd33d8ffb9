"""The whole report, counted from the files of a finished selection."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from pipeline.reporting.classes import (
    describe_quotas,
    group_by_depth,
    group_by_domain,
    group_by_size,
    list_missed,
)
from pipeline.reporting.losses import Losses, count_losses
from pipeline.reporting.pictures import count_photographs
from pipeline.reporting.tables import open_table
from pipeline.rundir import RunDirectory, RunIdentity
from pipeline.selection import CLASSES_FILE, REJECTIONS_FILE, SELECTION_FILE, load_selection
from pipeline.sources import IndexSummary, load_summary
from pipeline.sources.index import REJECTIONS as INDEX_REJECTIONS
from pipeline.taxonomy import Taxonomy
from schemas.base import canonical_json
from schemas.config import DomainShare
from schemas.errors import ConservationError, RunDirectoryError
from schemas.manifest import SelectionManifest
from schemas.rejection import Stage
from schemas.selection import ClassOutcome
from schemas.selection_report import DomainGroup, SelectionReport


def describe_selection(run: RunDirectory, taxonomy: Taxonomy) -> SelectionReport:
    """Count what was selected and what was not.

    The report is a function of the run directory's index and selection alone. Its memory grows with the number of
    classes, 21,841 at most, and with that of near-duplicates; images and rejections are read in batches.

    Raises:
        RunDirectoryError: no images were selected yet, or a file of the selection is damaged.
        ConservationError: the files do not belong together: their counts do not add up.
    """
    index, manifest = load_summary(run.index), load_selection(run.selection)
    if index is None or manifest is None:
        raise RunDirectoryError(f"{run.path}: holds no finished selection", "run imagenet-think select first")
    classes = _read_classes(run.selection)
    losses = count_losses([run.index / INDEX_REJECTIONS, run.selection / REJECTIONS_FILE], list_missed(classes)["wnid"])
    photographs = count_photographs(run.selection / SELECTION_FILE)
    report = SelectionReport(
        selection=manifest.sha256,
        form=index.form,
        resized=index.resized,
        seed=manifest.seed,
        target=manifest.target,
        rule=manifest.rule,
        thresholds=manifest.thresholds,
        entries=index.entries,
        companions=index.companions,
        candidates=manifest.candidates,
        left_over=manifest.left_over,
        drawn=photographs.images,
        domains=group_by_domain(classes, load_domain_bounds(run.path)),
        depths=group_by_depth(classes),
        sizes=group_by_size(classes),
        quotas=describe_quotas(classes, losses.by_class, taxonomy),
        losses=losses.in_order(),
        complexity=photographs.describe_complexity(),
        pictures=photographs.describe_pictures(),
        near_duplicates=photographs.describe_near_duplicates(),
        splits=photographs.describe_splits(),
    )
    _check_conservation(report, losses, index, manifest)
    return report


def summarise_classes(selection: Path) -> tuple[Counter[str], tuple[DomainGroup, ...]]:
    """The classes by outcome and by domain: what can be told of a selection without a pass over its images.

    Raises:
        RunDirectoryError: the table of classes is missing or damaged.
    """
    classes = _read_classes(selection)
    return Counter(classes["outcome"].to_pylist()), group_by_domain(classes, {})


def load_domain_bounds(run_dir: Path) -> dict[str, DomainShare]:
    """The bounds that the run's configuration sets its domains.

    Raises:
        RunDirectoryError: ``run.json`` is missing or damaged.
    """
    path = run_dir / "run.json"
    try:
        identity = RunIdentity.model_validate_json(path.read_bytes()).identity
        bounds = canonical_json(identity["selection"]["domains"])
        return TypeAdapter(dict[str, DomainShare]).validate_json(bounds)
    except (FileNotFoundError, KeyError, TypeError, ValidationError) as error:
        raise RunDirectoryError(
            f"{path}: does not say which configuration was selected by", "select in a new run directory"
        ) from error


def _read_classes(selection: Path) -> pa.Table:
    with open_table(selection / CLASSES_FILE, ClassOutcome) as file:
        return file.read(list(ClassOutcome.model_fields))


def _check_conservation(
    report: SelectionReport, losses: Losses, index: IndexSummary, manifest: SelectionManifest
) -> None:
    """Every count that two files tell is told alike by both."""
    pairs = {
        "entries of the source": (index.entries, index.companions + report.lost_in(Stage.INDEX) + report.candidates),
        "candidates": (report.candidates, report.lost_in(Stage.SELECT) + report.left_over + report.drawn),
        "candidates by class": (report.candidates, sum(group.indexed for group in report.sizes)),
        "drawn images": (manifest.drawn, report.drawn),
        "drawn images by class": (report.drawn, sum(group.drawn for group in report.sizes)),
        "drawn images by stratum": (report.drawn, sum(stratum.images for stratum in report.complexity.strata)),
        "near-duplicate groups": (manifest.near_duplicate_groups, report.near_duplicates.groups),
        **{
            f"images that {stage} lost as {reason}": (expected.get(reason, 0), losses.count(stage).get(reason, 0))
            for stage, expected in ((Stage.INDEX, index.rejected), (Stage.SELECT, manifest.rejected))
            for reason in {**expected, **losses.count(stage)}
        },
    }
    for what, (expected, found) in pairs.items():
        if expected != found:
            raise ConservationError(
                f"report of the selection: {expected:,} {what}, of which {found:,} are accounted for"
            )
