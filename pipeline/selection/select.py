"""The selection stage: index in, selection and manifest out."""

from __future__ import annotations

import collections
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from pipeline.files import write_atomic
from pipeline.progress import Progress
from pipeline.screening import SCREENING_VERSION, library_versions
from pipeline.selection.candidates import Census, read_census
from pipeline.selection.classes import check_domains, judge_class
from pipeline.selection.describe import describe
from pipeline.selection.outcome import class_outcomes, count_pools, domain_of
from pipeline.selection.places import take_rows
from pipeline.selection.rounds import Drawing, Settled, settle
from pipeline.selection.splits import judge_holdout
from pipeline.selection.turns import RULE
from pipeline.selection.verdicts import VerdictStore
from pipeline.selection.writing import Selected, split_of, write_rejections, write_selection
from pipeline.sources.base import Source
from pipeline.sources.index import IMAGES
from pipeline.tables import write_rows
from pipeline.taxonomy import Taxonomy
from schemas.base import canonical_json
from schemas.config import BuildConfig
from schemas.errors import ConservationError, RunDirectoryError, SourceError
from schemas.image import SPLITS
from schemas.manifest import SelectionManifest
from schemas.rejection import RejectReason
from schemas.selection import ClassOutcome

SELECTION_FILE = "selection.parquet"
REJECTIONS_FILE = "rejections.parquet"
CLASSES_FILE = "classes.parquet"
MANIFEST_FILE = "selection.json"


def select_images(
    index: Path, source: Source, config: BuildConfig, taxonomy: Taxonomy, out: Path, progress: Progress
) -> SelectionManifest:
    """Draw the images of a build and write them, the rejections, what became of each class, and last the manifest.

    The result is a function of the index's ids, the files' bytes, the configuration and the screening's version; order,
    workers, restarts and whether the index knows sizes change nothing. Verdicts are kept as they come, so a killed run
    goes on where it was.

    Args:
        index: the folder of a finished index, or its table of images.
        source: what was indexed.
        config: the whole build's.
        taxonomy: of the classes.
        out: the folder to write to.
        progress: told of screening.

    Raises:
        ConfigError: an unknown synset or domain in the configuration.
        SourceError: no image is left to draw, or one cannot be read.
        RunDirectoryError: the index or a kept verdict is damaged.
        ConservationError: candidates were lost or counted twice.
    """
    selection = config.selection
    table = index / IMAGES if index.is_dir() else index
    check_domains(taxonomy, selection)
    judge_split = judge_holdout(taxonomy, selection.holdout, config.seed)
    census = read_census(
        table, judge_class(taxonomy, selection), selection.min_class_images, config.screening, config.seed
    )
    drawing = Drawing(census.candidates, [domain_of(taxonomy, wnid) for wnid in census.candidates.wnids], config)
    store = VerdictStore(out / "verdicts")
    settled = settle(drawing, table, source, store, progress)
    # it must not vouch for other files than those that it came with
    (out / MANIFEST_FILE).unlink(missing_ok=True)
    rejected = write_rejections(out / REJECTIONS_FILE, census, settled)
    _check_any(settled, census, rejected, out)
    if settled.draw.held_back:
        progress.warn(
            f"only {len(settled.draw.accepted):,} of {selection.images:,} images are drawn: "
            "selection.domains caps all domains that have images left"
        )
    pools = count_pools(drawing, settled)
    write_rows(out / CLASSES_FILE, class_outcomes(census, drawing, pools, taxonomy), ClassOutcome)
    refs = take_rows(table, census.candidates.rows[settled.positions])
    selected = describe(drawing, settled, pools, refs, store.facts_of(refs), judge_split)
    write_selection(out / SELECTION_FILE, selected)
    manifest = _make_manifest(config, taxonomy, census, settled, selected, rejected)
    write_atomic(out / MANIFEST_FILE, canonical_json(manifest.model_dump(mode="json")))
    return manifest


def load_selection(out: Path) -> SelectionManifest | None:
    """The manifest of a finished selection, or ``None`` when it is not there.

    Raises:
        RunDirectoryError: it is damaged, or does not carry its own digest.
    """
    path = out / MANIFEST_FILE
    if not all((out / name).exists() for name in (MANIFEST_FILE, SELECTION_FILE, REJECTIONS_FILE, CLASSES_FILE)):
        return None
    try:
        manifest = SelectionManifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunDirectoryError(f"{path}: is no manifest of a selection", "remove the file to draw again") from error
    if manifest.sha256 != manifest.digest():
        raise RunDirectoryError(f"{path}: does not match its own checksum", "remove the file to draw again")
    return manifest


def _check_any(settled: Settled, census: Census, rejected: dict[RejectReason, int], out: Path) -> None:
    if not settled.draw.accepted:
        images = sum(census.indexed.values())
        counts = ", ".join(f"{reason} {count:,}" for reason, count in rejected.items())
        raise SourceError(f"none of {images:,} images can be used ({counts})", f"see {out / REJECTIONS_FILE}")


def _make_manifest(
    config: BuildConfig,
    taxonomy: Taxonomy,
    census: Census,
    settled: Settled,
    selected: Selected,
    rejected: dict[RejectReason, int],
) -> SelectionManifest:
    ids = selected.refs["image_id"].to_pylist()
    splits = [split_of(holdout) for holdout in selected.holdouts]
    manifest = SelectionManifest(
        seed=config.seed,
        target=config.selection.images,
        candidates=sum(census.indexed.values()),
        left_over=_count_untouched(settled),
        rejected=rejected,
        near_duplicate_groups=sum(size > 1 for size in collections.Counter(selected.groups).values()),
        rule=RULE,
        thresholds=settled.thresholds,
        screening=SCREENING_VERSION,
        taxonomy_sha256=taxonomy.sha256,
        versions=library_versions(),
        ids={split: tuple(i for i, s in zip(ids, splits, strict=True) if s == split) for split in SPLITS},
    ).signed()
    accounted = manifest.drawn + sum(manifest.rejected.values()) + manifest.left_over
    if accounted != manifest.candidates:
        raise ConservationError(
            f"selection: {manifest.candidates:,} candidates came in but {accounted:,} are accounted for"
        )
    return manifest


def _count_untouched(settled: Settled) -> int:
    """Candidates that were neither drawn nor rejected, counted one by one and not by subtraction."""
    untouched = np.ones(len(settled.states), np.bool_)
    untouched[settled.positions] = False
    untouched[np.array(settled.draw.rejected, np.int64)] = False
    return int(untouched.sum())
